//! Loading rows into dimensions, bridges and facts, and matching records.
//!
//! Each loader writes files, checks what it wrote, and says to the [`Load`] what becomes of the
//! table; nobody sees any of it before the run publishes.

mod arrived;
mod bridge;
mod calendar;
mod closure;
pub(crate) mod clustered;
mod combined;
pub(crate) mod compact;
pub(crate) mod dimension;
pub(crate) mod fact;
mod fact_sql;
mod fact_table;
pub(crate) mod generated;
mod grain;
mod hilbert;
pub(crate) mod histories;
mod holidays;
mod infer;
mod junk;
mod keyed;
mod level;
mod matching;
mod mini;
mod new_roles;
pub(crate) mod repoint;
mod scd;
mod since;
pub(crate) mod stage;
mod touched;
mod upsert;

pub(crate) use combined::spec as combined_spec;
pub(crate) use dimension::spec as dimension_spec;
pub(crate) use fact_sql::quoted;
pub(crate) use fact_table::spec as fact_spec;
pub(crate) use mini::history_spec as band_spec;

use super::job::{Job, LoadSpec};
use super::progress::Progress;
use super::replay::Then;
use super::transform;
use crate::engine::{Engine, Session, Streamed};
use crate::error::{Result, counted};
use crate::policy::Principal;
use crate::store::{Load, TableState};
use chrono::{DateTime, Utc};
pub(crate) use scd::Lost;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A span of event time, half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Start, inclusive.
    pub from: DateTime<Utc>,
    /// End, exclusive.
    pub to: DateTime<Utc>,
}

/// What the loading of a job's rows has at hand.
pub(crate) struct Loading<'a> {
    /// Plans and runs SQL.
    pub(crate) engine: &'a Engine,
    /// The load under way.
    pub(crate) load: &'a mut Load,
    /// The job.
    pub(crate) job: &'a Job,
    /// Its staged sources.
    pub(crate) sources: &'a [(String, TableState)],
    /// The rows of its source, where they flow from there.
    pub(crate) incoming: Option<Streamed>,
    /// Of sources with refused rows those rows, with NULL for what is wrong in them; only where
    /// members that are missing are closed.
    pub(crate) refused: &'a [(String, TableState)],
    /// Rows of those sources that were refused.
    pub(crate) rows_rejected: u64,
    /// Their lines.
    pub(crate) lines_rejected: u64,
    /// Rows that were read of those sources.
    pub(crate) rows_read: u64,
    /// The span of event time that is loaded; all where there is none.
    pub(crate) window: Option<Window>,
    /// Where mended rows re-enter: the warehouse as it was when they were refused.
    pub(crate) then: Option<Then>,
    /// The run's business time.
    pub(crate) as_of: DateTime<Utc>,
    /// Hears how it goes on.
    pub(crate) progress: Arc<dyn Progress>,
}

impl Loading<'_> {
    /// A session over the warehouse as loaded so far, the job's sources, and other staged tables.
    fn session(&self, others: &[(&str, &TableState)]) -> Session {
        let others = others.iter().map(|(name, table)| ((*name).to_owned(), (*table).clone()));
        let staged = self.sources.iter().cloned().chain(others).collect();
        transform::session(self.engine, self.load.preview(), staged)
    }

    /// A session over the warehouse as loaded so far and rows that come once.
    fn session_over(&self, streamed: Streamed) -> Session {
        let preview = self.load.preview();
        self.engine.load_session(Principal::pipeline(), preview, Vec::new(), Some(streamed))
    }
}

/// What became of a job's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Rows that the transformation yielded.
    pub(crate) rows_in: u64,
    /// Rows written, new and changed.
    pub(crate) rows_written: u64,
    /// Rows deleted, members closed.
    pub(crate) rows_deleted: u64,
    /// Rows with the key of another, of which that stays.
    pub(crate) rows_doubled: u64,
    /// What a person should know, though it is no error.
    pub(crate) notes: Vec<String>,
    /// The time that versions of dimensions have lost, by dimension.
    pub(crate) lost: BTreeMap<String, Vec<Lost>>,
}

/// Loads a job's rows into its table.
pub(crate) async fn load(mut loading: Loading<'_>) -> Result<Loaded> {
    let job = loading.job;
    let dropped = match &job.deduplicate {
        Some(_) => transform::duplicates(&loading.session(&[]), job).await?,
        None => 0,
    };
    let loaded = match &job.load {
        LoadSpec::Dimension(spec) => dimension::load(&mut loading, spec).await,
        LoadSpec::Fact(spec) => fact::load(&mut loading, spec).await,
        LoadSpec::Bridge(spec) => bridge::load(&mut loading, spec).await,
        LoadSpec::Match(spec) => matching::load(&mut loading, spec).await,
    };
    let mut loaded = loaded.map_err(|error| match error.context("job") {
        Some(_) => error,
        None => error.with("job", &job.job),
    })?;
    loaded.rows_doubled = dropped;
    if dropped > 0 {
        let rows = counted(dropped, "row has", "rows have");
        loaded.notes.push(format!("{rows} the key of another, which stays (`deduplicate`)"));
    }
    Ok(loaded)
}
