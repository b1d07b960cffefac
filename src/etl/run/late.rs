//! Late changes of dimensions, until the facts have followed them.
//!
//! Facts follow before a job reads them, and at the latest when all jobs are done; so several
//! changes of several dimensions are one pass over a fact.

use super::Request;
use super::record::since;
use crate::error::{ErrorKind, Result, counted};
use crate::etl::job::Job;
use crate::etl::jobs::tables_used;
use crate::etl::load::Lost;
use crate::etl::load::repoint::{Moment, repoint};
use crate::model::{Fact, Model};
use crate::store::Load;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The time that versions have lost, and that facts do not know of yet: by fact and dimension.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Late(BTreeMap<String, BTreeMap<String, Vec<Lost>>>);

/// What became of facts that had to follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Followed {
    /// Those with rows that were given another version.
    pub(super) repointed: Vec<RepointSummary>,
    /// What a person should know.
    pub(super) notes: Vec<String>,
}

/// A fact whose rows were given the versions valid at their moments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepointSummary {
    /// The fact's table.
    pub table: String,
    /// Rows that were given another version, by role.
    pub rows: BTreeMap<String, u64>,
    /// Rows written, those beside them in their partitions included.
    pub rows_written: u64,
    /// Partitions written anew; 1 of a fact without.
    pub partitions: usize,
    /// When that began.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub elapsed_ms: u64,
}

impl RepointSummary {
    /// What happened, in a phrase.
    pub(crate) fn in_words(&self) -> String {
        let of_role =
            |(role, rows): (&String, &u64)| format!("{} by {role}", counted(*rows, "row", "rows"));
        let roles: Vec<String> = self.rows.iter().map(of_role).collect();
        format!("{}: {} moved by late changes", self.table, roles.join(", "))
    }
}

impl Late {
    /// Remembers what versions of dimensions have lost, for every fact that has rows.
    pub(super) fn note(&mut self, lost: &BTreeMap<String, Vec<Lost>>, model: &Model, load: &Load) {
        let preview = load.preview();
        for (dimension, lost) in lost.iter().filter(|(_, lost)| !lost.is_empty()) {
            let plays = |fact: &&Fact| fact.roles.iter().any(|role| role.dimension == *dimension);
            let has_rows = |fact: &&Fact| preview.tables.contains_key(&fact.table());
            for fact in model.facts.iter().filter(plays).filter(has_rows) {
                let dimensions = self.0.entry(fact.name.clone()).or_default();
                dimensions.entry(dimension.clone()).or_default().extend(lost);
            }
        }
    }

    /// Takes out what the facts that a job reads must follow before it does.
    pub(super) fn take(&mut self, job: &Job, model: &Model) -> Self {
        if self.0.is_empty() {
            return Self::default();
        }
        let tables = tables_used(job, model);
        let is_read = |name: &str| model.fact(name).is_some_and(|f| tables.contains(&f.table()));
        Self(self.0.extract_if(.., |name, _| is_read(name)).collect())
    }

    /// Adds what another remembers.
    pub(super) fn join(&mut self, other: Self) {
        for (fact, dimensions) in other.0 {
            let own = self.0.entry(fact).or_default();
            for (dimension, lost) in dimensions {
                own.entry(dimension).or_default().extend(lost);
            }
        }
    }

    /// Lets all these facts follow.
    pub(super) async fn follow(
        mut self,
        request: &Request<'_>,
        load: &mut Load,
    ) -> Result<Followed> {
        let mut followed = Followed::default();
        for fact in &request.engine.model().facts {
            if let Some(lost) = self.0.remove(&fact.name) {
                follow(request, load, &mut followed, fact, &lost).await?;
            }
        }
        Ok(followed)
    }
}

/// Lets one fact follow.
async fn follow(
    request: &Request<'_>,
    load: &mut Load,
    done: &mut Followed,
    fact: &Fact,
    lost: &BTreeMap<String, Vec<Lost>>,
) -> Result<()> {
    let Some(moment) = Moment::of(fact, request.engine.model(), request.jobs.iter()) else {
        let why = "it does not hold the moment at which its jobs look versions up (their \
                   `event_at`): add that to its `columns`";
        done.notes.push(keeps(fact, lost, why));
        return Ok(());
    };
    let started = request.clock.now();
    request.progress.repointing(&fact.table());
    let repointed = match repoint(request.engine, load, fact, &moment, lost).await {
        Ok(repointed) => repointed,
        // Stored otherwise than the model says: that is for the job that loads it.
        Err(error) if error.kind() == ErrorKind::User => {
            done.notes.push(keeps(fact, lost, &error.to_string()));
            return Ok(());
        }
        Err(error) => return Err(error.with("fact", &fact.name)),
    };
    if repointed.without_day > 0 {
        let message = "rows have a day outside the calendar, and keep the versions they have";
        done.notes.push(format!("{}: {} {message}", fact.table(), repointed.without_day));
    }
    if repointed.partitions > 0 {
        done.repointed.push(RepointSummary {
            table: fact.table(),
            rows: repointed.rows,
            rows_written: repointed.rows_written,
            partitions: repointed.partitions,
            started_at: started,
            elapsed_ms: since(&request.clock, started),
        });
    }
    Ok(())
}

/// That rows of a fact stay with the versions they have, and why.
fn keeps(fact: &Fact, lost: &BTreeMap<String, Vec<Lost>>, why: &str) -> String {
    let dimensions: Vec<&str> = lost.keys().map(String::as_str).collect();
    format!(
        "late changes of {} do not reach the rows that {} has already: {why}",
        dimensions.join(", "),
        fact.table()
    )
}
