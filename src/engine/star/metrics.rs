//! What a star scan read and what it skipped, for `EXPLAIN ANALYZE`.

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::physical_plan::metrics::{
    Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, Time,
};
use futures::stream::{self, Stream, StreamExt};
use std::sync::Arc;

/// What an operator has counted. Of what DataFusion's readers count of each file that is only the bytes
/// they read: the rest is counted by DataFusion's own scan, and would be 0 here.
pub(super) fn told(metrics: &ExecutionPlanMetricsSet) -> MetricsSet {
    let mut told = MetricsSet::new();
    for metric in metrics.clone_inner().iter() {
        let name = metric.value().name();
        let is_readers = name == "files_ranges_pruned_statistics"
            || metric.labels().iter().any(|label| label.name() == "filename");
        if !is_readers || name == "bytes_scanned" {
            told.push(Arc::clone(metric));
        }
    }
    told
}

/// The same batches, the time that they take taken down. Operators below run while their rows are asked
/// for, so theirs is in it.
pub(super) fn timed(
    time: Time,
    batches: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
) -> impl Stream<Item = Result<RecordBatch>> + Send + 'static {
    let mut batches = batches.boxed();
    stream::poll_fn(move |context| {
        let _timer = time.timer();
        batches.poll_next_unpin(context)
    })
}

/// Counters of one scan, all partitions together.
#[derive(Debug)]
pub(super) struct Counters {
    files: Count,
    files_skipped: Count,
    row_groups: Count,
    row_groups_skipped: Count,
    rows: Count,
    rows_skipped: Count,
    rows_kept: Count,
    pages: Count,
    pages_skipped: Count,
    values_decoded: Count,
}

/// What was read of the columns of a row group.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Read {
    /// Pages decoded.
    pub(super) pages: usize,
    /// Pages that no row asked for is in, or whose column was not needed; not those whose values
    /// were found in memory.
    pub(super) pages_skipped: usize,
    /// Values decoded; those found in memory are not.
    pub(super) values: usize,
}

impl Counters {
    pub(super) fn new(metrics: &ExecutionPlanMetricsSet) -> Self {
        let count = |name: &'static str| MetricBuilder::new(metrics).global_counter(name);
        Self {
            files: count("files"),
            files_skipped: count("files_skipped"),
            row_groups: count("row_groups"),
            row_groups_skipped: count("row_groups_skipped"),
            rows: count("rows"),
            rows_skipped: count("rows_skipped"),
            rows_kept: count("rows_kept"),
            pages: count("pages"),
            pages_skipped: count("pages_skipped"),
            values_decoded: count("values_decoded"),
        }
    }

    /// Counts a file; true unless its bounds say that nothing in it stays.
    pub(super) fn file(&self, file: &PartitionedFile, skipped: bool) {
        if skipped {
            self.files_skipped.add(1);
            let rows = file.statistics.as_ref().and_then(|s| s.num_rows.get_value().copied());
            self.rows_skipped.add(rows.unwrap_or(0));
        } else {
            self.files.add(1);
        }
    }

    /// Counts a row group.
    pub(super) fn row_group(&self, rows: u32, skipped: bool) {
        if skipped {
            self.row_groups_skipped.add(1);
            self.rows_skipped.add(rows as usize);
        } else {
            self.row_groups.add(1);
        }
    }

    /// Counts the rows of a row group that its pages leave.
    pub(super) fn pages(&self, rows: usize, left: usize) {
        self.rows.add(left);
        self.rows_skipped.add(rows - left);
    }

    /// Counts the rows that stayed of those read at once, and what was read for them.
    pub(super) fn end(&self, kept: usize, read: Read) {
        self.rows_kept.add(kept);
        self.pages.add(read.pages);
        self.pages_skipped.add(read.pages_skipped);
        self.values_decoded.add(read.values);
    }
}
