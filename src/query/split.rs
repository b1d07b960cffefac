//! Partial coverage: a question about a span of days, answered in two parts that share no row.
//!
//! An aggregate that keeps months but no days answers for the months that lie whole in the span; the
//! fact's rows answer for the days at its ends. Both give states for each group, and states are put
//! together as those of an aggregate's rows are.

use super::ask::{Ask, group_name};
use super::atom::{Atom, fact_column};
use super::context::Context;
use super::lattice::Cuboid;
use super::route::{Part, Route, Routing, smallest};
use super::star::{Star, day_column};
use super::{PlanContext, defect};
use crate::error::Result;
use crate::model::{CubeColumn, DimensionKind, Fact, MONTH_PARTITION};
use arrow::datatypes::DataType;
use chrono::{Datelike, Days, Months, NaiveDate};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Between, BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, cast, ident, lit,
};
use std::collections::BTreeSet;

/// Days from one to another, both included; open where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Option<NaiveDate>,
    pub(super) to: Option<NaiveDate>,
}

/// How a question is split.
pub(super) struct Split<'a> {
    pub(super) cuboid: &'a Cuboid,
    /// The cube column of the day.
    pub(super) day: String,
    /// From the first day of a month to the last of one: what the aggregate answers for.
    pub(super) whole: Span,
    /// By how many months the rows are earlier than the days that they stand for.
    pub(super) earlier: u32,
    /// Whether days before or after are asked for as well.
    pub(super) has_rest: bool,
    /// The conditions that are not about the day.
    pub(super) others: Vec<Expr>,
}

impl Split<'_> {
    /// Whether it is to be taken, where an aggregate answers whole or none does.
    pub(super) fn is_better(
        &self,
        whole: Option<&Cuboid>,
        catalog: Option<&str>,
        planning: &PlanContext<'_>,
    ) -> bool {
        let rows = |cuboid: &Cuboid| planning.tables.rows(catalog, &cuboid.table);
        whole.is_none_or(|whole| !self.has_rest && rows(self.cuboid) < rows(whole))
    }

    fn reason(&self, context: &Context) -> String {
        let (subject, name) = (context.describe(), &self.cuboid.aggregate.name);
        let month = |day: Option<NaiveDate>| day.map(|day| day.format("%Y-%m").to_string());
        let months = match (month(self.whole.from), month(self.whole.to)) {
            (Some(from), Some(to)) => format!("{from} to {to}"),
            (Some(from), None) => format!("{from} and later"),
            (None, Some(to)) => format!("{to} and before"),
            (None, None) => "all months".to_owned(),
        };
        match self.has_rest {
            true => format!(
                "{subject}: aggregate {name} answers for {months}, base rows for other days"
            ),
            false => format!("{subject}: aggregate {name} answers for {months}"),
        }
    }

    /// Of the aggregate's rows those of whole months; what is of no known day is of no month.
    fn months(&self) -> Expr {
        let month = |day: NaiveDate| {
            let day = day.checked_sub_months(Months::new(self.earlier)).unwrap_or(NaiveDate::MIN);
            day.year() * 100 + day.month().cast_signed()
        };
        let column = || fact_column(MONTH_PARTITION);
        let from = column().gt_eq(lit(self.whole.from.map_or(1, month)));
        match self.whole.to {
            Some(to) => from.and(column().lt_eq(lit(month(to)))),
            None => from,
        }
    }

    /// Of the fact's rows those of days beside the whole months.
    fn rest(&self) -> Expr {
        let day = |day: NaiveDate| lit(ScalarValue::Date32(Some(days_of(day))));
        let before = self.whole.from.map(|from| ident(&self.day).lt(day(from)));
        let after = self.whole.to.map(|to| ident(&self.day).gt(day(to)));
        before.into_iter().chain(after).reduce(Expr::or).unwrap_or_else(|| lit(false))
    }
}

impl Ask<'_> {
    /// How a part can be split; `None` if it cannot.
    pub(super) fn split<'a>(
        &self,
        part: &Part<'_>,
        fact: &Fact,
        planning: &PlanContext<'a>,
    ) -> Option<Split<'a>> {
        if part.context.shift.is_some() {
            return self.earlier_months(part, fact, planning);
        }
        let Context { shift: None, running: None, daily: None, weighted: None, .. } = part.context
        else {
            return None;
        };
        if part.context.converted.is_some() {
            return None;
        }
        let day = self.day_of_partitions(fact, planning)?;
        let is_about_it = |expr: &&Expr| expr.column_refs().iter().any(|own| own.name == day);
        if self.groups.iter().any(|group| is_about_it(&group)) {
            return None;
        }
        let conditions = self.predicates.iter().flat_map(split_conjunction);
        let (of_days, others): (Vec<_>, Vec<_>) = conditions.partition(is_about_it);
        let mut span = Span::default();
        for condition in of_days {
            span = span.narrowed(condition, day)?;
        }
        let whole = span.whole_months()?;
        let columns: BTreeSet<String> =
            part.columns.iter().filter(|name| *name != day).cloned().collect();
        let months = Part { columns: &columns, ..*part };
        let fits = |cuboid: &Cuboid| cuboid.by_month && merges(cuboid, part.atoms);
        let cuboid = smallest(&months, planning, fits)?;
        let others = others.into_iter().cloned().collect();
        let (day, has_rest) = (day.to_owned(), span != whole);
        Some(Split { cuboid, day, whole, earlier: 0, has_rest, others })
    }

    /// The cube column of the day by which the fact is partitioned.
    fn day_of_partitions<'m>(&'m self, fact: &Fact, planning: &PlanContext<'_>) -> Option<&'m str> {
        let role = fact.role(fact.partition_by_month_of.as_ref()?)?;
        let calendar = planning.model.dimension(&role.dimension)?;
        if !matches!(calendar.kind, DimensionKind::Calendar(_)) {
            return None;
        }
        let day = day_column(calendar).ok()?;
        let is_day = |column: &&CubeColumn| {
            self.cube.fact_role(&column.role) == role.role
                && column.dimension.is_some()
                && column.column.name == day
        };
        self.cube.columns.iter().find(is_day).map(|column| column.name.as_str())
    }

    /// The plan of a part that is split: as [`Ask::plan_part`]'s.
    pub(super) fn plan_split(
        &self,
        split: &Split<'_>,
        base: &Star<'_>,
        atoms: &[(usize, &Atom)],
        needed: &[&CubeColumn],
    ) -> Result<LogicalPlan> {
        let alone: Vec<&Atom> = atoms.iter().map(|(_, atom)| *atom).collect();
        let of_months: Vec<&CubeColumn> =
            needed.iter().copied().filter(|column| column.name != split.day).collect();
        let whole = Self { predicates: split.others.clone(), ..self.clone() };
        let (kept, only) = (Some(split.cuboid), Some(split.months()));
        let months = Star { kept, only, ..base.clone() };
        let moved = base.shift.map(|shift| shift.role.clone());
        let mut roles = months.roles(&of_months, &alone)?;
        roles.extend(moved.clone());
        let (rows, aggregated) = whole.rows(&months, &roles, None, &of_months, atoms)?;
        if !split.has_rest {
            return self.aggregate(rows, aggregated, atoms);
        }
        let mut rest = self.clone();
        rest.predicates.push(split.rest());
        let needed = rest.needed_columns()?;
        let mut roles = base.roles(&needed, &alone)?;
        roles.extend(moved);
        let (days, _) = rest.rows(base, &roles, None, &needed, atoms)?;
        let days = self.states(days, &months, atoms)?;
        let rows = rows.union(days).map_err(defect)?;
        self.aggregate(rows, aggregated, atoms)
    }

    /// Rows as states, in the columns that an aggregate's rows come in.
    fn states(
        &self,
        rows: LogicalPlanBuilder,
        months: &Star<'_>,
        atoms: &[(usize, &Atom)],
    ) -> Result<LogicalPlan> {
        let groups: Vec<Expr> = (0..self.groups.len()).map(group_name).map(ident).collect();
        let (mut computed, mut columns) = (Vec::new(), groups.clone());
        for (index, atom) in atoms {
            let Some(kept) = months.merged(atom) else { continue };
            let (input, state) = (format!("__x{index}_0"), format!("__s{index}"));
            computed.push(kept.state.kind.of_rows(ident(&input)).alias(&state));
            columns.push(cast(ident(state), kept.ty.clone()).alias(input));
        }
        rows.aggregate(groups, computed)
            .and_then(|grouped| grouped.project(columns))
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }
}

/// Notes that a part is answered in two.
pub(super) fn note(
    split: &Split<'_>,
    part: &Part<'_>,
    planning: &PlanContext<'_>,
    routing: &mut Routing,
) {
    let reason = split.reason(part.context);
    routing.note(Route { cuboid: Some(split.cuboid), reason }, part, planning);
}

/// Whether all atoms are computed from states of an aggregate.
pub(super) fn merges(cuboid: &Cuboid, atoms: &[&Atom]) -> bool {
    atoms.iter().all(|atom| cuboid.merged(atom).is_some())
}

impl Span {
    /// The days of the span for which a condition holds; `None` where the condition is not a plain
    /// bound.
    fn narrowed(self, condition: &Expr, column: &str) -> Option<Self> {
        let is_day = |expr: &Expr| matches!(expr, Expr::Column(own) if own.name == column);
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_day(left) => {
                self.bounded(*op, day_of(right)?)
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_day(right) => {
                self.bounded(op.swap()?, day_of(left)?)
            }
            Expr::Between(Between { expr, negated: false, low, high }) if is_day(expr) => {
                self.bounded(Operator::GtEq, day_of(low)?)?.bounded(Operator::LtEq, day_of(high)?)
            }
            _ => None,
        }
    }

    fn bounded(mut self, op: Operator, day: NaiveDate) -> Option<Self> {
        let one = Days::new(1);
        let (from, to) = match op {
            Operator::Eq => (Some(day), Some(day)),
            Operator::Gt => (Some(day.checked_add_days(one)?), None),
            Operator::GtEq => (Some(day), None),
            Operator::Lt => (None, Some(day.checked_sub_days(one)?)),
            Operator::LtEq => (None, Some(day)),
            _ => return None,
        };
        self.from = self.from.max(from);
        self.to = match (self.to, to) {
            (Some(known), Some(to)) => Some(known.min(to)),
            (known, to) => known.or(to),
        };
        Some(self)
    }

    /// The months that lie in the span whole; `None` if none does.
    fn whole_months(self) -> Option<Self> {
        let from = match self.from {
            Some(day) if day.day() > 1 => {
                Some(day.with_day(1)?.checked_add_months(Months::new(1))?)
            }
            first => first,
        };
        let to = match self.to {
            Some(day) => {
                let next = day.checked_add_days(Days::new(1))?;
                Some(next.with_day(1)?.checked_sub_days(Days::new(1))?)
            }
            None => None,
        };
        let is_empty = from.zip(to).is_some_and(|(from, to)| from > to);
        let years = 1..=9999;
        let is_known = |day: Option<NaiveDate>| day.is_none_or(|day| years.contains(&day.year()));
        (!is_empty && is_known(from) && is_known(to)).then_some(Self { from, to })
    }
}

/// The day that a constant is.
fn day_of(expr: &Expr) -> Option<NaiveDate> {
    match expr {
        Expr::Literal(ScalarValue::Date32(Some(days)), _) => {
            NaiveDate::default().checked_add_signed(chrono::Duration::days(i64::from(*days)))
        }
        Expr::Literal(text, _) => text.try_as_str().flatten()?.parse().ok(),
        Expr::Cast(cast) if *cast.field.data_type() == DataType::Date32 => day_of(&cast.expr),
        _ => None,
    }
}

fn days_of(day: NaiveDate) -> i32 {
    day.num_days_from_ce() - NaiveDate::default().num_days_from_ce()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Option<NaiveDate> {
        (!text.is_empty()).then(|| text.parse().unwrap())
    }

    fn whole(from: &str, to: &str) -> Option<(Option<NaiveDate>, Option<NaiveDate>)> {
        let span = Span { from: day(from), to: day(to) };
        span.whole_months().map(|span| (span.from, span.to))
    }

    #[test]
    fn whole_months_of_a_span() {
        let both = |from, to| Some((day(from), day(to)));
        assert_eq!(whole("2024-01-15", "2024-04-29"), both("2024-02-01", "2024-03-31"));
        assert_eq!(whole("2024-02-01", "2024-02-29"), both("2024-02-01", "2024-02-29"));
        assert_eq!(whole("2023-12-31", "2024-01-31"), both("2024-01-01", "2024-01-31"));
        assert_eq!(whole("2024-02-01", "2024-02-28"), None);
        assert_eq!(whole("2024-02-02", "2024-03-30"), None);
        assert_eq!(whole("2024-02-02", ""), both("2024-03-01", ""));
        assert_eq!(whole("", "2024-02-28"), both("", "2024-01-31"));
    }

    #[test]
    fn conditions_narrow_a_span() {
        let date = || ident("date");
        let literal = |text: &str| lit(ScalarValue::Date32(Some(days_of(day(text).unwrap()))));
        let narrowed = |conditions: &[Expr]| {
            let each = conditions.iter();
            each.clone()
                .try_fold(Span::default(), |span, condition| span.narrowed(condition, "date"))
        };
        let span =
            narrowed(&[date().gt(literal("2024-01-31")), literal("2024-06-30").gt_eq(date())]);
        assert_eq!(span, Some(Span { from: day("2024-02-01"), to: day("2024-06-30") }));
        let span = narrowed(&[
            date().between(lit("2024-01-01"), lit("2024-12-31")),
            date().lt(cast(lit("2024-03-01"), DataType::Date32)),
        ]);
        assert_eq!(span, Some(Span { from: day("2024-01-01"), to: day("2024-02-29") }));
        assert_eq!(narrowed(&[date().eq(literal("2024-01-01")).or(lit(true))]), None);
        assert_eq!(narrowed(&[date().not_eq(literal("2024-01-01"))]), None);
        assert_eq!(narrowed(&[date().gt(lit("yesterday"))]), None);
    }
}
