//! A trial: everything a run would do but publishing, and which rows would be others.

use super::memory::Memory;
use super::{AggregateSummary, Done, JobSummary, RepointSummary, Request, run_id, work};
use crate::error::{Error, Result};
use crate::etl::plan::{TableDiff, diff};
use crate::etl::quality;
use crate::store::QualityRecord;
use std::sync::Arc;

/// What a run would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its jobs, those skipped included.
    pub jobs: Vec<JobSummary>,
    /// The facts whose rows would follow late changes of their dimensions.
    pub repointed: Vec<RepointSummary>,
    /// The aggregates it would build.
    pub aggregates: Vec<AggregateSummary>,
    /// What is expected of the tables that would change, and whether it would be so.
    pub quality: Vec<QualityRecord>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// How tables would change.
    pub tables: Vec<TableDiff>,
    /// Why the run would publish nothing after all, where its tables are not what is expected.
    pub stops: Option<String>,
}

/// Does what a run would do, but publishes nothing and leaves nothing behind; shows so many rows of
/// each table and kind of change.
///
/// # Errors
/// Whatever would stop the run, but for expectations that are not met.
pub async fn trial(request: &Request<'_>, samples: usize) -> Result<Trial> {
    request.jobs.select(request.only)?;
    let warehouse = request.engine.warehouse();
    let run = run_id(warehouse, request.clock.now()).await?;
    let mut load = warehouse.begin_trial(run, warehouse.latest().await?);
    let mut done = Done::default();
    let mut memory = Memory::new(request);
    let worked = work(request, None, &mut load, &mut memory, &mut done).await;
    let stops = match worked {
        Ok(()) => None,
        Err(error) if quality::stops(&done.quality).is_some() => Some(error),
        Err(error) => return Err(error),
    };
    let (before, after) = (Arc::clone(load.base()), load.preview());
    let tables = diff::tables(request.engine, &before, &after, samples).await;
    load.abandon().await?;
    Ok(Trial {
        jobs: done.jobs,
        repointed: done.repointed,
        aggregates: done.aggregates,
        quality: done.quality,
        notes: done.notes,
        tables: tables?,
        stops: stops.map(|error: Error| error.to_string()),
    })
}
