//! `x NOT IN (SELECT y ...)` beside an OR, or within something larger, is not true where `x` or a `y` is NULL.
//!
//! Alone, DataFusion has a join that knows NULL. Among other conditions it asks only whether an equal `y`
//! was found, and none equals NULL. So what is missing is said beside it: that there is no row at all, or
//! else neither side is NULL.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Filter, LogicalPlan, LogicalPlanBuilder, Operator, Subquery,
    lit, not_exists, when,
};
use std::sync::Arc;

/// Spells out every `NOT IN` that is a part of a condition.
pub(super) fn spell_out(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Filter(filter) = node else { return Ok(Transformed::no(node)) };
    let schema = filter.input.schema();
    let parts = split_conjunction(&filter.predicate).into_iter().cloned();
    let parts = parts.map(|part| match alone(&part) {
        Some((not_in, false)) if !is_joined(not_in) => none_equal(not_in, schema),
        Some(_) => Ok(Transformed::no(part)),
        None => spelled_out(part, false, schema),
    });
    let parts = parts.collect::<Result<Vec<_>>>()?;
    if !parts.iter().any(|part| part.transformed) {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    }
    let predicate = conjunction(parts.into_iter().map(|part| part.data));
    let predicate = predicate.unwrap_or(filter.predicate);
    let filter = Filter::try_new(predicate, filter.input)?;
    Ok(Transformed::yes(LogicalPlan::Filter(filter)))
}

/// A condition that is nothing else, and whether it asks for what is among the rows.
fn alone(part: &Expr) -> Option<(&InSubquery, bool)> {
    match part {
        Expr::Not(inner) => alone(inner).map(|(own, is_in)| (own, !is_in)),
        Expr::InSubquery(own) => Some((own, !own.negated)),
        _ => None,
    }
}

/// Whether DataFusion has a join that knows NULL for it: by one column, of rows that are the same for
/// all.
fn is_joined(not_in: &InSubquery) -> bool {
    not_in.subquery.outer_ref_columns.is_empty() && !not_in.expr.column_refs().is_empty()
}

/// That no row is equal, nor may be.
fn none_equal(not_in: &InSubquery, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let subquery = &not_in.subquery;
    let outer = not_in.expr.as_ref().clone().transform_up(|part| match part {
        Expr::Column(column) => {
            let (_, field) = schema.qualified_field_from_column(&column)?;
            Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    let (qualifier, field) = subquery.subquery.schema().qualified_field(0);
    let value = Expr::Column(Column::new(qualifier.cloned(), field.name()));
    let equal = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone())
        .filter(value.eq(outer.data))?
        .build()?;
    let none = not_exists(Arc::new(equal));
    Ok(Transformed::yes(match known(&not_in.expr, subquery, schema)? {
        Some(known) => none.and(known),
        None => none,
    }))
}

/// A condition whose `NOT IN` are true only where they are; `negated` is whether it stands below a NOT.
fn spelled_out(expr: Expr, negated: bool, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::Not(inner) => {
            spelled_out(*inner, !negated, schema)?.update_data(|inner| Expr::Not(Box::new(inner)))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if matches!(op, Operator::And | Operator::Or) =>
        {
            let left = spelled_out(*left, negated, schema)?;
            let right = spelled_out(*right, negated, schema)?;
            let transformed = left.transformed || right.transformed;
            let both = BinaryExpr { left: Box::new(left.data), op, right: Box::new(right.data) };
            match transformed {
                true => Transformed::yes(Expr::BinaryExpr(both)),
                false => Transformed::no(Expr::BinaryExpr(both)),
            }
        }
        Expr::InSubquery(own) if own.negated != negated && !is_joined(&own) => {
            let told = none_equal(&own, schema)?;
            told.update_data(|told| if negated { Expr::Not(Box::new(told)) } else { told })
        }
        Expr::InSubquery(own) if own.negated != negated => {
            let (expr, subquery) = (own.expr.as_ref().clone(), own.subquery.clone());
            let Some(known) = known(&expr, &subquery, schema)? else {
                return Ok(Transformed::no(Expr::InSubquery(own)));
            };
            let not_in = Expr::InSubquery(InSubquery::new(Box::new(expr), subquery, true));
            let told = not_in.and(known);
            Transformed::yes(if negated { Expr::Not(Box::new(told)) } else { told })
        }
        own @ Expr::InSubquery(_) => Transformed::no(own),
        // Whatever asks whether it is true, false or unknown is told so.
        other => other.transform_down(|part| exact(part, schema))?,
    })
}

/// Whether a value is among those of a subquery, or not, or is not known to be.
pub(super) fn exact(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::InSubquery(own) = expr else { return Ok(Transformed::no(expr)) };
    let Some(known) = known(&own.expr, &own.subquery, schema)? else {
        return Ok(Transformed::no(Expr::InSubquery(own)));
    };
    let negated = own.negated;
    let found = Expr::InSubquery(InSubquery { negated: false, ..own });
    let mut told = when(found, lit(!negated)).when(known, lit(negated));
    let told = told.otherwise(lit(ScalarValue::Boolean(None)))?;
    Ok(Transformed::new(told, true, TreeNodeRecursion::Jump))
}

/// Where it is known whether a value is among those of a subquery; `None` where it always is.
fn known(expr: &Expr, subquery: &Subquery, schema: &DFSchema) -> Result<Option<Expr>> {
    let rows = || LogicalPlanBuilder::from(subquery.subquery.as_ref().clone());
    // One row is enough, where it is the same for all.
    let alone = subquery.outer_ref_columns.is_empty();
    let no_row = |rows: LogicalPlanBuilder| -> Result<Expr> {
        let rows = if alone { rows.limit(0, Some(1))? } else { rows };
        Ok(not_exists(Arc::new(rows.build()?)))
    };
    let (qualifier, field) = subquery.subquery.schema().qualified_field(0);
    let value = Expr::Column(Column::new(qualifier.cloned(), field.name()));
    let no_null = match field.is_nullable() {
        true => Some(no_row(rows().filter(value.is_null())?)?),
        false => None,
    };
    let there = expr.nullable(schema)?.then(|| expr.clone().is_not_null());
    let Some(known) = conjunction(there.into_iter().chain(no_null)) else { return Ok(None) };
    Ok(Some(no_row(rows())?.or(known)))
}
