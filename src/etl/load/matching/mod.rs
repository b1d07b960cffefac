//! A job's records matched: reads what is known, compares what is new, stages the tables.

mod before;
mod records;
mod tables;

use super::{Loaded, Loading, stage};
use crate::error::{Error, ErrorKind, Result, counted};
use crate::etl::job::Missing;
use crate::etl::job::matching::{Estimate, MatchLoad};
use crate::etl::matching::{Before, Columns, Kept, Resolved, What, least_odds, resolve};
use crate::etl::rows;
use crate::store::{DataFile, Rows, TableSpec, TableState};
use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::record_batch::RecordBatch;
use before::{Old, decisions, definition, numbers, stored_pairs, stored_weights};
use futures::StreamExt;
use records::{Together, incoming, known, together};
use std::collections::HashSet;
use std::sync::Arc;
use tables::{HOUSEHOLD, PERSON, history_table, pairs_table, records_table, weights_table};
use tokio::sync::mpsc;

/// Matches a job's records.
///
/// # Errors
/// User errors where the transformation does not yield the columns, data errors where two records
/// have one key.
pub(super) async fn load(loading: &mut Loading<'_>, spec: &MatchLoad) -> Result<Loaded> {
    let incoming = incoming(loading, spec).await?;
    let preview = loading.load.preview();
    // records that were told apart otherwise are not these
    let has_keys = |table: &&TableState| {
        spec.record.iter().all(|key| table.columns.iter().any(|column| column.name == *key))
    };
    let stored = preview.tables.get(&spec.table()).filter(has_keys);
    let known = match stored {
        Some(table) => Some(known(&loading.session(&[]), spec, &table.columns).await?),
        None => None,
    };
    // A record that was refused is not missing, and nobody can tell which it was.
    let close = spec.missing == Missing::Close && loading.rows_rejected == 0;
    let all = together(spec, &incoming, known.as_ref(), close)?;
    let cursor = |name: &str| preview.cursors.get(&format!("{}.{name}", spec.table())).cloned();
    let next = |name| cursor(name).and_then(|text| text.parse().ok()).unwrap_or(1);
    let definition = definition(spec);
    let is_same = known.is_some() && cursor("definition").as_ref() == Some(&definition);
    let keeps = is_same && (spec.estimate == Estimate::Once || !all.fresh.contains(&true));
    let mut before = Before {
        persons: numbers(&all, known.as_ref(), PERSON),
        households: numbers(&all, known.as_ref(), HOUSEHOLD),
        next_person: next("next_person"),
        next_household: next("next_household"),
        ..Before::default()
    };
    let mut notes = decisions(loading, spec, &all, &mut before).await?;
    let mut old = None;
    if keeps && let Some(weights) = stored_weights(loading, spec).await? {
        old = stored_pairs(loading, spec, true).await?;
        if let Some(rows) = stored_pairs(loading, spec, false).await? {
            before.edges = Old::new(spec, &all).edges(rows, least_odds(spec)).await?;
            (before.weights, before.fresh) = (Some(weights), Some(all.fresh.clone()));
        }
    }
    loading.load.depends_on(&spec.table());
    let (resolved, pairs) = matched(loading, spec, &all, (before, old)).await?;
    let written = all.fresh.iter().filter(|fresh| **fresh).count() as u64;
    notes.extend(told(spec, loading, &all, &resolved));
    save(loading, spec, &all, &resolved, pairs).await?;
    let mut remember = |name: &str, value: String| {
        loading.load.set_cursor(&format!("{}.{name}", spec.table()), value);
    };
    remember("definition", definition);
    remember("next_person", resolved.persons.next.to_string());
    if let Some(households) = &resolved.households {
        remember("next_household", households.next.to_string());
    }
    let rows_in = incoming.num_rows() as u64;
    Ok(Loaded {
        rows_in,
        rows_written: written,
        rows_deleted: all.gone,
        notes,
        ..Loaded::default()
    })
}

/// The work of the processor, away from the threads that wait for disks; pairs of runs before come in
/// as they are asked for, and pairs are written as they come out.
async fn matched(
    loading: &Loading<'_>,
    spec: &MatchLoad,
    all: &Together,
    (mut before, old): (Before, Option<Rows>),
) -> Result<(Resolved, Vec<DataFile>)> {
    let room = Box::new(loading.engine.reserve("matching"));
    let kept = Kept::new(room, loading.engine.spill_folder().to_owned());
    let (spec, batch, table) = (spec.clone(), all.batch.clone(), pairs_table(spec));
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
    let (old_sender, old_receiver) = mpsc::channel(BATCHES_WAITING);
    before.pairs = Old::new(&spec, all).coming_in(old_receiver);
    let feed = async move {
        let mut old = old.unwrap_or_else(|| futures::stream::empty().boxed());
        while let Some(rows) = old.next().await {
            if old_sender.send(rows).await.is_err() {
                break; // who asked for them has failed
            }
        }
    };
    let written = table.clone();
    let work = tokio::task::spawn_blocking(move || {
        let schema = batch.schema();
        let named = schema.fields().iter().zip(batch.columns()).filter_map(|(field, column)| {
            Some((field.name().as_str(), column.as_string_opt::<i32>()?))
        });
        let keys = &batch.columns()[..spec.record.len()];
        let stopped = || Error::new(ErrorKind::Cancelled, "the matching was stopped");
        resolve(&spec, &Columns(named.collect()), before, kept, &mut |pairs| {
            let batch = tables::pairs(&table, keys, pairs)?;
            sender.blocking_send(Ok(batch)).map_err(|_| stopped())
        })
    });
    let batches = futures::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|batch: Result<RecordBatch>| (batch, receiver))
    });
    let write = loading.load.write(&written, batches.boxed());
    let (resolved, files, ()) = tokio::join!(work, write, feed);
    let broken = |error| Error::internal("the matching broke down").caused_by(error);
    Ok((resolved.map_err(broken)??, files?))
}

/// Batches of pairs that may wait to be written.
const BATCHES_WAITING: usize = 2;

async fn save(
    loading: &mut Loading<'_>,
    spec: &MatchLoad,
    all: &Together,
    resolved: &Resolved,
    pairs: Vec<DataFile>,
) -> Result<()> {
    let count = spec.record.len();
    let numbered = |numbers: &[i64]| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(numbers.iter().copied()))
    };
    let (record, compared) = all.batch.columns().split_at(count);
    let mut columns = record.to_vec();
    columns.push(numbered(&resolved.persons.of));
    columns.extend(resolved.households.iter().map(|households| numbered(&households.of)));
    columns.extend(compared.iter().map(Arc::clone));
    let table = records_table(spec);
    put(loading, tables::batch(&table, columns)?, table).await?;
    stage::replace(loading.load, pairs_table(spec), pairs)?;
    // what had happened before is only added to
    let table = history_table(spec);
    let at_us = loading.as_of.timestamp_micros();
    let history = tables::history(&table, at_us, &resolved.persons.events)?;
    let rows = rows::in_batches(&history, &table.columns)?;
    let files = loading.load.write(&table, rows).await?;
    stage::append(loading.load, table, files)?;
    let table = weights_table(spec);
    put(loading, tables::weights(&table, spec, &resolved.weights)?, table).await
}

async fn put(loading: &mut Loading<'_>, batch: RecordBatch, table: TableSpec) -> Result<()> {
    let rows = rows::in_batches(&batch, &table.columns)?;
    let files = loading.load.write(&table, rows).await?;
    stage::replace(loading.load, table, files)?;
    Ok(())
}

/// What a person should know of a run.
fn told(
    spec: &MatchLoad,
    loading: &Loading<'_>,
    all: &Together,
    resolved: &Resolved,
) -> Vec<String> {
    let persons: HashSet<i64> = resolved.persons.of.iter().copied().collect();
    let events = |what| resolved.persons.events.iter().filter(|e| e.what == what).count();
    let mut notes = vec![format!(
        "{} {}, {} {} ({} new, {} merged, {} split); {} pairs compared, {} match, {} \
         want a look (warehouse.{}_pairs)",
        all.batch.num_rows(),
        if all.batch.num_rows() == 1 { "record" } else { "records" },
        persons.len(),
        if persons.len() == 1 { "person" } else { "persons" },
        events(What::New),
        events(What::Merged),
        events(What::Split),
        resolved.compared,
        resolved.matches,
        resolved.reviews,
        spec.table(),
    )];
    if spec.missing == Missing::Close && loading.rows_rejected > 0 {
        notes.push(format!(
            "no record was taken for gone: {} rejected, and the missing ones may be there",
            counted(loading.rows_rejected, "row was", "rows were")
        ));
    }
    notes.extend(resolved.notes.iter().cloned());
    notes
}
