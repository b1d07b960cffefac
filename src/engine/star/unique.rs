//! What is known of the rows of a plan without reading them: columns that tell them apart.

use crate::engine::table::StoredTable;
use crate::query::told_apart;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::logical_plan::{Aggregate, Join, TableScan};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::sync::Arc;

/// The index of the column that an expression is, other names set aside.
pub(in crate::engine) fn plain_column(expr: &Expr, schema: &DFSchema) -> Option<usize> {
    match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        Expr::Alias(alias) => plain_column(&alias.expr, schema),
        _ => None,
    }
}

/// The stored table that is scanned, if it is one.
pub(super) fn stored(scan: &TableScan) -> Option<Arc<StoredTable>> {
    stored_table(&source_as_provider(&scan.source).ok()?)
}

/// The stored table that a provider is, if it is one.
pub(in crate::engine) fn stored_table(
    provider: &Arc<dyn TableProvider>,
) -> Option<Arc<StoredTable>> {
    let any: Arc<dyn std::any::Any + Send + Sync> = Arc::clone(provider) as _;
    any.downcast().ok()
}

pub(in crate::engine) fn holds_fact(plan: &LogicalPlan) -> bool {
    let is_fact = |node: &LogicalPlan| match node {
        LogicalPlan::TableScan(scan) => stored(scan).is_some_and(|table| table.has_measures()),
        _ => false,
    };
    plan.exists(|node| Ok(is_fact(node))).unwrap_or(true)
}

/// Sets of columns of a plan of which no two rows have the same values, but for NULL.
type UniqueSets = Vec<Vec<usize>>;

/// Those of a plan.
pub(super) fn unique(plan: &LogicalPlan) -> UniqueSets {
    let inputs: Vec<UniqueSets> = plan.inputs().into_iter().map(unique).collect();
    above(plan, &inputs, of_table)
}

/// Those of a plan, given those of its inputs; of facts also their declared grain. Enough to estimate by.
pub(in crate::engine) fn likely_unique(plan: &LogicalPlan, inputs: &[UniqueSets]) -> UniqueSets {
    above(plan, inputs, |scan, filters| {
        let grain = stored(scan).and_then(|table| places(scan, table.grain()));
        of_table(scan, filters).into_iter().chain(grain).collect()
    })
}

/// Those of a plan, given those of its inputs, and of tables.
fn above(plan: &LogicalPlan, inputs: &[UniqueSets], known: OfTable) -> UniqueSets {
    match (plan, inputs) {
        (LogicalPlan::TableScan(scan), _) => known(scan, &scan.filters),
        (LogicalPlan::SubqueryAlias(_), [sets]) => sets.clone(),
        (LogicalPlan::Filter(filter), [sets]) => match filter.input.as_ref() {
            LogicalPlan::TableScan(scan) => known(scan, std::slice::from_ref(&filter.predicate)),
            _ => sets.clone(),
        },
        (LogicalPlan::Aggregate(aggregate), _) => by_groups(aggregate).into_iter().collect(),
        (LogicalPlan::Projection(projection), [sets]) => {
            let schema = projection.input.schema();
            let kept: Vec<Option<usize>> =
                projection.expr.iter().map(|expr| plain_column(expr, schema)).collect();
            let place = |column: &usize| kept.iter().position(|own| *own == Some(*column));
            let plain = sets.iter().filter_map(|set| set.iter().map(place).collect());
            let computed = projection.expr.iter().enumerate().filter(|(_, expr)| {
                let of = told_apart(expr).and_then(|of| plain_column(of, schema));
                of.is_some_and(|of| sets.contains(&vec![of]))
            });
            plain.chain(computed.map(|(place, _)| vec![place])).collect()
        }
        (LogicalPlan::Join(join), [left, right]) => of_join(join, left, right),
        _ => Vec::new(),
    }
}

/// Sets of columns that tell rows of a table apart of which only those are read for which these are true.
type OfTable = fn(&TableScan, &[Expr]) -> UniqueSets;

/// Those of a stored table, for sure.
fn of_table(scan: &TableScan, filters: &[Expr]) -> UniqueSets {
    let Some(table) = stored(scan) else { return Vec::new() };
    let index = |name: &String| scan.projected_schema.index_of_column_by_name(None, name);
    let known = table.unique().iter();
    let mut sets: UniqueSets = known.filter_map(|set| places(scan, set)).collect();
    if let Some((durable, is_current)) = table.unique_where() {
        let is_current =
            |expr: &&Expr| matches!(expr, Expr::Column(column) if column.name == *is_current);
        let mut parts = filters.iter().flat_map(split_conjunction);
        if parts.any(|part| is_current(&part)) {
            sets.extend(index(durable).map(|durable| vec![durable]));
        }
    }
    sets
}

/// Where columns of a table stand in its scan, if all of them, and any, are read.
fn places(scan: &TableScan, names: &[String]) -> Option<Vec<usize>> {
    let index = |name: &String| scan.projected_schema.index_of_column_by_name(None, name);
    (!names.is_empty()).then(|| names.iter().map(index).collect()).flatten()
}

/// The columns by which an aggregation groups.
fn by_groups(aggregate: &Aggregate) -> Option<Vec<usize>> {
    let is_set = |expr: &Expr| matches!(expr, Expr::GroupingSet(_));
    let groups = aggregate.group_expr.len();
    (groups > 0 && !aggregate.group_expr.iter().any(is_set)).then(|| (0..groups).collect())
}

/// Those of either side stay where each of its rows has at most one partner.
fn of_join(join: &Join, left: &UniqueSets, right: &UniqueSets) -> UniqueSets {
    let (keeps_left, keeps_right) = match join.join_type {
        JoinType::Inner => (true, true),
        JoinType::Left => (true, false),
        JoinType::LeftSemi | JoinType::LeftAnti => return left.clone(),
        JoinType::RightSemi | JoinType::RightAnti => return right.clone(),
        _ => return Vec::new(),
    };
    let is_by_key = |sets: &UniqueSets, side: &LogicalPlan, pick: fn(&(Expr, Expr)) -> &Expr| {
        let keys = join.on.iter().map(|pair| plain_column(pick(pair), side.schema()));
        let keys: Vec<usize> = keys.flatten().collect();
        sets.iter().any(|set| set.iter().all(|column| keys.contains(column)))
    };
    let width = join.left.schema().fields().len();
    let mut sets = Vec::new();
    if keeps_left && is_by_key(right, &join.right, |pair| &pair.1) {
        sets.extend_from_slice(left);
    }
    if keeps_right && is_by_key(left, &join.left, |pair| &pair.0) {
        let moved = right.iter().map(|set| set.iter().map(|column| column + width).collect());
        sets.extend(moved);
    }
    sets
}

/// Each value of a column of a plan once.
pub(super) fn distinct(plan: &Arc<LogicalPlan>, column: usize) -> Option<LogicalPlan> {
    let column = Column::from(plan.schema().qualified_field(column));
    let grouped = Aggregate::try_new(Arc::clone(plan), vec![Expr::Column(column)], Vec::new());
    grouped.ok().map(LogicalPlan::Aggregate)
}
