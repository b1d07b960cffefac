//! Is it a star? Finds, in an optimised plan, a fact joined to dimensions by their keys.

use super::found::Found;
use super::joined::Reads;
use super::node::StarJoin;
use super::unique::{plain_column, stored};
use crate::engine::estimate::estimate;
use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::logical_plan::Aggregate;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// The star that a plan is, or `None` where it is something else: more than one fact or none, a
/// join that may repeat rows or keep members without facts, an expression that is no plain column
/// where one is needed. A fact that is joined to nothing is a star as well.
fn star(plan: &LogicalPlan) -> Option<StarJoin> {
    let mut star = read(plan, Reads::Facts)?;
    for dimension in &mut star.dimensions {
        let plan = std::mem::take(&mut dimension.plan);
        dimension.plan = plan.transform_down(members).ok()?.data;
    }
    Some(star)
}

/// A dimension's table, with what is asked of it, is read in the way of facts: so its columns too
/// stay in memory while they are used.
fn members(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    Ok(match read(&plan, Reads::Members) {
        Some(found) => {
            let found = found.estimated(estimate(&plan));
            Transformed::new(found.into_plan(), true, TreeNodeRecursion::Jump)
        }
        None => Transformed::no(plan),
    })
}

fn read(plan: &LogicalPlan, reads: Reads) -> Option<StarJoin> {
    let mut found = Found::new(reads);
    let output = found.read(plan)?;
    found.finish(&output, plan.schema())
}

/// Replaces what an aggregation is over, if it is a star.
///
/// A table that is joined to nothing is one only where few groups come of it: many are DataFusion's
/// to make, batch by batch.
pub(super) fn below(aggregate: &Aggregate) -> Result<Transformed<LogicalPlan>> {
    let plan = aggregate.input.as_ref();
    match star(plan) {
        Some(star) if !star.dimensions.is_empty() || few_groups(&star, aggregate) => {
            Ok(Transformed::yes(star.estimated(estimate(plan)).into_plan()))
        }
        Some(_) => Ok(Transformed::no(plan.clone())),
        None => joins(plan.clone()),
    }
}

/// Whether a plan is a star with dimensions.
pub(super) fn is_joined(plan: &LogicalPlan) -> bool {
    star(plan).is_some_and(|star| !star.dimensions.is_empty())
}

/// Replaces the joins that an operator reads through others, where they are stars. Below one that
/// is none may be others.
fn joins(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Union(_) => plan.map_children(joins),
        LogicalPlan::Join(_) => match star(&plan) {
            Some(star) => Ok(Transformed::yes(star.estimated(estimate(&plan)).into_plan())),
            None => plan.map_children(joins),
        },
        other => Ok(Transformed::no(other)),
    }
}

/// Whether an aggregation over one table alone is likely to have few groups: statistics say so, or
/// what is asked of an aggregate is a part of it, as dashboards do.
fn few_groups(star: &StarJoin, aggregate: &Aggregate) -> bool {
    const FEW: usize = 1 << 16;
    let Some(table) = stored(&star.fact) else { return false };
    if table.is_aggregate() && !star.predicates.is_empty() {
        return true;
    }
    let Some(statistics) = table.statistics() else { return false };
    let rows = statistics.num_rows.get_value();
    let values = |expr: &Expr| -> Option<usize> {
        let wide = star.output[plain_column(expr, aggregate.input.schema())?];
        let column = star.fact.projection.as_ref().map_or(wide, |columns| columns[wide]);
        let known = statistics.column_statistics.get(column)?;
        let between = || {
            let (low, high) = (known.min_value.get_value()?, known.max_value.get_value()?);
            low.data_type().is_integer().then(|| low.distance(high))?
        };
        known.distinct_count.get_value().copied().or_else(between)
    };
    let mut groups = aggregate.group_expr.iter().map(values);
    // One more for the value at the other end of a range, and one for NULL.
    let all = groups.try_fold(1_usize, |all, values| all.checked_mul(values?.saturating_add(2)));
    all.iter().chain(rows).any(|most| *most <= FEW)
}
