//! Measures taken apart: what is aggregated (atoms), and the formula over it.
//!
//! A measure is a formula over atoms; an atom is one aggregation of one fact's rows in one
//! context. Ratios, shares and calculated measures are formulas, so they are recomputed at every
//! total and never summed.

use super::scalar_sql;
use crate::error::{Error, Result, did_you_mean};
use crate::model::{Cube, Fact, Measure, MeasureKind, Model, plan_schema};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::functions_aggregate::expr_fn::{count, count_distinct, max, min, sum};
use datafusion::logical_expr::{Expr, ExprSchemable, cast, ident, lit, when};
use std::collections::HashMap;

/// Where an atom's rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    /// The fact.
    pub(super) fact: String,
    /// Rows of so many years before, seen as if they were of now: the calendar role and the years.
    pub(super) shift: Option<(String, u32)>,
    /// Whether the grouping is removed: one value for all members shown.
    pub(super) total: bool,
}

/// One aggregation of one fact's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Atom {
    pub(super) context: Context,
    /// The measure that declares it.
    pub(super) measure: String,
    pub(super) function: Function,
    /// The aggregated expression over the fact's columns; `None` counts rows.
    pub(super) input: Option<String>,
    /// Only rows for which this holds.
    pub(super) filter: Option<String>,
}

/// How an atom aggregates, and so how its states add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Function {
    Sum,
    Count,
    CountDistinct,
    Min,
    Max,
    /// Sum at the last key of each period, by this role of a calendar.
    SumAtLast(String),
}

impl Function {
    /// Whether its value over no rows is 0 and not NULL.
    pub(super) fn counts(&self) -> bool {
        matches!(self, Self::Count | Self::CountDistinct)
    }
}

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
}

/// The name of an atom's column.
pub(super) fn atom_name(index: usize) -> String {
    format!("__a{index}")
}

impl Expansion {
    /// Takes measures of a cube apart.
    ///
    /// # Errors
    /// User errors for unknown measures and expressions that do not hold.
    pub(super) fn new<'a>(
        cube: &Cube,
        model: &Model,
        measures: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self> {
        let mut expander = Expander { cube, model, atoms: Vec::new(), types: Vec::new() };
        let mut formulas = Vec::new();
        for name in measures {
            let expr = expander.expand(name, &None, false, 0)?;
            let ty = expander.type_of(&expr)?;
            formulas.push(Formula { measure: name.to_owned(), expr, ty });
        }
        Ok(Self { atoms: expander.atoms, types: expander.types, formulas })
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

struct Expander<'a> {
    cube: &'a Cube,
    model: &'a Model,
    atoms: Vec<Atom>,
    types: Vec<DataType>,
}

type Shift = Option<(String, u32)>;

impl Expander<'_> {
    fn expand(&mut self, name: &str, shift: &Shift, total: bool, depth: usize) -> Result<Expr> {
        if depth > 32 {
            return Err(Error::user(format!("measure `{name}` is defined through itself")));
        }
        let measure = find(self.cube, name)?.clone();
        let mut other = |this: &mut Self, name: &str| this.expand(name, shift, total, depth + 1);
        match &measure.kind {
            MeasureKind::Ratio { numerator, denominator } => {
                let (above, below) = (other(self, numerator)?, other(self, denominator)?);
                divide(above, below)
            }
            MeasureKind::Calculated { sql } => self.calculated(sql, &mut other),
            MeasureKind::YearsBefore { measure, over, years } => {
                if shift.as_ref().is_some_and(|(role, _)| role != over) {
                    return Err(Error::unsupported(format!(
                        "measure `{name}` shifts two calendars at once"
                    )));
                }
                let years = years + shift.as_ref().map_or(0, |(_, years)| *years);
                self.expand(measure, &Some((over.clone(), years)), total, depth + 1)
            }
            MeasureKind::ShareOfTotal { measure } => {
                let part = other(self, measure)?;
                let whole = self.expand(measure, shift, true, depth + 1)?;
                divide(part, whole)
            }
            _ => self.leaf(&measure, shift, total),
        }
    }

    /// A measure that aggregates rows.
    fn leaf(&mut self, measure: &Measure, shift: &Shift, total: bool) -> Result<Expr> {
        let context = |fact: &str| Context { fact: fact.to_owned(), shift: shift.clone(), total };
        let (fact, function, input, filter) = match &measure.kind {
            MeasureKind::Sum { fact, sql, filter } => (fact, Function::Sum, Some(sql), filter),
            MeasureKind::Count { fact, filter } => (fact, Function::Count, None, filter),
            MeasureKind::CountDistinct { fact, sql, filter } => {
                (fact, Function::CountDistinct, Some(sql), filter)
            }
            MeasureKind::Min { fact, sql, filter } => (fact, Function::Min, Some(sql), filter),
            MeasureKind::Max { fact, sql, filter } => (fact, Function::Max, Some(sql), filter),
            MeasureKind::Last { fact, sql, over, filter } => {
                (fact, Function::SumAtLast(over.clone()), Some(sql), filter)
            }
            MeasureKind::Average { fact, sql, filter } => {
                let part = |function| Atom {
                    context: context(fact),
                    measure: measure.name.clone(),
                    function,
                    input: Some(sql.clone()),
                    filter: filter.clone(),
                };
                let (total, rows) = (part(Function::Sum), part(Function::Count));
                return divide(self.atom(total)?, self.atom(rows)?);
            }
            _ => return Err(Error::internal("a derived measure was taken for a base measure")),
        };
        let counts = function.counts();
        let atom = self.atom(Atom {
            context: context(fact),
            measure: measure.name.clone(),
            function,
            input: input.cloned(),
            filter: filter.clone(),
        })?;
        if counts && shift.is_some() {
            // Nothing so many years before is no base to compare with.
            return when(atom.clone().not_eq(lit(0_i64)), atom).end().map_err(super::defect);
        }
        Ok(atom)
    }

    /// The column of an atom, which is added unless it is there.
    fn atom(&mut self, atom: Atom) -> Result<Expr> {
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
        let fields: Vec<Field> = self
            .types
            .iter()
            .enumerate()
            .map(|(index, ty)| Field::new(atom_name(index), ty.clone(), true))
            .collect();
        let schema = DFSchema::try_from(Schema::new(fields)).map_err(super::defect)?;
        formula.get_type(&schema).map_err(|error| {
            Error::user("a calculated measure's types do not fit together").caused_by(error)
        })
    }
}

/// A quotient in floating point; NULL where the divisor is zero or NULL.
fn divide(above: Expr, below: Expr) -> Result<Expr> {
    let below = cast(below, DataType::Float64);
    let quotient = cast(above, DataType::Float64) / below.clone();
    when(below.not_eq(lit(0.0_f64)), quotient)
        .otherwise(lit(ScalarValue::Float64(None)))
        .map_err(super::defect)
}

impl Atom {
    /// The fact's own columns, qualified as the star relation qualifies them.
    fn fact<'a>(&self, model: &'a Model) -> Result<&'a Fact> {
        model.fact(&self.context.fact).ok_or_else(|| {
            Error::user(format!("measure `{}` reads an unknown fact", self.measure))
                .with("fact", &self.context.fact)
        })
    }

    /// The role that the input names, where it counts the members of a dimension.
    fn counted_role<'a>(&self, fact: &'a Fact) -> Option<&'a crate::model::FactRole> {
        let input = self.input.as_deref()?;
        fact.role(input).filter(|_| self.function == Function::CountDistinct)
    }

    /// The role that must be joined for the input alone: counting members goes by durable keys,
    /// which only the dimension knows.
    pub(super) fn joined_role(&self, model: &Model) -> Result<Option<String>> {
        let fact = self.fact(model)?;
        let versioned =
            |dimension: &str| model.dimension(dimension).is_some_and(|d| d.is_versioned());
        Ok(self.counted_role(fact).filter(|r| versioned(&r.dimension)).map(|r| r.role.clone()))
    }

    /// What is aggregated, as expressions over the star relation's columns (see `star.rs`).
    pub(super) fn inputs(&self, model: &Model) -> Result<Vec<Expr>> {
        let fact = self.fact(model)?;
        let schema = fact_schema(fact)?;
        let value = match (&self.input, self.counted_role(fact)) {
            (None, _) => lit(1_i64),
            (Some(_), Some(role)) => {
                let key = match model.dimension(&role.dimension) {
                    Some(dimension) if dimension.is_versioned() => {
                        Expr::Column(Column::new(Some(&role.role), dimension.durable_key_column()))
                    }
                    _ => fact_column(&role.key_column()),
                };
                // The unknown and the not-applicable member are nobody.
                when(key.clone().gt(lit(0_i32)), key).end().map_err(super::defect)?
            }
            (Some(sql), None) => scalar_sql::parse(sql, &schema)?,
        };
        let value = match &self.filter {
            Some(filter) => {
                when(scalar_sql::parse(filter, &schema)?, value).end().map_err(super::defect)?
            }
            None => value,
        };
        Ok(match &self.function {
            Function::SumAtLast(role) => vec![value, fact_column(&format!("{role}_key"))],
            _ => vec![value],
        })
    }

    /// The aggregation over columns that hold the inputs.
    pub(super) fn aggregate(&self, mut inputs: Vec<Expr>) -> Expr {
        inputs.truncate(1);
        let value = inputs.pop().unwrap_or_else(|| lit(ScalarValue::Null));
        match &self.function {
            Function::Sum => sum(value),
            Function::Count => count(value),
            Function::CountDistinct => count_distinct(value),
            Function::Min => min(value),
            Function::Max => max(value),
            // Of the values at the last key of each period: see `last.rs`.
            Function::SumAtLast(_) => sum(value),
        }
    }

    /// The aggregation of states kept by an aggregate; `None` where states do not add up.
    pub(super) fn merge(&self, state: Expr) -> Option<Expr> {
        match self.function {
            Function::Sum | Function::Count => Some(sum(state)),
            Function::Min => Some(min(state)),
            Function::Max => Some(max(state)),
            Function::CountDistinct | Function::SumAtLast(_) => None,
        }
    }

    /// The name of its state's column in an aggregate.
    pub(super) fn state_column(&self, cube: &Cube) -> String {
        let averaged = cube
            .measure(&self.measure)
            .is_some_and(|measure| matches!(measure.kind, MeasureKind::Average { .. }));
        match (averaged, &self.function) {
            (true, Function::Count) => format!("{}__count", self.measure),
            (true, _) => format!("{}__sum", self.measure),
            _ => self.measure.clone(),
        }
    }

    fn data_type(&self, model: &Model) -> Result<DataType> {
        if self.function.counts() {
            return Ok(DataType::Int64);
        }
        let schema = fact_schema(self.fact(model)?)?;
        let aggregate = self.aggregate(self.inputs(model)?);
        aggregate.get_type(&schema).map_err(|error| {
            Error::user(format!("measure `{}` does not type-check", self.measure)).caused_by(error)
        })
    }
}

/// The alias of the fact in a star relation.
pub(super) const FACT: &str = "__fact";

/// A column of the fact in a star relation.
pub(super) fn fact_column(name: &str) -> Expr {
    Expr::Column(Column::new(Some(FACT), name))
}

fn fact_schema(fact: &Fact) -> Result<DFSchema> {
    let schema = plan_schema(&fact.table_columns());
    DFSchema::try_from_qualified_schema(FACT, &schema).map_err(super::defect)
}
