//! The warehouse on disk: Delta tables, releases, the operational log.
//!
//! The only module that knows paths, the Delta log or Parquet writers; everything else sees
//! tables. Architecture invariant: a release file is the commit.
//!
//! In reading order: `release` (what a release is), `warehouse` and `load` (what others call),
//! `intent` and `next` (what is to be published and what becomes of it, pure), `delta` (the Delta
//! actions, pure), `publish` (the effects), `writer` (rows into files), `durable` (the disk),
//! `locks`, `releases` and `retention` (who is alive, who reads what, what may go), `savepoint`,
//! `backup`, `erase`; what others call of the operational log is in `records`.

mod at_hand;
mod backup;
mod check;
mod checkpoint;
mod delta;
mod delta_stats;
mod delta_types;
mod durable;
mod erase;
pub mod failpoint;
mod intent;
#[cfg(debug_assertions)]
pub mod journal;
mod load;
mod local;
mod locks;
mod next;
mod observer;
mod oplog;
mod parquet_file;
mod paths;
mod publish;
mod query_counts;
mod query_log;
mod records;
mod reject_log;
mod release;
mod release_file;
mod releases;
mod retention;
mod run_log;
mod running;
mod runs;
mod savepoint;
mod schedule_log;
mod statistics;
mod warehouse;
mod writer;

pub use crate::model::arrow_schema;
pub use backup::{Copied, CopyOptions};
pub use erase::{Masked, Replaced};
pub use load::Load;
pub(crate) use locks::LiveFolder;
pub use observer::{Observer, QueryTiming};
pub use oplog::{
    LineageEdge, QualityOutcome, QualityRecord, QueryRecord, Reject, RunRecord, RunStatus,
    ScheduleOutcome, ScheduleState, StepRecord,
};
pub use parquet_file::fact_properties;
pub use publish::PUBLISHED_RELEASE;
pub use query_counts::{QUERY_BOUNDS_MS, QueryCounts};
pub use release::{ColumnStatistics, DataFile, Input, Release, TableState};
pub use retention::Vacuumed;
pub use savepoint::Savepoint;
pub use schedule_log::ScheduleLock;
pub use warehouse::Warehouse;
pub(crate) use writer::FILE_ROWS;

use crate::error::Result;
use crate::model::Column;
use arrow::record_batch::RecordBatch;
use futures::stream::BoxStream;

/// How many threads share work on files: one a processor.
pub(crate) fn lanes() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A stream of rows.
pub type Rows = BoxStream<'static, Result<RecordBatch>>;

/// What a table to be written looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSpec {
    /// Its name (`dim_customer`, `fact_sales`, `agg_sales_by_month`).
    pub name: String,
    /// What it holds, for the Delta metadata; empty leaves what was said.
    pub description: String,
    /// All columns, the partition column last.
    pub columns: Vec<Column>,
    /// The partition column: an int32, NOT NULL.
    pub partition_by: Option<String>,
    /// Columns by which the rows come sorted (within a partition), ascending, NULL last.
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
    /// The table leaves the warehouse; earlier releases keep it.
    Drop,
}
