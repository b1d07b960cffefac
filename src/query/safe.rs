//! Refusals of SQL that would compute a wrong number from a cube read as a table.
//!
//! A cube without MEASURE is its rows at the fact's grain (`preview.rs`). Over those rows `SUM` of
//! an additive measure is the measure. It is not where the measure does not add up, nor where a
//! join has repeated rows in between; whatever expression, subquery or sort hides the measure. A column
//! of a link has no value in such rows, and nothing may depend on it. So each column is followed from
//! the scan of its cube to what takes it.

use super::PlanContext;
use super::marker;
use super::sql::cube_of;
use crate::error::{Error, Result};
use crate::model::{Additivity, Measure};
use arrow::datatypes::FieldRef;
use datafusion::common::{DFSchema, Dependency, JoinType, TableReference};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Expr, FetchType, Join, LogicalPlan, Operator, Window,
};

/// What a column carries of a cube's measure or link.
#[derive(Debug, Clone)]
struct Carried {
    name: String,
    /// Why it does not add up over the cube's rows, where it does not.
    unfit: Option<&'static str>,
    /// Whether a join may have repeated its rows.
    joined: bool,
    /// Whether rows that look alike have become one.
    merged: bool,
    /// Whether it is no measure but a column of a link.
    linked: bool,
}

/// A plan's columns in order, each with what it carries.
type Columns = Vec<Option<Carried>>;

/// Refuses an aggregation of rows that would give another number than the measure it takes.
///
/// # Errors
/// User: names the measure and what to write instead.
pub(super) fn check_aggregate(aggregate: &Aggregate, context: &PlanContext<'_>) -> Result<()> {
    let input = columns(&aggregate.input, context);
    let schema = aggregate.input.schema();
    check_used(&aggregate.group_expr, &input, schema)?;
    aggregate.aggr_expr.iter().try_for_each(|expr| check_calls(expr, &input, schema))
}

/// As [`check_aggregate`], for window functions.
pub(super) fn check_window(window: &Window, context: &PlanContext<'_>) -> Result<()> {
    let input = columns(&window.input, context);
    let schema = window.input.schema();
    window.window_expr.iter().try_for_each(|expr| check_calls(expr, &input, schema))
}

/// Refuses conditions, joins and distinct rows that look at a column of a link in rows of a cube.
///
/// # Errors
/// User: names the column and what to write instead.
pub(super) fn check_node(node: &LogicalPlan, context: &PlanContext<'_>) -> Result<()> {
    match node {
        LogicalPlan::Filter(filter) => {
            let predicate = std::slice::from_ref(&filter.predicate);
            check_used(predicate, &columns(&filter.input, context), filter.input.schema())
        }
        LogicalPlan::Join(join) => {
            let sides = [&join.left, &join.right];
            let on = join.on.iter().flat_map(|(left, right)| [left, right]).chain(&join.filter);
            let on: Vec<Expr> = on.cloned().collect();
            sides
                .iter()
                .try_for_each(|side| check_used(&on, &columns(side, context), side.schema()))
        }
        LogicalPlan::Distinct(distinct) => {
            columns(distinct.input(), context).iter().flatten().try_for_each(only_listed)
        }
        _ => Ok(()),
    }
}

fn check_used(exprs: &[Expr], input: &Columns, schema: &DFSchema) -> Result<()> {
    exprs
        .iter()
        .filter_map(|expr| carried(expr, input, schema))
        .try_for_each(|carried| only_listed(&carried))
}

/// A column of a link may be listed, with no value; nothing more.
fn only_listed(carried: &Carried) -> Result<()> {
    if !carried.linked {
        return Ok(());
    }
    Err(Error::user(format!(
        "a row of the cube may have several members of the link that `{}` is of, and so has no one \
         value of it",
        carried.name
    ))
    .hint("group and filter by it with MEASURE, or ask the members' own table"))
}

fn check_calls(expr: &Expr, input: &Columns, schema: &DFSchema) -> Result<()> {
    let (name, arguments, distinct) = match expr.clone().unalias() {
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            (func.name().to_owned(), params.args, params.distinct)
        }
        Expr::WindowFunction(call) => {
            (call.fun.name().to_owned(), call.params.args, call.params.distinct)
        }
        _ => return Ok(()),
    };
    // How many different values there are is a question about rows.
    let merged = distinct && name != "count";
    let picks = picks_a_row(&name);
    arguments.iter().filter_map(|argument| carried(argument, input, schema)).try_for_each(
        |carried| match picks {
            true => only_listed(&carried),
            false => {
                let merged = merged || carried.merged;
                refusal(&name, &Carried { merged, ..carried })
            }
        },
    )
}

/// Functions whose value is that of one row or a list of rows: no measure, and not taken for one.
fn picks_a_row(name: &str) -> bool {
    const PICKING: [&str; 9] = [
        "min",
        "max",
        "first_value",
        "last_value",
        "nth_value",
        "lag",
        "lead",
        "array_agg",
        "string_agg",
    ];
    PICKING.contains(&name)
}

fn refusal(function: &str, carried: &Carried) -> Result<()> {
    only_listed(carried)?;
    let Carried { name: measure, unfit, joined, merged, .. } = carried;
    let call = match function {
        marker::NAME => "MEASURE".to_owned(),
        other => other.to_uppercase(),
    };
    if let Some(reason) = unfit {
        return Err(Error::user(format!("{call} over `{measure}` would be wrong: {reason}"))
            .hint(format!("write MEASURE({measure})")));
    }
    if *merged {
        return Err(Error::user(format!(
            "{call} over `{measure}` would be wrong: DISTINCT makes one of the cube's rows that look \
             alike, and each counts"
        ))
        .hint(format!("write MEASURE({measure})")));
    }
    if *joined {
        return Err(Error::user(format!(
            "{call} over `{measure}` would be wrong: the join may repeat the cube's rows"
        ))
        .hint(format!(
            "aggregate first, then join: (SELECT ..., MEASURE({measure}) AS {measure} FROM the cube \
             GROUP BY ...) AS c JOIN ..."
        )));
    }
    Ok(())
}

/// Why a measure does not add up over the rows of its cube, where it does not.
fn unfit(measure: &Measure) -> Option<&'static str> {
    match measure.additivity {
        _ if measure.adds_up_over_rows() => None,
        Additivity::WhereKnown => Some("a row that lacks a part of it has no value of it"),
        Additivity::Additive { .. } => Some("a row alone does not say its part of it"),
        _ => Some("it does not add up over rows"),
    }
}

/// What an expression carries: the most dangerous of its columns.
fn carried(expr: &Expr, input: &Columns, schema: &DFSchema) -> Option<Carried> {
    let columns = expr.column_refs();
    let places = columns.into_iter().filter_map(|column| schema.maybe_index_of_column(column));
    worst(places.filter_map(|place| input.get(place).cloned().flatten()))
}

/// The most dangerous of several.
fn worst(carried: impl Iterator<Item = Carried>) -> Option<Carried> {
    carried.max_by_key(|c| (c.linked, c.unfit.is_some(), c.merged, c.joined))
}

/// What each column of a plan carries.
fn columns(plan: &LogicalPlan, context: &PlanContext<'_>) -> Columns {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let cube = cube_of(scan, context.model);
            let names = scan.projected_schema.fields().iter().map(|field| field.name());
            names
                .map(|name| {
                    let cube = cube?;
                    let of = cube.set(name).map_or(name, |set| &set.column);
                    let role = cube.column(of).map(|column| column.role.as_str());
                    let linked = role.is_some_and(|role| cube.link(role).is_some());
                    let measure = cube.measure(name);
                    let unfit = measure.and_then(unfit);
                    let carries = linked || measure.is_some();
                    let (name, joined, merged) = (name.clone(), false, false);
                    carries.then_some(Carried { name, unfit, joined, merged, linked })
                })
                .collect()
        }
        LogicalPlan::Projection(projection) => {
            let (input, schema) = (columns(&projection.input, context), projection.input.schema());
            projection.expr.iter().map(|expr| carried(expr, &input, schema)).collect()
        }
        LogicalPlan::Join(join) => {
            let (left, right) = (columns(&join.left, context), columns(&join.right, context));
            let repeated = |side: Columns, by: Side| match may_repeat(join, by) {
                true => side.into_iter().map(|column| column.map(joined)).collect(),
                false => side,
            };
            match join.join_type {
                JoinType::LeftSemi | JoinType::LeftAnti => left,
                JoinType::RightSemi | JoinType::RightAnti => right,
                JoinType::LeftMark => left.into_iter().chain([None]).collect(),
                JoinType::RightMark => right.into_iter().chain([None]).collect(),
                _ => {
                    let (left, right) = (repeated(left, Side::Right), repeated(right, Side::Left));
                    left.into_iter().chain(right).collect()
                }
            }
        }
        LogicalPlan::Union(union) => {
            let mut inputs = union.inputs.iter().map(|input| columns(input, context));
            let first = inputs.next().unwrap_or_default();
            inputs.fold(first, |known, next| {
                known.into_iter().zip(next).map(|(a, b)| worst(a.into_iter().chain(b))).collect()
            })
        }
        LogicalPlan::Distinct(distinct) => {
            let input = columns(distinct.input(), context).into_iter();
            let merged = |carried| Carried { merged: true, ..carried };
            input.map(|column| column.map(merged)).take(plan.schema().fields().len()).collect()
        }
        LogicalPlan::Window(window) => {
            let mut known = columns(&window.input, context);
            known.resize(window.schema.fields().len(), None);
            known
        }
        LogicalPlan::Unnest(unnest) => {
            let input = columns(&unnest.input, context);
            let schema = unnest.input.schema();
            let column = |(qualifier, field): (Option<&TableReference>, &FieldRef)| {
                let place = schema.index_of_column_by_name(qualifier, field.name())?;
                input.get(place).cloned().flatten().map(joined)
            };
            unnest.schema.iter().map(column).collect()
        }
        // Its outputs are values of groups, and what is asked of those is the asker's own.
        LogicalPlan::Aggregate(aggregate) => vec![None; aggregate.schema.fields().len()],
        other => match other.inputs().as_slice() {
            [input] if input.schema().fields().len() == other.schema().fields().len() => {
                columns(input, context)
            }
            _ => vec![None; other.schema().fields().len()],
        },
    }
}

fn joined(carried: Carried) -> Carried {
    Carried { joined: true, ..carried }
}

/// A side of a join.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Whether a row may meet several rows of that side: not if the side has one row, or if the
/// columns it is joined by are a key of it, as the groups of an aggregation are.
fn may_repeat(join: &Join, side: Side) -> bool {
    let plan = if side == Side::Left { &join.left } else { &join.right };
    if is_one_row(plan) {
        return false;
    }
    let filter = join.filter.iter().flat_map(split_conjunction).filter_map(|part| match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            Some((left.as_ref(), right.as_ref()))
        }
        _ => None,
    });
    let pairs = join.on.iter().map(|(left, right)| (left, right)).chain(filter);
    let place = |expr: &Expr| match expr {
        Expr::Column(column) => plan.schema().maybe_index_of_column(column),
        _ => None,
    };
    // Of `a = b` one is of this side; of `a = a` both, which says nothing.
    let keys: Vec<usize> = pairs
        .filter_map(|(left, right)| match (place(left), place(right)) {
            (Some(place), None) | (None, Some(place)) => Some(place),
            _ => None,
        })
        .collect();
    let known = plan.schema().functional_dependencies();
    !known.iter().any(|known| {
        known.mode == Dependency::Single
            && !known.source_indices.is_empty()
            && known.source_indices.iter().all(|source| keys.contains(source))
    })
}

/// Whether a plan surely has one row at most.
fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::SubqueryAlias(_) => plan.inputs().iter().all(|input| is_one_row(input)),
        LogicalPlan::Limit(limit) => {
            matches!(limit.get_fetch_type(), Ok(FetchType::Literal(Some(0 | 1))))
        }
        _ => false,
    }
}
