//! Aggregates: those of what a run has changed, or those that the model declares anew, without
//! reading any source.

use super::{AggregateSummary, Record, RunSummary, publish, record, retried, summary};
use crate::aggregate::automatic::{self, Choice, Kept};
use crate::aggregate::{self, Refreshed, Stale};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::etl::progress::Progress;
use crate::store::Load;
use chrono::{DateTime, Utc};
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
        Ok(retried(|| self.attempt(None)).await?.0)
    }

    /// Builds the aggregates of a choice, as far as they fit into its budget, and publishes them as a
    /// release; returns what was built. `by_itself` lets the release say that it keeps them.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn adopt(&self, choice: &Choice, by_itself: bool) -> Result<(RunSummary, Kept)> {
        let (summary, kept) = retried(|| self.attempt(Some((choice, by_itself)))).await?;
        let kept = kept.ok_or_else(|| Error::internal("nothing was chosen"))?;
        Ok((summary, kept))
    }

    async fn attempt(&self, choice: Option<(&Choice, bool)>) -> Result<(RunSummary, Option<Kept>)> {
        let warehouse = self.engine.warehouse();
        let mut record = Record::begin(warehouse, self.clock, None).await?;
        let base = warehouse.latest().await?;
        let mut load = warehouse.begin(record.run().clone(), base);
        let (mut aggregates, mut notes, mut kept) = (Vec::new(), Vec::new(), None);
        let done = match choice {
            None => self.bring_up_to_date(&mut load, &mut aggregates, &mut notes).await,
            Some((choice, by_itself)) => {
                let built = self.build(&mut load, choice, by_itself, &mut aggregates).await;
                built.map(|built| kept = Some(built))
            }
        };
        let outcome = match done {
            Ok(()) if !load.has_changes() => load.abandon().await.map(|()| None),
            Ok(()) => {
                self.progress.publishing();
                let summary = summary::in_words(&[], &[], &aggregates);
                let summary = match choice {
                    Some((choice, true)) => format!("automatic aggregates: {}", choice.why),
                    _ => summary,
                };
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
        let summary = RunSummary {
            run: record.run().clone(),
            release: outcome?,
            jobs: Vec::new(),
            repointed: Vec::new(),
            aggregates,
            notes,
            elapsed_ms: record.elapsed_ms(),
        };
        Ok((summary, kept))
    }

    /// Builds a choice.
    async fn build(
        &self,
        load: &mut Load,
        choice: &Choice,
        by_itself: bool,
        done: &mut Vec<AggregateSummary>,
    ) -> Result<Kept> {
        let mut started = self.clock.now();
        let hears = |stale: &Stale<'_>, with: Option<&Refreshed>| {
            self.hear(stale, with, &mut started, done);
        };
        let kept = automatic::adopt(self.engine, load, choice, hears).await?;
        // What is beyond the budget is not told of here.
        let tables = &load.preview().tables;
        done.retain(|built| built.left_out.is_some() || tables.contains_key(&built.table));
        if by_itself {
            automatic::remember(load, &kept)?;
        } else if self.engine.automatic().is_some() {
            // From now on files declare them.
            automatic::forget(load)?;
        }
        Ok(kept)
    }

    async fn bring_up_to_date(
        &self,
        load: &mut Load,
        done: &mut Vec<AggregateSummary>,
        notes: &mut Vec<String>,
    ) -> Result<()> {
        let dropped = aggregate::drop_undeclared(load, &self.engine.of(load.base()))?;
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
        let hears = |stale: &Stale<'_>, with: Option<&Refreshed>| {
            self.hear(stale, with, &mut started, done);
        };
        aggregate::refresh(&self.engine.of(load.base()), load, hears).await
    }

    fn hear(
        &self,
        stale: &Stale<'_>,
        done_with: Option<&Refreshed>,
        started: &mut DateTime<Utc>,
        done: &mut Vec<AggregateSummary>,
    ) {
        match done_with {
            None => {
                *started = self.clock.now();
                self.progress.summarising(&stale.table());
            }
            Some(refreshed) => done.push(AggregateSummary {
                cube: refreshed.cube.clone(),
                table: refreshed.table.clone(),
                extent: refreshed.extent.clone(),
                parent: refreshed.parent.clone(),
                rows: refreshed.rows,
                left_out: refreshed.left_out.clone(),
                started_at: *started,
                elapsed_ms: record::since(self.clock, *started),
            }),
        }
    }
}
