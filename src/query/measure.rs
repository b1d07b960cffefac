//! Measures taken apart: what is aggregated (atoms), and the formula over it.
//!
//! A measure is a formula over atoms; an atom is one aggregation of one fact's rows in one
//! context. Ratios, shares and calculated measures are formulas, so they are recomputed at every
//! total and never summed.

use super::atom::{Atom, atom_name};
use super::context::{Change, Running, Shift};
use super::rank::{Rank, rank_name};
use super::scalar_sql;
use crate::error::{Error, Result, did_you_mean};
use crate::model::{Compared, Conversion, Cube, Measure, MeasureKind, Model, Period, Unit, Whole};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, cast, ident, lit, when};
use std::collections::HashMap;

/// A measure as an expression over the columns `__a0`, `__a1` ... of its atoms.
#[derive(Debug, Clone)]
pub(super) struct Formula {
    pub(super) measure: String,
    pub(super) expr: Expr,
    pub(super) ty: DataType,
}

/// Several measures taken apart together; they share atoms.
#[derive(Debug)]
pub(super) struct Expansion {
    pub(super) atoms: Vec<Atom>,
    pub(super) types: Vec<DataType>,
    pub(super) formulas: Vec<Formula>,
    /// What formulas say of places among others, over the same columns.
    pub(super) ranks: Vec<Rank>,
}

/// A measure as a question asks for it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) measure: String,
    /// What is changed of the place where it is asked.
    pub(super) place: Vec<Change>,
}

impl Asked {
    /// The measure where the row of the answer is.
    pub(super) fn here(measure: &str) -> Self {
        Self { measure: measure.to_owned(), place: Vec::new() }
    }
}

impl Expansion {
    /// Takes measures of a cube apart.
    ///
    /// # Errors
    /// User errors for unknown measures and expressions that do not hold.
    pub(super) fn new(cube: &Cube, model: &Model, measures: &[Asked]) -> Result<Self> {
        Self::among(cube, model, measures, &[], None)
    }

    /// As [`Self::new`], in a question about dimensions that some facts, the strangers, do not have, and
    /// in a currency where one is chosen.
    pub(super) fn among(
        cube: &Cube,
        model: &Model,
        measures: &[Asked],
        strangers: &[String],
        currency: Option<&str>,
    ) -> Result<Self> {
        let (atoms, types, ranks) = (Vec::new(), Vec::new(), Vec::new());
        let mut expander = Expander { cube, model, strangers, currency, atoms, types, ranks };
        let mut formulas = Vec::new();
        for asked in measures {
            let place = At { place: asked.place.clone(), ..At::default() };
            let expr = expander.expand(&asked.measure, &place, 0)?;
            let ty = expander.type_of(&expr)?;
            formulas.push(Formula { measure: asked.measure.clone(), expr, ty });
        }
        expander.rows_of_the_answer()?;
        let Expander { atoms, types, ranks, .. } = expander;
        Ok(Self { atoms, types, formulas, ranks })
    }
}

/// The measure of that name, or an error with the nearest.
pub(super) fn find<'a>(cube: &'a Cube, name: &str) -> Result<&'a Measure> {
    cube.measure(name).ok_or_else(|| {
        let names = || cube.measures.iter().map(|measure| measure.name.as_str());
        let error = Error::user(format!("cube {} has no measure `{name}`", cube.name));
        match did_you_mean(name, names()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("it has {}", names().collect::<Vec<_>>().join(", "))),
        }
    })
}

/// A measure's expansion under way.
pub(super) struct Expander<'a> {
    cube: &'a Cube,
    pub(super) model: &'a Model,
    /// Facts that lack a dimension of the question.
    pub(super) strangers: &'a [String],
    /// The currency that the question chooses.
    currency: Option<&'a str>,
    atoms: Vec<Atom>,
    types: Vec<DataType>,
    ranks: Vec<Rank>,
}

/// A context but for its fact.
#[derive(Clone, Default)]
pub(super) struct At {
    pub(super) shift: Option<Shift>,
    pub(super) running: Option<Running>,
    pub(super) weighted: Option<String>,
    pub(super) converted: Option<Conversion>,
    pub(super) place: Vec<Change>,
}

impl At {
    /// The place so much larger, seen from where it was before it was changed by the question.
    fn within(&self, change: Change) -> Self {
        let place = self.place.iter().cloned().chain([change]).collect();
        Self { place, ..self.clone() }
    }
}

impl Expander<'_> {
    fn expand(&mut self, name: &str, at: &At, depth: usize) -> Result<Expr> {
        if depth > 32 {
            return Err(Error::user(format!("measure `{name}` is defined through itself")));
        }
        let measure = find(self.cube, name)?.clone();
        let mut other = |this: &mut Self, name: &str| this.expand(name, at, depth + 1);
        match &measure.kind {
            MeasureKind::Ratio { numerator, denominator } => {
                let (above, below) = (other(self, numerator)?, other(self, denominator)?);
                divide(above, below)
            }
            MeasureKind::Calculated { sql, .. } => self.calculated(sql, &mut other),
            MeasureKind::Before { measure: of, over, period, periods, shown } => {
                let earlier = At {
                    shift: Some(moved(name, at.shift.as_ref(), over, *period, *periods)?),
                    ..at.clone()
                };
                let before = self.expand(of, &earlier, depth + 1)?;
                if *shown == Compared::Before {
                    return Ok(before);
                }
                let now = self.expand(of, at, depth + 1)?;
                // An average's or a ratio's difference is one of doubles.
                let change = now - before.clone();
                match shown {
                    Compared::Growth => divide(change, before),
                    _ => Ok(change),
                }
            }
            MeasureKind::Running { measure: of, over, window } => {
                if at.running.is_some() {
                    return Err(Error::unsupported(format!(
                        "measure `{name}` runs over a measure that runs itself"
                    )));
                }
                let running = Some(Running { role: over.clone(), window: window.clone() });
                self.expand(of, &At { running, ..at.clone() }, depth + 1)
            }
            MeasureKind::Weighted { measure: of, role } => {
                let weighted = Some(role.clone());
                self.expand(of, &At { weighted, ..at.clone() }, depth + 1)
            }
            MeasureKind::Converted { measure: of, conversion } => {
                let chosen = self.currency.filter(|_| conversion.choose);
                let to = chosen.unwrap_or(&conversion.to).to_owned();
                let converted = Some(Conversion { to, ..conversion.clone() });
                self.expand(of, &At { converted, ..at.clone() }, depth + 1)
            }
            MeasureKind::ShareOfTotal { measure: of } => self.share(of, at, Change::Total, depth),
            MeasureKind::Share { measure: of, role, of: whole } => {
                self.share(of, at, larger(role, whole), depth)
            }
            MeasureKind::Rank { measure: of, role, within, ascending, ties } => {
                if !at.place.is_empty() {
                    return Err(Error::unsupported(format!(
                        "measure `{name}` ranks the members that are shown, and elsewhere others are"
                    ))
                    .hint("ask it where it is meant; for an earlier time declare `before` over it"));
                }
                let value = self.expand(of, at, depth + 1)?;
                let (role, within) = (role.clone(), larger(role, within));
                Ok(self.rank(Rank { value, role, within, ascending: *ascending, ties: *ties }))
            }
            _ => self.leaf(&measure, at),
        }
    }

    /// A measure over itself in a larger place.
    fn share(&mut self, of: &str, at: &At, larger: Change, depth: usize) -> Result<Expr> {
        let part = self.expand(of, at, depth + 1)?;
        let whole = self.expand(of, &at.within(larger), depth + 1)?;
        divide(part, whole)
    }

    /// The column of a rank, which is added unless it is there.
    fn rank(&mut self, rank: Rank) -> Expr {
        let known = self.ranks.iter().position(|known| *known == rank);
        ident(rank_name(known.unwrap_or_else(|| {
            self.ranks.push(rank);
            self.ranks.len() - 1
        })))
    }

    /// A place that is not the row's own has no rows of its own: the rows of the answer are those of
    /// the same facts seen from where it stands.
    fn rows_of_the_answer(&mut self) -> Result<()> {
        for atom in self.atoms.clone() {
            let here = atom.context.here();
            // What is repeated has no rows by all that is asked.
            let repeated = atom.context.place.contains(&Change::Unrelated);
            let elsewhere = !atom.context.place.is_empty() && !repeated;
            let stands =
                |known: &Atom| known.context.place.is_empty() && known.context.here() == here;
            if elsewhere && !self.atoms.iter().any(stands) {
                self.atom(Atom { context: here, ..atom })?;
            }
        }
        Ok(())
    }

    /// The column of an atom, which is added unless it is there.
    pub(super) fn atom(&mut self, atom: Atom) -> Result<Expr> {
        let index = match self.atoms.iter().position(|known| *known == atom) {
            Some(index) => index,
            None => {
                self.types.push(atom.data_type(self.model)?);
                self.atoms.push(atom);
                self.atoms.len() - 1
            }
        };
        Ok(ident(atom_name(index)))
    }

    /// SQL over other measures: each name becomes that measure's own formula.
    fn calculated(
        &mut self,
        sql: &str,
        expand: &mut impl FnMut(&mut Self, &str) -> Result<Expr>,
    ) -> Result<Expr> {
        // Names must resolve before types are known, so the first pass only finds them.
        let all: Vec<Field> = self
            .cube
            .measures
            .iter()
            .map(|measure| Field::new(&measure.name, DataType::Null, true))
            .collect();
        let untyped = DFSchema::try_from(Schema::new(all)).map_err(super::defect)?;
        let used = scalar_sql::parse(sql, &untyped)?;
        let mut formulas = HashMap::new();
        for column in used.column_refs() {
            formulas.insert(column.name.clone(), expand(self, &column.name)?);
        }
        let mut fields = Vec::new();
        for (name, formula) in &formulas {
            fields.push(Field::new(name, self.type_of(formula)?, true));
        }
        let typed = DFSchema::try_from(Schema::new(fields)).map_err(super::defect)?;
        let parsed = scalar_sql::parse(sql, &typed)?;
        Ok(parsed
            .transform(|expr| {
                Ok(match &expr {
                    Expr::Column(column) => match formulas.get(&column.name) {
                        Some(formula) => Transformed::yes(formula.clone()),
                        None => Transformed::no(expr),
                    },
                    _ => Transformed::no(expr),
                })
            })
            .map_err(super::defect)?
            .data)
    }

    fn type_of(&self, formula: &Expr) -> Result<DataType> {
        let atoms = self.types.iter().enumerate();
        let atoms = atoms.map(|(index, ty)| Field::new(atom_name(index), ty.clone(), true));
        let ranks = (0..self.ranks.len()).map(rank_name);
        let ranks = ranks.map(|name| Field::new(name, DataType::Int64, true));
        let fields: Vec<Field> = atoms.chain(ranks).collect();
        let schema = DFSchema::try_from(Schema::new(fields)).map_err(super::defect)?;
        formula.get_type(&schema).map_err(|error| {
            Error::user("a calculated measure's types do not fit together").caused_by(error)
        })
    }
}

/// The change of place to a larger part of a dimension.
fn larger(role: &str, part: &Whole) -> Change {
    let role = role.to_owned();
    match part {
        Whole::Parent => Change::Parent(role),
        Whole::Level(level) => Change::Level { role, level: level.clone() },
        Whole::All => Change::AllMembers(role),
    }
}

/// A quotient in floating point; NULL where the divisor is zero or NULL.
pub(super) fn divide(above: Expr, below: Expr) -> Result<Expr> {
    let below = cast(below, DataType::Float64);
    let quotient = cast(above, DataType::Float64) / below.clone();
    when(below.not_eq(lit(0.0_f64)), quotient)
        .otherwise(lit(ScalarValue::Float64(None)))
        .map_err(super::defect)
}

/// A shift further back.
fn moved(
    name: &str,
    shift: Option<&Shift>,
    over: &str,
    period: Period,
    periods: u32,
) -> Result<Shift> {
    let (months, days) = period.months_and_days(periods);
    let retail_years = if period.unit() == Unit::RetailYear { periods } else { 0 };
    let retail_periods = period.retail_periods(periods);
    let Some(known) = shift else {
        return Ok(Shift { role: over.to_owned(), months, days, retail_years, retail_periods });
    };
    if known.role != over {
        return Err(Error::unsupported(format!("measure `{name}` shifts two calendars at once")));
    }
    if (known.months > 0, known.days > 0) != (months > 0, days > 0) {
        return Err(Error::unsupported(format!("measure `{name}` shifts by months and by days")));
    }
    Ok(Shift {
        role: known.role.clone(),
        months: months.saturating_add(known.months),
        days: days.saturating_add(known.days),
        retail_years: retail_years.saturating_add(known.retail_years),
        retail_periods: retail_periods.saturating_add(known.retail_periods),
    })
}
