//! Routing: which declared aggregate answers a part of a question, and if none, why.
//!
//! An aggregate answers if it is in the release, was built by the definition that the model has
//! now, keeps every column that the part groups or filters by, and keeps a mergeable state of
//! everything aggregated. It was built in the same release from the same rows, so the answer is
//! the base's.

use super::PlanContext;
use super::atom::Atom;
use super::context::Context;
use crate::model::{Aggregate, Cube};
use std::collections::BTreeSet;

/// The aggregate that answers, and the sentence that says so or why none does.
pub(super) struct Route<'a> {
    pub(super) aggregate: Option<&'a Aggregate>,
    pub(super) reason: String,
}

/// What part of a question is to be routed.
pub(super) struct Part<'a> {
    pub(super) cube: &'a Cube,
    pub(super) catalog: Option<&'a str>,
    pub(super) context: &'a Context,
    /// SQL names of the cube columns grouped or filtered by.
    pub(super) columns: &'a BTreeSet<String>,
    pub(super) atoms: &'a [&'a Atom],
}

/// Chooses the smallest aggregate that answers.
pub(super) fn route<'a>(part: &Part<'a>, planning: &PlanContext<'_>) -> Route<'a> {
    let subject = part.context.describe();
    let base = |why: String| Route { aggregate: None, reason: format!("{subject}: {why}") };
    if !planning.use_aggregates {
        return base("base rows, aggregates are switched off".to_owned());
    }
    if part.context.shift.is_some() {
        return base("base rows, a period shift moves single days".to_owned());
    }
    if part.context.running.is_some() {
        return base("base rows, a window is made of single days".to_owned());
    }
    if part.context.daily.is_some() {
        return base("base rows, single days are added up first".to_owned());
    }
    let mut refusals = Vec::new();
    let mut answering = Vec::new();
    let declared = part.cube.aggregates.iter().filter(|a| a.fact == part.context.fact);
    for aggregate in declared {
        let table = part.cube.aggregate_table(aggregate);
        match refusal(part, aggregate, planning, &table) {
            Some(why) => refusals.push(format!("{} {why}", aggregate.name)),
            None => {
                let rows = planning.tables.rows(part.catalog, &table);
                answering.push((rows.unwrap_or(u64::MAX), aggregate.columns.len(), aggregate));
            }
        }
    }
    match answering.into_iter().min_by_key(|(rows, columns, _)| (*rows, *columns)) {
        Some((_, _, aggregate)) => Route {
            aggregate: Some(aggregate),
            reason: format!("{subject}: aggregate {} answers", aggregate.name),
        },
        None if refusals.is_empty() => base("base rows, no aggregate is declared".to_owned()),
        None => base(format!("base rows; {}", refusals.join("; "))),
    }
}

/// Why an aggregate cannot answer; `None` if it can.
fn refusal(
    part: &Part<'_>,
    aggregate: &Aggregate,
    planning: &PlanContext<'_>,
    table: &str,
) -> Option<String> {
    if planning.tables.table(part.catalog, table).is_none() {
        return Some("is not built in this release".to_owned());
    }
    let wanted = planning.fingerprints.get(table).map(String::as_str);
    if wanted.is_none() || planning.tables.built_by(part.catalog, table) != wanted {
        return Some("was built by another definition".to_owned());
    }
    let missing: Vec<&str> = part
        .columns
        .iter()
        .filter(|column| !aggregate.columns.contains(column))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        return Some(format!("does not keep {}", missing.join(", ")));
    }
    part.atoms.iter().find_map(|atom| {
        if atom.merge(super::marker_state()).is_none() {
            return Some(format!("cannot add up {}", atom.measure));
        }
        let kept = super::cuboid::keeps(part.cube, aggregate, &atom.measure);
        (!kept).then(|| format!("does not keep {}", atom.measure))
    })
}
