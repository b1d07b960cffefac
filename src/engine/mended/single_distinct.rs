//! A sum beside one `count(DISTINCT ...)` keeps its type.
//!
//! DataFusion groups twice then, and the sum becomes a sum of sums: of decimals one with ten more digits, so
//! that what the sum was compared with has another type.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::optimizer::single_distinct_to_groupby::SingleDistinctToGroupBy;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use std::sync::Arc;

/// The rule with types kept, if it is the one that groups twice.
pub(super) fn mended(
    rule: &Arc<dyn OptimizerRule + Send + Sync>,
) -> Option<Arc<dyn OptimizerRule + Send + Sync>> {
    let careful = SameTypes(SingleDistinctToGroupBy::new());
    (rule.name() == careful.name()).then(|| Arc::new(careful) as _)
}

#[derive(Debug)]
struct SameTypes(SingleDistinctToGroupBy);

impl OptimizerRule for SameTypes {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let before = Arc::clone(plan.schema());
        let grouped = self.0.rewrite(plan, config)?;
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
}
