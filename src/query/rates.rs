//! Money in one currency: each row's amount times a rate, before anything is added up.
//!
//! The rates of a conversion are a relation of their own, with one row a day and currency, to which
//! a fact's rows are joined; a row without a rate stays, and has none. Beside each sum of converted
//! amounts stands the number of amounts that could not be converted: where there is one, the sum is
//! not shown as if it were whole.

use super::atom::{Atom, FACT, Function, fact_column, fact_schema};
use super::context::Context;
use super::measure::Expander;
use super::refusal::{BETWEEN, Refusal};
use super::star::{Star, day_column};
use super::{defect, scalar_sql};
use crate::error::{Error, Result};
use crate::model::{Conversion, Fact, Model, RateAt};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Column, DFSchema, JoinType, NullEquality, ScalarValue};
use datafusion::functions_aggregate::expr_fn::{avg, last_value};
use datafusion::functions_window::nth_value::last_value_udwf;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, ScalarUDF, ident, lit, when,
};

/// The rates in a star relation, and their columns.
const RATES: &str = "__rates";
const RATE: &str = "__rate";
const DAY: &str = "__rate_day";
const SOURCE: &str = "__rate_source";

/// Why no aggregate is asked.
pub(super) fn reason(part: &Context) -> String {
    let refuses = part.converted.as_ref().is_some_and(|conversion| conversion.refuses);
    let lacking = if refuses { "refused" } else { "empty" };
    let subject = part.describe();
    format!(
        "{subject}: base rows, each is converted before it is added up; what lacks a rate is {lacking}"
    )
}

/// The column that a row has of its rate.
pub(super) fn schema(conversion: &Conversion, model: &Model) -> Result<DFSchema> {
    let rates = fact_schema(fact_of_rates(conversion, model)?)?;
    let rate = rates.field_with_unqualified_name(&conversion.rate).map_err(defect)?;
    let ty = match conversion.at {
        // A mean is not exact.
        RateAt::Average(_) => DataType::Float64,
        _ => rate.data_type().clone(),
    };
    let schema = Schema::new(vec![Field::new(RATE, ty, true)]);
    DFSchema::try_from_qualified_schema(RATES, &schema).map_err(defect)
}

/// A type of numbers in SQL; of decimals one that has room for 1.
fn sql_type(ty: &DataType) -> String {
    match ty {
        DataType::Decimal128(precision, scale) => {
            let room = u8::try_from(*scale).unwrap_or(0).saturating_add(1);
            format!("DECIMAL({},{scale})", (*precision).max(room))
        }
        ty if ty.is_integer() => "BIGINT".to_owned(),
        _ => "DOUBLE".to_owned(),
    }
}

fn fact_of_rates<'m>(conversion: &Conversion, model: &'m Model) -> Result<&'m Fact> {
    model.fact(&conversion.rates).ok_or_else(|| {
        Error::internal("money is converted by an unknown fact").with("fact", &conversion.rates)
    })
}

impl Expander<'_> {
    /// A sum of converted amounts, unless one of them has no rate.
    pub(super) fn converted(
        &mut self,
        atom: impl Fn(Function, String) -> Atom,
        function: &Function,
        sql: &str,
        conversion: &Conversion,
    ) -> Result<Expr> {
        let Conversion { from, to, .. } = conversion;
        let to = to.replace('\'', "''");
        // All of one type: what is typed before it is coerced has the type of what stands first.
        let ty = sql_type(schema(conversion, self.model)?.field(0).data_type());
        let rate = format!("CASE WHEN ({from}) = '{to}' THEN CAST(1 AS {ty}) ELSE {RATE} END");
        // Both have a value where there is an amount, so that they end on the same days.
        let value = format!("({sql}) * coalesce({rate}, CAST(0 AS {ty}))");
        let value = atom(function.clone(), value);
        let missing = format!("CASE WHEN ({rate}) IS NULL THEN 1 ELSE 0 END");
        let missing = format!("CASE WHEN ({sql}) IS NOT NULL THEN {missing} END");
        let measure = value.measure.clone();
        let lacks = self.atom(atom(function.clone(), missing.clone()))?.gt(lit(0_i32));
        let value = self.atom(value)?;
        if !conversion.refuses {
            return when(lacks.is_not_true(), value).end().map_err(defect);
        }
        let key = format!("{}_key", conversion.over);
        let example = format!(
            "CASE WHEN ({missing}) = 1 THEN concat(coalesce(({from}), ''), '{BETWEEN}', \
             CAST({key} AS VARCHAR)) END"
        );
        let example = match function {
            Function::Sum => self.atom(atom(Function::Min, example))?,
            // One that is not at the end of its period would be none.
            _ => lit(ScalarValue::Utf8(None)),
        };
        let refusal = ScalarUDF::new_from_impl(Refusal::new(&measure, conversion));
        Ok(refusal.call(vec![lacks, value, example]))
    }
}

impl Star<'_> {
    /// A star relation with the rates of what atoms convert; without any where they do not.
    pub(super) fn rated(
        &self,
        rows: LogicalPlanBuilder,
        atoms: &[(usize, &Atom)],
    ) -> Result<LogicalPlanBuilder> {
        let conversion = atoms.first().and_then(|(_, atom)| atom.context.converted.as_ref());
        let Some(conversion) = conversion else { return Ok(rows) };
        let role =
            self.fact.role(&conversion.over).ok_or_else(|| self.unrelated(&conversion.over))?;
        let rate = |name: &str| Expr::Column(Column::new(Some(RATES), name));
        let from = scalar_sql::parse(&conversion.from, &fact_schema(self.fact)?)?;
        let same_day = fact_column(&role.key_column()).eq(rate(DAY));
        let rates = self.rates(conversion)?;
        rows.join_on(rates, JoinType::Left, [same_day, from.eq(rate(SOURCE))]).map_err(defect)
    }

    /// The rates of a conversion: a day, the currency converted from, and the rate.
    fn rates(&self, conversion: &Conversion) -> Result<LogicalPlan> {
        let fact = fact_of_rates(conversion, self.context.model)?;
        let known = self.known_rates(fact, conversion)?;
        let rates = match &conversion.at {
            RateAt::Day => known,
            RateAt::Latest => self.latest(known, conversion)?,
            RateAt::End(period) => {
                let last = last_value(ident(RATE), vec![ident(DAY).sort(true, false)]);
                self.of_period(known, period, last, conversion)?
            }
            RateAt::Average(period) => {
                let mean = avg(datafusion::logical_expr::cast(ident(RATE), DataType::Float64));
                self.of_period(known, period, mean, conversion)?
            }
        };
        rates.alias(RATES).and_then(LogicalPlanBuilder::build).map_err(defect)
    }

    /// The rates that the fact has of known days.
    fn known_rates(&self, fact: &Fact, conversion: &Conversion) -> Result<LogicalPlanBuilder> {
        let calendar = self.calendar(conversion)?;
        let day = fact.roles.iter().find(|role| role.dimension == calendar);
        let day = day.ok_or_else(|| {
            Error::user(format!("rates of `{}` are of the days of another calendar", fact.name))
                .hint("its days and those of the amounts are one dimension")
        })?;
        let key = fact_column(&day.key_column());
        let rate = fact_column(&conversion.rate);
        let to = fact_column(&conversion.target).eq(lit(conversion.to.clone()));
        LogicalPlanBuilder::from(self.scan(&fact.table(), FACT)?)
            .filter(to.and(key.clone().gt(lit(0_i32))).and(rate.clone().is_not_null()))
            .and_then(|rates| {
                let source = fact_column(&conversion.source);
                rates.project([key.alias(DAY), source.alias(SOURCE), rate.alias(RATE)])
            })
            .map_err(defect)
    }

    /// The dimension of the days by which is converted.
    fn calendar(&self, conversion: &Conversion) -> Result<&str> {
        let role = self.fact.role(&conversion.over);
        let role = role.ok_or_else(|| self.unrelated(&conversion.over))?;
        Ok(role.dimension.as_str())
    }

    /// The days of the calendar: key, and the period of each.
    fn days(&self, conversion: &Conversion, period: Option<&str>) -> Result<LogicalPlanBuilder> {
        const CALENDAR: &str = "__calendar";
        let calendar = self.dimension(self.calendar(conversion)?)?;
        let own = |name: &str| Expr::Column(Column::new(Some(CALENDAR), name));
        let mut columns = vec![own(&calendar.key_column()).alias("__day")];
        if let Some(period) = period {
            let level = calendar.level(period);
            let column = level.map_or(period, |level| level.key_column());
            columns.push(own(column).alias("__period"));
        }
        LogicalPlanBuilder::from(self.scan(&calendar.table(), CALENDAR)?)
            .filter(own(day_column(calendar)?).is_not_null())
            .and_then(|days| days.project(columns))
            .map_err(defect)
    }

    /// Each day's rate as one of its period.
    fn of_period(
        &self,
        known: LogicalPlanBuilder,
        period: &str,
        rate: Expr,
        conversion: &Conversion,
    ) -> Result<LogicalPlanBuilder> {
        let days = self.days(conversion, Some(period))?;
        let of_days = days.clone().build().map_err(defect)?;
        let found = ident(rate.schema_name().to_string());
        let rates = known
            .join(of_days, JoinType::Inner, (vec![DAY], vec!["__day"]), None)
            .and_then(|rates| rates.aggregate([ident("__period"), ident(SOURCE)], [rate]))
            .and_then(|rates| {
                let period = ident("__period").alias("__its");
                rates.project([period, ident(SOURCE), found.alias(RATE)])
            })
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)?;
        days.join(rates, JoinType::Inner, (vec!["__period"], vec!["__its"]), None)
            .and_then(|rates| {
                rates.project([ident("__day").alias(DAY), ident(SOURCE), ident(RATE)])
            })
            .map_err(defect)
    }

    /// Each day's rate as the last one known by then.
    fn latest(
        &self,
        known: LogicalPlanBuilder,
        conversion: &Conversion,
    ) -> Result<LogicalPlanBuilder> {
        let sources = known
            .clone()
            .project([ident(SOURCE).alias("__its")])
            .and_then(LogicalPlanBuilder::distinct)
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)?;
        let all = self.days(conversion, None)?.cross_join(sources).map_err(defect)?;
        let known = known.build().map_err(defect)?;
        let latest = Expr::from(WindowFunction::new(last_value_udwf(), vec![ident(RATE)]))
            .partition_by(vec![ident("__its")])
            .order_by(vec![ident("__day").sort(true, false)])
            .null_treatment(NullTreatment::IgnoreNulls)
            .build()
            .map_err(defect)?
            .alias("__latest");
        let keys = (vec!["__day", "__its"], vec![DAY, SOURCE]);
        all.join_detailed(known, JoinType::Left, keys, None, NullEquality::NullEqualsNothing)
            .and_then(|all| all.window([latest]))
            .and_then(|all| {
                let (day, source) = (ident("__day").alias(DAY), ident("__its").alias(SOURCE));
                all.project([day, source, ident("__latest").alias(RATE)])
            })
            .map_err(defect)
    }
}
