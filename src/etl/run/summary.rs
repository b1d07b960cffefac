//! What a run did, for people and for tests.

use super::RepointSummary;
use crate::aggregate::{Extent, told_left_out};
use crate::error::counted;
use crate::etl::extract::Counts;
use crate::etl::quarantine::RejectSummary;
use crate::ids::{ReleaseId, RunId};
use chrono::{DateTime, Utc};

/// What a run did.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// The run.
    pub run: RunId,
    /// The release it published; none where nothing was new.
    pub release: Option<ReleaseId>,
    /// Its jobs in the order they ran, those skipped included.
    pub jobs: Vec<JobSummary>,
    /// The facts whose rows followed late changes of their dimensions.
    pub repointed: Vec<RepointSummary>,
    /// The aggregates it built.
    pub aggregates: Vec<AggregateSummary>,
    /// What a person should know of the run as a whole.
    pub notes: Vec<String>,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// What a job did.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSummary {
    /// The job.
    pub job: String,
    /// The table it loads.
    pub table: String,
    /// Why it was skipped, if it was.
    pub skipped: Option<String>,
    /// Its sources.
    pub sources: Vec<SourceSummary>,
    /// Rows that the transformation yielded.
    pub rows_in: u64,
    /// Rows written to the table, new and changed.
    pub rows_written: u64,
    /// Rows deleted from the table, members closed.
    pub rows_deleted: u64,
    /// Rows with the key of another of the job's, which stays; those of one source are counted there.
    pub rows_doubled: u64,
    /// What a person should know, though it is no error.
    pub notes: Vec<String>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// What became of a source's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSummary {
    /// The source.
    pub source: String,
    /// Rows by what became of them.
    pub counts: Counts,
    /// Rejected rows by cause.
    pub rejects: Vec<RejectSummary>,
    /// When it began to be read.
    pub started_at: DateTime<Utc>,
    /// How long it took to read.
    pub elapsed_ms: u64,
}

/// An aggregate that was built, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregateSummary {
    /// Its cube.
    pub cube: String,
    /// Its table.
    pub table: String,
    /// How much of it was computed.
    pub extent: Extent,
    /// The finer aggregate that it was computed from; the fact where there is none.
    pub parent: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// Why it could not be computed of its rows, if so: the release does without it then.
    pub left_out: Option<String>,
    /// When it began to be computed.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub elapsed_ms: u64,
}

impl AggregateSummary {
    /// That the release does without it, and why, where that is so.
    pub fn told(&self) -> Option<String> {
        Some(told_left_out(&self.table, self.left_out.as_ref()?))
    }
}

/// What a release brings, in a sentence.
pub(super) fn in_words(
    jobs: &[JobSummary],
    repointed: &[RepointSummary],
    aggregates: &[AggregateSummary],
) -> String {
    let loaded = jobs.iter().filter(|job| job.rows_written + job.rows_deleted > 0);
    let rows = |job: &JobSummary| counted(job.rows_written, "row", "rows");
    let mut words: Vec<String> = loaded
        .map(|job| match job.rows_deleted {
            0 => format!("{}: {}", job.table, rows(job)),
            deleted => format!("{}: {}, {deleted} deleted", job.table, rows(job)),
        })
        .collect();
    words.extend(repointed.iter().map(RepointSummary::in_words));
    let built = aggregates.iter().filter(|aggregate| aggregate.left_out.is_none()).count();
    if built > 0 {
        words.push(counted(built as u64, "aggregate", "aggregates"));
    }
    if built < aggregates.len() {
        let left_out = (aggregates.len() - built) as u64;
        words.push(format!("{} left out", counted(left_out, "aggregate", "aggregates")));
    }
    if words.is_empty() {
        return "no rows changed".to_owned();
    }
    words.join("; ")
}
