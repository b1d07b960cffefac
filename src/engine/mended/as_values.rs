//! `EXISTS` and `x IN (SELECT ...)` as values: of a SELECT list, or in an aggregation.
//!
//! DataFusion answers them as conditions only. As values they are asked by counting: how many rows there
//! are, or how many that are equal.

use super::not_in::exact;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, Spans, internal_err};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::count::count_all;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Projection, Subquery, ident,
    lit, scalar_subquery,
};
use std::sync::Arc;

/// Counts where a value depends on whether there is a row.
pub(super) fn count(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Projection(list) if list.expr.iter().any(asks) => {
            counted(list).map(Transformed::yes)
        }
        LogicalPlan::Aggregate(aggregate) if aggregate.aggr_expr.iter().any(asks) => {
            asked_before(aggregate).map(Transformed::yes)
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Whether an expression asks for rows of another query.
pub(super) fn asks(expr: &Expr) -> bool {
    let asks = |part: &Expr| Ok(matches!(part, Expr::Exists(_) | Expr::InSubquery(_)));
    expr.exists(asks).unwrap_or(false)
}

/// An aggregation of rows that know the answers.
fn asked_before(aggregate: Aggregate) -> Result<LogicalPlan> {
    let Aggregate { input, group_expr, aggr_expr, .. } = aggregate;
    let names = NamePreserver::new_for_projection();
    let mut list: Vec<Expr> = input.schema().iter().map(Expr::from).collect();
    let columns = list.len();
    let aggr_expr = aggr_expr.into_iter().map(|expr| {
        let name = names.save(&expr);
        let known = expr.transform_down(|part| match part {
            Expr::Exists(_) | Expr::InSubquery(_) => {
                let asked = format!("__asked_{}", list.len() - columns);
                list.push(part.alias(&asked));
                Ok(Transformed::new(ident(asked), true, TreeNodeRecursion::Jump))
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(name.restore(known.data))
    });
    let aggr_expr = aggr_expr.collect::<Result<Vec<_>>>()?;
    let rows = counted(Projection::try_new(list, input)?)?;
    Aggregate::try_new(Arc::new(rows), group_expr, aggr_expr).map(LogicalPlan::Aggregate)
}

/// A list whose answers are counted.
fn counted(list: Projection) -> Result<LogicalPlan> {
    let Projection { expr, input, .. } = list;
    let names = NamePreserver::new_for_projection();
    let schema = input.schema();
    let counted = expr.into_iter().map(|expr| {
        let name = names.save(&expr);
        let told = expr.transform_down(|part| exact(part, schema))?.data;
        let told = told.transform_up(|part| match part {
            Expr::Exists(Exists { subquery, negated }) => {
                let rows = subquery.subquery.as_ref().clone();
                is_there(rows, subquery.outer_ref_columns, negated).map(Transformed::yes)
            }
            Expr::InSubquery(own) => equal_is_there(own, schema).map(Transformed::yes),
            other => Ok(Transformed::no(other)),
        })?;
        Ok(name.restore(told.data))
    });
    let counted = counted.collect::<Result<Vec<_>>>()?;
    Projection::try_new(counted, input).map(LogicalPlan::Projection)
}

/// Whether rows have one that equals a value.
fn equal_is_there(own: InSubquery, schema: &DFSchema) -> Result<Expr> {
    let InSubquery { expr, subquery, negated } = own;
    let Subquery { subquery: rows, mut outer_ref_columns, .. } = subquery;
    let (qualifier, field) = rows.schema().qualified_field(0);
    let value = Expr::Column(Column::new(qualifier.cloned(), field.name()));
    // Seen from the rows, the value is of the question around them.
    let outer = expr.transform_up(|part| match part {
        Expr::Column(column) => {
            let (_, field) = Expr::Column(column.clone()).to_field(schema)?;
            let outer = Expr::OuterReferenceColumn(field, column);
            if !outer_ref_columns.contains(&outer) {
                outer_ref_columns.push(outer.clone());
            }
            Ok(Transformed::yes(outer))
        }
        other => Ok(Transformed::no(other)),
    })?;
    let rows = LogicalPlanBuilder::from(rows.as_ref().clone());
    let rows = rows.filter(value.eq(outer.data))?.build()?;
    is_there(rows, outer_ref_columns, negated)
}

/// Whether there is a row, or none.
fn is_there(rows: LogicalPlan, outer_ref_columns: Vec<Expr>, negated: bool) -> Result<Expr> {
    let count = LogicalPlanBuilder::from(rows).aggregate(Vec::<Expr>::new(), vec![count_all()])?;
    let Expr::ScalarSubquery(count) = scalar_subquery(Arc::new(count.build()?)) else {
        return internal_err!("a subquery is none");
    };
    let count = Expr::ScalarSubquery(Subquery { outer_ref_columns, spans: Spans::new(), ..count });
    let count = coalesce(vec![count, lit(0_i64)]);
    Ok(if negated { count.eq(lit(0_i64)) } else { count.gt(lit(0_i64)) })
}
