//! Look-ups of members of which nothing is used are left out.
//!
//! `fact JOIN dim` without a column of `dim` is a semi join to DataFusion: facts without a member would
//! go. But loading gives each row of a fact a member of every role, the unknown one where it must; the
//! cubes' own plans rely on it. So such a join leaves all rows as they are, and is one look-up a row for
//! nothing.
//!
//! The promise is about what the model says now, of tables of one release. It may have said something
//! else when the rows were loaded: a role of another dimension, a calendar of other years. So the join
//! goes only where the fact's keys, by exact statistics, are all there and between the dimension's.

use super::star::stored_table;
use super::table::StoredTable;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, JoinType, Result, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::logical_plan::{Join, TableScan};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use std::sync::Arc;

/// Leaves out semi joins of facts with all members of a dimension.
#[derive(Debug)]
pub(super) struct UnneededMembers;

impl OptimizerRule for UnneededMembers {
    fn name(&self) -> &'static str {
        "unneeded_members"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let facts = match &plan {
            LogicalPlan::Join(join) => all_of(join),
            _ => None,
        };
        Ok(match facts {
            Some(facts) => Transformed::yes(facts.as_ref().clone()),
            None => Transformed::no(plan),
        })
    }
}

/// The side of a semi join of which every row has a member on the other.
fn all_of(join: &Join) -> Option<&Arc<LogicalPlan>> {
    let ([(left, right)], None) = (join.on.as_slice(), &join.filter) else { return None };
    let ((facts, fact_key), (members, key)) = match join.join_type {
        JoinType::LeftSemi => ((&join.left, left), (&join.right, right)),
        JoinType::RightSemi => ((&join.right, right), (&join.left, left)),
        _ => return None,
    };
    let (fact, fact_key) = origin(facts, place(fact_key, facts.schema())?)?;
    let (dimension, key) = origin(members, place(key, members.schema())?)?;
    let is_promised = is_whole(members) && has_members((&fact, fact_key), (&dimension, key));
    is_promised.then_some(facts)
}

/// Where a column stands that an expression is.
fn place(expr: &Expr, schema: &DFSchema) -> Option<usize> {
    match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        Expr::Alias(alias) => place(&alias.expr, schema),
        _ => None,
    }
}

/// The stored table, and the number of its column, whose values a plan's column has; none of which
/// are made NULL on their way.
fn origin(plan: &LogicalPlan, column: usize) -> Option<(Arc<StoredTable>, usize)> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let column = scan.projection.as_ref().map_or(Some(column), |p| p.get(column).copied());
            Some((stored(scan)?, column?))
        }
        LogicalPlan::SubqueryAlias(alias) => origin(&alias.input, column),
        LogicalPlan::Filter(filter) => origin(&filter.input, column),
        LogicalPlan::Projection(projection) => {
            let column = place(projection.expr.get(column)?, projection.input.schema())?;
            origin(&projection.input, column)
        }
        LogicalPlan::Join(join) => {
            use JoinType::{Inner, Left, LeftAnti, LeftSemi, Right};
            let width = join.left.schema().fields().len();
            match (join.join_type, column.checked_sub(width)) {
                (Inner | Left | LeftSemi | LeftAnti, None) => origin(&join.left, column),
                (Inner | Right, Some(column)) => origin(&join.right, column),
                _ => None,
            }
        }
        _ => None,
    }
}

fn stored(scan: &TableScan) -> Option<Arc<StoredTable>> {
    stored_table(&source_as_provider(&scan.source).ok()?)
}

/// Whether a plan has all rows of a table.
fn is_whole(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => scan.filters.is_empty() && scan.fetch.is_none(),
        LogicalPlan::SubqueryAlias(alias) => is_whole(&alias.input),
        LogicalPlan::Projection(projection) => is_whole(&projection.input),
        _ => false,
    }
}

/// A column of a stored table.
type ColumnOf<'a> = (&'a StoredTable, usize);

/// Whether every row of a fact has a member of a dimension by these keys.
fn has_members(fact: ColumnOf<'_>, dimension: ColumnOf<'_>) -> bool {
    let name =
        |(table, column): ColumnOf<'_>| Some(table.state().columns.get(column)?.name.clone());
    let (Some(fact_key), Some(key)) = (name(fact), name(dimension)) else { return false };
    let refers = fact.0.referred(&fact_key) == Some(dimension.0.name());
    let is_by_key = dimension.0.unique().first() == Some(&vec![key]);
    let is_of_one_release = fact.0.release() == dimension.0.release();
    let are_between = || match (bounds(fact), bounds(dimension)) {
        (Some((low, high)), Some((least, greatest))) => least <= low && high <= greatest,
        _ => false,
    };
    refers && is_by_key && is_of_one_release && are_between()
}

/// The smallest and the largest value of a column without NULLs.
fn bounds((table, column): ColumnOf<'_>) -> Option<(ScalarValue, ScalarValue)> {
    let scan = table.prepared().ok()?;
    let known = scan.statistics().column_statistics.get(column)?;
    match (&known.min_value, &known.max_value, &known.null_count) {
        (Precision::Exact(low), Precision::Exact(high), Precision::Exact(0)) => {
            Some((low.clone(), high.clone()))
        }
        _ => None,
    }
}
