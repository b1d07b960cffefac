//! What a part of a question needs of whatever answers it: what advice on aggregates is taken from.

use super::PlanContext;
use super::atom::Atom;
use super::context::{Context, Shift};
use super::earlier::{by_months, month_of};
use super::lattice::{Cuboid, Lattice};
use super::measure::{Asked, Expansion};
use super::route::Part;
use super::sketch::fits_a_bitmap;
use super::state::Kind;
use crate::error::Result;
use crate::model::{Cube, Fact, Model};
use std::collections::BTreeSet;

/// What one part of a question (a fact, in one context) needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The cube.
    pub cube: String,
    /// The fact.
    pub fact: String,
    /// SQL names of the cube columns that must be told apart.
    pub columns: BTreeSet<String>,
    /// Roles of the fact that must be kept as a whole: those by which time moves or widens.
    pub roles: BTreeSet<String>,
    /// The measures of which states are needed.
    pub measures: BTreeSet<String>,
    /// Whether only all rows will do: a median, say.
    pub rows_only: bool,
    context: Context,
    atoms: Vec<Atom>,
    /// The shift for which months are enough, and the column of the months.
    by_months: Option<Shift>,
    month: Option<String>,
}

impl Demand {
    /// What a part of a question needs.
    pub(super) fn of(part: &Part<'_>, planning: &PlanContext<'_>) -> Self {
        let atoms = part.atoms.iter().map(|atom| (*atom).clone()).collect();
        Self::new(part.cube, part.context.clone(), part.columns.clone(), atoms, planning.model)
    }

    /// What measures of a fact need, asked by columns of its cube.
    ///
    /// # Errors
    /// User errors where a measure's expression does not hold.
    pub fn by_columns(
        cube: &Cube,
        fact: &str,
        columns: BTreeSet<String>,
        measures: &[String],
        model: &Model,
    ) -> Result<Self> {
        let asked: Vec<Asked> = measures.iter().map(|measure| Asked::here(measure)).collect();
        let expansion = Expansion::new(cube, model, &asked)?;
        let context = Context::of(fact);
        let atoms = expansion.atoms.into_iter().filter(|atom| atom.context.fact == fact).collect();
        Ok(Self::new(cube, context, columns, atoms, model))
    }

    fn new(
        cube: &Cube,
        context: Context,
        columns: BTreeSet<String>,
        atoms: Vec<Atom>,
        model: &Model,
    ) -> Self {
        let found = model.fact(&context.fact);
        let by_months = found.and_then(|fact| by_months(cube, fact, model, &context, &columns));
        let by_months = by_months.cloned();
        let month = by_months.as_ref().and_then(|shift| month_of(cube, &shift.role));
        let mut demand = Self {
            cube: cube.name.clone(),
            fact: context.fact.clone(),
            columns,
            roles: BTreeSet::new(),
            measures: BTreeSet::new(),
            rows_only: false,
            month: month.map(str::to_owned),
            by_months,
            context,
            atoms,
        };
        let Some(fact) = found else { return demand };
        for atom in demand.atoms.clone() {
            demand.add(&atom, fact, model);
        }
        demand
    }

    fn add(&mut self, atom: &Atom, fact: &Fact, model: &Model) {
        let context = self.context.clone();
        for name in context.goes_by(atom).into_iter().chain(atom.per()) {
            let months = self.by_months.as_ref().filter(|shift| shift.role == name);
            match months.and_then(|_| self.month.clone()) {
                Some(month) => _ = self.columns.insert(month),
                None => self.tell_apart(name, fact),
            }
        }
        let Some(kind) = atom.state().map(|state| state.kind) else {
            self.rows_only = true;
            return;
        };
        let fits = || atom.value_type(model).is_ok_and(|ty| fits_a_bitmap(&ty));
        if kind != Kind::Distinct || fits() {
            self.measures.insert(atom.measure.clone());
            return;
        }
        // What no state remembers is counted where it is told apart.
        match &atom.input {
            Some(input) if atom.filter.is_none() && is_told_apart(input, fact) => {
                self.tell_apart(input, fact);
            }
            _ => self.rows_only = true,
        }
    }

    /// A role is kept as a whole, a degenerate dimension as a column.
    fn tell_apart(&mut self, name: &str, fact: &Fact) {
        let kept = match fact.role(name) {
            Some(_) => &mut self.roles,
            None => &mut self.columns,
        };
        kept.insert(name.to_owned());
    }
}

/// Whether an aggregate can keep apart what is counted.
fn is_told_apart(counted: &str, fact: &Fact) -> bool {
    fact.role(counted).is_some() || fact.degenerate.iter().any(|own| own.name == counted)
}

impl Cuboid {
    /// Whether it has all that is needed.
    fn serves(&self, demand: &Demand, lattice: &Lattice) -> bool {
        let columns = lattice.places(&demand.cube, &demand.columns);
        let computes = |atom: &Atom| {
            self.lacks_role(&demand.context, atom, demand.by_months.as_ref()).is_none()
                && self.computes(atom).is_some()
        };
        self.aggregate.fact == demand.fact
            && self.answers(&columns)
            && demand.atoms.iter().all(computes)
    }
}

impl Lattice {
    /// The aggregates of a cube, by their places, that would answer; the rules are those of routing.
    pub fn serving<'a>(&'a self, demand: &'a Demand) -> impl Iterator<Item = usize> + 'a {
        let cuboids = self.cuboids(&demand.cube).iter().enumerate();
        cuboids.filter(|(_, cuboid)| cuboid.serves(demand, self)).map(|(place, _)| place)
    }
}
