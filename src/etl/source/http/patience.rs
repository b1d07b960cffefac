//! Which failures pass, and how long to wait for that.

use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::HttpAccess;
use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use std::time::Duration;

/// The first wait for what may pass by itself; each one after it is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A request that failed.
pub(super) struct Trouble {
    error: Error,
    passes: bool,
    /// How long the server asks to be left alone.
    asked: Option<Duration>,
}

impl Trouble {
    /// One that a second attempt may not have.
    pub(super) fn passing(error: Error) -> Self {
        Self { error, passes: true, asked: None }
    }

    /// The same, with what the server asks for.
    pub(super) fn asked_to_wait(self, asked: Option<Duration>) -> Self {
        Self { asked, ..self }
    }

    /// How long to wait before the next attempt.
    ///
    /// # Errors
    /// That of the request, where there is no next attempt.
    pub(super) fn wait(self, tried: u32, access: &HttpAccess) -> Result<Duration> {
        let Self { error, passes, asked } = self;
        if !passes {
            return Err(error);
        }
        if tried >= access.attempts {
            return Err(error.with("attempts", tried));
        }
        match asked {
            Some(asked) if asked.as_secs() > access.wait_at_most_seconds => {
                let asked = asked.as_secs();
                Err(error.with("retry after", format!("{asked} seconds")).hint(
                    "that is longer than `wait_at_most_seconds`: run again later, or let it wait",
                ))
            }
            Some(asked) => Ok(asked),
            None => Ok((FIRST_WAIT * 2_u32.saturating_pow(tried - 1)).min(LONGEST_WAIT)),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self { error, passes: false, asked: None }
    }
}

/// Whether a server that answers this way may answer otherwise soon.
pub(super) fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// How long the server asks to be left alone: in seconds, or until a moment by its own clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = |text: &str| DateTime::parse_from_rfc2822(text).ok();
    let now = moment(headers.get(DATE)?.to_str().ok()?)?;
    (moment(text)? - now).to_std().ok()
}

/// The error for an answer that is none.
pub(super) fn refused(status: StatusCode, said: &str) -> Error {
    let error = match status.as_u16() {
        401 | 403 => Error::user("the server does not let us in").hint("check `access`"),
        404 | 410 => Error::not_found("the server has no such thing"),
        429 => Error::new(ErrorKind::Unavailable, "the server is asked too often")
            .hint("say how often it may be: `requests_a_second`"),
        300..=399 => Error::user("the server sends us on without saying where"),
        400..=499 => Error::user("the server does not understand the request"),
        _ => Error::new(ErrorKind::Unavailable, "the server failed"),
    };
    let error = error.with("status", status);
    if said.is_empty() { error } else { error.with("answer", format!("`{said}`")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn headers(pairs: &[(reqwest::header::HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs.map(|(name, text)| (name.clone(), HeaderValue::from_str(text).unwrap())).collect()
    }

    #[test]
    fn a_server_says_how_long_to_wait() {
        let date = (DATE, "Sun, 06 Nov 1994 08:49:37 GMT");
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(retry_after(&headers(&[(RETRY_AFTER, "120")])), seconds(120));
        let moment = (RETRY_AFTER, "Sun, 06 Nov 1994 08:50:00 GMT");
        assert_eq!(retry_after(&headers(&[moment.clone(), date.clone()])), seconds(23));
        assert_eq!(retry_after(&headers(&[moment])), None);
        assert_eq!(retry_after(&headers(&[(RETRY_AFTER, "soon"), date])), None);
    }

    #[test]
    fn waits_grow_and_end() {
        let access = HttpAccess { attempts: 4, wait_at_most_seconds: 9, ..Default::default() };
        let trouble = || Trouble::passing(Error::user("no"));
        let waits = (1..4).map(|tried| trouble().wait(tried, &access).unwrap().as_millis());
        assert_eq!(waits.collect::<Vec<_>>(), [200, 400, 800]);
        assert!(trouble().wait(4, &access).is_err());
        let asked = |seconds| trouble().asked_to_wait(Some(Duration::from_secs(seconds)));
        assert_eq!(asked(9).wait(1, &access).unwrap(), Duration::from_secs(9));
        assert!(asked(10).wait(1, &access).is_err());
        assert!(Trouble::from(Error::user("no")).wait(1, &access).is_err());
    }
}
