//! The warehouse on disk: Delta tables, releases, the operational log.
//!
//! The only module that knows paths, the Delta log or Parquet writers; everything else sees
//! tables. Architecture invariant: a release file is the commit. See [`publish`].

mod oplog;
mod release;

pub use oplog::{QueryRecord, Reject, RunRecord, RunStatus, StepRecord};
pub use release::{ColumnStatistics, DataFile, Input, Release, TableState};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::ids::{ReleaseId, RunId};
use crate::model::Column;
use arrow::record_batch::RecordBatch;
use futures::stream::BoxStream;
use object_store::ObjectStore;
use std::path::Path;
use std::sync::Arc;

/// A stream of rows.
pub type Rows = BoxStream<'static, Result<RecordBatch>>;

/// An open warehouse; clones share it.
#[derive(Debug, Clone)]
pub struct Warehouse {}

/// What a table to be written looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSpec {
    /// Its name (`dim_customer`, `fact_sales`, `agg_sales_by_month`).
    pub name: String,
    /// What it holds, for the Delta metadata.
    pub description: String,
    /// All columns, the partition column last.
    pub columns: Vec<Column>,
    /// The partition column.
    pub partition_by: Option<String>,
    /// Columns by which the rows come sorted (within a partition).
    pub sort_by: Vec<String>,
}

/// What a load does to a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// These files are the table now.
    Replace(Vec<DataFile>),
    /// These files join the table.
    Append(Vec<DataFile>),
    /// Some files leave, others join.
    Exchange {
        /// Paths ([`DataFile::path`]) that leave.
        remove: Vec<String>,
        /// Files that join.
        add: Vec<DataFile>,
    },
}

/// A load under way: files written but seen by nobody until [`Load::publish`].
#[derive(Debug)]
pub struct Load {}

impl Warehouse {
    /// Opens the warehouse in a folder, making it if need be, and rolls an unfinished release
    /// forward.
    ///
    /// # Errors
    /// Unavailable where the folder cannot be written, data where a release file is damaged.
    pub async fn open(_root: &Path, _clock: Arc<dyn Clock>) -> Result<Self> {
        todo!()
    }
    /// The last published release; release 0 with no tables where nothing was published yet.
    pub async fn latest(&self) -> Result<Arc<Release>> {
        todo!()
    }
    /// A release by number.
    pub async fn release(&self, _id: ReleaseId) -> Result<Arc<Release>> {
        todo!()
    }
    /// The release that was the last at a moment.
    pub async fn release_as_of(&self, _at: chrono::DateTime<chrono::Utc>) -> Result<Arc<Release>> {
        todo!()
    }
    /// All retained releases, oldest first.
    pub async fn releases(&self) -> Result<Vec<Arc<Release>>> {
        todo!()
    }
    /// Begins a load on top of a release.
    pub fn begin(&self, _run: RunId, _base: Arc<Release>) -> Load {
        todo!()
    }
    /// The store that [`TableState::location`] and file paths are relative to.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        todo!()
    }
    /// Records a run's present state, replacing what was recorded of it.
    pub async fn record_run(&self, _run: &RunRecord) -> Result<()> {
        todo!()
    }
    /// All recorded runs, oldest first.
    pub async fn runs(&self) -> Result<Vec<RunRecord>> {
        todo!()
    }
    /// Adds rejected rows to the log.
    pub async fn record_rejects(&self, _run: &RunId, _rejects: &[Reject]) -> Result<()> {
        todo!()
    }
    /// Rejected rows of one run, or of all.
    pub async fn rejects(&self, _run: Option<&RunId>) -> Result<Vec<Reject>> {
        todo!()
    }
    /// Adds a query to the log.
    pub async fn record_query(&self, _query: &QueryRecord) -> Result<()> {
        todo!()
    }
    /// The logged queries, oldest first.
    pub async fn queries(&self) -> Result<Vec<QueryRecord>> {
        todo!()
    }
}

impl Load {
    /// The release this load builds on.
    pub fn base(&self) -> &Arc<Release> {
        todo!()
    }
    /// The run.
    pub fn run(&self) -> &RunId {
        todo!()
    }
    /// Writes rows as durable Parquet files of a table, a file (or more, if large) a partition;
    /// rows come clustered by partition and sorted by `sort_by`. Nobody sees the files yet.
    pub async fn write(&self, _spec: &TableSpec, _rows: Rows) -> Result<Vec<DataFile>> {
        todo!()
    }
    /// Writes rows to the load's staging area: readable through the engine as a table, deleted
    /// when the load ends. Not durable.
    pub async fn write_staged(
        &self,
        _name: &str,
        _columns: Vec<Column>,
        _rows: Rows,
    ) -> Result<TableState> {
        todo!()
    }
    /// Says what becomes of a table. A second change to a table builds on the first.
    pub fn stage(&mut self, _spec: TableSpec, _change: Change) -> Result<()> {
        todo!()
    }
    /// Remembers what a job's source has read.
    pub fn set_inputs(&mut self, _job: &str, _source: &str, _inputs: Vec<Input>) {
        todo!()
    }
    /// Remembers where an incremental source goes on.
    pub fn set_cursor(&mut self, _name: &str, _value: String) {
        todo!()
    }
    /// Whether anything was staged or remembered that the base does not have.
    pub fn has_changes(&self) -> bool {
        todo!()
    }
    /// The warehouse as it would be if published now.
    pub fn preview(&self) -> Arc<Release> {
        todo!()
    }
    /// Verifies and publishes everything staged as the next release.
    ///
    /// # Errors
    /// Conflict (retryable) where another load was first and touched the same tables.
    pub async fn publish(self, _summary: String) -> Result<Arc<Release>> {
        Err(Error::internal("todo"))
    }
    /// Deletes what was written and publishes nothing.
    pub async fn abandon(self) -> Result<()> {
        todo!()
    }
}
