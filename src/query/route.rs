//! Routing: which declared aggregate answers a part of a question, and if none, why.
//!
//! An aggregate answers if it is in the release, was built by the definition that the model has
//! now, answers for every column that the part groups or filters by, and keeps a state of
//! everything aggregated. It was built in the same release from the same rows, so the answer is
//! the base's. Of those that answer, the one with the fewest rows is taken.

use super::PlanContext;
use super::atom::Atom;
use super::context::{Context, Shift};
use super::demand::Demand;
use super::lattice::{Cuboid, Places};
use crate::model::Cube;
use std::collections::BTreeSet;

/// So many aggregates are said why they do not answer: those that lack least.
const EXPLAINED: usize = 3;

/// How the parts of a question are answered.
#[derive(Debug, Clone, Default)]
pub struct Routing {
    /// Which aggregate answers a part, or why none does: for EXPLAIN and the query log.
    pub sentences: Vec<String>,
    /// The aggregates that answer a part, or some of one, each once.
    pub aggregates: Vec<String>,
    /// The tables of those, of the session's own release.
    pub(crate) tables: Vec<String>,
    /// What each part asked of the session's own release needs.
    pub demands: Vec<Demand>,
    /// How many parts are answered from base rows alone.
    pub(super) on_base: usize,
    /// How many parts aggregates answer, or answer a part of.
    pub(super) on_aggregates: usize,
    /// How many rows the aggregates that answer have.
    pub(super) rows: u64,
}

impl Routing {
    /// Adds a part.
    pub(super) fn note(&mut self, route: Route<'_>, part: &Part<'_>, planning: &PlanContext<'_>) {
        match route.cuboid {
            Some(cuboid) => {
                self.sentences.push(route.reason);
                self.on_aggregates += 1;
                let rows = planning.tables.rows(part.catalog, &cuboid.table).unwrap_or(u64::MAX);
                self.rows = self.rows.saturating_add(rows);
                self.uses(std::slice::from_ref(&cuboid.aggregate.name));
                if part.catalog.is_none() {
                    self.tables.push(cuboid.table.clone());
                }
            }
            None => self.note_base(route.reason),
        }
        if part.catalog.is_none() {
            self.demands.push(Demand::of(part, planning));
        }
    }

    /// Adds a part that no aggregate could answer: there is nothing to wish for.
    pub(super) fn note_base(&mut self, reason: String) {
        self.sentences.push(reason);
        self.on_base += 1;
    }

    /// Adds aggregates that have a part in the answer.
    pub(crate) fn uses(&mut self, aggregates: &[String]) {
        for name in aggregates {
            if !self.aggregates.contains(name) {
                self.aggregates.push(name.clone());
            }
        }
    }

    /// Adds the parts of a question within.
    pub(super) fn extend(&mut self, other: Self) {
        self.uses(&other.aggregates);
        self.sentences.extend(other.sentences);
        self.tables.extend(other.tables);
        self.demands.extend(other.demands);
        self.on_base += other.on_base;
        self.on_aggregates += other.on_aggregates;
        self.rows = self.rows.saturating_add(other.rows);
    }

    /// Whether an aggregate has a part in the answer.
    pub(crate) fn uses_aggregates(&self) -> bool {
        self.on_aggregates > 0
    }
}

/// The aggregate that answers, and the sentence that says so or why none does.
pub(super) struct Route<'a> {
    pub(super) cuboid: Option<&'a Cuboid>,
    pub(super) reason: String,
}

/// What part of a question is to be routed.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) cube: &'a Cube,
    pub(super) catalog: Option<&'a str>,
    pub(super) context: &'a Context,
    /// SQL names of the cube columns grouped or filtered by.
    pub(super) columns: &'a BTreeSet<String>,
    pub(super) atoms: &'a [&'a Atom],
    /// The shift for which months are enough, where aggregates of months are looked for.
    pub(super) by_months: Option<&'a Shift>,
}

/// Chooses the smallest aggregate that answers.
pub(super) fn route<'a>(part: &Part<'_>, planning: &PlanContext<'a>) -> Route<'a> {
    let subject = part.context.describe();
    let base = |why: String| Route { cuboid: None, reason: format!("{subject}: {why}") };
    if !planning.use_aggregates {
        return base("base rows, aggregates are switched off".to_owned());
    }
    if let Some(cuboid) = smallest(part, planning, |_| true) {
        let reason = format!("{subject}: aggregate {} answers", cuboid.aggregate.name);
        return Route { cuboid: Some(cuboid), reason };
    }
    let of_fact: Vec<&Cuboid> = of_fact(part, planning).collect();
    match of_fact.as_slice() {
        [] => base("base rows, no aggregate is declared".to_owned()),
        _ => base(format!("base rows; {}", refusals(part, of_fact, planning))),
    }
}

/// The aggregates of the part's fact.
fn of_fact<'a, 'p>(
    part: &'p Part<'_>,
    planning: &PlanContext<'a>,
) -> impl Iterator<Item = &'a Cuboid> + use<'a, 'p> {
    let fact = &part.context.fact;
    let cuboids = planning.lattice.cuboids(&part.cube.name).iter();
    cuboids.filter(move |cuboid| cuboid.aggregate.fact == *fact)
}

/// The aggregate with the fewest rows of those that answer and fit.
pub(super) fn smallest<'a>(
    part: &Part<'_>,
    planning: &PlanContext<'a>,
    fits: impl Fn(&Cuboid) -> bool,
) -> Option<&'a Cuboid> {
    if !planning.use_aggregates {
        return None;
    }
    let asked = planning.lattice.places(&part.cube.name, part.columns);
    let answering = of_fact(part, planning).filter(|cuboid| cuboid.answers(&asked) && fits(cuboid));
    let answering = answering.filter(|cuboid| refusal(part, cuboid, planning).is_none());
    let rows = |cuboid: &Cuboid| planning.tables.rows(part.catalog, &cuboid.table);
    let columns = |cuboid: &Cuboid| cuboid.aggregate.columns.len() + cuboid.aggregate.roles.len();
    answering.min_by_key(|cuboid| (rows(cuboid).unwrap_or(u64::MAX), columns(cuboid)))
}

/// Why aggregates do not answer, the nearest first.
fn refusals(part: &Part<'_>, mut cuboids: Vec<&Cuboid>, planning: &PlanContext<'_>) -> String {
    let count = cuboids.len();
    let asked = &planning.lattice.places(&part.cube.name, part.columns);
    cuboids.sort_by_key(|cuboid| cuboid.lacks(asked));
    let said = cuboids.iter().take(EXPLAINED).map(|cuboid| {
        let missing = missing(part, cuboid, asked, planning);
        let why = missing.or_else(|| refusal(part, cuboid, planning)).unwrap_or_default();
        format!("{} {why}", cuboid.aggregate.name)
    });
    let mut said: Vec<String> = said.collect();
    if count > EXPLAINED {
        said.push(format!("nor do {} others", count - EXPLAINED));
    }
    said.join("; ")
}

/// The columns that an aggregate does not answer for, in words.
fn missing(
    part: &Part<'_>,
    cuboid: &Cuboid,
    asked: &Places,
    planning: &PlanContext<'_>,
) -> Option<String> {
    if cuboid.answers(asked) {
        return None;
    }
    let lacks = |name: &&String| {
        let alone = planning.lattice.places(&part.cube.name, [*name]);
        !cuboid.answers(&alone)
    };
    let names: Vec<&str> = part.columns.iter().filter(lacks).map(String::as_str).collect();
    Some(format!("does not keep {}", names.join(", ")))
}

/// Why an aggregate that answers for all columns does not answer; `None` if it does.
fn refusal(part: &Part<'_>, cuboid: &Cuboid, planning: &PlanContext<'_>) -> Option<String> {
    if planning.tables.table(part.catalog, &cuboid.table).is_none() {
        return Some(match planning.tables.left_out(part.catalog, &cuboid.table) {
            Some(why) => format!("is left out of this release: {why}"),
            None => "is not built in this release".to_owned(),
        });
    }
    if planning.tables.built_by(part.catalog, &cuboid.table) != Some(&cuboid.fingerprint) {
        return Some("was built by another definition".to_owned());
    }
    if planning.tables.is_distrusted(part.catalog, &cuboid.table) {
        return Some("gave another answer than base rows, and waits to be refreshed".to_owned());
    }
    part.atoms.iter().find_map(|atom| {
        if let Some(role) = cuboid.lacks_role(part.context, atom, part.by_months) {
            return Some(format!(
                "does not keep {role} as a whole, by which {} goes",
                atom.measure
            ));
        }
        match cuboid.computes(atom) {
            Some(_) => None,
            None if atom.state().is_none() => Some(format!("cannot add up {}", atom.measure)),
            None => Some(format!("does not keep {}", atom.measure)),
        }
    })
}
