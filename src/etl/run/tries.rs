//! The attempts of one job: which failures may pass, and how long to wait before the next.

use super::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::{Attempts, Job};
use crate::ids::RunId;

/// The attempts of a job so far.
pub(super) struct Tries<'a> {
    request: &'a Request<'a>,
    job: &'a Job,
    attempts: Attempts,
    failures: u32,
    notes: Vec<String>,
}

impl<'a> Tries<'a> {
    pub(super) fn new(request: &'a Request<'a>, job: &'a Job) -> Self {
        Self { request, job, attempts: job.attempts(), failures: 0, notes: Vec::new() }
    }

    /// Whether nothing has failed yet.
    pub(super) fn are_first(&self) -> bool {
        self.failures == 0
    }

    /// What a person should know of attempts that failed.
    pub(super) fn notes(self) -> Vec<String> {
        self.notes
    }

    /// An attempt that ends in time or not at all.
    pub(super) async fn in_time<T>(&self, attempt: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(timeout) = self.attempts.timeout else { return attempt.await };
        tokio::time::timeout(timeout, attempt).await.unwrap_or_else(|_| {
            let message = format!("the job took longer than {} s", timeout.as_secs());
            Err(Error::new(ErrorKind::Limit, message)
                .with("job", &self.job.job)
                .retryable(true)
                .hint("`timeout_seconds` in the job says how long it may take"))
        })
    }

    /// Waits until the job may be tried again, with its rejected rows forgotten.
    ///
    /// # Errors
    /// The one given, where it will not pass, or the job was tried often enough.
    pub(super) async fn again(&mut self, error: Error, run: &RunId) -> Result<()> {
        self.failures += 1;
        // Another load that was first is a matter of the whole run.
        let may_pass = error.is_retryable() && error.kind() != ErrorKind::Conflict;
        let Some(wait) = self.attempts.wait(self.failures).filter(|_| may_pass) else {
            let error = match error.context("job") {
                Some(_) => error,
                None => error.with("job", &self.job.job),
            };
            return Err(match self.failures {
                1 => error,
                failures => error.with("attempts", failures),
            });
        };
        self.request.progress.trying_again(&self.job.job, &error, wait);
        self.notes.push(format!("attempt {} failed: {error}", self.failures));
        tokio::time::sleep(wait).await;
        self.request.engine.warehouse().forget_rejects(run, &self.job.job).await
    }
}
