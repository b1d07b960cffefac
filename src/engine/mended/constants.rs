//! Filters that stay above an aggregation, where they would mean something else below it.
//!
//! DataFusion moves a filter that asks for nothing but groups below their aggregation. An
//! aggregation of all rows, which is one row even of none, would answer all the same:
//! `SELECT * FROM (SELECT 1 AS k, sum(x) FROM t) WHERE k = 2` would be a row. And a group that is
//! drawn by chance would be drawn a second time.

use super::wrapped::Logical;
use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Aggregate, Expr, Filter, GroupingSet, LogicalPlan};
use datafusion::optimizer::OptimizerConfig;

/// Moves filters only where they mean the same.
pub(super) fn push_down(
    rule: &Logical,
    plan: LogicalPlan,
    config: &dyn OptimizerConfig,
) -> Result<Transformed<LogicalPlan>> {
    match &plan {
        LogicalPlan::Filter(filter) if stays(filter) => Ok(Transformed::no(plan)),
        _ => rule.rewrite(plan, config),
    }
}

/// Whether a filter, with those right below it, would mean something else below the aggregation that
/// they are above.
fn stays(filter: &Filter) -> bool {
    let asks_nothing = |condition: &&Expr| condition.column_refs().is_empty();
    let mut of_nothing = false;
    let mut lowest = filter;
    loop {
        of_nothing |= split_conjunction(&lowest.predicate).iter().any(asks_nothing);
        match lowest.input.as_ref() {
            LogicalPlan::Filter(below) => lowest = below,
            LogicalPlan::Aggregate(aggregate) => {
                let by_chance = aggregate.group_expr.iter().any(Expr::is_volatile);
                return by_chance || of_nothing && is_of_all(aggregate);
            }
            _ => return false,
        }
    }
}

/// Whether one of the aggregation's sets of groups is that of all rows.
fn is_of_all(aggregate: &Aggregate) -> bool {
    match aggregate.group_expr.as_slice() {
        [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] => sets.iter().any(Vec::is_empty),
        [Expr::GroupingSet(_)] | [] => true,
        _ => false,
    }
}
