//! The lattice of a model's aggregates: what each of them answers for, looked up in no time.
//!
//! An aggregate keeps some roles as a whole, by their keys: it answers for all their columns, and is
//! joined to their dimensions as the fact is. Other columns it keeps by value. It answers a part of a
//! question if it keeps all that the part groups or filters by, and a state of all that is
//! aggregated. Harinarayan, Rajaraman and Ullman, "Implementing Data Cubes Efficiently" (1996).

use super::atom::{Atom, Function};
use super::context::{Context, Shift};
use super::cuboid::fingerprint;
use super::sketch::is_text;
use super::state::{Kept, Kind, states};
use crate::error::Result;
use crate::model::{Aggregate, Cube, CubeColumn, DimensionKind, Fact, Model};
use std::collections::{BTreeMap, BTreeSet};

/// The aggregates of a model's cubes.
#[derive(Debug, Default)]
pub struct Lattice {
    cubes: BTreeMap<String, Vec<Cuboid>>,
    /// The place of each column of a cube among its columns.
    places: BTreeMap<String, BTreeMap<String, usize>>,
}

/// An aggregate as questions see it.
#[derive(Debug)]
pub(super) struct Cuboid {
    pub(super) aggregate: Aggregate,
    pub(super) table: String,
    /// Of whatever decides what the table holds.
    pub(super) fingerprint: String,
    /// Whether each row is of one month of the fact's partitions, and says of which.
    pub(super) by_month: bool,
    /// The columns of the keys of its roles.
    pub(super) role_keys: Vec<String>,
    pub(super) states: Vec<Kept>,
    /// The columns that it answers for, by value or through a role.
    answers: Places,
    /// What it keeps apart, as counts of different values name it: whole roles and degenerate
    /// dimensions.
    apart: BTreeSet<String>,
}

/// How an atom is computed from a cuboid.
pub(super) enum Computed<'a> {
    /// From a state.
    Merged(&'a Kept),
    /// As from rows: the cuboid keeps apart what is counted.
    Counted,
}

/// Which places of a cube's columns are meant.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Vec<u64>);

impl Places {
    fn insert(&mut self, place: usize) {
        if self.0.len() <= place / 64 {
            self.0.resize(place / 64 + 1, 0);
        }
        self.0[place / 64] |= 1 << (place % 64);
    }

    fn contains(&self, others: &Self) -> bool {
        let own = self.0.iter().copied().chain(std::iter::repeat(0));
        others.0.iter().zip(own).all(|(other, own)| other & !own == 0)
    }

    /// How many of the others are missing here.
    fn missing(&self, others: &Self) -> u32 {
        let own = self.0.iter().copied().chain(std::iter::repeat(0));
        others.0.iter().zip(own).map(|(other, own)| (other & !own).count_ones()).sum()
    }
}

impl Lattice {
    /// The lattice of a model.
    ///
    /// # Errors
    /// User errors where an aggregate keeps what cannot be put together from parts.
    pub fn of(model: &Model) -> Result<Self> {
        let mut lattice = Self::default();
        for cube in &model.cubes {
            let places = cube.columns.iter().enumerate();
            let places: BTreeMap<String, usize> =
                places.map(|(place, column)| (column.name.clone(), place)).collect();
            let cuboids = cube.aggregates.iter();
            let cuboids = cuboids.map(|aggregate| Cuboid::new(cube, aggregate, model));
            lattice.cubes.insert(cube.name.clone(), cuboids.collect::<Result<_>>()?);
            lattice.places.insert(cube.name.clone(), places);
        }
        Ok(lattice)
    }

    /// The fingerprint of the definition of an aggregate's table, if the model declares it.
    pub fn fingerprint(&self, cube: &str, table: &str) -> Option<&str> {
        let cuboid = self.cuboids(cube).iter().find(|cuboid| cuboid.table == table)?;
        Some(&cuboid.fingerprint)
    }

    /// Whether an aggregate of a cube remembers texts, which weigh as much as there are different ones.
    pub fn remembers_texts(&self, cube: &str, model: &Model) -> bool {
        let states = self.cuboids(cube).iter().flat_map(|cuboid| &cuboid.states);
        let mut different = states.filter(|kept| kept.state.kind == Kind::Distinct);
        different.any(|kept| kept.atom.value_type(model).is_ok_and(|ty| is_text(&ty)))
    }

    pub(super) fn cuboids(&self, cube: &str) -> &[Cuboid] {
        self.cubes.get(cube).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn cuboid(&self, cube: &str, aggregate: &str) -> Option<&Cuboid> {
        self.cuboids(cube).iter().find(|cuboid| cuboid.aggregate.name == aggregate)
    }

    /// The places of columns of a cube.
    pub(super) fn places<'n>(
        &self,
        cube: &str,
        names: impl IntoIterator<Item = &'n String>,
    ) -> Places {
        let known = self.places.get(cube);
        let mut places = Places::default();
        for name in names {
            if let Some(place) = known.and_then(|known| known.get(name)) {
                places.insert(*place);
            }
        }
        places
    }
}

impl Cuboid {
    fn new(cube: &Cube, aggregate: &Aggregate, model: &Model) -> Result<Self> {
        let mut answers = Places::default();
        for (place, column) in cube.columns.iter().enumerate() {
            if answers_for(cube, aggregate, column) {
                answers.insert(place);
            }
        }
        let degenerate = aggregate.columns.iter().filter(|name| {
            let column = cube.column(name);
            column.is_some_and(|c| c.dimension.is_none() && c.column.name == **name)
        });
        let apart = degenerate.chain(&aggregate.roles).cloned().collect();
        let fact = model.fact(&aggregate.fact);
        let by_month = fact.is_some_and(|fact| knows_months(cube, aggregate, fact, model));
        let states = states(cube, aggregate, model)?;
        let key_of = |role: &String| fact?.key_of(role);
        let role_keys = aggregate.roles.iter().filter_map(key_of).collect();
        Ok(Self {
            table: cube.aggregate_table(aggregate),
            fingerprint: fingerprint(cube, aggregate, &states, model)?,
            by_month,
            role_keys,
            states,
            answers,
            apart,
            aggregate: aggregate.clone(),
        })
    }

    /// Whether a column stands in the table by its value.
    pub(super) fn holds(&self, column: &str) -> bool {
        self.aggregate.columns.iter().any(|kept| kept == column)
    }

    /// Whether a role of the fact is kept as a whole.
    pub(super) fn is_whole(&self, role: &str) -> bool {
        self.aggregate.roles.iter().any(|kept| kept == role)
    }

    /// Whether all columns are answered for.
    pub(super) fn answers(&self, columns: &Places) -> bool {
        self.answers.contains(columns)
    }

    /// How many columns are not.
    pub(super) fn lacks(&self, columns: &Places) -> u32 {
        self.answers.missing(columns)
    }

    /// Roles that must be kept as a whole for an atom to be computed, beside what it is computed of;
    /// months will do for a shift in months.
    pub(super) fn lacks_role<'a>(
        &self,
        context: &'a Context,
        atom: &'a Atom,
        by_months: Option<&Shift>,
    ) -> Option<&'a str> {
        let per = atom.per().filter(|per| !self.holds(per));
        let mut needed = context.goes_by(atom).into_iter().chain(per);
        let months_do = |role: &str| {
            by_months.is_some_and(|shift| shift.role == role)
                && self.by_month
                && self.merged(atom).is_some()
        };
        needed.find(|role| !self.is_whole(role) && !months_do(role))
    }

    /// How an atom is computed from the table, if it can be.
    pub(super) fn computes(&self, atom: &Atom) -> Option<Computed<'_>> {
        let counts =
            matches!(atom.function, Function::CountDistinct | Function::ApproximateDistinct);
        let kept_apart = |counted: &String| self.apart.contains(counted);
        if counts && atom.filter.is_none() && atom.input.as_ref().is_some_and(kept_apart) {
            return Some(Computed::Counted);
        }
        self.merged(atom).map(Computed::Merged)
    }

    /// The state from which an atom can be computed.
    pub(super) fn merged(&self, atom: &Atom) -> Option<&Kept> {
        let state = atom.state()?;
        self.states.iter().find(|kept| kept.state == state)
    }

    /// Whether the other can be computed from this one.
    pub(super) fn covers(&self, other: &Self, cube: &Cube, lattice: &Lattice) -> bool {
        let columns = lattice.places(&cube.name, &other.aggregate.columns);
        let keeps = |kept: &Kept| self.states.iter().any(|own| own.state == kept.state);
        self.aggregate.fact == other.aggregate.fact
            && self.answers(&columns)
            && other.aggregate.roles.iter().all(|role| self.is_whole(role))
            && (self.by_month || !other.by_month)
            && other.states.iter().all(keeps)
    }
}

/// Whether an aggregate answers for a column of its cube.
fn answers_for(cube: &Cube, aggregate: &Aggregate, column: &CubeColumn) -> bool {
    let role = cube.fact_role(&column.role);
    let through_a_role = column.dimension.is_some() && aggregate.roles.iter().any(|r| r == role);
    through_a_role || aggregate.columns.contains(&column.name)
}

/// Whether an aggregate's rows are each of one month of the fact's partitions: it keeps the calendar
/// by which the fact is partitioned, as a whole or down to months.
fn knows_months(cube: &Cube, aggregate: &Aggregate, fact: &Fact, model: &Model) -> bool {
    let Some(role) = &fact.partition_by_month_of else { return false };
    let calendar = fact.role(role).and_then(|role| model.dimension(&role.dimension));
    let is_calendar =
        calendar.is_some_and(|found| matches!(found.kind, DimensionKind::Calendar(_)));
    let months: BTreeSet<&str> = ["month", "date"].into();
    let tells = |name: &String| {
        let column = cube.column(name);
        column.is_some_and(|column| {
            column.role == *role && months.contains(column.column.name.as_str())
        })
    };
    is_calendar && (aggregate.roles.contains(role) || aggregate.columns.iter().any(tells))
}
