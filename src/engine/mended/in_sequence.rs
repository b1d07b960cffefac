//! Limits leave scans in order that are merged by it.
//!
//! DataFusion hands the limit of a merge of sorted parts down to the scan below it, and tells the scan by
//! the way that its order is nothing to anybody: its parts then take files from one another while they
//! run, row groups are left out as if any rows would do, and what is merged is not sorted (upstream:
//! apache/datafusion#24272). A scan that declares an order keeps it, as it did before.

use super::wrapped::Physical;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// Hands limits down to scans that keep their order.
pub(super) fn hand_limits_down(
    rule: &Physical,
    plan: Arc<dyn ExecutionPlan>,
    config: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    let limited = rule.optimize(plan, config)?;
    let in_sequence = limited.transform_up(|node| {
        let kept = match forgets_its_order(&node) {
            true => node.with_preserve_order(true),
            false => None,
        };
        Ok(match kept {
            Some(kept) => Transformed::yes(kept),
            None => Transformed::no(node),
        })
    })?;
    Ok(in_sequence.data)
}

fn forgets_its_order(node: &Arc<dyn ExecutionPlan>) -> bool {
    let scan = node.downcast_ref::<DataSourceExec>();
    let config = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
    config.is_some_and(|config| !config.preserve_order && !config.output_ordering.is_empty())
}
