//! Parts that are merged are each ordered by all that they are merged by.
//!
//! DataFusion leaves out of a part's order what has one value in it. In the parts of `SELECT 1 AS a ... UNION
//! ALL SELECT 2 AS a ... ORDER BY a, b LIMIT 5` that is `a`, and each is ordered by `b`. But what the parts
//! have found so far bounds what all of them still read, and by `b` alone one part's rows keep those of the
//! other from being read; nor does it hold later that the parts may be merged by `a`.

use super::wrapped::Physical;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use std::sync::Arc;

/// Orders parts by all that they are merged by.
pub(super) fn order(
    rule: &Physical,
    plan: Arc<dyn ExecutionPlan>,
    config: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    let ordered = rule.optimize(plan, config)?;
    let by_all = ordered.transform_up(|node| {
        let Some(merge) = node.downcast_ref::<SortPreservingMergeExec>() else {
            return Ok(Transformed::no(node));
        };
        let Some(sort) = merge.input().downcast_ref::<SortExec>() else {
            return Ok(Transformed::no(node));
        };
        if sort.expr() == merge.expr() {
            return Ok(Transformed::no(node));
        }
        let sort = SortExec::new(merge.expr().clone(), Arc::clone(sort.input()))
            .with_fetch(sort.fetch())
            .with_preserve_partitioning(sort.preserve_partitioning());
        let merge = SortPreservingMergeExec::new(merge.expr().clone(), Arc::new(sort))
            .with_fetch(merge.fetch());
        Ok(Transformed::yes(Arc::new(merge) as Arc<dyn ExecutionPlan>))
    })?;
    Ok(by_all.data)
}
