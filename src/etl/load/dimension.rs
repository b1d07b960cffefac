//! A job's rows into a dimension: reads the table as it stands, runs the kernel, stages the rest.

use super::fact_sql::DELETE;
use super::scd::{self, BEGINNING_US, Members, OPEN_END_US, Refused};
use super::{Loaded, Loading, closure, stage};
use crate::engine::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::fit::{Fitting, Wanted};
use crate::etl::job::{DimensionLoad, Job, Missing, OnDelete};
use crate::etl::{rows, transform};
use crate::model::{Column, ColumnType, Dimension, arrow_schema};
use crate::store::{TableSpec, TableState};
use arrow::array::{Array, ArrayRef, AsArray, UInt32Array, new_null_array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, Utc};

/// The name of the effective moment among the fitted columns; no attribute can have it.
const EFFECTIVE: &str = "__effective_at";

/// The table as it is to be written.
pub(crate) fn spec(dimension: &Dimension) -> TableSpec {
    TableSpec {
        name: dimension.table(),
        description: dimension.description.clone(),
        columns: scd::stored_columns(dimension),
        partition_by: None,
        sort_by: vec![dimension.key_column()],
    }
}

/// The table that keeps what sources said of a dimension's members, and since when.
pub(crate) fn log_table(dimension: &Dimension) -> String {
    format!("changes_{}", dimension.name)
}

/// Loads a job's rows into a dimension.
///
/// # Errors
/// User errors where the transformation does not yield the dimension's columns, data errors where
/// its rows cannot be members, an internal error where an invariant would break.
pub(super) async fn load(loading: &mut Loading<'_>, spec: &DimensionLoad) -> Result<Loaded> {
    let model = std::sync::Arc::clone(loading.engine.model());
    let unknown = || Error::internal("the job's dimension is not in the model");
    let dimension = model.dimension(&spec.dimension).ok_or_else(unknown)?;
    let Incoming { rows: incoming, effective_us, deleted, kept } =
        incoming(loading, spec, dimension).await?;
    let refused = refused(loading, dimension).await?;
    let (current, log) = tables(loading, dimension).await?;
    let keep_log = log.is_some() || effective_us.is_some();
    if !keep_log {
        check_order(loading, dimension)?;
    }
    let (owned, arrived, who) = (dimension.clone(), incoming.clone(), refused.clone());
    let forgets = spec.missing == Missing::Hard || spec.on_delete == OnDelete::Hard;
    let (missing, last_key) = (spec.missing, last_key(loading, dimension));
    let as_of_us = loading.as_of.timestamp_micros();
    // Away from the threads that wait for disks and drive other jobs.
    let kernel = tokio::task::spawn_blocking(move || {
        scd::load(&Members {
            dimension: &owned,
            current: current.as_ref(),
            log: log.as_ref(),
            incoming: &arrived,
            effective_us: effective_us.as_deref(),
            deleted: deleted.as_deref(),
            inferred: false,
            forgets,
            last_key,
            as_of_us,
            missing,
            refused: &who,
            keep_log,
        })
    });
    let loaded = kernel
        .await
        .map_err(|error| Error::internal("the kernel's thread broke down").caused_by(error))?
        .map_err(|error| error.with("dimension", &dimension.name))?;
    check_closed(spec, dimension, &loaded)?;
    save(loading, dimension, &loaded).await?;
    let mut notes = notes(dimension, &loaded, &refused, loading);
    if kept > 0 {
        notes.push(format!("{kept} rows say that members were deleted, which are kept"));
    }
    Ok(Loaded {
        rows_in: incoming.num_rows() as u64 + kept,
        rows_written: loaded.rows_changed,
        rows_deleted: loaded.deleted,
        notes,
        lost: loaded.lost,
    })
}

/// The dimension's table and its change log as they stand.
pub(super) async fn tables(
    loading: &Loading<'_>,
    dimension: &Dimension,
) -> Result<(Option<RecordBatch>, Option<RecordBatch>)> {
    let preview = loading.load.preview();
    let current = match preview.tables.get(&dimension.table()) {
        Some(table) => {
            Some(stored(loading, table, &scd::stored_columns(dimension), "current").await?)
        }
        None => None,
    };
    let log = match preview.tables.get(&log_table(dimension)) {
        Some(table) => Some(stored(loading, table, &scd::log_columns(dimension), "log").await?),
        None => None,
    };
    Ok((current, log))
}

/// The cursor that remembers the largest key ever given, where members have left with theirs.
fn key_cursor(dimension: &Dimension) -> String {
    format!("{}.last_key", dimension.table())
}

/// The largest key ever given, as far as the table itself does not say so.
pub(super) fn last_key(loading: &Loading<'_>, dimension: &Dimension) -> i32 {
    let preview = loading.load.preview();
    let last = preview.cursors.get(&key_cursor(dimension));
    last.and_then(|last| last.parse().ok()).unwrap_or(0)
}

/// What a job brings.
struct Incoming {
    rows: RecordBatch,
    /// Since when each row holds, if the job says so.
    effective_us: Option<Vec<i64>>,
    /// Which rows say that their member was deleted, if any can.
    deleted: Option<Vec<bool>>,
    /// Rows that were left out because what the source deletes is kept.
    kept: u64,
}

/// The rows of the job in an order that does not depend on how the query ran, and since when each
/// holds, and which delete, if the job says so.
async fn incoming(
    loading: &Loading<'_>,
    spec: &DimensionLoad,
    dimension: &Dimension,
) -> Result<Incoming> {
    let session = loading.session(&[]);
    let marks: Vec<(&str, &str)> =
        spec.delete_when.iter().map(|condition| (DELETE, condition.as_str())).collect();
    let query = transform::plan(&session, loading.job, &marks, None).await?;
    let mut wanted: Vec<Wanted> = dimension.source_columns().map(Wanted::same).collect();
    for key in &mut wanted[..dimension.natural_key.len()] {
        key.column.nullable = false;
    }
    if let Some(from) = &spec.effective_at {
        let column = Column::new(EFFECTIVE, ColumnType::Timestamp, false);
        wanted.push(Wanted::of(from.clone(), column));
    }
    if spec.delete_when.is_some() {
        let column = Column::new(DELETE, ColumnType::Boolean, true);
        wanted.push(Wanted::of(DELETE.to_owned(), column));
    }
    let fitting = Fitting::new(&query.schema(), &wanted)?;
    let columns = fitting.columns().to_vec();
    let batch = rows::collect(rows::fitted(&query, fitting).await?, &columns).await?;
    let all = batch.num_rows();
    let batch = match spec.on_delete {
        OnDelete::Keep => without_deleted(batch)?,
        OnDelete::Close | OnDelete::Hard => batch,
    };
    let encoded = scd::encode(batch.columns())?;
    let mut order: Vec<u32> = (0..u32::try_from(batch.num_rows()).unwrap_or(u32::MAX)).collect();
    order.sort_unstable_by(|a, b| encoded.row(*a as usize).cmp(&encoded.row(*b as usize)));
    let batch = take_record_batch(&batch, &UInt32Array::from(order))
        .map_err(|error| Error::internal("members cannot be ordered").caused_by(error))?;
    let effective = batch
        .column_by_name(EFFECTIVE)
        .map(|column| column.as_primitive::<TimestampMicrosecondType>().values().to_vec());
    if let Some(bad) =
        effective.iter().flatten().find(|at| !(BEGINNING_US..OPEN_END_US).contains(*at))
    {
        let moment = DateTime::<Utc>::from_timestamp_micros(*bad).unwrap_or_default();
        return Err(Error::data(format!(
            "a row holds since {moment}, which is before 1900 or after 9999"
        ))
        .with("column", spec.effective_at.as_deref().unwrap_or_default())
        .hint("clean it in the source's rules or the transformation"));
    }
    let deleted = batch.column_by_name(DELETE).map(deletes);
    Ok(Incoming {
        kept: (all - batch.num_rows()) as u64,
        effective_us: effective,
        deleted,
        rows: batch,
    })
}

/// Which rows say that their member was deleted; what is not known is not said.
fn deletes(column: &ArrayRef) -> Vec<bool> {
    column.as_boolean().iter().map(|deletes| deletes.unwrap_or(false)).collect()
}

fn without_deleted(batch: RecordBatch) -> Result<RecordBatch> {
    let Some(column) = batch.column_by_name(DELETE) else { return Ok(batch) };
    let stays = deletes(column).into_iter().map(|deletes| Some(!deletes)).collect();
    filter_record_batch(&batch, &stays)
        .map_err(|error| Error::internal("members cannot be left out").caused_by(error))
}

/// Who the refused rows are of, by the job's own transformation: each source's refused rows in
/// place of its good ones. They are not missing, whatever else is wrong with them.
async fn refused(loading: &Loading<'_>, dimension: &Dimension) -> Result<Refused> {
    let mut wanted: Vec<Wanted> = dimension.natural_key.iter().map(Wanted::same).collect();
    wanted.iter_mut().for_each(|key| key.column.nullable = true);
    let mut batches = Vec::new();
    for (name, rows) in loading.refused {
        let sources = loading.sources.iter().map(|(source, good)| {
            let rows = if source == name { rows } else { good };
            (source.clone(), rows.clone())
        });
        let preview = loading.load.preview();
        let session = transform::session(loading.engine, preview, sources.collect());
        let keys = match keys_of(&session, loading.job, &wanted).await {
            Ok(keys) => keys,
            // What is wrong in them is wrong for the transformation as well.
            Err(error) if error.kind() == ErrorKind::Internal => return Err(error),
            Err(_) => return Ok(Refused::Anybody),
        };
        batches.push(keys);
    }
    match batches.first() {
        None => Ok(Refused::Nobody),
        Some(first) => concat_batches(&first.schema(), &batches)
            .map(Refused::These)
            .map_err(|error| Error::internal("keys do not fit together").caused_by(error)),
    }
}

async fn keys_of(session: &Session, job: &Job, wanted: &[Wanted]) -> Result<RecordBatch> {
    let query = transform::plan(session, job, &[], None).await?;
    let fitting = Fitting::new(&query.schema(), wanted)?;
    let columns = fitting.columns().to_vec();
    rows::collect(rows::fitted(&query, fitting).await?, &columns).await
}

/// A stored table as the columns wanted now; a column that it does not have yet is NULL.
async fn stored(
    loading: &Loading<'_>,
    table: &TableState,
    columns: &[Column],
    name: &str,
) -> Result<RecordBatch> {
    let has = |column: &Column| table.columns.iter().any(|stored| stored.name == column.name);
    let present: Vec<Column> = columns.iter().filter(|column| has(column)).cloned().collect();
    let names: Vec<String> = present.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let alias = format!("{name}_of_the_dimension");
    let session = loading.session(&[(&alias, table)]);
    let first = names.first().cloned().unwrap_or_default();
    let sql = format!("SELECT {} FROM {alias} ORDER BY {first}", names.join(", "));
    let batch = rows::collect(rows::stream_sql(&session, &sql, &present).await?, &present).await?;
    let pick = |column: &Column| match batch.column_by_name(&column.name) {
        Some(array) => std::sync::Arc::clone(array),
        None => new_null_array(&column.ty.arrow(), batch.num_rows()),
    };
    let open: Vec<Column> = columns
        .iter()
        .map(|column| Column { nullable: column.nullable || !has(column), ..column.clone() })
        .collect();
    RecordBatch::try_new(arrow_schema(&open), open.iter().map(pick).collect())
        .map_err(|error| Error::internal("a stored dimension is not readable").caused_by(error))
}

/// Without a change log, states must come in the order of their business time.
fn check_order(loading: &mut Loading<'_>, dimension: &Dimension) -> Result<()> {
    let cursor = format!("{}.as_of", dimension.table());
    let as_of = loading.as_of.to_rfc3339();
    let before = loading.load.preview().cursors.get(&cursor).cloned();
    let before = before.and_then(|text| DateTime::parse_from_rfc3339(&text).ok());
    if let Some(before) = before.filter(|before| *before > loading.as_of) {
        let message = format!(
            "the dimension `{}` was loaded as of {before}, so it cannot be loaded as of {as_of}",
            dimension.name
        );
        return Err(Error::user(message)
            .hint("run as of a later time, or give the job an `effective_at` column"));
    }
    loading.load.set_cursor(&cursor, as_of);
    Ok(())
}

/// Refuses a snapshot that would close more members than the job allows.
fn check_closed(spec: &DimensionLoad, dimension: &Dimension, loaded: &scd::Loaded) -> Result<()> {
    let allowed = spec.close_at_most * loaded.live_before as f64;
    if spec.missing == Missing::Keep || loaded.closed as f64 <= allowed || loaded.closed == 0 {
        return Ok(());
    }
    let message = format!(
        "{} of {} members of `{}` are missing, more than the job may close",
        loaded.closed, loaded.live_before, dimension.name
    );
    Err(Error::data(message).hint(
        "look whether the source is complete; `close_at_most` in the job allows a larger share",
    ))
}

pub(super) async fn save(
    loading: &mut Loading<'_>,
    dimension: &Dimension,
    loaded: &scd::Loaded,
) -> Result<()> {
    put(loading, self::spec(dimension), &loaded.table).await?;
    if let Some(closure) = closure::closure(dimension, &loaded.table)? {
        let spec = TableSpec {
            name: dimension.closure_table(),
            description: format!("ancestors and descendants among {}", dimension.name),
            columns: dimension.closure_columns(),
            partition_by: None,
            sort_by: vec!["ancestor_key".to_owned(), "descendant_key".to_owned()],
        };
        put(loading, spec, &closure).await?;
    }
    let keys = loaded.table.column(0).as_primitive::<Int32Type>().values();
    if keys.last().is_none_or(|last| *last < loaded.last_key) {
        loading.load.set_cursor(&key_cursor(dimension), loaded.last_key.to_string());
    }
    if let Some(log) = &loaded.log {
        let spec = TableSpec {
            name: log_table(dimension),
            description: format!("what sources said of {}, and since when", dimension.name),
            columns: scd::log_columns(dimension),
            partition_by: None,
            sort_by: dimension.natural_key.iter().map(|column| column.name.clone()).collect(),
        };
        put(loading, spec, log).await?;
    }
    Ok(())
}

async fn put(loading: &mut Loading<'_>, spec: TableSpec, batch: &RecordBatch) -> Result<()> {
    let rows = rows::in_batches(batch, &spec.columns)?;
    let files = loading.load.write(&spec, rows).await?;
    stage::replace(loading.load, spec, files)?;
    Ok(())
}

fn notes(
    dimension: &Dimension,
    loaded: &scd::Loaded,
    refused: &Refused,
    loading: &Loading<'_>,
) -> Vec<String> {
    let mut notes = Vec::new();
    let readable: u64 = loading.refused.iter().map(|(_, rows)| rows.rows()).sum();
    // Neither a row that could not be read nor one without its key tells whose it is.
    let keyless = match refused {
        Refused::These(keys) => (0..keys.num_rows())
            .filter(|row| keys.columns().iter().any(|key| key.is_null(*row)))
            .count() as u64,
        Refused::Nobody | Refused::Anybody => 0,
    };
    let unreadable = loading.rows_rejected.saturating_sub(readable) + keyless;
    if loaded.closed > 0 && unreadable > 0 {
        notes.push(format!(
            "{} members of `{}` were closed as missing; rows of theirs may be among the \
             {unreadable} that do not say whose they are",
            loaded.closed, dimension.name
        ));
    }
    if matches!(refused, Refused::Anybody) {
        notes.push(format!(
            "nobody of `{}` was closed as missing: the transformation does not say who the \
             rejected rows are of",
            dimension.name
        ));
    }
    if loaded.contradictions > 0 {
        notes.push(format!(
            "{} rows of `{}` contradict others of the same member and moment; `deduplicate` says \
             which stays",
            loaded.contradictions, dimension.name
        ));
    }
    if loaded.moved > 0 {
        notes.push(format!(
            "late changes moved the interval of {} versions of `{}`",
            loaded.moved, dimension.name
        ));
    }
    notes
}
