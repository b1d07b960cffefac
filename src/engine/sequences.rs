//! Rows that are asked for in the order of their files are merged, not sorted.
//!
//! Every file of a table is sorted, but files overlap, as those of a month that came by several loads
//! do. A scan then tells no order: it shares files out by their size, which is best for whoever asks
//! for none. Where rows are sorted right above it by what files are sorted by, files are shared out
//! anew, into sequences in which each file begins after the last has ended; DataFusion merges these.

use super::scan::described;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use std::sync::Arc;

/// So many files are open at once at most. More are better compacted, and until then sorted.
const MOST_SEQUENCES: usize = 8;

/// Shares files out into sequences below sorts that these spare. Stands before the rule that leaves
/// out sorts of what is sorted.
#[derive(Debug)]
pub(super) struct Sequences;

impl PhysicalOptimizerRule for Sequences {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let shared_out = plan.transform_up(|node| {
            let input = match node.downcast_ref::<SortExec>() {
                Some(sort) => sorted_input(sort)?,
                None => None,
            };
            Ok(match input {
                Some(input) => Transformed::yes(replace_children_if_necessary(node, vec![input])?),
                None => Transformed::no(node),
            })
        })?;
        Ok(shared_out.data)
    }

    fn name(&self) -> &'static str {
        "sequences"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What a sort reads, if it can come sorted and does not yet.
fn sorted_input(sort: &SortExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let is_sorted = |plan: &Arc<dyn ExecutionPlan>| {
        plan.equivalence_properties().ordering_satisfy(sort.expr().iter().cloned())
    };
    if is_sorted(sort.input())? {
        return Ok(None);
    }
    match in_sequences(sort.input())? {
        Some(input) if is_sorted(&input)? => Ok(Some(input)),
        _ => Ok(None),
    }
}

/// The same rows from a scan of sequences, if a scan is all that is below.
fn in_sequences(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        return Ok(sequences(scan));
    }
    let keeps_order = plan.is::<FilterExec>() || plan.is::<ProjectionExec>();
    match plan.children().as_slice() {
        [input] if keeps_order => {
            let input = in_sequences(input)?;
            let above = |input| replace_children_if_necessary(Arc::clone(plan), vec![input]);
            input.map(above).transpose()
        }
        _ => Ok(None),
    }
}

/// The scan with its files in as few sequences as there can be, if these are few.
fn sequences(scan: &DataSourceExec) -> Option<Arc<dyn ExecutionPlan>> {
    let config = scan.data_source().downcast_ref::<FileScanConfig>()?;
    let ordering = config.output_ordering.last()?;
    let schema = config.file_source().table_schema().table_schema();
    let groups = FileScanConfig::split_groups_by_statistics(schema, &config.file_groups, ordering);
    let groups = groups.ok().filter(|groups| groups.len() <= MOST_SEQUENCES)?;
    let groups = groups.into_iter().map(|group| described(group, schema)).collect();
    let config = FileScanConfigBuilder::from(config.clone()).with_file_groups(groups).build();
    Some(DataSourceExec::from_data_source(config))
}
