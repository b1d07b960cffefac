//! Conversions: whether a row's event is followed by one of another fact.

use super::place::Row;
use super::{Reference, Value, expression};
use chrono::{Days, Months, NaiveDate};
use starhouse::model::Followed;

impl Reference<'_> {
    /// Whether any row of the other fact is of the same member, on the same day or later, in time.
    pub(crate) fn is_followed(&self, fact: &str, own: &Row, followed: &Followed) -> bool {
        let Some(day) = self.day_of(fact, &followed.over.here, own) else { return false };
        let (months, days) = followed.period.months_and_days(followed.periods);
        let until = day + Months::new(months) + Days::new(u64::from(days));
        self.data.facts[&followed.by].iter().any(|other| {
            let next = self.day_of(&followed.by, &followed.over.there, other);
            let wanted = followed.filter.as_ref().is_none_or(|filter| {
                expression::evaluate(filter, &|name: &str| other[name].clone()).is_true()
            });
            let mut same = [&followed.of].into_iter().chain(&followed.same);
            wanted
                && next.is_some_and(|next| day <= next && next < until)
                && same.all(|named| {
                    let here = self.told_by(fact, &named.here, own);
                    here.is_some() && here == self.told_by(&followed.by, &named.there, other)
                })
        })
    }

    fn day_of(&self, fact: &str, role: &str, own: &Row) -> Option<NaiveDate> {
        let role = self.model.fact(fact).unwrap().role(role).unwrap();
        let (key, by) = (&own[&role.key_column()], format!("{}_key", role.dimension));
        let day = self.data.dimensions[&role.dimension].iter().find(|day| day[&by] == *key);
        match day.unwrap()["date"] {
            Value::Date(day) => Some(day),
            _ => None,
        }
    }

    /// What tells apart whose event it is; nothing where that is unknown.
    fn told_by(&self, fact: &str, name: &str, own: &Row) -> Option<Value> {
        let value = self.entity(fact, name, own);
        let is_role = self.model.fact(fact).unwrap().role(name).is_some();
        let known = if is_role { value > Value::int(0) } else { !value.is_null() };
        known.then_some(value)
    }
}
