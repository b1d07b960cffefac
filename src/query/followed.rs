//! Events that are followed by others: which rows of a fact are.
//!
//! Whose events there are on which days is found first, of both facts together. A member's days are
//! then read backwards, so that the last one seen of what follows is the next one to come: one pass,
//! however many events there are. A fact's row is joined to its member and day, of which there is one
//! at most, so that no row is repeated.

use super::atom::{Atom, FACT, fact_column, fact_schema, is_versioned, member_key};
use super::star::{Star, day_column};
use super::{defect, scalar_sql};
use crate::error::{Error, Result};
use crate::model::{Fact, Followed, Model, Named};
use arrow::datatypes::{DataType, Field, IntervalMonthDayNano, Schema};
use datafusion::common::{Column, DFSchema, JoinType, ScalarValue};
use datafusion::functions_aggregate::min_max::min_udaf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, WindowFrame, WindowFrameBound,
    WindowFrameUnits, WindowFunctionDefinition, ident, lit, when,
};

/// The events that are followed, in a star relation, and the column that is true of them.
const EVENTS: &str = "__events";
const IS_FOLLOWED: &str = "__followed";
/// When an event was, as the fact has it: its day's key, or its moment; and the same as a date or moment.
const DAY: &str = "__day";
const DATE: &str = "__date";
/// Whether an event is one that follows.
const FOLLOWS: &str = "__follows";
/// When what follows next was.
const NEXT: &str = "__next";

/// A column of what is the same of both events.
fn same_name(place: usize) -> String {
    format!("__same{place}")
}

/// The roles that must be joined for members to be told apart: those whose versions are many.
pub(super) fn roles(followed: &Followed, fact: &Fact, model: &Model) -> Vec<String> {
    let named = same(followed).filter_map(|named| fact.role(&named.here));
    named.filter(|role| is_versioned(role, model)).map(|role| role.role.clone()).collect()
}

/// What must be the same of both events: the member first.
fn same(followed: &Followed) -> impl Iterator<Item = &Named> {
    [&followed.of].into_iter().chain(&followed.same)
}

/// The column that a row has of what it is followed by.
pub(super) fn schema() -> Result<DFSchema> {
    let schema = Schema::new(vec![Field::new(IS_FOLLOWED, DataType::Boolean, true)]);
    DFSchema::try_from_qualified_schema(EVENTS, &schema).map_err(defect)
}

/// The condition that a row is followed, and another one.
pub(super) fn condition(other: Option<&String>) -> String {
    match other {
        Some(other) => format!("({other}) AND {IS_FOLLOWED}"),
        None => IS_FOLLOWED.to_owned(),
    }
}

/// In an analyst's words.
pub(super) fn describe(followed: &Followed) -> String {
    let Followed { by, periods, period, .. } = followed;
    match periods {
        1 => format!("followed by {by} within a {}", period.word()),
        _ => format!("followed by {by} within {periods} {}s", period.word()),
    }
}

/// The events of one of the two facts.
struct Side<'a> {
    fact: &'a Fact,
    day: &'a str,
    moment: Option<&'a str>,
    same: Vec<&'a str>,
    filter: Option<&'a String>,
    follows: bool,
}

impl Star<'_> {
    /// A star relation with what its rows are followed by; as it is where atoms do not ask.
    pub(super) fn with_followed(
        &self,
        rows: LogicalPlanBuilder,
        atoms: &[(usize, &Atom)],
    ) -> Result<LogicalPlanBuilder> {
        match atoms.first().and_then(|(_, atom)| atom.context.followed.as_ref()) {
            Some(followed) => self.joined_to(rows, followed, self.followed_events(followed)?),
            None => Ok(rows),
        }
    }

    /// Rows of the fact, and whether each is one of the events that are followed.
    pub(super) fn joined_to(
        &self,
        rows: LogicalPlanBuilder,
        followed: &Followed,
        events: LogicalPlan,
    ) -> Result<LogicalPlanBuilder> {
        let event = |name: &str| Expr::Column(Column::new(Some(EVENTS), name));
        let moment = followed.moments.as_ref().map(|moments| moments.here.as_str());
        let when = self.time_of(self.fact, &followed.over.here, moment)?;
        let mut on = vec![when.eq(event(DAY))];
        for (place, named) in same(followed).enumerate() {
            on.push(self.told_by(self.fact, &named.here).eq(event(&same_name(place))));
        }
        rows.join_on(events, JoinType::Left, on).map_err(defect)
    }

    /// The members and times of the fact's events that are followed, each once.
    pub(super) fn followed_events(&self, followed: &Followed) -> Result<LogicalPlan> {
        let by = self.context.model.fact(&followed.by).ok_or_else(|| {
            Error::internal("events are followed by those of no fact").with("fact", &followed.by)
        })?;
        let first = Side {
            fact: self.fact,
            day: &followed.over.here,
            moment: followed.moments.as_ref().map(|moments| moments.here.as_str()),
            same: same(followed).map(|named| named.here.as_str()).collect(),
            filter: None,
            follows: false,
        };
        let then = Side {
            fact: by,
            day: &followed.over.there,
            moment: followed.moments.as_ref().map(|moments| moments.there.as_str()),
            same: same(followed).map(|named| named.there.as_str()).collect(),
            filter: followed.filter.as_ref(),
            follows: true,
        };
        let then = self.events(&then)?.build().map_err(defect)?;
        let both = self.events(&first)?.union(then).map_err(defect)?;
        let same: Vec<Expr> = (0..first.same.len()).map(|place| ident(same_name(place))).collect();
        let (months, days) = followed.period.months_and_days(followed.periods);
        let whole = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let minutes = i64::try_from(followed.period.minutes(followed.periods)).unwrap_or(i64::MAX);
        let nanoseconds = minutes.saturating_mul(60_000_000_000);
        let span = IntervalMonthDayNano::new(whole(months), whole(days), nanoseconds);
        let over = ident(DATE) + lit(ScalarValue::IntervalMonthDayNano(Some(span)));
        let in_time = ident(FOLLOWS).is_false().and(ident(NEXT).lt(over));
        let next = next_day(&same)?.alias(NEXT);
        let shown = same.into_iter().chain([ident(DAY), lit(true).alias(IS_FOLLOWED)]);
        self.dated(both, followed)?
            .window([next])
            .and_then(|events| events.filter(in_time))
            .and_then(|events| events.project(shown.collect::<Vec<_>>()))
            .and_then(|events| events.alias(EVENTS))
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }

    /// Events with their dates, or moments.
    fn dated(&self, events: LogicalPlanBuilder, followed: &Followed) -> Result<LogicalPlanBuilder> {
        const CALENDAR: &str = "__calendar";
        if followed.moments.is_some() {
            let columns = events.schema().columns().into_iter().map(Expr::Column);
            let columns: Vec<Expr> = columns.chain([ident(DAY).alias(DATE)]).collect();
            return events.project(columns).map_err(defect);
        }
        let role = self.fact.role(&followed.over.here);
        let role = role.ok_or_else(|| self.unrelated(&followed.over.here))?;
        let calendar = self.dimension(&role.dimension)?;
        let own = |name: &str| Expr::Column(Column::new(Some(CALENDAR), name));
        let days = self.scan(&calendar.table(), CALENDAR)?;
        let date = own(day_column(calendar)?).alias(DATE);
        let columns = events.schema().columns().into_iter().map(Expr::Column).chain([date]);
        let columns: Vec<Expr> = columns.collect();
        let same_day = ident(DAY).eq(own(&calendar.key_column()));
        events
            .join_on(days, JoinType::Inner, [same_day])
            .and_then(|events| events.project(columns))
            .map_err(defect)
    }

    /// Which members have events on which days; who or when is unknown is no event.
    fn events(&self, side: &Side<'_>) -> Result<LogicalPlanBuilder> {
        let fact = side.fact;
        let mut rows = LogicalPlanBuilder::from(self.scan(&fact.table(), FACT)?);
        if let Some(filter) = side.filter {
            let filter = scalar_sql::parse(filter, &fact_schema(fact)?)?;
            rows = rows.filter(filter).map_err(defect)?;
        }
        let day = self.time_of(fact, side.day, side.moment)?;
        let mut known = match side.moment {
            Some(_) => day.clone().is_not_null(),
            None => day.clone().gt(lit(0_i32)),
        };
        let mut columns = vec![day.alias(DAY), lit(side.follows).alias(FOLLOWS)];
        for (place, name) in side.same.iter().enumerate() {
            let told_by = self.told_by(fact, name);
            if let Some(role) = fact.role(name) {
                known = known.and(told_by.clone().gt(lit(0_i32)));
                if is_versioned(role, self.context.model) {
                    let dimension = self.dimension(&role.dimension)?;
                    let key =
                        Expr::Column(Column::new(Some(name.to_owned()), dimension.key_column()));
                    let members = self.scan(&dimension.table(), name)?;
                    let on = fact_column(&role.key_column()).eq(key);
                    rows = rows.join_on(members, JoinType::Inner, [on]).map_err(defect)?;
                }
            }
            columns.push(told_by.alias(same_name(place)));
        }
        rows.filter(known)
            .and_then(|rows| rows.project(columns))
            .and_then(LogicalPlanBuilder::distinct)
            .map_err(defect)
    }

    /// When an event was: its moment, or the key of its day.
    fn time_of(&self, fact: &Fact, role: &str, moment: Option<&str>) -> Result<Expr> {
        match moment {
            Some(moment) => Ok(fact_column(moment)),
            None => self.key_of(fact, role),
        }
    }

    fn key_of(&self, fact: &Fact, role: &str) -> Result<Expr> {
        let role = fact.role(role).ok_or_else(|| self.unrelated(role))?;
        Ok(fact_column(&role.key_column()))
    }

    /// What tells the members of a role, or the values of a column, apart.
    fn told_by(&self, fact: &Fact, name: &str) -> Expr {
        match fact.role(name) {
            Some(role) => member_key(role, self.context.model),
            None => fact_column(name),
        }
    }
}

/// When the first event that follows was, among those of the same member at the same time and later.
fn next_day(same: &[Expr]) -> Result<Expr> {
    let follows = when(ident(FOLLOWS), ident(DATE)).end().map_err(defect)?;
    let soonest = WindowFunctionDefinition::AggregateUDF(min_udaf());
    let unbounded = WindowFrameBound::Preceding(ScalarValue::Null);
    // By ranges: events of one day see each other.
    let frame = (WindowFrameUnits::Range, unbounded, WindowFrameBound::CurrentRow);
    Expr::from(WindowFunction::new(soonest, vec![follows]))
        .partition_by(same.to_vec())
        .order_by(vec![ident(DATE).sort(false, false)])
        .window_frame(WindowFrame::new_bounds(frame.0, frame.1, frame.2))
        .build()
        .map_err(defect)
}
