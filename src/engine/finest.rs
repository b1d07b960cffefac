//! Grouping sets are aggregated once, at their finest grain; the coarser sets are derived from it.
//!
//! `GROUP BY CUBE (a, b, c, d)` has sixteen sets. DataFusion adds every row to a group of each; here
//! rows are added up by `(a, b, c, d)`, and the groups so found, of which there are far fewer, are
//! added up for the sets (Gray et al., 1997: distributive functions). A question whose functions are
//! not all of that kind is left as it is.

use crate::query::{sum, sum_function};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::expr_fn::{bool_and, bool_or, max, min};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, GroupingSet, LogicalPlan, Projection, cast, lit, when,
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

/// The same aggregation from its finest set; `None` where that gives something else, or nothing is
/// gained.
pub(super) fn derived(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let [Expr::GroupingSet(sets)] = aggregate.group_expr.as_slice() else { return Ok(None) };
    let groups = grouping_set_to_exprlist(&aggregate.group_expr)?;
    if !has_finest(sets, groups.len()) {
        return Ok(None);
    }
    let input = aggregate.input.schema();
    let functions = aggregate.aggr_expr.iter().map(|expr| Function::of(expr, input));
    let functions: Option<Vec<Function>> = functions.collect();
    let Some(functions) = functions.filter(|_| !groups.is_empty()) else { return Ok(None) };
    let parts: Vec<&Part> = functions.iter().flat_map(Function::parts).collect();
    let finest = Aggregate::try_new(
        Arc::clone(&aggregate.input),
        groups.iter().map(|expr| (*expr).clone()).collect(),
        parts.iter().enumerate().map(|(index, part)| part.named(index)).collect(),
    )?;
    let column = |index: usize| Expr::Column(Column::from(finest.schema.qualified_field(index)));
    let sets = replaced(sets, |expr| groups.iter().position(|group| *group == expr).map(column));
    let Some(sets) = sets else { return Ok(None) };
    let added = parts.iter().enumerate();
    let added = added.map(|(index, part)| part.add_up.over(column(groups.len() + index)));
    let added = added.collect();
    let outer = Aggregate::try_new(
        Arc::new(LogicalPlan::Aggregate(finest)),
        vec![Expr::GroupingSet(sets)],
        added,
    )?;
    let own = outer.schema.fields().len() - parts.len();
    let column = |index: usize| Expr::Column(Column::from(outer.schema.qualified_field(index)));
    let mut shown: Vec<Expr> = (0..own).map(column).collect();
    let mut next = own;
    for (index, function) in functions.iter().enumerate() {
        let ty = aggregate.schema.field(own + index).data_type();
        shown.push(function.value(column, next, ty)?);
        next += function.parts().count();
    }
    let named = shown.into_iter().enumerate().map(|(index, value)| {
        // The name it has in the aggregation that this stands for.
        let (qualifier, field) = aggregate.schema.qualified_field(index);
        value.alias_qualified(qualifier.cloned(), field.name())
    });
    let named = named.collect();
    let schema = Arc::clone(&aggregate.schema);
    let outer = Arc::new(LogicalPlan::Aggregate(outer));
    Projection::try_new_with_schema(named, outer, schema).map(LogicalPlan::Projection).map(Some)
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

/// A function, by what it is at the finest grain.
enum Function {
    Same(Part),
    /// An average of floats is their sum by their number. That of decimals is left alone: it is
    /// summed in a wider type, and rounded in a way of its own.
    Average(Part, Part),
}

/// What is found at the finest grain, and how that is added up.
struct Part {
    expr: Expr,
    add_up: AddUp,
    /// Whether the question has it under no name.
    is_ours: bool,
}

impl Function {
    /// `None` where it cannot be had from parts.
    fn of(expr: &Expr, input: &DFSchema) -> Option<Self> {
        if let Some(add_up) = AddUp::of(expr) {
            return Some(Self::Same(Part { expr: expr.clone(), add_up, is_ours: false }));
        }
        let AggregateFunction { func, params } = function(expr)?;
        let [argument] = params.args.as_slice() else { return None };
        if func.name() != "avg" || argument.get_type(input).ok()? != DataType::Float64 {
            return None;
        }
        let part = |func, add_up| {
            let (args, filter) = (params.args.clone(), params.filter.clone());
            let function = AggregateFunction::new_udf(func, args, false, filter, Vec::new(), None);
            Part { expr: Expr::AggregateFunction(function), add_up, is_ours: true }
        };
        Some(Self::Average(part(sum_function(), AddUp::Sum), part(count_udaf(), AddUp::Count)))
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        match self {
            Self::Same(part) => std::iter::once(part).chain(None),
            Self::Average(sum, count) => std::iter::once(sum).chain(Some(count)),
        }
    }

    /// Its value, of that type, from its parts added up, the first of which is this column.
    fn value(&self, column: impl Fn(usize) -> Expr, first: usize, ty: &DataType) -> Result<Expr> {
        let value = column(first);
        match self {
            // No rows at all are counted as none.
            Self::Same(Part { add_up: AddUp::Count, .. }) => {
                let none = lit(ScalarValue::new_zero(ty)?);
                when(value.clone().is_not_null(), value).otherwise(none)
            }
            Self::Same(_) => Ok(cast(value, ty.clone())),
            Self::Average(..) => Ok(value / cast(column(first + 1), DataType::Float64)),
        }
    }
}

impl Part {
    /// Under a name that no other part has.
    fn named(&self, index: usize) -> Expr {
        match self.is_ours {
            true => self.expr.clone().alias(format!("__part_{index}")),
            false => self.expr.clone(),
        }
    }
}

/// The plain function that an expression is.
fn function(expr: &Expr) -> Option<&AggregateFunction> {
    match expr {
        Expr::AggregateFunction(function) => {
            let params = &function.params;
            (!params.distinct && params.order_by.is_empty()).then_some(function)
        }
        Expr::Alias(alias) => function(&alias.expr),
        _ => None,
    }
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
        let AggregateFunction { func, .. } = function(expr)?;
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
