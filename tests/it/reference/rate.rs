//! Money in one currency: every amount by the rate of its day.

use super::measure::sum;
use super::place::{Place, Row};
use super::{Reference, Value, expression};
use starhouse::model::{Conversion, RateAt};

impl Reference<'_> {
    /// The sum of rows' amounts, converted where the place says so; NULL where one has no rate.
    pub(crate) fn total(&self, fact: &str, rows: Vec<(Row, Value)>, place: &Place<'_>) -> Value {
        let Some(conversion) = place.converted else {
            return sum(rows.into_iter().map(|(_, value)| value));
        };
        let mut amounts = Vec::new();
        for (own, value) in rows {
            match self.rate(fact, &own, conversion) {
                Value::Null => return Value::Null,
                rate => amounts.push(value.times(&rate)),
            }
        }
        sum(amounts.into_iter())
    }

    fn rate(&self, fact: &str, own: &Row, conversion: &Conversion) -> Value {
        let from = expression::evaluate(&conversion.from, &|name: &str| own[name].clone());
        let to = Value::text(&conversion.to);
        if from == to {
            return Value::int(1);
        }
        let role = self.model.fact(fact).unwrap().role(&conversion.over).unwrap();
        let days = &self.data.dimensions[&role.dimension];
        let key = &own[&role.key_column()];
        let (by, rates) = (format!("{}_key", role.dimension), &self.data.facts[&conversion.rates]);
        let is_known = |row: &&Row| {
            row[&conversion.source] == from
                && row[&conversion.target] == to
                && !row[&conversion.rate].is_null()
                && row["date_key"] > Value::int(0)
        };
        if *key <= Value::int(0) {
            return Value::Null;
        }
        let period_of = |key: &Value, period: &str| {
            days.iter().find(|day| day[&by] == *key).unwrap()[period].clone()
        };
        let mut known: Vec<&Row> = rates.iter().filter(is_known).collect();
        known.sort_by_key(|row| row["date_key"].clone());
        match &conversion.at {
            RateAt::Day => known.retain(|row| row["date_key"] == *key),
            RateAt::Latest => known.retain(|row| row["date_key"] <= *key),
            RateAt::End(period) | RateAt::Average(period) => {
                let own = period_of(key, period);
                known.retain(|row| period_of(&row["date_key"], period) == own);
            }
        }
        let rate = |row: &&Row| row[&conversion.rate].clone();
        match &conversion.at {
            RateAt::Average(_) => {
                sum(known.iter().map(rate)).over(&Value::int(known.len() as i128))
            }
            _ => known.last().map_or(Value::Null, rate),
        }
    }
}
