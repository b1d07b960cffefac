//! What a job may say of a web server, and who gets to see its secrets.

use crate::error::{Error, Result};
use crate::etl::job::{HttpAccess, Setting};
use base64::Engine;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use std::net::IpAddr;
use std::path::Path;
use url::Url;

/// Redirects followed at most.
const REDIRECTS: usize = 10;
/// Headers and parameters whose values are secrets wherever they are used.
const SECRET_NAMES: [&str; 14] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "api_key",
    "apikey",
    "x-auth-token",
    "access_token",
    "token",
    "secret",
    "client_secret",
    "password",
    "sig",
];

/// The headers of each request.
pub(super) struct Headers {
    pub(super) all: HeaderMap,
    /// What must never be shown.
    secrets: Vec<String>,
}

/// Checks what can be checked without looking at secrets.
///
/// # Errors
/// User where settings contradict each other, or a secret is written where all can read it.
pub(in crate::etl::source) fn check(access: &HttpAccess) -> Result<()> {
    if access.bearer.is_some() && access.basic.is_some() {
        return Err(Error::user("`access` has either `bearer` or `basic`"));
    }
    if access.attempts == 0 || access.timeout_seconds == 0 || access.answer_at_most_mib == Some(0) {
        let message = "`attempts`, `timeout_seconds` and `answer_at_most_mib` count from 1";
        return Err(Error::user(message));
    }
    if access.requests_a_second.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        return Err(Error::user("`requests_a_second` is more than 0"));
    }
    for (name, value) in &access.headers {
        let known: HeaderName =
            name.parse().map_err(|_| Error::user(format!("`{name}` is no name of a header")))?;
        if known == AUTHORIZATION && (access.bearer.is_some() || access.basic.is_some()) {
            return Err(Error::user("`headers` repeats what `bearer` or `basic` says"));
        }
        secret_in_the_open("header", name, value)?;
    }
    Ok(())
}

/// Refuses a secret that is written into the job.
pub(in crate::etl::source) fn secret_in_the_open(
    what: &str,
    name: &str,
    value: &Setting,
) -> Result<()> {
    let is_secret = SECRET_NAMES.iter().any(|secret| name.eq_ignore_ascii_case(secret));
    match value {
        Setting::Here(_) if is_secret => {
            Err(Error::user(format!("the {what} `{name}` is a secret, which is not written here"))
                .hint("say `{env: NAME}` or `{file: PATH}`"))
        }
        _ => Ok(()),
    }
}

/// A URL's parts. What is wrong with it is not repeated: it may hold a password.
///
/// # Errors
/// User where it is none, or holds what belongs elsewhere.
pub(in crate::etl::source) fn url(text: &str) -> Result<Url> {
    let wrong = || Error::user("this is no URL").hint("expected https://host/path");
    let url = Url::parse(text).map_err(|error| wrong().caused_by(error))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::user("a password is not written into a URL")
            .hint("say `access: {basic: {user: ..., password: {env: NAME}}}`"));
    }
    for (name, _) in url.query_pairs() {
        secret_in_the_open("parameter", &name, &Setting::Here(String::new()))?;
    }
    Ok(url)
}

/// What may be shown of a URL: not its parameters.
pub(in crate::etl::source) fn without_secrets(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    shown.into()
}

/// Whether a URL's host is the one that we run on.
pub(super) fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Refuses to send secrets over a network unencrypted.
pub(super) fn not_in_the_open(access: &HttpAccess, url: &Url, has_secrets: bool) -> Result<()> {
    let in_header = access.headers.values().any(|value| matches!(value, Setting::There(_)));
    let has_secrets = has_secrets || in_header || access.bearer.is_some() || access.basic.is_some();
    if url.scheme() == "https" || !has_secrets || access.unencrypted || is_this_machine(url) {
        return Ok(());
    }
    Err(Error::user("the secrets of `access` would go to another machine unencrypted")
        .with("url", without_secrets(url))
        .hint("say `https://`, or `unencrypted: true` in a network you trust"))
}

/// Which redirects are followed. With headers of one's own that hold for one server alone, only
/// those that stay there; a token or password is taken off by the client itself.
pub(super) fn redirects(only_there: bool) -> Policy {
    Policy::custom(move |attempt| {
        let from = attempt.previous().last();
        let is_elsewhere = from.is_some_and(|from| from.origin() != attempt.url().origin());
        let is_in_the_open = from.is_some_and(|from| from.scheme() == "https");
        if attempt.previous().len() > REDIRECTS {
            attempt.error("the server sends us from place to place")
        } else if is_in_the_open && attempt.url().scheme() == "http" {
            attempt.error("the server sends us from https:// to http://")
        } else if only_there && is_elsewhere {
            attempt.error("the server sends us to another, which is not to see our headers")
        } else {
            attempt.follow()
        }
    })
}

/// The certificates of a file.
pub(super) fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>> {
    let broken = |message: &str| Error::user(message).with("file", path.display());
    let text = std::fs::read(path)
        .map_err(|error| broken("cannot read the certificates of `ca`").caused_by(error))?;
    let found = reqwest::Certificate::from_pem_bundle(&text);
    let found = found.map_err(|error| broken("`ca` holds what is no certificate").caused_by(error));
    match found? {
        none if none.is_empty() => Err(broken("`ca` holds no certificate")),
        some => Ok(some),
    }
}

impl Headers {
    /// The headers that a job asks for, with the secrets that are hidden from then on.
    pub(super) fn new(
        project: &Path,
        access: &HttpAccess,
        mut secrets: Vec<String>,
    ) -> Result<Self> {
        let mut all = HeaderMap::new();
        // what is compressed by the way would be taken for the file's own bytes
        all.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &access.headers {
            let text = value.read(project)?;
            let known = name.parse::<HeaderName>();
            let known = known.map_err(|_| Error::user(format!("`{name}` is no header")))?;
            let is_secret = matches!(value, Setting::There(_));
            all.insert(known, header(&text, name, is_secret)?);
            secrets.extend(is_secret.then_some(text));
        }
        let authorization = match (&access.bearer, &access.basic) {
            (Some(token), _) => {
                let token = token.read(project)?;
                let text = format!("Bearer {token}");
                secrets.push(token);
                Some(text)
            }
            (None, Some(basic)) => {
                let (user, password) = (basic.user.read(project)?, basic.password.read(project)?);
                let both = format!("{user}:{password}");
                let both = base64::engine::general_purpose::STANDARD.encode(both);
                let text = format!("Basic {both}");
                secrets.extend([both, password]);
                Some(text)
            }
            (None, None) => None,
        };
        if let Some(text) = authorization {
            all.insert(AUTHORIZATION, header(&text, "Authorization", true)?);
        }
        // of two secrets the longer one goes first: it may hold the other
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Ok(Self { all, secrets })
    }

    /// Text without the secrets in it.
    pub(super) fn hide(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

/// A header's value, which is not repeated where it is wrong: it may be a secret.
fn header(text: &str, name: &str, is_secret: bool) -> Result<HeaderValue> {
    let wrong =
        || Error::user(format!("the value of the header `{name}` is none: is it one line?"));
    let mut value = HeaderValue::from_str(text).map_err(|_| wrong())?;
    value.set_sensitive(is_secret);
    Ok(value)
}
