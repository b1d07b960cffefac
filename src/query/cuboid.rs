//! Aggregates (cuboids) as tables: what they keep, and the plan that fills them.
//!
//! An aggregate keeps mergeable states (sums, counts, smallest and largest values), never a
//! finished average or distinct count, under the SQL names of its columns and measures.

use super::ask::needed_roles;
use super::atom::{Atom, atom_name};
use super::measure::{Asked, Expansion};
use super::star::Star;
use super::{PlanContext, defect};
use crate::error::{Error, Result};
use crate::model::{Aggregate, Column, ColumnType, Cube, Model};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, ident};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

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
    let star = Star { context, cube, fact, catalog: None, shift: None, links: &[] };
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
    star.relation(&roles, &BTreeSet::new())?
        .project(inputs)
        .and_then(|rows| rows.aggregate(aggregate.columns.iter().map(ident), aggregated))
        .and_then(|grouped| grouped.project(stored.collect::<Vec<_>>()))
        .and_then(|stored| {
            stored.sort(aggregate.columns.iter().map(|name| ident(name).sort(true, false)))
        })
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)
}

/// The input that stands for an aggregate's definition among what a release remembers.
pub const AGGREGATE_DEFINITION: &str = "aggregate.definition";

/// The fingerprints of a model's aggregates, by their tables.
pub type Fingerprints = BTreeMap<String, String>;

/// The fingerprints of all aggregates of a model.
pub fn fingerprints(model: &Model) -> Fingerprints {
    let declared = model.cubes.iter().flat_map(|cube| {
        cube.aggregates.iter().map(move |aggregate| {
            (cube.aggregate_table(aggregate), aggregate_fingerprint(cube, aggregate, model))
        })
    });
    declared.collect()
}

/// A fingerprint of whatever in the model decides what an aggregate's table holds: its own
/// declaration, the columns it keeps as the cube has them, the measures, fact and dimensions.
pub fn aggregate_fingerprint(cube: &Cube, aggregate: &Aggregate, model: &Model) -> String {
    let tables = aggregate_sources(aggregate, model);
    let dimensions = model.dimensions.iter().filter(|d| tables.contains(&d.table()));
    let dimensions: Vec<_> = dimensions.collect();
    let columns: Vec<_> = aggregate.columns.iter().map(|name| cube.column(name)).collect();
    let fact = model.fact(&aggregate.fact);
    let measures = &cube.measures;
    let views: Vec<_> =
        cube.dimensions.iter().filter_map(|offered| offered.view.as_ref()).collect();
    let text =
        format!("{aggregate:?}\n{columns:?}\n{measures:?}\n{fact:?}\n{dimensions:?}\n{views:?}");
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The tables that an aggregate is computed from: its fact, and the dimensions in its roles.
pub fn aggregate_sources(aggregate: &Aggregate, model: &Model) -> BTreeSet<String> {
    let Some(fact) = model.fact(&aggregate.fact) else {
        return BTreeSet::new();
    };
    let dimensions = fact.roles.iter().filter_map(|role| model.dimension(&role.dimension));
    dimensions.map(|dimension| dimension.table()).chain([fact.table()]).collect()
}

/// Whether an aggregate keeps the state of a base measure, itself or for a measure built on it.
pub(super) fn keeps(cube: &Cube, aggregate: &Aggregate, base: &str) -> bool {
    base_measures(cube, &aggregate.measures).iter().any(|kept| kept == base)
}

/// The states an aggregate keeps.
fn states(cube: &Cube, aggregate: &Aggregate, model: &Model) -> Result<Expansion> {
    let base = base_measures(cube, &aggregate.measures);
    let expansion = Expansion::new(
        cube,
        model,
        &base.iter().map(|name| Asked::here(name)).collect::<Vec<_>>(),
    )?;
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
        match measure.kind.uses().as_slice() {
            [] => base.push(name),
            uses => pending.extend(uses.iter().rev().map(|name| (*name).to_owned())),
        }
    }
    base
}

fn unknown(cube: &Cube, aggregate: &Aggregate, name: &str) -> Error {
    Error::user(format!("aggregate `{}` names `{name}`, which it cannot keep", aggregate.name))
        .with("cube", &cube.name)
}
