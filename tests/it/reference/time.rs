//! Windows of days, and days one by one.

use super::place::{Filter, Place, Row};
use super::{Reference, Value};
use chrono::{Days, NaiveDate};
use starhouse::model::{CubeColumn, Window};
use std::collections::{BTreeMap, BTreeSet};

impl Reference<'_> {
    /// The place with nothing said of a calendar role but a window of days, which ends with the last
    /// day that the place lets through; `None` where it lets none through.
    pub(crate) fn windowed<'q>(
        &self,
        fact: &str,
        role: &str,
        window: &Window,
        place: &Place<'q>,
        others: &'q [Filter],
    ) -> Option<Place<'q>> {
        let own = |column: &CubeColumn| column.role == role;
        let admits = |day: &&Row| {
            let mut filters = place.conditions().filter(|filter| own(filter.column()));
            let members = place.members.iter().filter(|(column, _)| own(column));
            filters.all(|filter| filter.admits_member(day))
                && members.into_iter().all(|(column, member)| day[&column.column.name] == *member)
        };
        let days = self.days(fact, role);
        let last = days.iter().copied().filter(|day| admits(day)).max_by_key(|day| date(day))?;
        let (from, until) = self.bounds(fact, role, window, last)?;
        let members = place.members.iter().filter(|(column, _)| !own(column)).cloned().collect();
        let sets = place.sets.iter().filter(|set| !own(set.column())).cloned().collect();
        let (shift, window) = (place.shift.clone(), Some((role.to_owned(), from, until)));
        let weighted = place.weighted.clone();
        let (converted, beside) = (place.converted, place.beside);
        Some(Place { filters: others, members, sets, shift, window, weighted, converted, beside })
    }

    /// The first and the last day of the window that ends with a day.
    fn bounds(
        &self,
        fact: &str,
        role: &str,
        window: &Window,
        last: &Row,
    ) -> Option<(NaiveDate, NaiveDate)> {
        let dimension = &self.model.fact(fact).unwrap().role(role).unwrap().dimension;
        let (periods, period, current) = match window {
            Window::Cumulative => return Some((NaiveDate::MIN, date(last))),
            Window::ToDate { period } => (1, period, true),
            Window::Rolling { periods, period, current } => (*periods as usize, period, *current),
        };
        let mut firsts: BTreeMap<&Value, NaiveDate> = BTreeMap::new();
        let all = self.data.dimensions[dimension].iter();
        for day in all.filter(|day| !day["date"].is_null()) {
            let first = firsts.entry(&day[period]).or_insert_with(|| date(day));
            *first = date(day).min(*first);
        }
        let own = firsts[&last[period]];
        let begins: BTreeSet<NaiveDate> =
            firsts.into_values().filter(|begin| *begin <= own).collect();
        let back = if current { periods - 1 } else { periods };
        let from = begins.iter().rev().nth(back).copied().unwrap_or(NaiveDate::MIN);
        let until = if current { date(last) } else { own - Days::new(1) };
        Some((from, until))
    }

    /// The place on each of a calendar role's known days.
    pub(crate) fn day_by_day<'q>(
        &self,
        fact: &str,
        role: &str,
        place: &Place<'q>,
    ) -> Vec<Place<'q>> {
        let days = self.days(fact, role);
        let on = |day: &Row| Place {
            window: Some((role.to_owned(), date(day), date(day))),
            ..place.clone()
        };
        days.into_iter().map(on).collect()
    }
}

fn date(day: &Row) -> NaiveDate {
    match day["date"] {
        Value::Date(date) => date,
        _ => panic!("a day without a date"),
    }
}
