//! Asking web servers: signed in, patiently, within bounds.
//!
//! Only what a job names is asked, by GET, which changes nothing there and so may be tried again. A
//! secret goes to the server the job names and to no other, never unencrypted to another machine
//! unless the job says so, and is taken out of whatever a server says before anybody reads it.
//!
//! | file | what it knows |
//! |---|---|
//! | `access` | URLs and headers: what a job may say, who sees what |
//! | `ask` | one request: what the answer means |
//! | `patience` | which failures pass, and how long to wait for that |

mod access;
mod ask;
mod patience;

pub(super) use access::{check, secret_in_the_open, url, without_secrets};
pub(super) use ask::Page;

use super::alive::{Alive, Waiter};
use super::spool::Spool;
use crate::error::{Error, Result};
use crate::etl::job::HttpAccess;
use access::Headers;
use patience::Trouble;
use std::future::Future;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// How long to wait for a server that does not answer at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// A server to be asked, from one thread at a time, which waits for the answers.
pub(super) struct Client {
    waiter: Waiter,
    client: reqwest::Client,
    access: HttpAccess,
    headers: Headers,
    answer_at_most_bytes: u64,
    /// When the next request may be sent.
    turn: Mutex<Option<Instant>>,
}

impl Client {
    /// For the server of a URL; `secrets` are those that its parameters hold.
    ///
    /// # Errors
    /// Those of secrets and certificates; user where a secret would travel for all to see.
    pub(super) fn new(
        project: &Path,
        access: &HttpAccess,
        url: &Url,
        secrets: Vec<String>,
        answer_at_most_mib: u64,
    ) -> Result<Self> {
        access::not_in_the_open(access, url, !secrets.is_empty())?;
        let headers = Headers::new(project, access, secrets)?;
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("starhouse/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(Duration::from_secs(access.timeout_seconds))
            // the URL's parameters are nobody else's business
            .referer(false)
            .redirect(access::redirects(!access.headers.is_empty()));
        if access::is_this_machine(url) {
            client = client.no_proxy();
        }
        if let Some(ca) = &access.ca {
            client = client.tls_certs_only(access::certificates(&project.join(ca))?);
        }
        let broken = |error: reqwest::Error| {
            Error::internal("cannot set up a client").caused_by(error.without_url())
        };
        Ok(Self {
            waiter: Waiter::new()?,
            client: client.build().map_err(broken)?,
            access: access.clone(),
            headers,
            answer_at_most_bytes: access.answer_at_most_mib.unwrap_or(answer_at_most_mib) << 20,
            turn: Mutex::default(),
        })
    }

    /// One answer, in memory.
    ///
    /// # Errors
    /// Not found where the server has no such thing; user where it does not let us in; unavailable
    /// where it does not answer, limit where it does not stop to.
    pub(super) fn page(&self, url: &Url, alive: &mut Alive<'_>) -> Result<Page> {
        self.run(alive, url, self.patiently(async || self.ask_page(url).await))
    }

    /// One answer, into a file, which goes on where it was cut off if the server can.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub(super) fn download(
        &self,
        url: &Url,
        spool: &mut Spool,
        alive: &mut Alive<'_>,
    ) -> Result<()> {
        let mut mark = None;
        let all = self.patiently(async || self.ask_file(url, spool, &mut mark).await);
        self.run(alive, url, all)
    }

    /// Awaits something; the caller hears now and then that it is awaited.
    fn run<T>(
        &self,
        alive: &mut Alive<'_>,
        url: &Url,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let done = self.waiter.wait(alive, work);
        done.map_err(|error| error.with("url", without_secrets(url)))
    }

    /// Tries until it is done, as often and as long as the job allows.
    async fn patiently<T>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<T, Trouble>,
    ) -> Result<T> {
        for tried in 1.. {
            self.in_turn().await;
            let trouble = match attempt().await {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            tokio::time::sleep(trouble.wait(tried, &self.access)?).await;
        }
        Err(Error::internal("tried without an end"))
    }

    /// Waits until the server is to be asked again.
    async fn in_turn(&self) {
        let Some(rate) = self.access.requests_a_second else { return };
        let at = {
            let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            let at = turn.unwrap_or_else(Instant::now).max(Instant::now());
            *turn = Some(at + Duration::from_secs_f64(1.0 / rate));
            at
        };
        tokio::time::sleep_until(at).await;
    }
}
