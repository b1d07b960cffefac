//! The operational log beside the releases: runs, their steps, rejected rows, queries.
//!
//! A failed load publishes nothing, so why it failed cannot live in a release; it lives here.

use crate::ids::{ReleaseId, RunId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How a run ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Still running.
    Running,
    /// Published a release.
    Published,
    /// Found nothing new and published nothing.
    NothingNew,
    /// Failed and published nothing.
    Failed,
    /// Ended without a word, by a signal or with its machine, and published nothing. Never
    /// recorded: told by the absence of whoever was running it.
    Interrupted,
}

impl RunStatus {
    /// Its name, as tables and metrics show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Published => "published",
            Self::NothingNew => "nothing_new",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One run of jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The run.
    pub run: RunId,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Its business time: since when what it loaded holds; none for runs that load nothing.
    #[serde(default)]
    pub as_of: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub status: RunStatus,
    /// The release it published.
    pub release: Option<ReleaseId>,
    /// Why it failed.
    pub error: Option<String>,
    /// Its steps, in the order they ended.
    pub steps: Vec<StepRecord>,
    /// What was expected of tables, and whether it was so.
    #[serde(default)]
    pub quality: Vec<QualityRecord>,
}

/// An expectation that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityRecord {
    /// The table.
    pub table: String,
    /// What is expected, as it was written.
    pub expectation: String,
    /// Why, in words; may be empty.
    pub description: String,
    /// Whether it was so.
    pub outcome: QualityOutcome,
    /// What was found, in words.
    pub found: String,
}

/// How an expectation came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityOutcome {
    /// It is met.
    Passed,
    /// It is not, and that was said.
    Warned,
    /// It is not, and nothing was published.
    Failed,
}

/// One step of a run: a source extracted, a table loaded, an aggregate built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The job, or the cube for aggregates.
    pub job: String,
    /// `extract`, `load` or `summarise`.
    pub step: String,
    /// The source or table.
    pub target: String,
    /// Rows read.
    pub rows_read: u64,
    /// Rows written, new and changed.
    pub rows_written: u64,
    /// Rows sent to quarantine.
    pub rows_rejected: u64,
    /// When it began; not known of runs that were recorded by older programs.
    #[serde(default)]
    pub started_at: Option<DateTime<Utc>>,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// What is remembered of a schedule, so that it goes on where it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleState {
    /// The schedule.
    pub name: String,
    /// The last moment for which it ran, or since which it is known.
    pub planned_at: DateTime<Utc>,
    /// When it last began.
    pub started_at: Option<DateTime<Utc>>,
    /// When that ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub outcome: ScheduleOutcome,
    /// Failures one after the other, of the same planned run.
    pub failures: u32,
    /// When it is tried again.
    pub retry_at: Option<DateTime<Utc>>,
    /// Why it failed.
    pub error: Option<String>,
    /// Since when it is known.
    #[serde(default)]
    pub known_since: Option<DateTime<Utc>>,
    /// When it last ended well.
    #[serde(default)]
    pub succeeded_at: Option<DateTime<Utc>>,
    /// Whether others were told that it failed, and not yet that it is well again.
    #[serde(default)]
    pub told_failure: bool,
    /// The same of lateness.
    #[serde(default)]
    pub told_late: bool,
}

/// How a scheduled run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleOutcome {
    /// It has not run yet.
    Never,
    /// It is running.
    Running,
    /// It published, or there was nothing new.
    Succeeded,
    /// It failed.
    Failed,
    /// Its process ended before it did.
    Interrupted,
}

impl ScheduleState {
    /// A schedule that is known since a moment.
    pub fn new(name: &str, since: DateTime<Utc>) -> Self {
        Self {
            name: name.to_owned(),
            planned_at: since,
            started_at: None,
            finished_at: None,
            outcome: ScheduleOutcome::Never,
            failures: 0,
            retry_at: None,
            error: None,
            known_since: Some(since),
            succeeded_at: None,
            told_failure: false,
            told_late: false,
        }
    }
}

/// A column, and one that it comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineageEdge {
    /// The job, or the cube.
    pub by: String,
    /// Where it comes from.
    pub from: String,
    /// The column, the rows of a table, or the measure.
    pub to: String,
    /// What happens on the way.
    pub how: String,
}

/// A row in quarantine: where it was, what it held, why it was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The run that refused it.
    pub run: RunId,
    /// The job.
    pub job: String,
    /// The job's source.
    pub source: String,
    /// The file, relative to the project, or the database table.
    pub file: String,
    /// Line (text files), row (sheets, tables); 1 is the first.
    pub line: u64,
    /// Byte offset of the row in the file, where there is one.
    pub offset: Option<u64>,
    /// The column at fault, where it is one.
    pub column: Option<String>,
    /// The rule that refused it.
    pub rule: String,
    /// Which rules the source had then: a fingerprint that is another when they change.
    #[serde(default)]
    pub rules: String,
    /// Why, in words.
    pub reason: String,
    /// The row as it stood, decoded; bytes that are not text as `\xNN`.
    pub raw: String,
    /// The file that it was last written to, to be mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended_in: Option<String>,
    /// The run that loaded that file: the row is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_by: Option<RunId>,
}

/// A query that was answered or refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueryRecord {
    /// When it was asked.
    pub at: DateTime<Utc>,
    /// Who asked.
    pub principal: String,
    /// The release it saw.
    pub release: ReleaseId,
    /// Its text.
    pub text: String,
    /// How long it took, planning included.
    pub elapsed_ms: u64,
    /// Rows answered.
    pub rows: u64,
    /// Which aggregates answered, or why none did.
    pub routing: Vec<String>,
    /// What the session tags its questions with, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The error, if it was refused or failed.
    pub error: Option<String>,
}
