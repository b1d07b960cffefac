//! Rows into a fact's files: a partition at a time, several at once, each in its declared order.
//!
//! A partition is sorted in memory where there is room for it, else by the engine, which spills.

use super::{fact_sql, fact_table, hilbert};
use crate::engine::{Engine, Reserved, Session};
use crate::error::{Error, Result};
use crate::etl::{rows, transform};
use crate::model::{Column, ColumnType, Fact};
use crate::store::{DataFile, Load, Rows, TableSpec, TableState, lanes};
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{SortOptions, concat_batches, take_record_batch};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::RwLock;

/// A partition of more bytes than this is sorted by the engine.
const IN_MEMORY_BYTES: usize = 1 << 30;
/// A partition in memory is there as it came, in one piece, and sorted; its texts only once, but they are counted
/// as the rest is.
const COPIES: usize = 3;
/// Rows a batch that is written.
const BATCH_ROWS: usize = 64 * 1024;

/// What is written: where from, where to, in what form.
pub(crate) struct Clustered<'a, Sql: Fn(Option<i32>) -> String> {
    /// Reads the rows.
    pub(crate) engine: &'a Engine,
    /// Writes them.
    pub(crate) load: &'a Load,
    /// The fact.
    pub(crate) fact: &'a Fact,
    /// Tables that the SQL reads.
    pub(crate) tables: &'a [(&'a str, &'a TableState)],
    /// The rows of a partition, with the fact's columns.
    pub(crate) rows: Sql,
}

impl<Sql: Fn(Option<i32>) -> String> Clustered<'_, Sql> {
    /// Writes partitions; of a fact without them there is one, `None`.
    pub(crate) async fn write(
        &self,
        partitions: impl IntoIterator<Item = Option<i32>>,
    ) -> Result<Vec<DataFile>> {
        let session = &self.session(self.tables);
        let spec = &fact_table::spec(self.fact);
        // Partitions that are in memory are there together; one that spills has it to itself, for
        // a sort that lacks the memory to begin fails.
        let memory = &RwLock::new(());
        let files = stream::iter(partitions).map(|partition| async move {
            let sql = (self.rows)(partition);
            let shared = memory.read().await;
            if let Some(rows) = self.sorted(session, spec, &sql).await? {
                return self.load.write(spec, rows).await;
            }
            drop(shared);
            let _alone = memory.write().await;
            let rows = self.sorted_by_engine(session, spec, &sql).await?;
            self.load.write(spec, rows).await
        });
        // One more than there are processors: some wait for the disk.
        let files: Vec<Vec<DataFile>> = files.buffered(lanes() + 1).try_collect().await?;
        let along = |file| DataFile { cluster_by: self.fact.cluster_by.clone(), ..file };
        Ok(files.into_iter().flatten().map(along).collect())
    }

    fn session(&self, tables: &[(&str, &TableState)]) -> Session {
        let staged = tables.iter().map(|(name, table)| ((*name).to_owned(), (*table).clone()));
        transform::session(self.engine, self.load.preview(), staged.collect())
    }

    /// The rows of a partition in the fact's order; nothing where memory does not hold them.
    async fn sorted(&self, session: &Session, spec: &TableSpec, sql: &str) -> Result<Option<Rows>> {
        let mut reserved = self.engine.reserve("a partition being sorted");
        let mut rows = rows::stream_views(session, sql, &spec.columns).await?;
        let (mut batches, mut bytes) = (Vec::new(), 0);
        // Batches share the pages that their texts are in.
        let mut counter = RecordBatchMemoryCounter::new();
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            let size = counter.count_batch(&batch);
            bytes += size;
            if bytes > IN_MEMORY_BYTES || !reserved.grow(size * COPIES) {
                return Ok(None);
            }
            batches.push(batch);
        }
        let fact = self.fact.clone();
        let sorting = tokio::task::spawn_blocking(move || in_memory(&batches, &fact));
        let sorted = sorting.await.map_err(|error| broken(error, "sorting broke down"))?;
        let sorted = sorted.map_err(|error| broken(error, "rows cannot be sorted"))?;
        Ok(Some(holding(sorted, reserved)))
    }

    /// The same for a partition that memory does not hold.
    async fn sorted_by_engine(
        &self,
        session: &Session,
        spec: &TableSpec,
        sql: &str,
    ) -> Result<Rows> {
        let by = fact_sql::list("", &fact_sql::order(self.fact));
        if self.fact.cluster_by.is_empty() {
            let sql = format!("SELECT * FROM ({sql}) AS r ORDER BY {by}");
            return rows::stream_views(session, &sql, &spec.columns).await;
        }
        let staged = self.with_places(session, spec, sql).await?;
        let session = self.session(&[(PLACED, &staged)]);
        let sql = format!("SELECT * FROM {PLACED} ORDER BY \"{PLACE}\", {by}");
        rows::stream_views(&session, &sql, &spec.columns).await
    }

    /// Stages rows with their places on the fact's curve.
    async fn with_places(
        &self,
        session: &Session,
        spec: &TableSpec,
        sql: &str,
    ) -> Result<TableState> {
        let axes = self.fact.cluster_by.clone();
        let bounds = hilbert::bounds_sql(&axes, sql);
        let bounds = hilbert::bounds_of(&rows::answer(session, &bounds).await?)?;
        let mut columns = spec.columns.clone();
        columns.push(Column::new(PLACE, ColumnType::Int64, false));
        let schema = crate::model::plan_schema(&columns);
        let rows = rows::stream_views(session, sql, &spec.columns).await?;
        let with_place = move |batch: Result<RecordBatch>| {
            let batch = batch?;
            let places: ArrayRef = Arc::new(hilbert::places(&batch, &axes, &bounds)?);
            let all = batch.columns().iter().cloned().chain([places]).collect();
            RecordBatch::try_new(Arc::clone(&schema), all)
                .map_err(|error| broken(error, "rows have no place"))
        };
        self.load.write_staged(PLACED, columns, rows.map(with_place).boxed()).await
    }
}

/// Rows with their places on a curve, seen as a table, and the column that holds them.
const PLACED: &str = "rows_placed";
const PLACE: &str = "__place";

/// The partitions of rows that SQL (a table, or one with a condition) names.
pub(super) async fn partitions(
    session: &Session,
    fact: &Fact,
    from: &str,
) -> Result<BTreeSet<Option<i32>>> {
    let Some(partition) = fact.partition_column() else { return Ok(BTreeSet::from([None])) };
    let sql = format!("SELECT DISTINCT {} FROM {from}", fact_sql::quoted(partition));
    Ok(rows::integers(session, &sql).await?.into_iter().map(Some).collect())
}

/// Rows as a stream that holds on to their memory.
fn holding(batches: Vec<RecordBatch>, reserved: Reserved) -> Rows {
    let held = move |batch| {
        let _ = &reserved;
        Ok(batch)
    };
    stream::iter(batches).map(held).boxed()
}

/// Rows in a fact's order, ascending, NULL last; in pieces.
fn in_memory(batches: &[RecordBatch], fact: &Fact) -> Result<Vec<RecordBatch>> {
    let fault = |error: ArrowError| broken(error, "columns do not sort");
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let all = concat_batches(&first.schema(), batches).map_err(fault)?;
    let mut columns = Vec::new();
    if !fact.cluster_by.is_empty() {
        let bounds = hilbert::bounds(&all, &fact.cluster_by)?;
        columns.push(Arc::new(hilbert::places(&all, &fact.cluster_by, &bounds)?) as ArrayRef);
    }
    // Within a partition its column says nothing.
    let order = fact_sql::order(fact).into_iter();
    for name in order.filter(|name| fact.partition_column() != Some(name)) {
        let place = all.schema().index_of(&name).map_err(fault)?;
        columns.push(Arc::clone(all.column(place)));
    }
    let numbers = order_of(&columns).map_err(fault)?;
    let starts = (0..numbers.len()).step_by(BATCH_ROWS);
    let piece = |start| {
        let count = BATCH_ROWS.min(numbers.len() - start);
        take_record_batch(&all, &numbers.slice(start, count)).map_err(fault)
    };
    starts.map(piece).collect()
}

/// The numbers of rows in the order of columns.
fn order_of(columns: &[ArrayRef]) -> Result<UInt32Array, ArrowError> {
    let options = SortOptions { descending: false, nulls_first: false };
    let field =
        |column: &ArrayRef| SortField::new_with_options(column.data_type().clone(), options);
    let rows = RowConverter::new(columns.iter().map(field).collect())?.convert_columns(columns)?;
    // The first bytes decide most comparisons, and stand beside the number.
    let first_bytes = |row: &[u8]| {
        let mut bytes = [0; 16];
        let count = row.len().min(bytes.len());
        bytes[..count].copy_from_slice(&row[..count]);
        u128::from_be_bytes(bytes)
    };
    let numbered = rows.iter().zip(0u32..);
    let mut numbered: Vec<(u128, u32)> =
        numbered.map(|(row, number)| (first_bytes(row.as_ref()), number)).collect();
    numbered.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0).then_with(|| rows.row(a.1 as usize).cmp(&rows.row(b.1 as usize)))
    });
    Ok(UInt32Array::from_iter_values(numbered.into_iter().map(|(_, number)| number)))
}

fn broken(error: impl std::error::Error + Send + Sync + 'static, message: &'static str) -> Error {
    Error::internal(message).caused_by(error)
}
