//! Aggregates: those of what a run has changed, or those that the model declares anew, without
//! reading any source.

use super::{AggregateSummary, Record, RunSummary, publish, record, retried, summary};
use crate::aggregate::{self, Refreshed, Stale};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::error::Result;
use crate::etl::progress::Progress;
use crate::store::Load;
use std::sync::Arc;

/// What building aggregates needs.
#[derive(Debug, Clone)]
pub struct Summarising<'a> {
    /// The warehouse and its model.
    pub engine: &'a Engine,
    /// Dates the run.
    pub clock: &'a Arc<dyn Clock>,
    /// Hears how it goes on.
    pub progress: &'a Arc<dyn Progress>,
}

impl Summarising<'_> {
    /// Builds the aggregates that are missing or of another definition than the model's, drops those
    /// that it does not declare, and publishes that as a release.
    ///
    /// # Errors
    /// Whatever stopped it: nothing is published then, and the operational log says why.
    pub async fn run(&self) -> Result<RunSummary> {
        retried(|| self.attempt()).await
    }

    async fn attempt(&self) -> Result<RunSummary> {
        let warehouse = self.engine.warehouse();
        let mut record = Record::begin(warehouse, self.clock, None).await?;
        let base = warehouse.latest().await?;
        let mut load = warehouse.begin(record.run().clone(), base);
        let (mut aggregates, mut notes) = (Vec::new(), Vec::new());
        let outcome = match self.bring_up_to_date(&mut load, &mut aggregates, &mut notes).await {
            Ok(()) if !load.has_changes() => load.abandon().await.map(|()| None),
            Ok(()) => {
                self.progress.publishing();
                let summary = summary::in_words(&[], &[], &aggregates);
                publish(load, summary, &mut notes).await.map(Some)
            }
            Err(error) => {
                let _ = load.abandon().await;
                Err(error)
            }
        };
        let steps = record::steps(&[], &[], &aggregates);
        if let Err(error) = record.end(&outcome, steps).await {
            notes.push(format!("how the run ended is not in the operational log: {error}"));
        }
        Ok(RunSummary {
            run: record.run().clone(),
            release: outcome?,
            jobs: Vec::new(),
            repointed: Vec::new(),
            aggregates,
            notes,
            elapsed_ms: record.elapsed_ms(),
        })
    }

    async fn bring_up_to_date(
        &self,
        load: &mut Load,
        done: &mut Vec<AggregateSummary>,
        notes: &mut Vec<String>,
    ) -> Result<()> {
        let dropped = aggregate::drop_undeclared(load, self.engine.model())?;
        notes.extend(dropped.iter().map(|table| format!("{table} is declared no more: dropped")));
        self.refresh(load, done).await
    }

    /// Brings every aggregate up to what a load would publish.
    pub(super) async fn refresh(
        &self,
        load: &mut Load,
        done: &mut Vec<AggregateSummary>,
    ) -> Result<()> {
        let mut started = self.clock.now();
        let hears = |stale: &Stale<'_>, done_with: Option<&Refreshed>| match done_with {
            None => {
                started = self.clock.now();
                self.progress.summarising(&stale.table());
            }
            Some(refreshed) => done.push(AggregateSummary {
                cube: refreshed.cube.clone(),
                table: refreshed.table.clone(),
                extent: refreshed.extent.clone(),
                parent: refreshed.parent.clone(),
                rows: refreshed.rows,
                elapsed_ms: record::since(self.clock, started),
            }),
        };
        aggregate::refresh(self.engine, load, hears).await
    }
}
