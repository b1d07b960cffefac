//! Aggregates (cuboids) as tables: what they keep, and the plan that fills them.
//!
//! An aggregate keeps mergeable states (sums, counts, smallest and largest values), never a
//! finished average or distinct count, under the SQL names of its columns and measures.

use super::ask::needed_roles;
use super::measure::{Atom, Expansion, atom_name};
use super::star::Star;
use super::{PlanContext, defect};
use crate::error::{Error, Result};
use crate::model::{Aggregate, Column, ColumnType, Cube, MeasureKind, Model};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, ident};

/// The columns of an aggregate's table: the cube columns it keeps, then its states.
///
/// # Errors
/// User errors for unknown columns and measures whose states do not add up.
pub fn aggregate_columns(cube: &Cube, aggregate: &Aggregate, model: &Model) -> Result<Vec<Column>> {
    let mut columns = Vec::new();
    for name in &aggregate.columns {
        let kept = cube.column(name).ok_or_else(|| unknown(cube, aggregate, name))?;
        let column = Column::new(name, kept.column.ty, true);
        columns.push(column.described(&kept.column.description));
    }
    let expansion = states(cube, aggregate, model)?;
    for (atom, ty) in expansion.atoms.iter().zip(&expansion.types) {
        let ty = ColumnType::from_arrow(ty).ok_or_else(|| {
            Error::unsupported(format!("measure `{}` has no stored type", atom.measure))
        })?;
        columns.push(Column::new(atom.state_column(cube), ty, true));
    }
    Ok(columns)
}

/// The plan that computes an aggregate from its fact, with the columns of [`aggregate_columns`],
/// sorted by those it keeps.
///
/// # Errors
/// As [`aggregate_columns`]; not found where the release lacks the fact or a dimension.
pub fn aggregate_plan(
    cube: &Cube,
    aggregate: &Aggregate,
    context: &PlanContext<'_>,
) -> Result<LogicalPlan> {
    let fact = context.model.fact(&aggregate.fact);
    let fact = fact.ok_or_else(|| unknown(cube, aggregate, &aggregate.fact))?;
    let star = Star { context, cube, fact, catalog: None, shift: None };
    let mut kept = Vec::new();
    for name in &aggregate.columns {
        let column = cube.column(name).ok_or_else(|| unknown(cube, aggregate, name))?;
        if !star.relates(column) {
            return Err(star.unrelated(&column.role));
        }
        kept.push(column);
    }
    let expansion = states(cube, aggregate, context.model)?;
    let atoms: Vec<&Atom> = expansion.atoms.iter().collect();
    let roles = needed_roles(&kept, &atoms, context.model)?;
    let groups: Vec<Expr> =
        kept.iter().map(|column| star.column(column).alias(&column.name)).collect();
    let mut inputs = groups;
    let mut aggregated = Vec::new();
    for (index, atom) in atoms.iter().enumerate() {
        let input = format!("__x{index}");
        let value = atom.inputs(context.model)?.into_iter().next();
        let value = value.ok_or_else(|| Error::internal("an atom aggregates nothing"))?;
        inputs.push(value.alias(&input));
        aggregated.push(atom.aggregate(vec![ident(input)]).alias(atom_name(index)));
    }
    let stored = aggregate.columns.iter().map(ident).chain(expansion.types.iter().enumerate().map(
        |(index, ty)| {
            cast(ident(atom_name(index)), ty.clone()).alias(atoms[index].state_column(cube))
        },
    ));
    star.relation(&roles)?
        .project(inputs)
        .and_then(|rows| rows.aggregate(aggregate.columns.iter().map(ident), aggregated))
        .and_then(|grouped| grouped.project(stored.collect::<Vec<_>>()))
        .and_then(|stored| {
            stored.sort(aggregate.columns.iter().map(|name| ident(name).sort(true, false)))
        })
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)
}

/// Whether an aggregate keeps the state of a base measure, itself or for a measure built on it.
pub(super) fn keeps(cube: &Cube, aggregate: &Aggregate, base: &str) -> bool {
    base_measures(cube, &aggregate.measures).iter().any(|kept| kept == base)
}

/// The states an aggregate keeps.
fn states(cube: &Cube, aggregate: &Aggregate, model: &Model) -> Result<Expansion> {
    let base = base_measures(cube, &aggregate.measures);
    let expansion = Expansion::new(cube, model, base.iter().map(String::as_str))?;
    for atom in &expansion.atoms {
        if atom.context.fact != aggregate.fact {
            return Err(unknown(cube, aggregate, &atom.measure)
                .with("fact of the measure", &atom.context.fact));
        }
        if atom.merge(super::marker_state()).is_none() {
            return Err(Error::user(format!(
                "aggregate `{}` cannot keep measure `{}`: its values do not add up",
                aggregate.name, atom.measure
            ))
            .with("cube", &cube.name));
        }
    }
    Ok(expansion)
}

/// The measures that aggregate rows, among these and those they are computed from.
fn base_measures(cube: &Cube, names: &[String]) -> Vec<String> {
    let mut base: Vec<String> = Vec::new();
    let mut pending: Vec<String> = names.iter().rev().cloned().collect();
    let mut seen = std::collections::HashSet::new();
    while let Some(name) = pending.pop() {
        let Some(measure) = cube.measure(&name) else { continue };
        if !seen.insert(name.clone()) {
            continue;
        }
        match &measure.kind {
            MeasureKind::Ratio { numerator, denominator } => {
                pending.extend([denominator.clone(), numerator.clone()]);
            }
            MeasureKind::YearsBefore { measure, .. } | MeasureKind::ShareOfTotal { measure } => {
                pending.push(measure.clone());
            }
            MeasureKind::Calculated { sql } => {
                let names = super::scalar_sql::names(sql);
                pending.extend(names.into_iter().rev());
            }
            _ => base.push(name),
        }
    }
    base
}

fn unknown(cube: &Cube, aggregate: &Aggregate, name: &str) -> Error {
    Error::user(format!("aggregate `{}` names `{name}`, which it cannot keep", aggregate.name))
        .with("cube", &cube.name)
}
