//! Rows that a join above an aggregation will not ask for are left out before they are grouped.
//!
//! A join that has collected one side tells the scans of the other which keys it has. DataFusion then skips the
//! row groups and pages without them, but reads the others whole. Where the join stands right above, nothing is lost:
//! it looks every row up anyway. Where an aggregation is in between, it would make a group for every key first, of
//! which few are asked for (`l_quantity < (SELECT 0.2 * avg(l_quantity) FROM lineitem WHERE l_partkey = p_partkey)`).
//! So there rows are filtered while they are decoded; but not below a limit, which counts rows as they are.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::physical_plan::{
    FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::DynamicFilterPhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use std::sync::Arc;

/// Lets scans below aggregations leave out rows by what joins find.
#[derive(Debug)]
pub(super) struct FilterBeforeGrouping;

impl PhysicalOptimizerRule for FilterBeforeGrouping {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let filtering = plan.transform_up(|node| {
            if !node.downcast_ref::<AggregateExec>().is_some_and(makes_groups) {
                return Ok(Transformed::no(node));
            }
            node.map_children(filtered)
        })?;
        Ok(filtering.data)
    }

    fn name(&self) -> &'static str {
        "filter_before_grouping"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether an aggregation makes groups of rows as they were read.
fn makes_groups(aggregate: &AggregateExec) -> bool {
    use AggregateMode::{Partial, Single, SinglePartitioned};
    let of_rows = matches!(aggregate.mode(), Partial | Single | SinglePartitioned);
    of_rows && !aggregate.group_expr().expr().is_empty()
}

/// The same rows, of which a scan leaves out those that a join does not ask for.
fn filtered(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    if plan.fetch().is_some() {
        return Ok(Transformed::no(plan));
    }
    if passes_rows_on(&plan) {
        return plan.map_children(filtered);
    }
    let scan = plan.downcast_ref::<DataSourceExec>();
    let config = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
    let Some(config) = config else { return Ok(Transformed::no(plan)) };
    let source = config.file_source().downcast_ref::<ParquetSource>();
    let Some(source) = source.filter(|source| is_told_later(source)) else {
        return Ok(Transformed::no(plan));
    };
    let source = Arc::new(source.clone().with_pushdown_filters(true));
    let config = FileScanConfigBuilder::from(config.clone()).with_source(source).build();
    Ok(Transformed::yes(DataSourceExec::from_data_source(config) as _))
}

fn passes_rows_on(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<ProjectionExec>()
        || plan.is::<FilterExec>()
        || plan.is::<RepartitionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<CooperativeExec>()
}

/// Whether one of the conditions is what a join (or a sort that gives the first few) finds while it runs.
fn is_told_later(source: &ParquetSource) -> bool {
    let is_found_later = |expr: &Arc<dyn PhysicalExpr>| Ok(expr.is::<DynamicFilterPhysicalExpr>());
    source.filter().is_some_and(|filter| filter.exists(is_found_later).unwrap_or(false))
}
