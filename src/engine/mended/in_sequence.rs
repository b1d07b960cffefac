//! Limits leave scans in order that are merged by it.
//!
//! DataFusion hands the limit of a merge of sorted parts down to the scan below it, and tells the scan by
//! the way that its order is nothing to anybody: its parts then take files from one another while they
//! run, row groups are left out as if any rows would do, and what is merged is not sorted (upstream:
//! apache/datafusion#24272). A scan that declares an order keeps it, as it did before.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::limit_pushdown::LimitPushdown;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// The rule, with scans that keep their order, if it is the one that hands limits down.
pub(super) fn mended(
    rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
) -> Arc<dyn PhysicalOptimizerRule + Send + Sync> {
    match LimitPushdown::new().name() == rule.name() {
        true => Arc::new(InSequence(rule)),
        false => rule,
    }
}

#[derive(Debug)]
struct InSequence(Arc<dyn PhysicalOptimizerRule + Send + Sync>);

impl PhysicalOptimizerRule for InSequence {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let limited = self.0.optimize(plan, config)?;
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

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn forgets_its_order(node: &Arc<dyn ExecutionPlan>) -> bool {
    let scan = node.downcast_ref::<DataSourceExec>();
    let config = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
    config.is_some_and(|config| !config.preserve_order && !config.output_ordering.is_empty())
}
