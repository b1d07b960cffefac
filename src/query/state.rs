//! States: what an aggregate keeps of rows, so that parts can be put together again.
//!
//! A sum of sums is the sum, and so for counts, smallest and largest values; different values are
//! remembered (`sketch.rs`), never their number; so is how values are distributed, never the one in the
//! middle. A finished average or distinct count is never kept.

use super::atom::{Atom, Function, Kinds};
use super::context::Context;
use super::measure::{Asked, Expansion};
use super::sketch::{EXACT, HYPERLOGLOG, fits_a_bitmap, is_text, overlaps, percentiles};
use super::sum;
use crate::error::{Error, Result};
use crate::model::{Aggregate, Cube, Model};
use arrow::datatypes::DataType;
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::logical_expr::Expr;

/// What is kept of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sum,
    /// How many are not NULL.
    Count,
    Min,
    Max,
    /// Which different ones there are.
    Distinct,
    /// A sketch of which different ones there are.
    Sketch,
    /// A sketch of which different ones there are, for each kind of rows.
    Kinds,
    /// A sketch of how they are distributed.
    Distribution,
}

impl Kind {
    /// The state of rows.
    pub(super) fn of_rows(self, value: Expr) -> Expr {
        match self {
            Self::Sum => sum(value),
            Self::Count => count(value),
            Self::Min => min(value),
            Self::Max => max(value),
            Self::Distinct => EXACT.state(value),
            Self::Sketch => HYPERLOGLOG.state(value),
            Self::Kinds => overlaps::state(value),
            Self::Distribution => percentiles::state(value),
        }
    }

    /// States as one.
    pub(super) fn of_states(self, state: Expr) -> Expr {
        match self {
            Self::Sum | Self::Count => sum(state),
            Self::Min => min(state),
            Self::Max => max(state),
            Self::Distinct => EXACT.state_of_states(state),
            Self::Sketch => HYPERLOGLOG.state_of_states(state),
            Self::Kinds => overlaps::state_of_states(state),
            Self::Distribution => percentiles::state_of_states(state),
        }
    }

    /// What states say together, to a function's question.
    pub(super) fn answer(self, function: &Function, state: Expr) -> Expr {
        match (self, function) {
            (Self::Distinct, _) => EXACT.count_of_states(state),
            (Self::Sketch, _) => HYPERLOGLOG.count_of_states(state),
            (Self::Kinds, Function::ApproximateOverlap(kinds)) => {
                overlaps::count_of_states(state, kinds.each)
            }
            (Self::Distribution, Function::ApproximatePercentile(thousandths)) => {
                percentiles::of_states(state, *thousandths)
            }
            _ => self.of_states(state),
        }
    }

    /// Whether a state is a value as rows have it.
    pub(super) fn is_plain(self) -> bool {
        !matches!(self, Self::Distinct | Self::Sketch | Self::Kinds | Self::Distribution)
    }

    /// What a column is called that holds it, where a measure has several.
    fn word(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Distinct => "distinct",
            Self::Sketch => "sketch",
            Self::Kinds => "kinds",
            Self::Distribution => "distribution",
        }
    }
}

/// What is kept of which values of which rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) kind: Kind,
    /// The expression over the fact's columns; `None` for the row itself.
    input: Option<String>,
    /// Only rows for which this holds.
    filter: Option<String>,
    /// Kinds of rows that are kept apart, by what holds for them.
    kinds: Vec<String>,
}

/// A state with the column that holds it.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) state: State,
    pub(super) column: String,
    pub(super) ty: DataType,
    /// What it is computed from, over rows.
    pub(super) atom: Atom,
}

impl Atom {
    /// The state from which the atom can be computed; `None` where only all values will do. Values at
    /// the end of a period, or added up by day, are sums of what lies on one day.
    pub(super) fn state(&self) -> Option<State> {
        if self.context.weighted.is_some() || self.context.followed.is_some() {
            return None;
        }
        let kind = match &self.function {
            Function::Sum | Function::SumAtEnd(_) => Kind::Sum,
            Function::Min | Function::Max if self.context.daily.is_some() => Kind::Sum,
            Function::Count => Kind::Count,
            Function::Min => Kind::Min,
            Function::Max => Kind::Max,
            Function::CountDistinct => Kind::Distinct,
            Function::ApproximateDistinct => Kind::Sketch,
            Function::ApproximateOverlap(_) => Kind::Kinds,
            Function::ApproximatePercentile(_) => Kind::Distribution,
            Function::Percentile(_) | Function::Correlation(_) => return None,
        };
        let kinds = match &self.function {
            Function::ApproximateOverlap(kinds) => kinds.conditions.clone(),
            _ => Vec::new(),
        };
        Some(State { kind, input: self.input.clone(), filter: self.filter.clone(), kinds })
    }
}

impl State {
    /// The rows' own atom, of which it is the state.
    fn atom(&self, fact: &str, measure: &str) -> Atom {
        let function = match self.kind {
            Kind::Sum => Function::Sum,
            Kind::Count => Function::Count,
            Kind::Min => Function::Min,
            Kind::Max => Function::Max,
            Kind::Distinct => Function::CountDistinct,
            Kind::Sketch => Function::ApproximateDistinct,
            // Whatever is asked of them.
            Kind::Kinds => {
                let conditions = self.kinds.clone();
                Function::ApproximateOverlap(Kinds { each: conditions.len(), conditions })
            }
            // Any percentile will do: they have one state.
            Kind::Distribution => Function::ApproximatePercentile(500),
        };
        Atom {
            context: Context::of(fact),
            measure: measure.to_owned(),
            function,
            input: self.input.clone(),
            filter: self.filter.clone(),
        }
    }
}

/// The states that an aggregate keeps, for its measures and what they are computed from.
///
/// # Errors
/// User errors for measures of which parts cannot be put together.
pub(super) fn states(cube: &Cube, aggregate: &Aggregate, model: &Model) -> Result<Vec<Kept>> {
    let mut kept: Vec<Kept> = Vec::new();
    for measure in base_measures(cube, &aggregate.measures) {
        let expansion = Expansion::new(cube, model, &[Asked::here(&measure)])?;
        let mut own: Vec<State> = Vec::new();
        for atom in &expansion.atoms {
            if atom.context.fact != aggregate.fact {
                return Err(cannot(cube, aggregate, &measure, "it is of another fact"));
            }
            let state = atom.state().ok_or_else(|| {
                cannot(cube, aggregate, &measure, "it needs all values, which parts do not keep")
            })?;
            if !own.contains(&state) {
                own.push(state);
            }
        }
        let several = own.len() > 1;
        for state in own {
            if kept.iter().any(|known| known.state == state) {
                continue;
            }
            let column = match several {
                true => format!("{measure}__{}", state.kind.word()),
                false => measure.clone(),
            };
            let atom = state.atom(&aggregate.fact, &measure);
            let ty = match state.kind.is_plain() {
                true => atom.data_type(model)?,
                false => DataType::Binary,
            };
            let value = atom.value_type(model)?;
            if state.kind == Kind::Distinct && !fits_a_bitmap(&value) && !is_text(&value) {
                let why = "it counts different values of a kind that no aggregate remembers";
                return Err(cannot(cube, aggregate, &measure, why));
            }
            kept.push(Kept { state, column, ty, atom });
        }
    }
    Ok(kept)
}

fn cannot(cube: &Cube, aggregate: &Aggregate, measure: &str, why: &str) -> Error {
    let (name, cube) = (&aggregate.name, &cube.name);
    Error::user(format!("aggregate `{name}` cannot keep measure `{measure}`: {why}"))
        .with("cube", cube)
        .hint("leave the measure out of the aggregate")
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
