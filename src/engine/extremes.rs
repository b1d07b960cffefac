//! Questions within questions that statistics answer: `(SELECT max(date_key) FROM fact_sales)` in a
//! condition is a number before anything else is planned.
//!
//! Without that the fact would seem to be read, and the operators of the whole question could not be
//! kept: those of a subquery are made anew for each run.

use super::star::stored_table;
use datafusion::catalog::TableProvider;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr, LogicalPlan, lit};

/// Puts values for the extremes that the conditions of a plan ask for and files tell.
pub(super) fn known(plan: LogicalPlan) -> Result<LogicalPlan> {
    let told = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Filter(_) => node.map_expressions(|condition| {
            condition.transform_up(|part| {
                Ok(match &part {
                    Expr::ScalarSubquery(asked) => match extreme(&asked.subquery) {
                        Some(value) => Transformed::yes(lit(value)),
                        None => Transformed::no(part),
                    },
                    _ => Transformed::no(part),
                })
            })
        }),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(told.data)
}

/// The one value of a plan that asks for the largest or smallest value of a stored column, where that
/// is known exactly.
fn extreme(plan: &LogicalPlan) -> Option<ScalarValue> {
    match plan {
        LogicalPlan::Projection(projection) => match projection.expr.as_slice() {
            [only] if matches!(only.clone().unalias(), Expr::Column(_)) => {
                extreme(&projection.input)
            }
            _ => None,
        },
        LogicalPlan::SubqueryAlias(alias) => extreme(&alias.input),
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => {
            let [Expr::AggregateFunction(AggregateFunction { func, params })] =
                aggregate.aggr_expr.as_slice()
            else {
                return None;
            };
            let [Expr::Column(column)] = params.args.as_slice() else { return None };
            if params.filter.is_some() {
                return None;
            }
            let index = aggregate.input.schema().maybe_index_of_column(column)?;
            let largest = match func.name() {
                "max" => true,
                "min" => false,
                _ => return None,
            };
            let value = end(&aggregate.input, index, largest)?;
            (value.data_type() == *aggregate.schema.field(0).data_type()).then_some(value)
        }
        _ => None,
    }
}

/// The largest or smallest value of a column of a whole stored table.
fn end(plan: &LogicalPlan, column: usize, largest: bool) -> Option<ScalarValue> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => end(&alias.input, column, largest),
        LogicalPlan::TableScan(scan) if scan.filters.is_empty() && scan.fetch.is_none() => {
            let table = stored_table(&source_as_provider(&scan.source).ok()?)?;
            let statistics = table.statistics()?;
            let column = scan.projection.as_ref().map_or(column, |columns| columns[column]);
            let known = statistics.column_statistics.get(column)?;
            let value = if largest { &known.max_value } else { &known.min_value };
            match value {
                Precision::Exact(value) => Some(value.clone()),
                _ => None,
            }
        }
        _ => None,
    }
}
