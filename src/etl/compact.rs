//! Compaction: facts written anew where their files have drifted, as a release with the same rows.

use super::load::compact::{self as files, Drift};
use super::progress::Progress;
use super::run::{Record, publish, retried, since};
use super::upstream;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::error::{Error, Result, counted, did_you_mean};
use crate::ids::{ReleaseId, RunId};
use crate::model::{Fact, Model};
use crate::store::{DataFile, Load, Release, StepRecord, TableState};
use std::sync::Arc;

/// What a compaction needs.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The warehouse and its model.
    pub engine: &'a Engine,
    /// The facts' tables; all where none is named.
    pub only: &'a [String],
    /// Whether all partitions are written anew, drifted or not.
    pub all: bool,
    /// Dates the run.
    pub clock: Arc<dyn Clock>,
    /// Hears how it goes on.
    pub progress: Arc<dyn Progress>,
}

/// What is, or would be, written anew of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted {
    /// The table.
    pub table: String,
    /// Why, in words.
    pub why: String,
    /// Partitions; 1 of a table without.
    pub partitions: usize,
    /// Rows in them.
    pub rows: u64,
    /// Their files, before and after.
    pub files: (usize, Option<usize>),
    /// Their bytes, before and after.
    pub bytes: (u64, Option<u64>),
}

/// What a compaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The run.
    pub run: RunId,
    /// The release it published; none where nothing had drifted.
    pub release: Option<ReleaseId>,
    /// What was written anew.
    pub tables: Vec<Compacted>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// What would be written anew.
///
/// # Errors
/// Not found where a table that was named is no fact's.
pub fn plan(
    model: &Model,
    release: &Release,
    only: &[String],
    all: bool,
) -> Result<Vec<Compacted>> {
    let drifted = drifted(model, release, only, all)?;
    Ok(drifted.iter().map(|(fact, _, drift)| compacted(fact, drift, None)).collect())
}

/// Writes facts anew where they have drifted and publishes the same rows in new files.
///
/// # Errors
/// As [`plan`]; whatever stopped it: nothing is published then.
pub async fn run(request: &Request<'_>) -> Result<Summary> {
    retried(|| attempt(request)).await
}

async fn attempt(request: &Request<'_>) -> Result<Summary> {
    let warehouse = request.engine.warehouse();
    let base = warehouse.latest().await?;
    drifted(request.engine.model(), &base, request.only, request.all)?;
    let mut record = Record::begin(warehouse, &request.clock, None).await?;
    let mut load = warehouse.begin(record.run().clone(), base);
    let (mut tables, mut steps, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let outcome = match work(request, &mut load, &mut tables, &mut steps).await {
        Ok(()) if tables.is_empty() => load.abandon().await.map(|()| None),
        Ok(()) => {
            request.progress.publishing();
            publish(load, in_words(&tables), &mut notes).await.map(Some)
        }
        Err(error) => {
            let _ = load.abandon().await;
            Err(error)
        }
    };
    if let Err(error) = record.end(&outcome, steps).await {
        notes.push(format!("how the run ended is not in the operational log: {error}"));
    }
    let (run, elapsed_ms) = (record.run().clone(), record.elapsed_ms());
    Ok(Summary { run, release: outcome?, tables, notes, elapsed_ms })
}

async fn work(
    request: &Request<'_>,
    load: &mut Load,
    tables: &mut Vec<Compacted>,
    steps: &mut Vec<StepRecord>,
) -> Result<()> {
    let base = Arc::clone(load.base());
    for (fact, table, drift) in drifted(request.engine.model(), &base, request.only, request.all)? {
        let started = request.clock.now();
        request.progress.loading("compact", &fact.table());
        let written = files::rewrite(request.engine, load, fact, table, &drift).await?;
        for (job, name, input) in upstream::follow_files(&base, &load.preview(), &fact.table()) {
            load.set_inputs(&job, &name, vec![input]);
        }
        let compacted = compacted(fact, &drift, Some(&written));
        steps.push(StepRecord {
            job: "compact".to_owned(),
            step: "compact".to_owned(),
            target: fact.table(),
            rows_read: compacted.rows,
            rows_written: compacted.rows,
            rows_rejected: 0,
            started_at: Some(started),
            elapsed_ms: since(&request.clock, started),
        });
        tables.push(compacted);
    }
    Ok(())
}

/// The facts of a release that have drifted.
fn drifted<'a>(
    model: &'a Model,
    release: &'a Release,
    only: &[String],
    all: bool,
) -> Result<Vec<(&'a Fact, &'a TableState, Drift)>> {
    let names: Vec<String> = model.facts.iter().map(Fact::table).collect();
    for name in only {
        if !names.contains(name) {
            let error = Error::not_found(format!("there is no fact table `{name}`"));
            return Err(match did_you_mean(name, names.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("the model has {}", names.join(", "))),
            });
        }
    }
    let wanted = |fact: &&Fact| only.is_empty() || only.contains(&fact.table());
    let facts = model.facts.iter().filter(wanted);
    let drifted = facts.filter_map(|fact| {
        let table = release.tables.get(&fact.table())?;
        Some((fact, table, files::drift(fact, table, all)?))
    });
    Ok(drifted.collect())
}

fn compacted(fact: &Fact, drift: &Drift, written: Option<&[DataFile]>) -> Compacted {
    let bytes = |files: &[DataFile]| files.iter().map(|file| file.size_bytes).sum();
    Compacted {
        table: fact.table(),
        why: drift.why.to_owned(),
        partitions: drift.partitions.len(),
        rows: drift.files().map(|file| file.rows).sum(),
        files: (drift.files().count(), written.map(<[DataFile]>::len)),
        bytes: (drift.files().map(|file| file.size_bytes).sum(), written.map(bytes)),
    }
}

fn in_words(tables: &[Compacted]) -> String {
    let words = tables.iter().map(|table| {
        format!("{} compacted: {} in new files", table.table, counted(table.rows, "row", "rows"))
    });
    words.collect::<Vec<_>>().join("; ")
}
