//! A job's rows into a dimension: reads the table as it stands, runs the kernel, stages the rest.

use super::arrived::{self, Arrived};
use super::scd::{self, Members, Refused};
use super::touched::{self, Rest};
use super::{Loaded, Loading, closure, histories, level, mini, since, stage};
use crate::error::{Error, Result, counted};
use crate::etl::job::{DimensionLoad, Missing, OnDelete};
use crate::etl::rows;
use crate::model::{Column, ColumnType, Dimension, arrow_schema};
use crate::store::{Rows, TableSpec, TableState};
use arrow::array::{AsArray, new_null_array};
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, FixedOffset};
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// The change log as it is to be written.
pub(super) fn log_spec(dimension: &Dimension) -> TableSpec {
    TableSpec {
        name: log_table(dimension),
        description: format!("what sources said of {}, and since when", dimension.name),
        columns: scd::log_columns(dimension),
        partition_by: None,
        sort_by: dimension.natural_key.iter().map(|column| column.name.clone()).collect(),
    }
}

/// What a load needs to know of a dimension as it stands.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// Its table, or the rows in it of the members that the load tells of; none before the first load.
    pub(super) table: Option<RecordBatch>,
    /// Its change log, where it has one, of the same members.
    pub(super) log: Option<RecordBatch>,
    /// The largest surrogate key ever given, as far as `table` does not say so.
    pub(super) last_key: i32,
    /// What else there is, where only some members were read.
    pub(super) rest: Option<Rest>,
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
    let model = Arc::clone(loading.engine.model());
    let unknown = || Error::internal("the job's dimension is not in the model");
    let dimension = model.dimension(&spec.dimension).ok_or_else(unknown)?;
    let minis: Vec<&Dimension> = model.minis_of(&dimension.name).collect();
    let mut arrived = arrived::arrived(loading, spec, dimension, &minis).await?;
    let mut left_out = 0;
    if !is_logged(loading, dimension) && arrived.effective_us.is_none() {
        match loading.then.clone() {
            Some(then) if minis.is_empty() && is_late(loading, dimension) => {
                (arrived, left_out) = since::untold(loading, dimension, arrived, &then).await?;
            }
            _ => check_order(loading, dimension)?,
        }
    }
    let arrived = Arc::new(arrived);
    let needed = match needs_all(loading, spec, dimension, &arrived, &minis) {
        true => None,
        false => {
            let natural = &arrived.rows.columns()[..dimension.natural_key.len()];
            touched::read(loading, dimension, natural).await?
        }
    };
    let before = match needed {
        Some(before) => before,
        None => tables(loading, dimension).await?,
    };
    let loaded = kernel(loading, spec, dimension, &arrived, before.clone()).await?;
    check_closed(spec, dimension, &loaded)?;
    let mut lost = BTreeMap::new();
    for mini in minis {
        let before = before.table.as_ref();
        let members = mini::Members { dimension, before, after: &loaded.table };
        let of_mini = mini::load(loading, spec, mini, &members, &arrived).await?;
        lost.insert(mini.name.clone(), of_mini);
    }
    save(loading, dimension, &before, &loaded).await?;
    loading.load.set_cursor(&histories::cursor(dimension), histories::told(dimension));
    level::refresh(loading, &model, dimension).await?;
    let mut notes = notes(dimension, &loaded, &arrived.refused);
    if arrived.kept > 0 {
        let rows = counted(arrived.kept, "row says", "rows say");
        notes.push(format!("{rows} that members were deleted, which are kept"));
    }
    notes.extend(since::told(left_out, &dimension.name));
    lost.insert(dimension.name.clone(), loaded.lost);
    Ok(Loaded {
        rows_in: arrived.rows.num_rows() as u64 + arrived.kept,
        rows_written: loaded.rows_changed,
        rows_deleted: loaded.deleted,
        notes,
        lost,
        ..Loaded::default()
    })
}

/// Whether a load is about more than the members that it tells of: those that it does not name, those
/// that it takes away, or what has to be told of all.
fn needs_all(
    loading: &Loading<'_>,
    spec: &DimensionLoad,
    dimension: &Dimension,
    arrived: &Arrived,
    minis: &[&Dimension],
) -> bool {
    let begins_log = arrived.effective_us.is_some() && !is_logged(loading, dimension);
    spec.missing != Missing::Keep || forgets(spec) || begins_log || !minis.is_empty()
}

/// Whether there is a log of what sources said of the dimension's members.
fn is_logged(loading: &Loading<'_>, dimension: &Dimension) -> bool {
    loading.load.preview().tables.contains_key(&log_table(dimension))
}

/// Whether a deletion takes with it what its member was until then.
fn forgets(spec: &DimensionLoad) -> bool {
    spec.missing == Missing::Hard || spec.on_delete == OnDelete::Hard
}

/// Runs the kernel over what has arrived, and what there is.
pub(super) async fn kernel(
    loading: &Loading<'_>,
    spec: &DimensionLoad,
    dimension: &Dimension,
    arrived: &Arc<Arrived>,
    before: Stored,
) -> Result<scd::Loaded> {
    let keep_log = before.log.is_some() || arrived.effective_us.is_some();
    let (owned, arrived) = (without_outriggers(dimension), Arc::clone(arrived));
    let (missing, forgets) = (spec.missing, forgets(spec));
    let as_of_us = loading.as_of.timestamp_micros();
    // Away from the threads that wait for disks and drive other jobs.
    let kernel = tokio::task::spawn_blocking(move || {
        scd::load(&Members {
            dimension: &owned,
            current: before.table.as_ref(),
            log: before.log.as_ref(),
            incoming: &arrived.rows,
            effective_us: arrived.effective_us.as_deref(),
            deleted: arrived.deleted.as_deref(),
            inferred: false,
            forgets,
            last_key: before.last_key,
            as_of_us,
            missing,
            refused: &arrived.refused,
            keep_log,
        })
    });
    kernel
        .await
        .map_err(|error| Error::internal("the kernel's thread broke down").caused_by(error))?
        .map_err(|error| error.with("dimension", &dimension.name))
}

/// The dimension as the kernel knows it; what its members have of mini-dimensions is added after.
pub(super) fn without_outriggers(dimension: &Dimension) -> Dimension {
    Dimension { outriggers: Vec::new(), ..dimension.clone() }
}

/// The dimension's table and its change log as they stand.
pub(super) async fn tables(loading: &Loading<'_>, dimension: &Dimension) -> Result<Stored> {
    let preview = loading.load.preview();
    let columns = scd::stored_columns(&without_outriggers(dimension));
    let table = match preview.tables.get(&dimension.table()) {
        Some(table) => Some(stored(loading, table, &columns, "current").await?),
        None => None,
    };
    let log = match preview.tables.get(&log_table(dimension)) {
        Some(table) => Some(stored(loading, table, &scd::log_columns(dimension), "log").await?),
        None => None,
    };
    Ok(Stored { table, log, last_key: last_key(loading, dimension), rest: None })
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

/// The columns of a dimension that no job loads by itself; what the members "unknown" and "not applicable" lack may be NULL.
pub(super) fn open_columns(dimension: &Dimension) -> Vec<Column> {
    let key = dimension.key_column();
    let open = |mut column: Column| {
        column.nullable |= column.name != key && column.ty != ColumnType::Text;
        column
    };
    dimension.table_columns().into_iter().map(open).collect()
}

/// A stored table as the columns wanted now; a column that it does not have yet is NULL.
pub(super) async fn stored(
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
        Some(array) => Arc::clone(array),
        None => new_null_array(&column.ty.arrow(), batch.num_rows()),
    };
    let open: Vec<Column> = columns
        .iter()
        .map(|column| Column { nullable: column.nullable || !has(column), ..column.clone() })
        .collect();
    RecordBatch::try_new(arrow_schema(&open), open.iter().map(pick).collect())
        .map_err(|error| Error::internal("a stored dimension is not readable").caused_by(error))
}

/// The cursor that remembers as of when a dimension was last loaded.
fn order_cursor(dimension: &Dimension) -> String {
    format!("{}.as_of", dimension.table())
}

/// As of when a dimension was last loaded, where that is after this run's time.
fn loaded_later(loading: &Loading<'_>, dimension: &Dimension) -> Option<DateTime<FixedOffset>> {
    let preview = loading.load.preview();
    let before = preview.cursors.get(&order_cursor(dimension));
    let before = before.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    before.filter(|before| *before > loading.as_of)
}

fn is_late(loading: &Loading<'_>, dimension: &Dimension) -> bool {
    loaded_later(loading, dimension).is_some()
}

/// Without a change log, states must come in the order of their business time.
fn check_order(loading: &mut Loading<'_>, dimension: &Dimension) -> Result<()> {
    let as_of = loading.as_of.to_rfc3339();
    if let Some(before) = loaded_later(loading, dimension) {
        let message = format!(
            "the dimension `{}` was loaded as of {before}, so it cannot be loaded as of {as_of}",
            dimension.name
        );
        return Err(Error::user(message)
            .hint("run as of a later time, or give the job an `effective_at` column"));
    }
    loading.load.set_cursor(&order_cursor(dimension), as_of);
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

/// Saves a dimension after a load.
pub(super) async fn save(
    loading: &mut Loading<'_>,
    dimension: &Dimension,
    before: &Stored,
    loaded: &scd::Loaded,
) -> Result<()> {
    if let Some(rest) = &before.rest {
        return touched::save(loading, dimension, (before, rest), loaded).await;
    }
    let table = mini::with_present(loading, dimension, &loaded.table).await?;
    save_as(loading, dimension, self::spec(dimension), &table, loaded).await
}

/// Saves a dimension after a load, its table in another form than the kernel's.
pub(super) async fn save_as(
    loading: &mut Loading<'_>,
    dimension: &Dimension,
    spec: TableSpec,
    table: &RecordBatch,
    loaded: &scd::Loaded,
) -> Result<()> {
    put(loading, spec, table).await?;
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
        put(loading, log_spec(dimension), log).await?;
    }
    Ok(())
}

pub(super) async fn put(
    loading: &mut Loading<'_>,
    spec: TableSpec,
    batch: &RecordBatch,
) -> Result<()> {
    let rows = rows::in_batches(batch, &spec.columns)?;
    put_rows(loading, spec, rows).await
}

pub(super) async fn put_rows(loading: &mut Loading<'_>, spec: TableSpec, rows: Rows) -> Result<()> {
    let files = loading.load.write(&spec, rows).await?;
    stage::replace(loading.load, spec, files)?;
    Ok(())
}

fn notes(dimension: &Dimension, loaded: &scd::Loaded, refused: &Refused) -> Vec<String> {
    let mut notes = Vec::new();
    if let Refused::Anybody(why) = refused {
        notes.push(format!("nobody of `{}` was closed as missing: {why}", dimension.name));
    }
    if loaded.contradictions > 0 {
        notes.push(format!(
            "{} others of `{}` of the same member and moment; `deduplicate` says which stays",
            counted(loaded.contradictions, "row contradicts", "rows contradict"),
            dimension.name
        ));
    }
    if loaded.moved > 0 {
        notes.push(format!(
            "late changes moved the interval of {} of `{}`",
            counted(loaded.moved, "version", "versions"),
            dimension.name
        ));
    }
    notes
}
