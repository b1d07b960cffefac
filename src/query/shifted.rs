//! Time moved: the days of a calendar, each seen as the day that it stands for.

use super::context::Shift;
use super::defect;
use super::star::{Star, day_column};
use crate::error::{Error, Result};
use crate::model::{Dimension, DimensionKind, FactRole, RetailYear};
use arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::functions::expr_fn::least;
use datafusion::functions_aggregate::min_max::max_udaf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, WindowFunctionDefinition, cast, lit,
    scalar_subquery,
};
use std::sync::Arc;

/// The day that is seen as another.
const PRIOR: &str = "__prior";
/// The last week of a day's retail period.
const LAST_WEEK: &str = "__last_week";

impl Star<'_> {
    /// The days of a calendar relabelled: each day's key stands for the day so much later (29
    /// February for 28 February), so that every past day counts in exactly one present day.
    ///
    /// Days after the fact's last one stand for nothing: a year under way is compared with the same
    /// part of the year before, and there is no future to compare.
    pub(super) fn shifted(
        &self,
        role: &FactRole,
        calendar: &Dimension,
        shift: &Shift,
    ) -> Result<LogicalPlan> {
        let name = role.role.as_str();
        let key = calendar.key_column();
        let past = column(name, &key).lt_eq(scalar_subquery(Arc::new(self.last_key(role)?)));
        let relabelled = self.stored_columns(calendar)?.into_iter().map(|own| {
            let of = if own == key { PRIOR } else { name };
            column(of, &own).alias(own)
        });
        let stands_for = stands_for(name, calendar, shift)?;
        let days = self.scan(&calendar.table(), name)?;
        let days = if shift.retail_periods > 0 { with_last_weeks(days, name)? } else { days };
        LogicalPlanBuilder::from(self.scan(&calendar.table(), PRIOR)?)
            .join_on(days, JoinType::Inner, stands_for)
            .and_then(|joined| joined.filter(past))
            .and_then(|joined| joined.project(relabelled.collect::<Vec<_>>()))
            .and_then(|days| days.alias(name))
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }
}

fn column(of: &str, name: &str) -> Expr {
    Expr::Column(Column::new(Some(of), name))
}

/// A small number of a day, wide enough to count with.
fn number(of: &str, name: &str) -> Expr {
    cast(column(of, name), DataType::Int32)
}

fn whole(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// When a day is the one that the prior day stands for.
fn stands_for(role: &str, calendar: &Dimension, shift: &Shift) -> Result<Vec<Expr>> {
    let same = |name: &str| column(PRIOR, name).eq(column(role, name));
    if shift.retail_years > 0 {
        // By the keys of its periods: dates lie 52 weeks apart, or 53.
        let later = number(PRIOR, "retail_year") + lit(whole(shift.retail_years));
        let later = later.eq(number(role, "retail_year"));
        return Ok(vec![later, same("retail_week_of_year"), same("day_of_week")]);
    }
    if shift.retail_periods > 0 {
        let retail = retail_year(calendar)?;
        let period =
            |of| number(of, "retail_year") * lit(12_i32) + number(of, "retail_period_of_year");
        let later = (period(PRIOR) + lit(whole(shift.retail_periods))).eq(period(role));
        let begins = |of| weeks_before(of, retail);
        let week = |of, name| number(of, name) - begins(of);
        // A fifth week counts in the last of a shorter period, as the 31st does in a shorter month.
        let stands = least(vec![week(PRIOR, "retail_week_of_year"), week(role, LAST_WEEK)]);
        let in_week = stands.eq(week(role, "retail_week_of_year"));
        return Ok(vec![later, same("day_of_week"), in_week]);
    }
    let day = day_column(calendar)?;
    let distance = IntervalMonthDayNano::new(whole(shift.months), whole(shift.days), 0);
    let later = column(PRIOR, day) + lit(ScalarValue::IntervalMonthDayNano(Some(distance)));
    Ok(vec![column(role, day).eq(later)])
}

fn retail_year(calendar: &Dimension) -> Result<&RetailYear> {
    let retail = match &calendar.kind {
        DimensionKind::Calendar(calendar) => calendar.retail.as_ref(),
        _ => None,
    };
    retail.ok_or_else(|| {
        Error::internal("time moves by periods of weeks that the calendar does not have")
            .with("dimension", &calendar.name)
    })
}

/// The weeks of the retail year that lie before a day's period: 13 of each quarter, and those of the
/// periods before it in its own.
fn weeks_before(of: &str, retail: &RetailYear) -> Expr {
    let [first, second, _] = retail.pattern;
    let place = || number(of, "retail_period_of_year") - lit(1_i32);
    let later = |than: i32, weeks: u8| {
        let is_later = (place() % lit(3_i32)).gt_eq(lit(than));
        cast(is_later, DataType::Int32) * lit(i32::from(weeks))
    };
    place() / lit(3_i32) * lit(13_i32) + later(1, first) + later(2, second)
}

/// Days with the last week of their retail period, which has one more in some years.
fn with_last_weeks(days: LogicalPlan, role: &str) -> Result<LogicalPlan> {
    let week = vec![column(role, "retail_week_of_year")];
    let all = WindowFunctionDefinition::AggregateUDF(max_udaf());
    let last = Expr::from(WindowFunction::new(all, week))
        .partition_by(vec![column(role, "retail_period")])
        .build()
        .map_err(defect)?
        .alias(LAST_WEEK);
    LogicalPlanBuilder::from(days)
        .window([last])
        .and_then(|days| days.alias(role))
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)
}
