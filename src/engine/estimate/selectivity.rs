//! Which part of rows a condition keeps, about.

use super::{Values, number};
use crate::engine::star::plain_column;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use std::collections::BTreeMap;

/// What an equality keeps where the number of values is not known.
const EQUAL: f64 = 0.05;
/// What a pattern keeps.
const LIKE: f64 = 0.1;
/// What a comparison keeps, and whatever else nothing is known of (as in Selinger et al., 1979).
const OTHER: f64 = 1.0 / 3.0;

/// What all of these conditions keep. Those that bound one column from both sides belong together.
pub(super) fn of_conditions(conditions: &[&Expr], schema: &DFSchema, columns: &[Values]) -> f64 {
    let mut bounds: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    let mut kept = 1.0;
    for condition in conditions {
        match bound(condition, schema, columns) {
            Some((column, (low, high))) => {
                let own = bounds.entry(column).or_insert((0.0, 1.0));
                *own = (own.0.max(low), own.1.min(high));
            }
            None => kept *= of_condition(condition, schema, columns),
        }
    }
    let between = bounds.iter().map(|(column, (low, high))| {
        let one = columns.get(*column).and_then(|own| own.distinct).map_or(0.0, |many| 1.0 / many);
        (high - low).max(one)
    });
    kept * between.product::<f64>()
}

/// A column that is bounded by a literal, and the part of its range that stays.
fn bound(condition: &Expr, schema: &DFSchema, columns: &[Values]) -> Option<(usize, (f64, f64))> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return None };
    let (column, op, value) = match (left.as_ref(), right.as_ref()) {
        (column, Expr::Literal(value, _)) => (column, *op, value),
        (Expr::Literal(value, _), column) => (column, op.swap()?, value),
        _ => return None,
    };
    let column = plain_column(column, schema)?;
    let (low, high) = columns.get(column)?.range?;
    let place = ((number(value)? - low) / (high - low).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    match op {
        Operator::Lt | Operator::LtEq => Some((column, (0.0, place))),
        Operator::Gt | Operator::GtEq => Some((column, (place, 1.0))),
        _ => None,
    }
}

fn of_condition(condition: &Expr, schema: &DFSchema, columns: &[Values]) -> f64 {
    let values =
        |expr: &Expr| plain_column(expr, schema).and_then(|column| columns.get(column).copied());
    let one = |expr: &Expr| {
        values(expr).and_then(|own| own.distinct).map_or(EQUAL, |many| 1.0 / many.max(1.0))
    };
    let of = |part: &Expr| of_conditions(&split_conjunction(part), schema, columns);
    let (kept, negated) = match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::And => (of(condition), false),
            Operator::Or => {
                let (left, right) = (of(left), of(right));
                (left + right - left * right, false)
            }
            Operator::Eq => (one(left).min(one(right)), false),
            Operator::NotEq => (one(left).min(one(right)), true),
            Operator::LikeMatch | Operator::ILikeMatch => (LIKE, false),
            _ => (OTHER, false),
        },
        Expr::Alias(alias) => (of(&alias.expr), false),
        Expr::Not(inner) => (of(inner), true),
        Expr::IsNull(inner) => (values(inner).map_or(EQUAL, |own| own.nulls), false),
        Expr::IsNotNull(inner) => (values(inner).map_or(EQUAL, |own| own.nulls), true),
        Expr::InList(list) => (one(&list.expr) * list.list.len() as f64, list.negated),
        Expr::Like(like) => (LIKE, like.negated),
        Expr::Literal(ScalarValue::Boolean(Some(value)), _) => {
            (if *value { 1.0 } else { 0.0 }, false)
        }
        _ => (OTHER, false),
    };
    let kept = kept.clamp(0.0, 1.0);
    if negated { 1.0 - kept } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::prelude::{col, lit};

    /// What conditions keep of rows whose `n` lies between 0 and 100, each of 101 values alike, and whose
    /// `t` is a text of which nothing is known.
    fn kept(condition: &Expr) -> f64 {
        let fields =
            vec![Field::new("n", DataType::Int32, true), Field::new("t", DataType::Utf8, true)];
        let schema = DFSchema::try_from(Schema::new(fields)).unwrap();
        let known = Values { distinct: Some(101.0), range: Some((0.0, 100.0)), nulls: 0.25 };
        of_conditions(&split_conjunction(condition), &schema, &[known, Values::default()])
    }

    #[test]
    fn ranges_are_parts_of_what_lies_between() {
        let (n, t) = (col("n"), col("t"));
        let is_about =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
        is_about(kept(&n.clone().lt(lit(30))), 0.3);
        is_about(kept(&lit(30).gt_eq(n.clone())), 0.3);
        is_about(kept(&n.clone().gt_eq(lit(20)).and(n.clone().lt(lit(30)))), 0.1);
        is_about(kept(&n.clone().gt(lit(300))), 1.0 / 101.0);
        is_about(kept(&n.clone().eq(lit(5))), 1.0 / 101.0);
        is_about(kept(&n.clone().in_list(vec![lit(5), lit(6)], true)), 1.0 - 2.0 / 101.0);
        is_about(kept(&n.clone().is_not_null()), 0.75);
        is_about(kept(&n.clone().lt(lit(50)).or(n.lt(lit(50)))), 0.75);
        is_about(kept(&t.clone().eq(lit("a")).and(t.like(lit("b%")))), EQUAL * LIKE);
    }
}
