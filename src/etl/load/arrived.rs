//! What a job brings of a dimension's members: its rows, since when they hold, which of them delete,
//! and who was refused.

use super::Loading;
use super::fact_sql::DELETE;
use super::scd::{self, BEGINNING_US, OPEN_END_US, Refused};
use crate::engine::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::fit::{Fitting, Wanted};
use crate::etl::job::{Allowance, DimensionLoad, Job, Missing, OnDelete};
use crate::etl::{rows, transform};
use crate::model::{Column, ColumnType, Dimension};
use arrow::array::{ArrayRef, AsArray, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, Utc};

/// The name of the effective moment among the fitted columns; no attribute can have it.
const EFFECTIVE: &str = "__effective_at";

/// What a job brings of members.
pub(super) struct Arrived {
    /// Their natural keys and attributes, those of mini-dimensions included.
    pub(super) rows: RecordBatch,
    /// Since when each row holds, if the job says so.
    pub(super) effective_us: Option<Vec<i64>>,
    /// Which rows say that their member was deleted, if any can.
    pub(super) deleted: Option<Vec<bool>>,
    /// Rows that were left out because what the source deletes is kept.
    pub(super) kept: u64,
    /// Who is in the source all the same.
    pub(super) refused: Refused,
}

/// The rows of the job in an order that does not depend on how the query ran, and since when each
/// holds, and which delete, if the job says so.
///
/// # Errors
/// User errors where the transformation does not yield the dimension's columns, data errors for
/// moments that none can be.
pub(super) async fn arrived(
    loading: &Loading<'_>,
    spec: &DimensionLoad,
    dimension: &Dimension,
    minis: &[&Dimension],
) -> Result<Arrived> {
    let session = loading.session(&[]);
    let marks: Vec<(&str, &str)> =
        spec.delete_when.iter().map(|condition| (DELETE, condition.as_str())).collect();
    let query = transform::plan(&session, loading.job, &marks, None).await?;
    let mut wanted: Vec<Wanted> = dimension.source_columns().map(Wanted::same).collect();
    for key in &mut wanted[..dimension.natural_key.len()] {
        key.column.nullable = false;
    }
    wanted.extend(minis.iter().flat_map(|mini| mini.described_columns()).map(Wanted::same));
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
    Ok(Arrived {
        kept: (all - batch.num_rows()) as u64,
        effective_us: effective,
        deleted,
        rows: batch,
        refused: refused(loading, spec, dimension).await?,
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
/// place of its good ones. They are not missing, whatever else is wrong with them; and where a row
/// does not say whose it is, anyone may not be.
async fn refused(
    loading: &Loading<'_>,
    spec: &DimensionLoad,
    dimension: &Dimension,
) -> Result<Refused> {
    if spec.missing == Missing::Keep {
        return Ok(Refused::Nobody);
    }
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
            Err(_) => {
                let why = "the transformation does not say who the rejected rows are of";
                return Ok(Refused::Anybody(why.to_owned()));
            }
        };
        batches.push(keys);
    }
    // Neither a row that could not be read nor one without its key tells whose it is.
    let readable: u64 = loading.refused.iter().map(|(_, rows)| rows.rows()).sum();
    let keyless: usize = batches.iter().map(keyless).sum();
    let unread = match loading.rows_rejected > readable {
        true => loading.lines_rejected.saturating_sub(readable),
        false => 0,
    };
    let unnamed = unread + keyless as u64;
    let allowed = spec.unnamed_at_most.unwrap_or(Allowance::Rows(0));
    if allowed.is_exceeded(unnamed, loading.rows_read) {
        let lines = if unnamed == 1 { "line does" } else { "lines do" };
        return Ok(Refused::Anybody(format!(
            "{unnamed} rejected {lines} not say whose they are (`starhouse etl rejects` lists the \
             rows; `unnamed_at_most` in the job allows some)"
        )));
    }
    match batches.first() {
        None => Ok(Refused::Nobody),
        Some(first) => concat_batches(&first.schema(), &batches)
            .map(Refused::These)
            .map_err(|error| Error::internal("keys do not fit together").caused_by(error)),
    }
}

/// How many rows lack a part of their key.
fn keyless(keys: &RecordBatch) -> usize {
    let lacks = |row: &usize| keys.columns().iter().any(|key| key.is_null(*row));
    (0..keys.num_rows()).filter(lacks).count()
}

async fn keys_of(session: &Session, job: &Job, wanted: &[Wanted]) -> Result<RecordBatch> {
    let query = transform::plan(session, job, &[], None).await?;
    let fitting = Fitting::new(&query.schema(), wanted)?;
    let columns = fitting.columns().to_vec();
    rows::collect(rows::fitted(&query, fitting).await?, &columns).await
}
