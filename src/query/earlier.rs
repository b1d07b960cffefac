//! A year before, or some months, from months: an aggregate that keeps months but no days answers for
//! earlier rows as well, where nothing finer than months is asked of the calendar.
//!
//! A day so many months later lies in the month so many months later, whatever its number, so months
//! stand for months as days stand for days. Only the month of the fact's last day may stand for a part
//! of itself (see `star.rs`): base rows answer for that one, unless the last day ends it.

use super::PlanContext;
use super::ask::Ask;
use super::context::{Context, Shift};
use super::defect;
use super::lattice::Cuboid;
use super::month_before::month_before;
use super::route::{Part, smallest};
use super::split::{Span, Split, merges};
use super::star::{Star, day_column};
use crate::error::Result;
use crate::model::{Cube, CubeColumn, Dimension, DimensionKind, Fact, Model};
use chrono::{Datelike, Days, Months, NaiveDate};
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use std::collections::BTreeSet;

/// The column of the months that stand for others: whose rows they are, as `yyyymm`.
pub(super) const MONTH: &str = "__month";

/// The shift of a context, where months are enough for it: by whole months, in the calendar by which the
/// fact is partitioned, of which nothing finer than months is asked.
pub(super) fn by_months<'c>(
    cube: &Cube,
    fact: &Fact,
    model: &Model,
    context: &'c Context,
    columns: &BTreeSet<String>,
) -> Option<&'c Shift> {
    let shift = context.shift.as_ref()?;
    let weeks = shift.retail_years > 0 || shift.retail_periods > 0;
    let in_months = shift.months > 0 && shift.days == 0 && !weeks;
    let plain = context.running.is_none()
        && context.daily.is_none()
        && context.weighted.is_none()
        && context.converted.is_none()
        && context.followed.is_none();
    let partitions = fact.partition_by_month_of.as_deref();
    if !in_months || !plain || partitions != Some(cube.fact_role(&shift.role)) {
        return None;
    }
    let dimension = model.dimension(&fact.role(partitions?)?.dimension)?;
    let DimensionKind::Calendar(calendar) = &dimension.kind else { return None };
    let decided = calendar.decided_by("month");
    let is_coarse = |name: &String| {
        cube.column(name).is_some_and(|column| {
            let is_other = cube.fact_role(&column.role) != cube.fact_role(&shift.role);
            let is_own = column.role == shift.role && decided.contains(&column.column.name);
            is_other || column.dimension.is_none() || is_own
        })
    };
    (cube.view(&shift.role).is_none() && columns.iter().all(is_coarse)).then_some(shift)
}

/// The cube column of a calendar role that holds its months.
pub(super) fn month_of<'c>(cube: &'c Cube, role: &str) -> Option<&'c str> {
    column_of(cube, role, "month")
}

fn column_of<'c>(cube: &'c Cube, role: &str, name: &str) -> Option<&'c str> {
    let is_it = |column: &&CubeColumn| {
        column.role == role && column.dimension.is_some() && column.column.name == name
    };
    cube.columns.iter().find(is_it).map(|column| column.name.as_str())
}

impl Ask<'_> {
    /// How earlier rows are answered for by months; `None` if they are not.
    pub(super) fn earlier_months<'a>(
        &self,
        part: &Part<'_>,
        fact: &Fact,
        planning: &PlanContext<'a>,
    ) -> Option<Split<'a>> {
        let shift = by_months(self.cube, fact, planning.model, part.context, part.columns)?;
        let role = fact.role(self.cube.fact_role(&shift.role))?;
        let calendar = planning.model.dimension(&role.dimension)?;
        let day = column_of(self.cube, &shift.role, day_column(calendar).ok()?)?;
        let last = planning.tables.largest(part.catalog, &fact.table(), &role.key_column())?;
        let last = day_of_key(last)?;
        let whole = last_of_whole_month(last)?;
        let months = Part { by_months: Some(shift), ..*part };
        let fits = |cuboid: &Cuboid| cuboid.by_month && merges(cuboid, part.atoms);
        Some(Split {
            cuboid: smallest(&months, planning, fits)?,
            day: day.to_owned(),
            whole: Span { from: None, to: Some(whole) },
            earlier: shift.months,
            has_rest: whole != last,
            others: self.predicates.clone(),
        })
    }
}

impl Star<'_> {
    /// The shift of rows that are months.
    pub(super) fn months_later(&self) -> Option<&Shift> {
        let shift = self.shift?;
        let role = self.cube.fact_role(&shift.role);
        self.kept.is_some_and(|kept| !kept.is_whole(role)).then_some(shift)
    }

    /// The months of a calendar, each with the month that it stands for: so many months before.
    pub(super) fn later_months(&self, calendar: &Dimension, shift: &Shift) -> Result<LogicalPlan> {
        let name = shift.role.as_str();
        let column = |own: &str| Expr::Column(Column::new(Some(name), own));
        // Keys are days as yyyymmdd: a month's first day is in the calendar if it is later than another
        // of its months.
        let key = || column(&calendar.key_column());
        let is_first = key().gt(lit(0_i32)).and((key() % lit(100_i32)).eq(lit(1_i32)));
        let month = month_before(key(), shift.months);
        let columns = self.stored_columns(calendar)?.into_iter();
        let columns = columns.map(|own| column(&own).alias(own));
        LogicalPlanBuilder::from(self.scan(&calendar.table(), name)?)
            .filter(is_first)
            .and_then(|days| days.project(columns.chain([month.alias(MONTH)]).collect::<Vec<_>>()))
            .and_then(|months| months.alias(name))
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }
}

/// The day of a calendar's key.
fn day_of_key(key: i64) -> Option<NaiveDate> {
    let part = |number: i64| u32::try_from(number).ok();
    let year = i32::try_from(key / 10_000).ok()?;
    NaiveDate::from_ymd_opt(year, part(key / 100 % 100)?, part(key % 100)?)
}

/// The last day of the last month of which all days are there.
fn last_of_whole_month(last: NaiveDate) -> Option<NaiveDate> {
    let first = last.with_day(1)?;
    let end = first.checked_add_months(Months::new(1))?.checked_sub_days(Days::new(1))?;
    if end == last { Some(end) } else { first.checked_sub_days(Days::new(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_month_ends_on_or_before_the_last_day() {
        let whole = |key| last_of_whole_month(day_of_key(key).unwrap()).unwrap().to_string();
        assert_eq!(whole(20_240_229), "2024-02-29");
        assert_eq!(whole(20_240_228), "2024-01-31");
        assert_eq!(whole(20_251_231), "2025-12-31");
        assert_eq!(whole(20_250_101), "2024-12-31");
        assert_eq!(day_of_key(0), None);
        assert_eq!(day_of_key(-1), None);
    }
}
