//! Conditions on an answer's rows: having, non-empty, paging.

use super::top::Shape;
use super::{CubeQuery, MemberRange, defect};
use crate::error::{Error, Result};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ident, lit};

/// Rows whose measures lie in the ranges asked; totals stay.
pub(super) fn having(
    answer: LogicalPlanBuilder,
    query: &CubeQuery,
    shape: &Shape,
) -> Result<LogicalPlanBuilder> {
    let mut conditions = Vec::new();
    for (name, range) in &query.having {
        conditions.extend(within(name, ident(shape.measure(name)?), range)?);
    }
    keep(answer, conditions.into_iter().reduce(Expr::and), shape)
}

/// Rows in which one of these columns has a value; of those that count, 0 is none. Totals stay.
pub(super) fn non_empty(
    answer: LogicalPlanBuilder,
    values: impl Iterator<Item = (String, bool)>,
    shape: &Shape,
) -> Result<LogicalPlanBuilder> {
    let has_value = values.map(|(column, counts)| match counts {
        true => ident(column).gt(lit(0_i64)),
        false => ident(column).is_not_null(),
    });
    keep(answer, has_value.reduce(Expr::or), shape)
}

/// The page asked, of rows in order.
pub(super) fn page(answer: LogicalPlanBuilder, query: &CubeQuery) -> Result<LogicalPlanBuilder> {
    match (query.offset, query.limit) {
        (0, None) => Ok(answer),
        (offset, limit) => answer.limit(offset, limit).map_err(defect),
    }
}

fn keep(
    answer: LogicalPlanBuilder,
    condition: Option<Expr>,
    shape: &Shape,
) -> Result<LogicalPlanBuilder> {
    let Some(condition) = condition else { return Ok(answer) };
    let is_total = shape.totals.iter().map(|total| ident(total).eq(lit(1_i32)));
    answer.filter(is_total.fold(condition, Expr::or)).map_err(defect)
}

/// A measure between two numbers, both included.
fn within(name: &str, value: Expr, range: &MemberRange) -> Result<Vec<Expr>> {
    let bound = |end: &serde_json::Value| {
        let number = match end {
            serde_json::Value::Number(number) => number,
            other => {
                return Err(Error::user(format!("`having` compares `{name}` with {other}"))
                    .hint("write numbers: having: {revenue: {from: 1000}}"));
            }
        };
        // Whole numbers are compared as such with decimals and counts, exactly.
        Ok(lit(match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => ScalarValue::Int64(Some(whole)),
            (None, float) => ScalarValue::Float64(float),
        }))
    };
    let mut conditions = Vec::new();
    if let Some(from) = &range.from {
        conditions.push(value.clone().gt_eq(bound(from)?));
    }
    if let Some(to) = &range.to {
        conditions.push(value.lt_eq(bound(to)?));
    }
    match conditions.is_empty() {
        true => Err(Error::user(format!("`having` of `{name}` needs `from`, `to` or both"))),
        false => Ok(conditions),
    }
}
