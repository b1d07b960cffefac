//! SQL over cubes: MEASURE in the context of its GROUP BY and WHERE, and cubes read as tables.
//!
//! An aggregation with `MEASURE(...)` (or `SUM` over an additive measure, as BI tools write) over
//! a cube becomes an `Ask`; filters, aliases, CTEs and subqueries that only pass or compute columns
//! may stand between. Where a measure has no right answer, the refusal says what to write.

use super::ask::{Ask, group_name, measure_name, too_early, total_name};
use super::at::Modifier;
use super::calculated::StandsFor;
use super::context::Change;
use super::cube_input::{CubeInput, cube_input};
use super::measure::Asked;
use super::padded::Padding;
use super::star_sql::resolve_star;
use super::{
    CubeTable, PlanContext, Planned, Routing, defect, marker, preview, roll_up, safe, slice,
    subquery,
};
use crate::error::{Error, Result};
use crate::model::{Cube, Measure, MeasureKind, Model};
use datafusion::catalog::default_table_source::DefaultTableSource;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, TableReference};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{
    Aggregate, Expr, LogicalPlan, LogicalPlanBuilder, TableScan, ident, lit,
};
use std::collections::HashSet;

/// Replaces every scan of a cube, and every `MEASURE(...)` over it, by plans over stored tables.
/// A plan without cubes comes back unchanged.
///
/// # Errors
/// User errors where a measure is asked in a way that has no right answer.
pub fn resolve_cubes(plan: LogicalPlan, context: &PlanContext<'_>) -> Result<Planned> {
    let mentioned = mentioned_columns(&plan)?;
    let mut routing = Routing::default();
    let plan = plan
        .transform_down_with_subqueries(|node| {
            let replaced = match &node {
                LogicalPlan::Aggregate(aggregate) => {
                    match resolve_aggregate(aggregate, context, &mut routing).map_err(outward)? {
                        Some(plan) => Some(plan),
                        None => resolve_star(aggregate, context, &mut routing).map_err(outward)?,
                    }
                }
                LogicalPlan::TableScan(scan) => {
                    resolve_scan(scan, &mentioned, context, &mut routing).map_err(outward)?
                }
                _ => None,
            };
            if replaced.is_none() {
                match &node {
                    LogicalPlan::Aggregate(rows) => safe::check_aggregate(rows, context),
                    LogicalPlan::Window(rows) => safe::check_window(rows, context),
                    other => safe::check_node(other, context),
                }
                .map_err(outward)?;
            }
            Ok(match replaced {
                Some(plan) => Transformed::new(plan, true, TreeNodeRecursion::Jump),
                None => Transformed::no(node),
            })
        })
        .map_err(inward)?
        .data;
    Ok(Planned { plan, routing })
}

/// Our error through DataFusion's tree walk and back.
pub(super) fn outward(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

pub(super) fn inward(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => Error::internal("a cube question could not be planned").caused_by(other),
        },
        DataFusionError::Context(_, inner) => inward(*inner),
        other => defect(other),
    }
}

/// The cube a scan reads, if it reads one.
pub(super) fn cube_of<'a>(scan: &TableScan, model: &'a Model) -> Option<&'a Cube> {
    let source = scan.source.as_ref() as &dyn std::any::Any;
    let provider = &source.downcast_ref::<DefaultTableSource>()?.table_provider;
    let provider = provider.as_ref() as &dyn std::any::Any;
    model.cube(provider.downcast_ref::<CubeTable>()?.cube())
}

/// Every column name that any expression of the statement uses.
fn mentioned_columns(plan: &LogicalPlan) -> Result<HashSet<String>> {
    let mut mentioned = HashSet::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                if let Expr::Column(column) | Expr::OuterReferenceColumn(_, column) = part {
                    mentioned.insert(column.name.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(defect)?;
    Ok(mentioned)
}

/// A cube read as a table.
fn resolve_scan(
    scan: &TableScan,
    mentioned: &HashSet<String>,
    context: &PlanContext<'_>,
    routing: &mut Routing,
) -> Result<Option<LogicalPlan>> {
    let Some(cube) = cube_of(scan, context.model) else { return Ok(None) };
    let schema = scan.source.schema();
    let rows = preview::preview(cube, scan.table_name.catalog(), &schema, mentioned, context)?;
    let columns = scan.projected_schema.columns().into_iter().map(|column| ident(&column.name));
    let plan = LogicalPlanBuilder::from(rows)
        .project(columns.collect::<Vec<_>>())
        .and_then(|rows| rows.alias(scan.table_name.clone()))
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)?;
    routing.sentences.push(format!(
        "cube {}: rows at the fact's grain; measures that have no value there are NULL",
        cube.name
    ));
    Ok(Some(plan))
}

/// One output of an aggregation over a cube.
enum Output {
    /// A measure, by its place in the ask.
    Measure(usize),
    /// `GROUPING(...)` of groups, by their places.
    Grouping(Vec<usize>),
}

fn resolve_aggregate(
    aggregate: &Aggregate,
    context: &PlanContext<'_>,
    routing: &mut Routing,
) -> Result<Option<LogicalPlan>> {
    let marked = aggregate.aggr_expr.iter().any(|expr| function_name(expr) == Some(marker::NAME));
    let Some(input) = cube_input(&aggregate.input, context.model)? else {
        return match marked {
            true => Err(Error::unsupported(
                "MEASURE must stand over a cube, with only filters, computed columns, CTEs or \
                 subqueries between; a join is not one of them",
            )
            .hint("aggregate the cube with MEASURE in a subquery first, then join its answer")),
            false => Ok(None),
        };
    };
    let schema = aggregate.input.schema();
    let grouped: Vec<Expr> = grouping_set_to_exprlist(&aggregate.group_expr)
        .map_err(defect)?
        .into_iter()
        .cloned()
        .collect();
    // Whatever aggregates the measure: before that there is no value to go by.
    let mut groups = Vec::new();
    for group in &grouped {
        groups.push(input.translate(group, schema)?);
    }
    let mut aggregated = Vec::new();
    for expr in &aggregate.aggr_expr {
        aggregated.push(input.translate(expr, schema)?);
    }
    if input.measured(aggregated.iter()).is_some()
        && let Some(measure) = input.measured(groups.iter().chain(&input.predicates))
    {
        return Err(too_early(measure));
    }
    let mut measures = Vec::new();
    let mut outputs = Vec::new();
    for expr in &aggregate.aggr_expr {
        match output(expr, &input, schema, &grouped, &mut measures)? {
            Some(output) => outputs.push(output),
            None if marked => {
                return Err(Error::unsupported(format!(
                    "{} cannot stand beside MEASURE in one SELECT",
                    expr.human_display()
                ))
                .hint("declare it as a measure of the cube, or ask it in a subquery of its own"));
            }
            None => return Ok(None),
        }
    }
    if measures.is_empty() {
        return Ok(None);
    }
    if !marked && input.predicates.iter().any(subquery::looks_outside) {
        // Nobody wrote MEASURE: the rows answer it.
        return Ok(None);
    }
    let mut predicates = Vec::new();
    for predicate in &input.predicates {
        predicates.push(subquery::resolved(predicate, context, routing)?);
    }
    let said = groups.iter().chain(&predicates).flat_map(Expr::column_refs);
    let said = said.filter_map(|column| input.cube.column(&column.name));
    let roles = said.map(|column| column.role.as_str()).collect();
    for (sentence, predicate) in slice::defaults(input.cube, &roles)? {
        routing.sentences.push(sentence);
        predicates.push(predicate);
    }
    let ask = Ask {
        cube: input.cube,
        catalog: input.catalog.clone(),
        groups,
        grouping_sets: roll_up::grouping_sets_of(&aggregate.group_expr, &grouped),
        predicates,
        measures,
        links: Vec::new(),
        stands_for: StandsFor::new(),
        padding: Padding::default(),
    };
    let Planned { plan, routing: reasons } = ask.plan(context)?;
    routing.extend(reasons);
    renamed(plan, aggregate, &grouped, &outputs, ask.grouping_sets.is_some()).map(Some)
}

/// What an aggregate expression asks of the cube; `None` if it is plain aggregation of rows.
fn output(
    expr: &Expr,
    input: &CubeInput<'_>,
    schema: &DFSchema,
    grouped: &[Expr],
    measures: &mut Vec<Asked>,
) -> Result<Option<Output>> {
    let Expr::AggregateFunction(function) = expr.clone().unalias() else { return Ok(None) };
    let name = function.func.name().to_lowercase();
    let arguments = &function.params.args;
    if name == "grouping" {
        let place = |argument| grouped.iter().position(|group| group == argument);
        let places: Option<Vec<usize>> = arguments.iter().map(place).collect();
        return Ok(places.map(Output::Grouping));
    }
    let (argument, modifiers) = match (name.as_str(), arguments.as_slice()) {
        (marker::NAME, [argument, modifiers @ ..]) => (argument, modifiers),
        (_, [argument]) => (argument, &[][..]),
        _ => return Ok(None),
    };
    let over = input.translate(argument, schema)?;
    let Some(measure) = input.measure(&over) else {
        return match name == marker::NAME {
            true => Err(not_a_measure(&over, input.cube)),
            false => Ok(None),
        };
    };
    let plain = !function.params.distinct
        && function.params.filter.is_none()
        && function.params.order_by.is_empty();
    let asked = input.cube.measure(measure);
    let same = match (name.as_str(), asked.map(|asked| &asked.kind)) {
        (marker::NAME, _) if plain => true,
        (marker::NAME, _) => {
            return Err(Error::unsupported("MEASURE takes no DISTINCT, FILTER or ORDER BY")
                .hint("declare a filtered measure, or filter in WHERE"));
        }
        ("sum", _) if asked.is_some_and(Measure::is_summed) && plain => true,
        ("min", Some(MeasureKind::Min { .. })) | ("max", Some(MeasureKind::Max { .. })) => plain,
        _ => false,
    };
    if !same {
        return Ok(None);
    }
    let changes = modifiers
        .iter()
        .map(|modifier| Modifier::read(modifier, input, schema).map(Change::Modified));
    let asked = Asked { measure: measure.to_owned(), place: changes.collect::<Result<_>>()? };
    let place = measures.iter().position(|known| *known == asked).unwrap_or_else(|| {
        measures.push(asked);
        measures.len() - 1
    });
    Ok(Some(Output::Measure(place)))
}

fn not_a_measure(expr: &Expr, cube: &Cube) -> Error {
    let known: Vec<&str> = cube.measures.iter().map(|measure| measure.name.as_str()).collect();
    Error::user(format!("MEASURE({}) is not a measure of cube {}", expr.human_display(), cube.name))
        .hint(format!("its measures are {}", known.join(", ")))
}

fn function_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::AggregateFunction(function) => Some(function.func.name()),
        Expr::Alias(alias) => function_name(&alias.expr),
        _ => None,
    }
}

/// The ask's answer under the names that the rest of the statement uses.
fn renamed(
    plan: LogicalPlan,
    aggregate: &Aggregate,
    grouped: &[Expr],
    outputs: &[Output],
    with_totals: bool,
) -> Result<LogicalPlan> {
    let named = |value: Expr, (qualifier, name): (Option<_>, String)| match qualifier {
        Some(qualifier) => value.alias_qualified(Some::<TableReference>(qualifier), name),
        None => value.alias(name),
    };
    let mut columns = Vec::new();
    for (index, group) in grouped.iter().enumerate() {
        columns.push(named(ident(group_name(index)), group.qualified_name()));
    }
    for (output, expr) in outputs.iter().zip(&aggregate.aggr_expr) {
        let value = match output {
            Output::Measure(place) => ident(measure_name(*place)),
            Output::Grouping(places) if with_totals => {
                let bits = places.iter().rev().enumerate();
                let bits = bits.map(|(bit, place)| ident(total_name(*place)) * lit(1_i32 << bit));
                bits.reduce(|left, right| left + right).unwrap_or_else(|| lit(0_i32))
            }
            Output::Grouping(_) => lit(0_i32),
        };
        columns.push(named(value, expr.qualified_name()));
    }
    LogicalPlanBuilder::from(plan)
        .project(columns)
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)
}
