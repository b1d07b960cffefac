//! One request, and what its answer means.

use super::Client;
use super::access::without_secrets;
use super::patience::{Trouble, may_pass, refused, retry_after};
use crate::error::{Error, ErrorKind};
use crate::etl::source::spool::Spool;
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, LINK, RANGE};
use reqwest::{Response, StatusCode};
use url::Url;

/// So much of what a server says about a failure is repeated.
const SAID_AT_MOST_CHARS: usize = 200;

/// An answer.
pub(in crate::etl::source) struct Page {
    /// Its bytes.
    pub(in crate::etl::source) body: Vec<u8>,
    /// Its headers `Link`.
    pub(in crate::etl::source) links: Vec<String>,
    /// Where it came from, redirects followed.
    pub(in crate::etl::source) url: Url,
}

impl Client {
    pub(super) async fn ask_page(&self, url: &Url) -> Result<Page, Trouble> {
        let mut answer = self.ask(url, HeaderMap::new()).await?;
        let links = answer.headers().get_all(LINK).iter();
        let links = links.filter_map(|link| link.to_str().ok().map(str::to_owned)).collect();
        let (mut body, url) = (Vec::new(), answer.url().clone());
        while let Some(bytes) = answer.chunk().await.map_err(|error| self.lost(error))? {
            self.within_bounds(body.len() as u64 + bytes.len() as u64)?;
            body.extend_from_slice(&bytes);
        }
        Ok(Page { body, links, url })
    }

    /// Asks for a file, or for the rest of it. `mark` is the server's name for the content of which
    /// the beginning is there already.
    pub(super) async fn ask_file(
        &self,
        url: &Url,
        spool: &mut Spool,
        mark: &mut Option<HeaderValue>,
    ) -> Result<(), Trouble> {
        let mut headers = HeaderMap::new();
        if let (Some(mark), have @ 1..) = (mark.as_ref(), spool.bytes()) {
            let range = HeaderValue::from_str(&format!("bytes={have}-"));
            headers.insert(RANGE, range.map_err(|_| Error::internal("a range is no header"))?);
            headers.insert(IF_RANGE, mark.clone());
        }
        let mut answer = self.ask(url, headers).await?;
        if !goes_on(&answer, spool.bytes()) {
            spool.restart()?;
        }
        *mark = strong_mark(answer.headers());
        while let Some(bytes) = answer.chunk().await.map_err(|error| self.lost(error))? {
            self.within_bounds(spool.bytes() + bytes.len() as u64)?;
            spool.write(&bytes)?;
        }
        Ok(())
    }

    /// An answer whose body is still to come.
    async fn ask(&self, url: &Url, more: HeaderMap) -> Result<Response, Trouble> {
        let request = self.client.get(url.clone()).headers(self.headers.all.clone()).headers(more);
        let mut answer = request.send().await.map_err(|error| self.lost(error))?;
        let status = answer.status();
        if status.is_success() {
            self.within_bounds(answer.content_length().unwrap_or_default())?;
            return Ok(answer);
        }
        let mut said = Vec::new();
        while said.len() < SAID_AT_MOST_CHARS * 4
            && let Ok(Some(bytes)) = answer.chunk().await
        {
            said.extend_from_slice(&bytes);
        }
        let said = self.headers.hide(&String::from_utf8_lossy(&said));
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let said: String = said.chars().take(SAID_AT_MOST_CHARS).collect();
        let error = refused(status, &said);
        Err(match may_pass(status) {
            true => Trouble::passing(error).asked_to_wait(retry_after(answer.headers())),
            false => error.into(),
        })
    }

    fn within_bounds(&self, bytes: u64) -> Result<(), Error> {
        if bytes <= self.answer_at_most_bytes {
            return Ok(());
        }
        let most = self.answer_at_most_bytes >> 20;
        Err(Error::new(ErrorKind::Limit, format!("the answer is larger than {most} MiB"))
            .hint("where that is right, say `answer_at_most_mib` in `access`"))
    }

    /// What became of a request that has no answer, or none that ends.
    fn lost(&self, error: reqwest::Error) -> Trouble {
        let (is_timeout, is_connect) = (error.is_timeout(), error.is_connect());
        let (is_redirect, to) = (error.is_redirect(), error.url().map(without_secrets));
        let chain = self.headers.hide(&chain(&error.without_url()));
        if is_redirect {
            return Error::user(chain).with("to", to.unwrap_or_default()).into();
        }
        let message = match (is_timeout, is_connect) {
            (true, _) => "the server does not answer in time",
            (_, true) => "cannot connect to the server",
            _ => "the connection to the server was lost",
        };
        Trouble::passing(Error::new(ErrorKind::Unavailable, message).caused_by(chain))
    }
}

/// Whether an answer is the rest of what is there.
fn goes_on(answer: &Response, have: u64) -> bool {
    let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    answer.status() == StatusCode::PARTIAL_CONTENT
        && range.is_some_and(|range| range.starts_with(&format!("bytes {have}-")))
}

/// The name of the content, if it is the same only where every byte is.
fn strong_mark(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ETAG).filter(|mark| mark.as_bytes().starts_with(b"\"")).cloned()
}

/// An error and those beneath it.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut beneath = error.source();
    while let Some(error) = beneath {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        beneath = error.source();
    }
    text
}
