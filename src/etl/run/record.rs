//! A run in the operational log: there from its first moment, complete when it ends.

use super::{AggregateSummary, JobSummary, RepointSummary, run_id};
use crate::clock::Clock;
use crate::error::Result;
use crate::ids::{ReleaseId, RunId};
use crate::store::{QualityRecord, RunRecord, RunStatus, StepRecord, Warehouse};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

/// A run being recorded.
#[derive(Debug)]
pub(crate) struct Record {
    warehouse: Warehouse,
    clock: Arc<dyn Clock>,
    run: RunRecord,
}

impl Record {
    pub(crate) async fn begin(
        warehouse: &Warehouse,
        clock: &Arc<dyn Clock>,
        as_of: Option<DateTime<Utc>>,
    ) -> Result<Self> {
        let now = clock.now();
        let run = RunRecord {
            run: run_id(warehouse, now).await?,
            started_at: now,
            as_of,
            finished_at: None,
            status: RunStatus::Running,
            release: None,
            error: None,
            steps: Vec::new(),
            quality: Vec::new(),
        };
        warehouse.record_run(&run).await?;
        Ok(Self { warehouse: warehouse.clone(), clock: Arc::clone(clock), run })
    }

    pub(crate) fn run(&self) -> &RunId {
        &self.run.run
    }

    /// Remembers what was expected of tables, and what was found.
    pub(crate) fn looked_at(&mut self, quality: Vec<QualityRecord>) {
        self.run.quality = quality;
    }

    /// Records how the run ended, and the steps it took.
    pub(crate) async fn end(
        &mut self,
        outcome: &Result<Option<ReleaseId>>,
        steps: Vec<StepRecord>,
    ) -> Result<()> {
        self.run.finished_at = Some(self.clock.now());
        self.run.steps = steps;
        match outcome {
            Ok(Some(release)) => {
                self.run.status = RunStatus::Published;
                self.run.release = Some(*release);
            }
            Ok(None) => self.run.status = RunStatus::NothingNew,
            Err(error) => {
                self.run.status = RunStatus::Failed;
                self.run.error = Some(error.to_string());
            }
        }
        self.warehouse.record_run(&self.run).await
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        let end = self.run.finished_at.unwrap_or(self.run.started_at);
        milliseconds(self.run.started_at, end)
    }
}

/// Milliseconds from a moment to now.
pub(crate) fn since(clock: &Arc<dyn Clock>, started: DateTime<Utc>) -> u64 {
    milliseconds(started, clock.now())
}

fn milliseconds(from: DateTime<Utc>, to: DateTime<Utc>) -> u64 {
    u64::try_from((to - from).num_milliseconds()).unwrap_or(0)
}

/// The steps of jobs, of facts that followed late changes, and of the aggregates after them.
pub(super) fn steps(
    jobs: &[JobSummary],
    repointed: &[RepointSummary],
    aggregates: &[AggregateSummary],
) -> Vec<StepRecord> {
    let steps = jobs.iter().flat_map(steps_of).chain(repointed.iter().map(followed));
    steps.chain(aggregates.iter().map(summarised)).collect()
}

fn steps_of(job: &JobSummary) -> Vec<StepRecord> {
    if job.skipped.is_some() {
        return Vec::new();
    }
    let read: u64 = job.sources.iter().map(|source| source.elapsed_ms).sum();
    let extracts = job.sources.iter().map(|source| StepRecord {
        job: job.job.clone(),
        step: "extract".to_owned(),
        target: source.source.clone(),
        rows_read: source.counts.read,
        rows_written: source.counts.staged,
        rows_rejected: source.counts.rejected,
        started_at: Some(source.started_at),
        elapsed_ms: source.elapsed_ms,
    });
    let elapsed_ms = job.elapsed_ms.saturating_sub(read);
    let before = i64::try_from(job.elapsed_ms - elapsed_ms).unwrap_or(i64::MAX);
    let load = StepRecord {
        job: job.job.clone(),
        step: "load".to_owned(),
        target: job.table.clone(),
        rows_read: job.rows_in,
        rows_written: job.rows_written,
        rows_rejected: 0,
        started_at: TimeDelta::try_milliseconds(before).map(|before| job.started_at + before),
        elapsed_ms,
    };
    extracts.chain([load]).collect()
}

fn followed(fact: &RepointSummary) -> StepRecord {
    StepRecord {
        job: "late changes".to_owned(),
        step: "repoint".to_owned(),
        target: fact.table.clone(),
        rows_read: fact.rows_written,
        rows_written: fact.rows_written,
        rows_rejected: 0,
        started_at: Some(fact.started_at),
        elapsed_ms: fact.elapsed_ms,
    }
}

fn summarised(aggregate: &AggregateSummary) -> StepRecord {
    StepRecord {
        job: aggregate.cube.clone(),
        step: "summarise".to_owned(),
        target: aggregate.table.clone(),
        rows_read: 0,
        rows_written: aggregate.rows,
        rows_rejected: 0,
        started_at: Some(aggregate.started_at),
        elapsed_ms: aggregate.elapsed_ms,
    }
}
