//! Loads that tell of some members only: of a dimension's table those are read into memory, and of its
//! files those are written anew that hold what changed.
//!
//! What becomes of a member does not depend on others, and new versions get their keys after all that
//! were given; so the kernel gives some members the versions and keys that it gives them among all.
//! Rows of files that are written anew pass by one batch after the other: memory does not grow with
//! the table.

use super::dimension::{Stored, last_key, log_spec, log_table, put_rows, spec};
use super::fact_sql::{equal, list, quoted};
use super::{Loading, scd, stage};
use crate::error::{Error, Result};
use crate::etl::rows;
use crate::model::{Column, Dimension};
use crate::store::{Change, DataFile, Rows, TableState, lanes};
use arrow::array::{ArrayRef, AsArray};
use arrow::compute::interleave;
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The members that a load tells of, seen as a table.
const TOUCHED: &str = "members_touched";
/// The rows of a file as they were, seen as a table.
const OLD: &str = "versions_before";
/// The change log of the members that a load tells of, seen as a table.
const NEW_LOG: &str = "changes_now";
/// Where a load tells of more than one in so many rows, the whole table is read.
const FEW: u64 = 4;
/// A last file that is not written anew for its rows is so for new ones, unless it has so many times
/// their number: files stay few, and what is written stays in proportion to what is new.
const MUCH: u64 = 8;
/// A file of more rows is written anew as several, which are written side by side, and of which the next
/// load may find some that hold nothing of it.
const PIECE_ROWS: u64 = 2 * 1024 * 1024;

/// A table of which only some members were read.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    /// The whole.
    table: TableState,
    /// The natural keys of those members.
    touched: TableState,
}

/// What a load that tells of some members, by the columns of their natural key, needs of a
/// dimension; nothing where the whole table is needed.
///
/// # Errors
/// What stops reading.
pub(super) async fn read(
    loading: &Loading<'_>,
    dimension: &Dimension,
    members: &[ArrayRef],
) -> Result<Option<Stored>> {
    let preview = loading.load.preview();
    let Some(table) = preview.tables.get(&dimension.table()) else { return Ok(None) };
    let rows = members.first().map_or(0, |column| column.len());
    let is_few = (rows as u64).saturating_mul(FEW) <= table.rows();
    let logged = preview.tables.get(&log_table(dimension));
    let as_modelled = is_as_modelled(dimension, table)
        && logged.is_none_or(|log| log.columns == log_spec(dimension).columns);
    if !is_few || !stands_alone(dimension) || !as_modelled {
        return Ok(None);
    }
    let natural = &dimension.natural_key;
    let keys = RecordBatch::try_new(crate::model::arrow_schema(natural), members.to_vec())
        .map_err(|error| Error::internal("natural keys are no rows").caused_by(error))?;
    let keys = rows::in_batches(&keys, natural)?;
    let touched = loading.load.write_staged(TOUCHED, natural.clone(), keys).await?;
    let names: Vec<String> = natural.iter().map(|column| column.name.clone()).collect();
    let of_touched = format!("LEFT SEMI JOIN {TOUCHED} AS t ON {}", equal("m", "t", &names));
    let tables = [(TOUCHED, &touched)];
    let session = loading.session(&tables);

    let columns = scd::stored_columns(dimension);
    let all = list("m.", columns.iter().map(|column| &column.name));
    let (name, key) = (quoted(&dimension.table()), quoted(&dimension.key_column()));
    let sql = format!(
        "SELECT {all} FROM warehouse.{name} AS m {of_touched} WHERE m.{key} > 0 \
         UNION ALL SELECT {all} FROM warehouse.{name} AS m WHERE m.{key} < 0 ORDER BY {key}"
    );
    let read = rows::stream_sql(&session, &sql, &columns).await?;
    let versions = rows::collect(read, &columns).await?;
    let log = match logged {
        None => None,
        Some(_) => {
            let columns = scd::log_columns(dimension);
            let all = list("m.", columns.iter().map(|column| &column.name));
            let name = quoted(&log_table(dimension));
            let sql = format!(
                "SELECT {all} FROM warehouse.{name} AS m {of_touched} ORDER BY {}, effective_at",
                list("", &names)
            );
            let read = rows::stream_sql(&session, &sql, &columns).await?;
            Some(rows::collect(read, &columns).await?)
        }
    };
    let largest = table.files.iter().filter_map(|file| Some(*keys_in(file, dimension)?.end()));
    let last_key = last_key(loading, dimension);
    Ok(Some(Stored {
        table: Some(versions),
        log,
        last_key: largest.fold(last_key, i32::max),
        rest: Some(Rest { table: table.clone(), touched }),
    }))
}

/// Whether nothing else is computed from all of its members.
fn stands_alone(dimension: &Dimension) -> bool {
    dimension.parent_child.is_none() && dimension.outriggers.is_empty()
}

/// Whether the stored table is as the model has it, and its files follow each other in keys.
fn is_as_modelled(dimension: &Dimension, table: &TableState) -> bool {
    let spec = spec(dimension);
    let keys: Option<Vec<_>> = table.files.iter().map(|file| keys_in(file, dimension)).collect();
    let in_order =
        |keys: Vec<RangeInclusive<i32>>| keys.windows(2).all(|two| two[0].end() < two[1].start());
    table.columns == spec.columns
        && table.sort_by == spec.sort_by
        && table.partition_by.is_none()
        && keys.is_some_and(in_order)
}

/// The surrogate keys between which a file's are.
fn keys_in(file: &DataFile, dimension: &Dimension) -> Option<RangeInclusive<i32>> {
    let bounds = file.statistics.get(&dimension.key_column())?;
    let bound = |bound: &Option<String>| bound.as_ref()?.parse::<i32>().ok();
    Some(bound(&bounds.min)?..=bound(&bounds.max)?)
}

/// Saves what has become of the members that were read; the rest stays as it is.
///
/// # Errors
/// Internal errors where rows would be lost; what stops reading or writing.
pub(super) async fn save(
    loading: &mut Loading<'_>,
    dimension: &Dimension,
    (before, rest): (&Stored, &Rest),
    loaded: &scd::Loaded,
) -> Result<()> {
    let Some(old) = &before.table else { return Err(lost(dimension)) };
    let changes = changes(old, &loaded.table).ok_or_else(|| lost(dimension))?;
    let (remove, add) = rewritten(loading, dimension, rest, &loaded.table, &changes).await?;
    if !add.is_empty() {
        let remove = remove.into_iter().map(|file| file.path).collect();
        loading.load.stage(spec(dimension), Change::Exchange { remove, add })?;
    }
    match &loaded.log {
        Some(log) if before.log.as_ref() != Some(log) => {
            save_log(loading, dimension, rest, log).await
        }
        _ => Ok(()),
    }
}

/// What differs between the rows of some members before and after.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes {
    /// Where the new form of a row is that was there, by its key.
    changed: HashMap<i32, usize>,
    /// Where the first of the rows is that were not there; all after it are new as well.
    added_from: usize,
}

/// Rows that differ, both tables being in order of key; nothing where a row is gone, which no load
/// that keeps what was may do.
fn changes(before: &RecordBatch, after: &RecordBatch) -> Option<Changes> {
    let keys = |table: &RecordBatch| table.column(0).as_primitive::<Int32Type>().values().to_vec();
    let (old, new) = (keys(before), keys(after));
    if new.get(..old.len()) != Some(old.as_slice()) {
        return None;
    }
    let rows = |table: &RecordBatch| scd::encode(table.columns()).ok();
    let (before, after) = (rows(before)?, rows(after)?);
    let differs = |row: &usize| before.row(*row).data() != after.row(*row).data();
    let changed = (0..old.len()).filter(differs).map(|row| (old[row], row)).collect();
    Some(Changes { changed, added_from: old.len() })
}

/// Writes the files anew that hold rows which changed, and the new rows; the files that leave and
/// those that join.
async fn rewritten(
    loading: &Loading<'_>,
    dimension: &Dimension,
    rest: &Rest,
    after: &RecordBatch,
    changes: &Changes,
) -> Result<(Vec<DataFile>, Vec<DataFile>)> {
    let spec = spec(dimension);
    let added = after.slice(changes.added_from, after.num_rows() - changes.added_from);
    let mut changed: Vec<i32> = changes.changed.keys().copied().collect();
    changed.sort_unstable();
    let holds = |file: &DataFile| {
        let Some(keys) = keys_in(file, dimension) else { return true };
        changed
            .get(changed.partition_point(|key| key < keys.start()))
            .is_some_and(|key| keys.contains(key))
    };
    let files = &rest.table.files;
    let mut remove: Vec<DataFile> = files.iter().filter(|file| holds(file)).cloned().collect();
    let new = added.num_rows() as u64;
    // New rows go to the last file where that is written anyway, or is small beside them.
    let joins = files
        .last()
        .filter(|last| new > 0 && (holds(last) || last.rows <= new.saturating_mul(MUCH)));
    remove.extend(joins.filter(|last| !holds(last)).cloned());
    let pieces: Vec<Piece> = remove.iter().flat_map(|file| pieces(file, dimension)).collect();
    let joined = joins.and(pieces.last().cloned());
    let (changed, after) = (Arc::new(changes.changed.clone()), Arc::new(after.clone()));
    let (spec, columns) = (&spec, &spec.columns);
    let written = stream::iter(pieces).map(|piece: Piece| {
        let (changed, after) = (Arc::clone(&changed), Arc::clone(&after));
        let (added, joins) = (&added, joined.as_ref() == Some(&piece));
        async move {
            let kept = rows_of(loading, dimension, &rest.table, &piece).await?;
            let kept = kept.map(move |batch| in_place(&batch?, &after, &changed)).boxed();
            let rows: Rows = match joins {
                true => kept.chain(rows::in_batches(added, columns)?).boxed(),
                false => kept,
            };
            loading.load.write(spec, rows).await
        }
    });
    let mut add: Vec<DataFile> =
        written.buffered(lanes()).try_collect::<Vec<_>>().await?.into_iter().flatten().collect();
    if joins.is_none() && new > 0 {
        add.extend(loading.load.write(spec, rows::in_batches(&added, columns)?).await?);
    }
    let count = |files: &[DataFile]| files.iter().map(|file| file.rows).sum::<u64>();
    match count(&remove) + new == count(&add) {
        true => Ok((remove, add)),
        false => Err(lost(dimension)),
    }
}

/// A part of a file, by its keys; all of it where there are none.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    file: DataFile,
    keys: Option<RangeInclusive<i32>>,
}

/// What a file is written anew as, in order of key.
fn pieces(file: &DataFile, dimension: &Dimension) -> Vec<Piece> {
    let count = file.rows.div_ceil(PIECE_ROWS);
    let piece = |keys| Piece { file: file.clone(), keys };
    let Some(keys) = keys_in(file, dimension).filter(|_| count > 1) else {
        return vec![piece(None)];
    };
    let (first, last) = (i64::from(*keys.start()), i64::from(*keys.end()));
    let width = (last - first) / i64::try_from(count).unwrap_or(i64::MAX) + 1;
    let starts = (0..).map(|number| first + number * width).take_while(|start| *start <= last);
    let key = |key: i64| i32::try_from(key.min(last)).unwrap_or(i32::MAX);
    starts.map(|start| piece(Some(key(start)..=key(start + width - 1)))).collect()
}

/// The rows of a piece, in order of key.
async fn rows_of(
    loading: &Loading<'_>,
    dimension: &Dimension,
    table: &TableState,
    piece: &Piece,
) -> Result<Rows> {
    let table = stage::only(table, std::slice::from_ref(&piece.file));
    let columns = scd::stored_columns(dimension);
    let (all, key) =
        (list("", columns.iter().map(|column| &column.name)), quoted(&dimension.key_column()));
    let within = piece
        .keys
        .as_ref()
        .map(|keys| format!("WHERE {key} >= {} AND {key} <= {}", keys.start(), keys.end()));
    let sql = format!("SELECT {all} FROM {OLD} {} ORDER BY {key}", within.unwrap_or_default());
    rows::stream_sql(&loading.session(&[(OLD, &table)]), &sql, &columns).await
}

/// Rows with the new form of those that changed in their place.
fn in_place(
    batch: &RecordBatch,
    after: &RecordBatch,
    changed: &HashMap<i32, usize>,
) -> Result<RecordBatch> {
    let keys = batch.column(0).as_primitive::<Int32Type>().values();
    let place = |(row, key): (usize, &i32)| changed.get(key).map_or((0, row), |new| (1, *new));
    let places: Vec<(usize, usize)> = keys.iter().enumerate().map(place).collect();
    if places.iter().all(|(table, _)| *table == 0) {
        return Ok(batch.clone());
    }
    let columns = batch.columns().iter().zip(after.columns());
    let columns = columns.map(|(old, new)| interleave(&[old.as_ref(), new.as_ref()], &places));
    columns
        .collect::<Result<Vec<_>, _>>()
        .and_then(|columns| RecordBatch::try_new(batch.schema(), columns))
        .map_err(|error| Error::internal("versions do not fit their table").caused_by(error))
}

/// Saves the change log: what was told of others before, and all that was told of these members.
async fn save_log(
    loading: &mut Loading<'_>,
    dimension: &Dimension,
    rest: &Rest,
    log: &RecordBatch,
) -> Result<()> {
    let spec = log_spec(dimension);
    let new = rows::in_batches(log, &spec.columns)?;
    let new = loading.load.write_staged(NEW_LOG, spec.columns.clone(), new).await?;
    let names: Vec<String> =
        dimension.natural_key.iter().map(|column| column.name.clone()).collect();
    let all = |alias: &str| list(alias, spec.columns.iter().map(|column: &Column| &column.name));
    let sql = format!(
        "SELECT {} FROM warehouse.{} AS m LEFT ANTI JOIN {TOUCHED} AS t ON {} \
         UNION ALL SELECT {} FROM {NEW_LOG} ORDER BY {}, effective_at",
        all("m."),
        quoted(&spec.name),
        equal("m", "t", &names),
        all(""),
        list("", &names),
    );
    let session = loading.session(&[(TOUCHED, &rest.touched), (NEW_LOG, &new)]);
    let rows = rows::stream_views(&session, &sql, &spec.columns).await?;
    drop(session);
    put_rows(loading, spec, rows).await
}

fn lost(dimension: &Dimension) -> Error {
    Error::internal("versions would be lost").with("dimension", &dimension.name)
}

#[cfg(test)]
mod tests;
