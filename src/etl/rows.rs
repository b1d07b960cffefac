//! Rows out of a session: as a stream fitted to columns, or whole where they are known to be few.

use super::columns::conform;
use super::fit::{Fitting, Wanted};
use crate::engine::{Query, Session};
use crate::error::{Error, Result};
use crate::model::{Column, arrow_schema};
use crate::store::Rows;
use arrow::array::{Array, AsArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use futures::{StreamExt, TryStreamExt, stream};

/// Rows a batch that is cut from a larger one.
const BATCH_ROWS: usize = 65_536;

/// A query's rows, fitted.
pub(crate) async fn fitted(query: &Query, fitting: Fitting) -> Result<Rows> {
    let rows = query.execute().await?;
    let fit = move |batch: Result<RecordBatch, DataFusionError>| {
        fitting.apply(&batch.map_err(crate::engine::error_of)?)
    };
    Ok(rows.map(fit).boxed())
}

/// The same with texts as views, for whoever plans with them or writes them.
pub(crate) async fn fitted_views(query: &Query, fitting: Fitting) -> Result<Rows> {
    fitted(&query.in_views(), fitting.in_views()).await
}

/// A query's rows as columns by name.
pub(crate) async fn stream_sql(session: &Session, sql: &str, columns: &[Column]) -> Result<Rows> {
    let (query, fitting) = planned(session, sql, columns).await?;
    fitted(&query, fitting).await
}

/// The same with texts as views.
pub(crate) async fn stream_views(session: &Session, sql: &str, columns: &[Column]) -> Result<Rows> {
    let (query, fitting) = planned(session, sql, columns).await?;
    fitted_views(&query, fitting).await
}

async fn planned(session: &Session, sql: &str, columns: &[Column]) -> Result<(Query, Fitting)> {
    let query = session.plan_sql(sql).await?;
    let wanted: Vec<Wanted> = columns.iter().map(Wanted::same).collect();
    let fitting = Fitting::new(&query.schema(), &wanted)?;
    Ok((query, fitting))
}

/// All rows of a stream in one batch.
pub(crate) async fn collect(rows: Rows, columns: &[Column]) -> Result<RecordBatch> {
    let batches: Vec<RecordBatch> = rows.try_collect().await?;
    concat_batches(&arrow_schema(columns), &batches)
        .map_err(|error| Error::internal("batches do not fit together").caused_by(error))
}

/// All rows of a query in one batch, in whatever types it has.
pub(crate) async fn answer(session: &Session, sql: &str) -> Result<RecordBatch> {
    let query = session.plan_sql(sql).await?;
    let schema = query.schema();
    let batches: Vec<RecordBatch> =
        query.execute().await?.try_collect().await.map_err(crate::engine::error_of)?;
    concat_batches(&schema, &batches)
        .map_err(|error| Error::internal("batches do not fit together").caused_by(error))
}

/// The integers of a query that answers with one row of counts.
pub(crate) async fn counts(session: &Session, sql: &str) -> Result<Vec<u64>> {
    let batch = answer(session, sql).await?;
    let count = |column: &arrow::array::ArrayRef| {
        let wrong = || Error::internal("a count did not answer with a number");
        let numbers = column.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
        if numbers.len() != 1 {
            return Err(wrong());
        }
        let value = if numbers.is_null(0) { 0 } else { numbers.value(0) };
        u64::try_from(value).map_err(|_| wrong())
    };
    batch.columns().iter().map(count).collect()
}

/// The integers of a query with one column of them, none of them NULL.
pub(crate) async fn integers(session: &Session, sql: &str) -> Result<Vec<i32>> {
    let batch = answer(session, sql).await?;
    let numbers = batch.columns().first().and_then(|c| c.as_primitive_opt::<Int32Type>());
    let numbers = numbers.ok_or_else(|| Error::internal("a query did not answer with integers"))?;
    Ok(numbers.iter().flatten().collect())
}

/// A batch as a stream of smaller ones.
pub(crate) fn in_batches(batch: &RecordBatch, columns: &[Column]) -> Result<Rows> {
    let batch = conform(batch, columns)?;
    let starts = (0..batch.num_rows()).step_by(BATCH_ROWS);
    let slices: Vec<Result<RecordBatch>> = starts
        .map(|start| Ok(batch.slice(start, BATCH_ROWS.min(batch.num_rows() - start))))
        .collect();
    Ok(stream::iter(slices).boxed())
}
