//! `INTERSECT ALL` and `EXCEPT ALL` count how often a row is on either side.
//!
//! DataFusion asks only whether it is on the other side at all: of three equal rows `EXCEPT ALL` one leaves
//! none, and should leave two. The first of a side's equal rows is matched with the other's first, the
//! second with the second.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType, NullEquality, Result};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Distinct, Expr, ExprFunctionExt, Join, LogicalPlan, LogicalPlanBuilder,
    WindowFunctionDefinition,
};
use std::sync::Arc;

/// Numbers equal rows where set operations count them.
pub(super) fn count(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Join(join) if counts(&join) => counted(join).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    }
}

/// Whether a join is such a set operation. No other compares NULLs as equal before plans are optimised,
/// and without ALL the left side has no equal rows.
fn counts(join: &Join) -> bool {
    let is_set = matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.filter.is_none();
    is_set && !matches!(join.left.as_ref(), LogicalPlan::Distinct(Distinct::All(_)))
}

fn counted(mut join: Join) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = join.left.schema().columns().into_iter().map(Expr::Column).collect();
    let (lefts, rights): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
    let (left, left_number) = numbered(&join.left, lefts)?;
    let (right, right_number) = numbered(&join.right, rights)?;
    (join.left, join.right) = (Arc::new(left), Arc::new(right));
    join.on.push((left_number, right_number));
    let joined = LogicalPlan::Join(join).recompute_schema()?;
    LogicalPlanBuilder::from(joined).project(columns)?.build()
}

/// A side with the number of each row among those equal to it, and that number's column.
fn numbered(side: &LogicalPlan, rows: Vec<Expr>) -> Result<(LogicalPlan, Expr)> {
    let function = WindowFunctionDefinition::WindowUDF(row_number_udwf());
    let number = Expr::from(WindowFunction::new(function, vec![])).partition_by(rows).build()?;
    let column = Expr::Column(Column::from_name(number.schema_name().to_string()));
    let side = LogicalPlanBuilder::from(side.clone()).window(vec![number])?.build()?;
    Ok((side, column))
}
