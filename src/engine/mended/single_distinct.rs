//! A sum beside one `count(DISTINCT ...)` keeps its type.
//!
//! DataFusion groups twice then, and the sum becomes a sum of sums: of decimals one with ten more digits, so
//! that what the sum was compared with has another type.

use super::wrapped::Logical;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::optimizer::OptimizerConfig;
use std::sync::Arc;

/// Groups twice with types kept.
pub(super) fn group_twice(
    rule: &Logical,
    plan: LogicalPlan,
    config: &dyn OptimizerConfig,
) -> Result<Transformed<LogicalPlan>> {
    let before = Arc::clone(plan.schema());
    let grouped = rule.rewrite(plan, config)?;
    let types = before.fields().iter().zip(grouped.data.schema().fields());
    if !grouped.transformed || types.clone().all(|(a, b)| a.data_type() == b.data_type()) {
        return Ok(grouped);
    }
    let columns = grouped.data.schema().iter().zip(before.iter());
    let columns = columns.map(|((own, field), (qualifier, wanted))| {
        let column = Expr::Column(Column::new(own.cloned(), field.name()));
        match field.data_type() == wanted.data_type() {
            true => column,
            false => cast(column, wanted.data_type().clone())
                .alias_qualified(qualifier.cloned(), wanted.name()),
        }
    });
    let columns: Vec<Expr> = columns.collect();
    grouped.map_data(|plan| LogicalPlanBuilder::from(plan).project(columns)?.build())
}
