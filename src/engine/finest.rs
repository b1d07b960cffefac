//! Grouping sets are aggregated once, at their finest grain; the coarser sets are derived from it.
//!
//! `GROUP BY CUBE (a, b, c, d)` has sixteen sets. DataFusion adds every row to a group of each; here
//! rows are added up by `(a, b, c, d)`, and the groups so found, of which there are far fewer, are
//! added up for the sets (Gray et al., 1997: distributive functions). A question whose functions are
//! not all of that kind is left as it is.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::functions_aggregate::expr_fn::{bool_and, bool_or, max, min, sum};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{
    Aggregate, Expr, GroupingSet, LogicalPlan, Projection, cast, lit, when,
};
use std::collections::HashSet;
use std::sync::Arc;

/// Aggregates every set of grouping sets from the finest, where that gives the same.
pub(super) fn derive(plan: LogicalPlan) -> Result<LogicalPlan> {
    let derived = plan.transform_up_with_subqueries(|node| match &node {
        LogicalPlan::Aggregate(aggregate) => Ok(match derived(aggregate)? {
            Some(derived) => Transformed::yes(derived),
            None => Transformed::no(node),
        }),
        _ => Ok(Transformed::no(node)),
    })?;
    Ok(derived.data)
}

fn derived(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let [Expr::GroupingSet(sets)] = aggregate.group_expr.as_slice() else { return Ok(None) };
    let groups = grouping_set_to_exprlist(&aggregate.group_expr)?;
    if !has_finest(sets, groups.len()) {
        return Ok(None);
    }
    let functions: Option<Vec<AddUp>> = aggregate.aggr_expr.iter().map(AddUp::of).collect();
    let Some(functions) = functions.filter(|_| !groups.is_empty()) else { return Ok(None) };
    let finest = Aggregate::try_new(
        Arc::clone(&aggregate.input),
        groups.iter().map(|expr| (*expr).clone()).collect(),
        aggregate.aggr_expr.clone(),
    )?;
    let column = |index: usize| Expr::Column(Column::from(finest.schema.qualified_field(index)));
    let sets = replaced(sets, |expr| groups.iter().position(|group| *group == expr).map(column));
    let Some(sets) = sets else { return Ok(None) };
    let states = functions.iter().enumerate();
    let added = states.map(|(index, function)| function.over(column(groups.len() + index)));
    let added = added.collect();
    let outer = Aggregate::try_new(
        Arc::new(LogicalPlan::Aggregate(finest)),
        vec![Expr::GroupingSet(sets)],
        added,
    )?;
    let own = outer.schema.fields().len() - functions.len();
    let shown = (0..outer.schema.fields().len()).map(|index| {
        let value = Expr::Column(Column::from(outer.schema.qualified_field(index)));
        let function = index.checked_sub(own).map(|index| functions[index]);
        named(value, function, &aggregate.schema, index)
    });
    let shown = shown.collect::<Result<Vec<_>>>()?;
    let schema = Arc::clone(&aggregate.schema);
    let outer = Arc::new(LogicalPlan::Aggregate(outer));
    Projection::try_new_with_schema(shown, outer, schema).map(LogicalPlan::Projection).map(Some)
}

/// Whether one of the sets has all groups: without it the finest grain is one that nobody asked for,
/// and may have as many groups as there are rows.
fn has_finest(sets: &GroupingSet, groups: usize) -> bool {
    match sets {
        GroupingSet::Rollup(_) | GroupingSet::Cube(_) => true,
        GroupingSet::GroupingSets(sets) => {
            let different = |set: &Vec<Expr>| set.iter().collect::<HashSet<_>>().len();
            sets.iter().any(|set| different(set) == groups)
        }
    }
}

/// A column of the derived aggregation under the name and type it has in the one it stands for.
fn named(value: Expr, function: Option<AddUp>, schema: &DFSchema, index: usize) -> Result<Expr> {
    let (qualifier, field) = schema.qualified_field(index);
    let value = match function {
        None => value,
        // No rows at all are counted as none.
        Some(AddUp::Count) => when(value.clone().is_not_null(), value)
            .otherwise(lit(ScalarValue::new_zero(field.data_type())?))?,
        Some(_) => cast(value, field.data_type().clone()),
    };
    Ok(value.alias_qualified(qualifier.cloned(), field.name()))
}

/// How what a function found in parts is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddUp {
    Sum,
    Count,
    Min,
    Max,
    And,
    Or,
}

impl AddUp {
    /// `None` where parts do not add up.
    fn of(expr: &Expr) -> Option<Self> {
        let AggregateFunction { func, params } = match expr {
            Expr::AggregateFunction(function) => function,
            Expr::Alias(alias) => return Self::of(&alias.expr),
            _ => return None,
        };
        if params.distinct || !params.order_by.is_empty() {
            return None;
        }
        Some(match func.name() {
            "sum" => Self::Sum,
            "count" => Self::Count,
            "min" => Self::Min,
            "max" => Self::Max,
            "bool_and" => Self::And,
            "bool_or" => Self::Or,
            _ => return None,
        })
    }

    fn over(self, parts: Expr) -> Expr {
        match self {
            Self::Sum | Self::Count => sum(parts),
            Self::Min => min(parts),
            Self::Max => max(parts),
            Self::And => bool_and(parts),
            Self::Or => bool_or(parts),
        }
    }
}

/// The same sets of other expressions; `None` where one has no other.
fn replaced(sets: &GroupingSet, other: impl Fn(&Expr) -> Option<Expr>) -> Option<GroupingSet> {
    let all = |exprs: &[Expr]| exprs.iter().map(&other).collect::<Option<Vec<_>>>();
    Some(match sets {
        GroupingSet::Rollup(exprs) => GroupingSet::Rollup(all(exprs)?),
        GroupingSet::Cube(exprs) => GroupingSet::Cube(all(exprs)?),
        GroupingSet::GroupingSets(sets) => {
            GroupingSet::GroupingSets(sets.iter().map(|set| all(set)).collect::<Option<_>>()?)
        }
    })
}
