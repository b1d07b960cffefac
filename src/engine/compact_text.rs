//! Text that a join collects, copied out of the buffers it came in.
//!
//! A text array of views points into the buffers it was read to, and every selection of its rows
//! shares them all. What a join collects out of another join's batches would hold the buffers of
//! that join once a batch, and each of its own batches would count them all up and down: TPC-H's
//! Q18 at scale 10 spent nine tenths of two minutes on that. So text is copied as it is collected,
//! which costs little beside hashing it, and what is collected is as large as it looks.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use std::fmt::{self, Formatter};
use std::sync::Arc;

/// Puts a [`CompactTextExec`] under every join, on the side that it collects.
#[derive(Debug)]
pub(super) struct CompactText;

impl PhysicalOptimizerRule for CompactText {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let mut inputs: Vec<_> = node.children().into_iter().cloned().collect();
            match inputs.first_mut() {
                Some(collected) if collects(node.as_ref()) && has_views(&collected.schema()) => {
                    *collected = Arc::new(CompactTextExec { input: Arc::clone(collected) });
                }
                _ => return Ok(Transformed::no(node)),
            }
            Ok(Transformed::yes(replace_children_if_necessary(node, inputs)?))
        })
        .map(|transformed| transformed.data)
    }

    fn name(&self) -> &'static str {
        "compact_text"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether an operator collects its first input.
fn collects(node: &dyn ExecutionPlan) -> bool {
    node.is::<HashJoinExec>() || node.is::<NestedLoopJoinExec>() || node.is::<CrossJoinExec>()
}

fn has_views(schema: &Schema) -> bool {
    let is_view = |ty: &DataType| matches!(ty, DataType::Utf8View | DataType::BinaryView);
    schema.fields().iter().any(|field| is_view(field.data_type()))
}

/// The same rows, each batch with text of its own.
#[derive(Debug)]
struct CompactTextExec {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for CompactTextExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("CompactTextExec")
    }
}

impl ExecutionPlan for CompactTextExec {
    fn name(&self) -> &'static str {
        "CompactTextExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self { input })),
            _ => internal_err!("text is compacted of one input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let batches = self.input.execute(partition, context)?.map(|batch| compact(&batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        match inputs {
            [input] => Ok(Arc::clone(input)),
            _ => internal_err!("text is compacted of one input"),
        }
    }
}

fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let own = |column: &ArrayRef| -> ArrayRef {
        match column.data_type() {
            DataType::Utf8View => Arc::new(column.as_string_view().gc()),
            DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
            _ => Arc::clone(column),
        }
    };
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().iter().map(own).collect();
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, StringViewArray, UInt32Array};
    use arrow::compute::{concat, take};

    #[test]
    fn rows_keep_their_text_and_leave_what_they_do_not_use() {
        let long = |n: u32| format!("a text that is too long for a view, number {n}");
        let page = |page: u32| -> ArrayRef {
            let texts = (0..100).map(|row| (row != 7).then(|| long(page * 100 + row)));
            Arc::new(texts.collect::<StringViewArray>())
        };
        let pages: Vec<ArrayRef> = (0..50).map(page).collect();
        let pages: Vec<_> = pages.iter().map(AsRef::as_ref).collect();
        let rows = UInt32Array::from(vec![4207, 3, 4999]);
        let taken = take(&concat(&pages).unwrap(), &rows, None).unwrap();
        assert!(taken.as_string_view().data_buffers().len() >= 50);

        let numbers: ArrayRef = Arc::new(rows);
        let batch = RecordBatch::try_from_iter([("n", numbers), ("t", taken)]).unwrap();
        let own = compact(&batch).unwrap();

        assert_eq!(own, batch);
        let texts = own.column(1).as_string_view();
        assert_eq!(texts.data_buffers().len(), 1);
        assert!(texts.get_buffer_memory_size() < 1000);
        let none = RecordBatch::try_from_iter([("t", Arc::clone(batch.column(1)))]).unwrap();
        assert_eq!(compact(&none.slice(0, 0)).unwrap().num_rows(), 0);
    }
}
