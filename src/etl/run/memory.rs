//! What a run remembers of its way, so that another can go on from there: which jobs are done, and
//! which late changes facts have yet to follow.

use super::late::Late;
use super::{JobSummary, Request, job};
use crate::error::{Error, Result};
use crate::etl::upstream;
use crate::store::{Load, Savepoint, Warehouse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a run remembers of its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Its business time.
    pub(super) as_of: DateTime<Utc>,
    /// The jobs it was to run; all where empty.
    pub(super) only: Vec<String>,
    /// Late changes that facts have yet to follow.
    pub(super) late: Late,
    /// The jobs that are done.
    pub(super) done: Vec<DoneJob>,
}

/// A job that is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DoneJob {
    job: String,
    table: String,
    rows_in: u64,
    rows_written: u64,
    rows_deleted: u64,
    #[serde(default)]
    rows_doubled: u64,
}

impl DoneJob {
    pub(super) fn job(&self) -> &str {
        &self.job
    }
}

impl Memory {
    pub(super) fn new(request: &Request<'_>) -> Self {
        Self {
            as_of: request.as_of,
            only: request.only.to_vec(),
            late: Late::default(),
            done: Vec::new(),
        }
    }

    /// Out of another run's savepoint.
    pub(super) fn of(savepoint: &Savepoint) -> Result<Self> {
        serde_json::from_value(savepoint.memory.clone()).map_err(|error| {
            Error::data("a savepoint is not of the form that it should be")
                .with("run", &savepoint.run)
                .hint("run the jobs anew, without --resume")
                .caused_by(error)
        })
    }

    /// Remembers that a job is done.
    pub(super) fn remember(&mut self, summary: &JobSummary) {
        self.done.push(DoneJob {
            job: summary.job.clone(),
            table: summary.table.clone(),
            rows_in: summary.rows_in,
            rows_written: summary.rows_written,
            rows_deleted: summary.rows_deleted,
            rows_doubled: summary.rows_doubled,
        });
    }

    /// How far the run came, and how to go on.
    pub(super) fn in_words(&self, request: &Request<'_>) -> Result<String> {
        let jobs = request.jobs.select(request.only)?.len();
        Ok(format!(
            "{} of {jobs} jobs are done; `starhouse etl run --resume` goes on from there",
            self.done.len()
        ))
    }

    /// Saves the run as it is: with the late changes that jobs at work have taken, for what those
    /// do may come to nothing.
    pub(super) async fn save(&self, load: &Load, taken: impl Iterator<Item = &Late>) -> Result<()> {
        if !load.has_changes() {
            return Ok(());
        }
        let mut memory = self.clone();
        taken.for_each(|late| memory.late.join(late.clone()));
        let memory = serde_json::to_value(&memory).map_err(|error| {
            Error::internal("what a run remembers cannot be written as JSON").caused_by(error)
        })?;
        load.save(memory).await
    }

    /// What the jobs that are done did, by another run; an error where one of them has something
    /// new to do.
    pub(super) async fn taken_over(
        &self,
        request: &Request<'_>,
        load: &Load,
        by: &Savepoint,
    ) -> Result<Vec<JobSummary>> {
        let (model, preview) = (request.engine.model(), load.preview());
        let mut summaries = Vec::new();
        for done in &self.done {
            let only = [done.job.clone()];
            for job in request.jobs.select(&only)? {
                let plans =
                    job::plans(request.project, job, request.engine, &preview, None).await?;
                let news = plans.iter().find(|plan| !plan.is_unchanged());
                let why = match news {
                    Some(plan) => Some(format!("the source `{}` has news", plan.spec().name)),
                    None if upstream::is_redefined(job, model, &preview) => {
                        Some("a job that is done, or its model, has changed since".to_owned())
                    }
                    None => None,
                };
                if let Some(why) = why {
                    let message = format!("the run cannot be resumed: {why}");
                    return Err(Error::user(message)
                        .with("job", &job.job)
                        .with("run", &by.run)
                        .hint("run the jobs anew, without --resume"));
                }
            }
            summaries.push(JobSummary {
                job: done.job.clone(),
                table: done.table.clone(),
                skipped: Some(format!("done by run {}", by.run)),
                sources: Vec::new(),
                rows_in: done.rows_in,
                rows_written: done.rows_written,
                rows_deleted: done.rows_deleted,
                rows_doubled: done.rows_doubled,
                notes: Vec::new(),
                started_at: request.clock.now(),
                elapsed_ms: 0,
            });
        }
        Ok(summaries)
    }
}

/// The last run that did not end well, and from which another can go on.
///
/// # Errors
/// Not found where there is none; data where what it has kept is damaged.
pub(super) async fn last(warehouse: &Warehouse) -> Result<Savepoint> {
    let latest = warehouse.latest().await?.id;
    let savepoints = warehouse.savepoints().await?;
    let fitting = savepoints.iter().filter(|savepoint| savepoint.base == latest);
    match fitting.max_by_key(|savepoint| savepoint.run.clone()) {
        Some(savepoint) => Ok(savepoint.clone()),
        None => Err(match savepoints.last() {
            None => Error::not_found("there is no run to resume: none has failed half way"),
            Some(savepoint) => Error::not_found("there is no run to resume")
                .with("failed run", &savepoint.run)
                .with("based on release", savepoint.base)
                .with("latest release", latest)
                .hint("others were published since: run the jobs anew, without --resume"),
        }),
    }
}
