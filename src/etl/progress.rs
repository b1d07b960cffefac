//! What a run tells while it works.

use super::extract;
use super::run::summary::JobSummary;
use crate::error::Error;
use std::fmt::Debug;
use std::time::Duration;

/// Hears how a run goes on. Every method may be left out.
pub trait Progress: Debug + Send + Sync {
    /// A job begins; it is the `position`-th of so many, 1 being the first.
    fn job_started(&self, _job: &str, _position: usize, _jobs: usize) {}

    /// A source of the job has been read so far.
    fn source_read(&self, _job: &str, _source: &str, _progress: extract::Progress) {}

    /// The job's rows are being transformed and loaded into a table.
    fn loading(&self, _job: &str, _table: &str) {}

    /// A job has failed for something that may pass, and is tried again after a while.
    fn trying_again(&self, job: &str, error: &Error, wait: Duration) {
        tracing::warn!(job, %error, wait_ms = wait.as_millis(), "the job is tried again");
    }

    /// A job has ended, or was skipped.
    fn job_finished(&self, _summary: &JobSummary) {}

    /// A fact's rows follow late changes of its dimensions.
    fn repointing(&self, _table: &str) {}

    /// An aggregate is being built.
    fn summarising(&self, _table: &str) {}

    /// Everything is loaded and is being published.
    fn publishing(&self) {}
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {}
