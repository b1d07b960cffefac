//! Atoms: one aggregation of one fact's rows in one context, what it looks at, how its states add up.

use super::context::Context;
use super::followed;
use super::link_members::WEIGHT;
use super::rates;
use super::scalar_sql;
use super::sketch::{HYPERLOGLOG, overlaps, percentiles};
use super::sum;
use crate::error::{Error, Result};
use crate::model::{Dimension, End, Fact, FactRole, Model, plan_schema};
use arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::functions::core::expr_fn::r#struct;
use datafusion::functions_aggregate::expr_fn::{
    corr, count, count_distinct, max, median, min, percentile_cont,
};
use datafusion::logical_expr::{Expr, ExprSchemable, cast, lit, when};

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
    /// Sum at an end of each period.
    SumAtEnd(AtEnd),
    /// How many different values, by a sketch.
    ApproximateDistinct,
    /// How many different values have rows of some kinds, by sketches.
    ApproximateOverlap(Kinds),
    /// The value below which so many thousandths of the values lie.
    Percentile(u32),
    /// About that value, by a sketch.
    ApproximatePercentile(u32),
    /// How the input goes together with this expression.
    Correlation(String),
}

/// Kinds of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kinds {
    /// What holds for rows of each kind.
    pub(super) conditions: Vec<String>,
    /// So many of them, from the first on, are to have rows of a value, the others none.
    pub(super) each: usize,
}

/// At which key of a period values are summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AtEnd {
    /// The calendar's role.
    pub(super) role: String,
    pub(super) end: End,
    /// Roles and columns each of whose combinations has a key of its own.
    pub(super) per: Vec<String>,
}

impl Function {
    /// Whether its value over no rows is 0 and not NULL.
    pub(super) fn counts(&self) -> bool {
        matches!(self, Self::Count) || self.counts_different()
    }

    /// Whether a row has a part in its value that can be shown with the row.
    pub(super) fn has_rows(&self) -> bool {
        match self {
            Self::Sum | Self::Count | Self::Min | Self::Max | Self::SumAtEnd(_) => true,
            Self::CountDistinct
            | Self::ApproximateDistinct
            | Self::ApproximateOverlap(_)
            | Self::Percentile(_)
            | Self::ApproximatePercentile(_)
            | Self::Correlation(_) => false,
        }
    }

    /// Whether it counts different values, or members.
    fn counts_different(&self) -> bool {
        matches!(
            self,
            Self::CountDistinct | Self::ApproximateDistinct | Self::ApproximateOverlap(_)
        )
    }
}

/// The name of an atom's column.
pub(super) fn atom_name(index: usize) -> String {
    format!("__a{index}")
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
    fn counted_role<'a>(&self, fact: &'a Fact) -> Option<&'a FactRole> {
        let input = self.input.as_deref()?;
        fact.role(input).filter(|_| self.function.counts_different())
    }

    /// The roles and columns each of whose combinations has an end of a period of its own.
    pub(super) fn per(&self) -> impl Iterator<Item = &str> {
        let per = match &self.function {
            Function::SumAtEnd(at) => at.per.as_slice(),
            _ => &[],
        };
        per.iter().map(String::as_str)
    }

    /// The roles that must be joined for the value alone: members are told apart by durable keys,
    /// which only their dimension knows.
    pub(super) fn counted_roles(&self, model: &Model) -> Result<Vec<String>> {
        let counted = self.counted_role(self.fact(model)?);
        let versioned = counted.filter(|role| is_versioned(role, model));
        Ok(versioned.map(|role| role.role.clone()).into_iter().collect())
    }

    /// The roles that must be joined for what is looked at beside the value, alike.
    pub(super) fn roles_beside(&self, model: &Model) -> Result<Vec<String>> {
        let fact = self.fact(model)?;
        let named = self.per().filter_map(|name| fact.role(name));
        let versioned = named.filter(|role| is_versioned(role, model));
        let followed = self.context.followed.iter();
        let followed = followed.flat_map(|by| followed::roles(by, fact, model));
        let weighted = self.context.weighted.iter();
        let weighted = weighted.filter(|_| matches!(self.function, Function::SumAtEnd(_)));
        let named = versioned.map(|role| role.role.clone());
        Ok(named.chain(followed).chain(weighted.cloned()).collect())
    }

    /// The columns of a row: the fact's, its rate where amounts are converted, and whether it is followed
    /// where that is asked.
    fn schema(&self, model: &Model) -> Result<DFSchema> {
        let own = fact_schema(self.fact(model)?)?;
        let beside = match &self.context {
            Context { converted: Some(conversion), .. } => rates::schema(conversion, model)?,
            Context { followed: Some(_), .. } => followed::schema()?,
            _ => return Ok(own),
        };
        own.join(&beside).map_err(super::defect)
    }

    /// What is aggregated, as expressions over the star relation's columns (see `star.rs`): the value,
    /// then what else the function looks at.
    pub(super) fn inputs(&self, model: &Model) -> Result<Vec<Expr>> {
        let schema = self.schema(model)?;
        let value = self.value(model)?;
        Ok(match &self.function {
            Function::Percentile(_) => vec![cast(value, DataType::Float64)],
            Function::Correlation(with) => {
                let with = cast(scalar_sql::parse(with, &schema)?, DataType::Float64);
                vec![cast(value, DataType::Float64), with]
            }
            _ => [value].into_iter().chain(self.beside(model)?).collect(),
        })
    }

    /// The value of a row.
    pub(super) fn value(&self, model: &Model) -> Result<Expr> {
        let fact = self.fact(model)?;
        let schema = self.schema(model)?;
        let value = match (&self.input, self.counted_role(fact)) {
            (None, _) => lit(1_i64),
            (Some(_), Some(role)) => {
                let key = member_key(role, model);
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
        let value = match &self.function {
            Function::ApproximateOverlap(kinds) => {
                let of_kind = |condition: &String| {
                    let condition = scalar_sql::parse(condition, &schema)?;
                    when(condition, value.clone()).end().map_err(super::defect)
                };
                let kinds = kinds.conditions.iter().map(of_kind).collect::<Result<Vec<_>>>()?;
                r#struct(kinds)
            }
            _ => value,
        };
        self.allocated(value)
    }

    /// What is looked at beside the value: on which day it is, and whose it is.
    pub(super) fn beside(&self, model: &Model) -> Result<Vec<Expr>> {
        let fact = self.fact(model)?;
        let day = |role: &str| fact_column(&format!("{role}_key"));
        Ok(match &self.function {
            Function::SumAtEnd(at) => {
                let entity = |name: &String| match fact.role(name) {
                    Some(role) => member_key(role, model),
                    None => fact_column(name),
                };
                [day(&at.role)].into_iter().chain(at.per.iter().map(entity)).collect()
            }
            _ => self.context.daily.iter().map(|role| day(role)).collect(),
        })
    }

    /// Whether parts of rows are added up.
    fn is_allocated(&self) -> bool {
        let adds_up =
            matches!(self.function, Function::Sum | Function::Count | Function::SumAtEnd(_));
        self.context.weighted.is_some() && (adds_up || self.context.daily.is_some())
    }

    /// The part of a value that goes to the members of the row.
    fn allocated(&self, value: Expr) -> Result<Expr> {
        let Some(role) = self.context.weighted.as_ref().filter(|_| self.is_allocated()) else {
            return Ok(value);
        };
        let part = Expr::Column(Column::new(Some(role), WEIGHT));
        match self.function {
            Function::Count => when(value.is_not_null(), part).end().map_err(super::defect),
            _ => Ok(cast(value, DataType::Float64) * part),
        }
    }

    /// The same of whole rows.
    pub(super) fn whole(&self) -> Self {
        let context = Context { weighted: None, ..self.context.clone() };
        Self { context, ..self.clone() }
    }

    /// The aggregation over columns that hold the inputs.
    pub(super) fn aggregate(&self, inputs: Vec<Expr>) -> Expr {
        let mut inputs = inputs.into_iter();
        let mut next = || inputs.next().unwrap_or_else(|| lit(ScalarValue::Null));
        let value = next();
        match &self.function {
            Function::Sum => sum(value),
            // The parts of rows.
            Function::Count if self.is_allocated() => sum(value),
            Function::Count => count(value),
            Function::CountDistinct => count_distinct(value),
            Function::Min => min(value),
            Function::Max => max(value),
            // Of the values at an end of each period: see `ends.rs`.
            Function::SumAtEnd(_) => sum(value),
            Function::ApproximateDistinct => HYPERLOGLOG.count(value),
            Function::ApproximateOverlap(kinds) => overlaps::count(value, kinds.each),
            Function::ApproximatePercentile(thousandths) => percentiles::of(value, *thousandths),
            Function::Percentile(500) => median(value),
            Function::Percentile(thousandths) => {
                percentile_cont(value.sort(true, false), lit(share(*thousandths)))
            }
            Function::Correlation(_) => corr(value, next()),
        }
    }

    /// The type of the value that is aggregated, as the fact has it.
    pub(super) fn value_type(&self, model: &Model) -> Result<DataType> {
        let fact = self.fact(model)?;
        match (&self.input, self.counted_role(fact)) {
            (None, _) => Ok(DataType::Int64),
            (Some(_), Some(_)) => Ok(DataType::Int32),
            (Some(sql), None) => {
                let schema = self.schema(model)?;
                scalar_sql::parse(sql, &schema)?.get_type(&schema).map_err(super::defect)
            }
        }
    }

    pub(super) fn data_type(&self, model: &Model) -> Result<DataType> {
        if self.is_allocated() {
            return Ok(DataType::Float64);
        }
        if self.function.counts() {
            return Ok(DataType::Int64);
        }
        let schema = self.schema(model)?;
        let mut inputs = self.inputs(model)?;
        if self.context.daily.is_some() {
            inputs = inputs.into_iter().map(sum).collect();
        }
        let aggregate = self.aggregate(inputs);
        aggregate.get_type(&schema).map_err(|error| {
            Error::user(format!("measure `{}` does not type-check", self.measure)).caused_by(error)
        })
    }
}

pub(super) fn is_versioned(role: &FactRole, model: &Model) -> bool {
    model.dimension(&role.dimension).is_some_and(Dimension::is_versioned)
}

/// The key that tells members of a role apart, whatever their version.
pub(super) fn member_key(role: &FactRole, model: &Model) -> Expr {
    match model.dimension(&role.dimension) {
        Some(dimension) if dimension.is_versioned() => {
            Expr::Column(Column::new(Some(&role.role), dimension.durable_key_column()))
        }
        _ => fact_column(&role.key_column()),
    }
}

/// Thousandths as a double, a hair too large: the function cuts off what lies between two values
/// after six digits, and would cut 0.3, held as 0.2999..., to 0.299999.
fn share(thousandths: u32) -> f64 {
    let share = f64::from(thousandths) / 1000.0;
    if thousandths < 1000 { share * (1.0 + 1e-15) } else { share }
}

/// The alias of the fact in a star relation.
pub(super) const FACT: &str = "__fact";

/// A column of the fact in a star relation.
pub(super) fn fact_column(name: &str) -> Expr {
    Expr::Column(Column::new(Some(FACT), name))
}

pub(super) fn fact_schema(fact: &Fact) -> Result<DFSchema> {
    let schema = plan_schema(&fact.table_columns());
    DFSchema::try_from_qualified_schema(FACT, &schema).map_err(super::defect)
}
