//! Is it a star? Finds, in an optimised plan, a fact joined to dimensions by their keys.

use super::joined::Reads;
use super::node::{Dimension, StarJoin, wide_name};
use crate::engine::table::StoredTable;
use crate::query::told_apart;
use arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType, NullEquality, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::logical_plan::{Aggregate, Join, TableScan};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::sync::Arc;

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
        Some(found) => Transformed::new(found.into_plan(), true, TreeNodeRecursion::Jump),
        None => Transformed::no(plan),
    })
}

fn read(plan: &LogicalPlan, reads: Reads) -> Option<StarJoin> {
    let mut found =
        Found { reads, fact: None, dimensions: Vec::new(), predicates: Vec::new(), width: 0 };
    let output = found.read(plan)?;
    Some(StarJoin {
        fact: found.fact?,
        reads,
        dimensions: found.dimensions,
        predicates: found.predicates,
        output,
        schema: Arc::clone(plan.schema()),
    })
}

/// How a dimension is joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inner,
    /// Its columns do not come out. As no key has two rows, it is an inner join but for that.
    Semi,
    /// Rows without a member stay, with NULLs.
    Outer,
}

struct Found {
    reads: Reads,
    fact: Option<TableScan>,
    dimensions: Vec<Dimension>,
    predicates: Vec<Expr>,
    /// How many columns the fact and the dimensions have so far.
    width: usize,
}

impl Found {
    /// Reads a plan that holds the fact; gives the wide index of each of its columns.
    fn read(&mut self, plan: &LogicalPlan) -> Option<Vec<usize>> {
        match plan {
            LogicalPlan::TableScan(scan) => self.fact(scan),
            LogicalPlan::SubqueryAlias(alias) => self.read(&alias.input),
            LogicalPlan::Projection(projection) => {
                let columns = self.read(&projection.input)?;
                let plain = |expr| plain_column(expr, projection.input.schema());
                projection.expr.iter().map(|expr| Some(columns[plain(expr)?])).collect()
            }
            LogicalPlan::Filter(filter) => {
                let columns = self.read(&filter.input)?;
                self.hold(&filter.predicate, filter.input.schema(), &columns)?;
                Some(columns)
            }
            LogicalPlan::Join(join) => self.join(join),
            _ => None,
        }
    }

    fn fact(&mut self, scan: &TableScan) -> Option<Vec<usize>> {
        let table = stored(scan)?;
        let is_meant = match self.reads {
            Reads::Facts => table.has_measures(),
            Reads::Members => table.is_dimension(),
        };
        let is_one = is_meant && self.fact.is_none() && scan.fetch.is_none();
        is_one.then(|| {
            self.fact = Some(scan.clone());
            self.width = scan.projected_schema.fields().len();
            (0..self.width).collect()
        })
    }

    fn join(&mut self, join: &Join) -> Option<Vec<usize>> {
        let fact_is_left = match (holds_fact(&join.left), holds_fact(&join.right)) {
            (true, false) => true,
            (false, true) => false,
            _ => return None,
        };
        let kind = match (join.join_type, fact_is_left) {
            (JoinType::Inner, _) => Kind::Inner,
            (JoinType::LeftSemi, true) | (JoinType::RightSemi, false) => Kind::Semi,
            (JoinType::Left, true) | (JoinType::Right, false) => Kind::Outer,
            _ => return None,
        };
        if join.null_equality != NullEquality::NullEqualsNothing {
            return None;
        }
        let (facts, members) = match fact_is_left {
            true => (&join.left, &join.right),
            false => (&join.right, &join.left),
        };
        let columns = self.read(facts)?;
        let pairs: Vec<(&Expr, &Expr)> = match fact_is_left {
            true => join.on.iter().map(|(left, right)| (left, right)).collect(),
            false => join.on.iter().map(|(left, right)| (right, left)).collect(),
        };
        let unique = unique(members);
        let keys = pairs.iter().position(|(fact, member)| {
            let by_key = self.fact_key(fact, facts, &columns).is_some();
            let key = plain_column(member, members.schema());
            by_key && key.is_some_and(|key| unique.contains(&vec![key]))
        })?;
        let fact_key = self.fact_key(pairs[keys].0, facts, &columns)?;
        let key = plain_column(pairs[keys].1, members.schema())?;
        if kind == Kind::Outer && (pairs.len() > 1 || join.filter.is_some()) {
            return None;
        }
        let first = self.width;
        let count = members.schema().fields().len();
        self.width += count;
        let plan = members.as_ref().clone();
        self.dimensions.push(Dimension { plan, key, fact_key, optional: kind == Kind::Outer });
        let member_columns: Vec<usize> = (first..first + count).collect();
        let all = match fact_is_left {
            true => [columns.as_slice(), &member_columns].concat(),
            false => [member_columns.as_slice(), &columns].concat(),
        };
        // A semi join's own schema lacks the members.
        let schema = join.left.schema().join(join.right.schema()).ok()?;
        for (index, (left, right)) in join.on.iter().enumerate() {
            if index != keys {
                let equal = left.clone().eq(right.clone());
                self.hold(&equal, &schema, &all)?;
            }
        }
        if let Some(filter) = &join.filter {
            self.hold(filter, &schema, &all)?;
        }
        Some(if kind == Kind::Semi { columns } else { all })
    }

    /// The fact's column that a join's expression is, if it is one that can hold keys.
    fn fact_key(&self, expr: &Expr, facts: &LogicalPlan, columns: &[usize]) -> Option<usize> {
        let index = columns[plain_column(expr, facts.schema())?];
        let fields = self.fact.as_ref()?.projected_schema.fields();
        let field = fields.get(index)?;
        (field.data_type() == &DataType::Int32).then_some(index)
    }

    /// Takes in a predicate over columns of `schema`, by their wide names.
    fn hold(&mut self, predicate: &Expr, schema: &DFSchema, columns: &[usize]) -> Option<()> {
        for part in split_conjunction(predicate) {
            if part.is_volatile() || has_subquery(part) {
                return None;
            }
            let named = part.clone().transform(|expr| match &expr {
                Expr::Column(column) => {
                    let index = columns[schema.index_of_column(column)?];
                    let column = Column::new_unqualified(wide_name(index));
                    Ok(Transformed::yes(Expr::Column(column)))
                }
                _ => Ok(Transformed::no(expr)),
            });
            self.predicates.push(named.ok()?.data);
        }
        Some(())
    }
}

fn has_subquery(expr: &Expr) -> bool {
    let is_subquery = |expr: &Expr| {
        matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        )
    };
    expr.exists(|expr| Ok(is_subquery(expr))).unwrap_or(true)
}

/// The index of the column that an expression is, other names set aside.
fn plain_column(expr: &Expr, schema: &DFSchema) -> Option<usize> {
    match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        Expr::Alias(alias) => plain_column(&alias.expr, schema),
        _ => None,
    }
}

/// The stored table that is scanned, if it is one.
fn stored(scan: &TableScan) -> Option<Arc<StoredTable>> {
    stored_table(&source_as_provider(&scan.source).ok()?)
}

/// The stored table that a provider is, if it is one.
pub(in crate::engine) fn stored_table(
    provider: &Arc<dyn TableProvider>,
) -> Option<Arc<StoredTable>> {
    let any: Arc<dyn std::any::Any + Send + Sync> = Arc::clone(provider) as _;
    any.downcast().ok()
}

fn holds_fact(plan: &LogicalPlan) -> bool {
    let is_fact = |node: &LogicalPlan| match node {
        LogicalPlan::TableScan(scan) => stored(scan).is_some_and(|table| table.has_measures()),
        _ => false,
    };
    plan.exists(|node| Ok(is_fact(node))).unwrap_or(true)
}

/// Sets of columns of which no two rows have the same values.
fn unique(plan: &LogicalPlan) -> Vec<Vec<usize>> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let Some(table) = stored(scan) else { return Vec::new() };
            let schema = &scan.projected_schema;
            let index = |name: &String| schema.index_of_column_by_name(None, name);
            let sets = table.unique().iter();
            sets.filter_map(|set| set.iter().map(index).collect()).collect()
        }
        LogicalPlan::SubqueryAlias(alias) => unique(&alias.input),
        LogicalPlan::Filter(filter) => unique(&filter.input),
        LogicalPlan::Projection(projection) => {
            let schema = projection.input.schema();
            let kept: Vec<Option<usize>> =
                projection.expr.iter().map(|expr| plain_column(expr, schema)).collect();
            let place = |column: &usize| kept.iter().position(|own| *own == Some(*column));
            let sets = unique(&projection.input);
            let plain = sets.iter().filter_map(|set| set.iter().map(place).collect());
            let computed = projection.expr.iter().enumerate().filter(|(_, expr)| {
                let of = told_apart(expr).and_then(|of| plain_column(of, schema));
                of.is_some_and(|of| sets.contains(&vec![of]))
            });
            plain.chain(computed.map(|(place, _)| vec![place])).collect()
        }
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
            let side = |side: &LogicalPlan, pick: fn(&(Expr, Expr)) -> &Expr| {
                let keys = join.on.iter().map(|pair| plain_column(pick(pair), side.schema()));
                let keys: Vec<usize> = keys.flatten().collect();
                unique(side).iter().any(|set| set.iter().all(|column| keys.contains(column)))
            };
            let width = join.left.schema().fields().len();
            let mut sets = Vec::new();
            if side(&join.right, |pair| &pair.1) {
                sets.extend(unique(&join.left));
            }
            if side(&join.left, |pair| &pair.0) {
                let right = unique(&join.right).into_iter();
                sets.extend(right.map(|set| set.iter().map(|column| column + width).collect()));
            }
            sets
        }
        _ => Vec::new(),
    }
}

/// Replaces what an aggregation is over, if it is a star.
///
/// A table that is joined to nothing is one only where few groups come of it: many are DataFusion's
/// to make, batch by batch.
pub(super) fn below(aggregate: &Aggregate) -> Result<Transformed<LogicalPlan>> {
    let plan = aggregate.input.as_ref();
    match star(plan) {
        Some(star) if !star.dimensions.is_empty() || few_groups(&star, aggregate) => {
            Ok(Transformed::yes(star.into_plan()))
        }
        Some(_) => Ok(Transformed::no(plan.clone())),
        None => joins(plan.clone()),
    }
}

/// Whether a plan is a star with dimensions.
pub(super) fn is_joined(plan: &LogicalPlan) -> bool {
    star(plan).is_some_and(|star| !star.dimensions.is_empty())
}

/// Replaces the join that an operator reads through others, if it is a star.
fn joins(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            plan.map_children(joins)
        }
        LogicalPlan::Join(_) => Ok(match star(&plan) {
            Some(star) => Transformed::yes(star.into_plan()),
            None => Transformed::no(plan),
        }),
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
