//! `EXISTS` and `x IN (SELECT ...)` among the conditions of a join.
//!
//! DataFusion answers them in WHERE alone. In `ON` of an inner join they mean the same as there; in that of
//! an outer join they may ask about the side that need not have a row, which is held to them before it is
//! joined.

use super::as_values::asks;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, Result};
use datafusion::logical_expr::logical_plan::Join;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan};
use std::sync::Arc;

/// Asks above a join, or below it.
pub(super) fn ask_apart(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Join(join) = node else { return Ok(Transformed::no(node)) };
    let conditions = join.filter.iter().cloned().flat_map(split_conjunction_owned);
    let (asking, others): (Vec<Expr>, Vec<Expr>) = conditions.partition(asks);
    let Some(asked) = conjunction(asking).filter(|asked| !asked.is_volatile()) else {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    };
    let columns = columns(&asked)?;
    let is_of = |side: &LogicalPlan| columns.iter().all(|own| side.schema().has_column(own));
    let held = |rows: Arc<LogicalPlan>| Filter::try_new(asked, rows).map(LogicalPlan::Filter);
    let (left, right) = (Arc::clone(&join.left), Arc::clone(&join.right));
    let rest = |join| Join { filter: conjunction(others), ..join };
    Ok(Transformed::yes(match join.join_type {
        JoinType::Inner => held(Arc::new(LogicalPlan::Join(rest(join))))?,
        JoinType::Left if is_of(&right) => {
            LogicalPlan::Join(Join { right: Arc::new(held(right)?), ..rest(join) })
        }
        JoinType::Right if is_of(&left) => {
            LogicalPlan::Join(Join { left: Arc::new(held(left)?), ..rest(join) })
        }
        _ => return Ok(Transformed::no(LogicalPlan::Join(join))),
    }))
}

/// The columns of both sides that a condition asks about, in its subqueries too.
fn columns(condition: &Expr) -> Result<Vec<Column>> {
    let mut columns: Vec<Column> = condition.column_refs().into_iter().cloned().collect();
    condition.apply(|part| {
        let outer = match part {
            Expr::Exists(own) => own.subquery.outer_ref_columns.as_slice(),
            Expr::InSubquery(own) => own.subquery.outer_ref_columns.as_slice(),
            Expr::ScalarSubquery(own) => own.outer_ref_columns.as_slice(),
            _ => &[],
        };
        columns.extend(outer.iter().filter_map(|own| match own {
            Expr::OuterReferenceColumn(_, column) => Some(column.clone()),
            _ => None,
        }));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(columns)
}
