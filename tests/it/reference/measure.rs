//! A measure's value at a place: one cell of an answer.

use super::place::{Filter, Place, Seen};
use super::{Reference, Value, expression};
use starhouse::model::{Cube, MeasureKind};
use std::collections::BTreeSet;

type Shift = Option<(String, u32)>;

impl Reference<'_> {
    /// The value of a measure at a place.
    pub(crate) fn value(&self, cube: &Cube, name: &str, place: &Place<'_>) -> Value {
        let of = |name: &str| self.value(cube, name, place);
        match &cube.measure(name).unwrap().kind {
            MeasureKind::Sum { fact, sql, filter } => {
                sum(self.inputs(fact, sql, filter, place).into_iter().map(|(_, value)| value))
            }
            MeasureKind::Count { fact, filter } => {
                count(self.inputs(fact, "1", filter, place).len(), place)
            }
            MeasureKind::CountDistinct { fact, sql, filter } => {
                count(self.different(fact, sql, filter, place), place)
            }
            MeasureKind::Min { fact, sql, filter } => {
                let values = self.inputs(fact, sql, filter, place).into_iter();
                values.map(|(_, value)| value).min().unwrap_or(Value::Null)
            }
            MeasureKind::Max { fact, sql, filter } => {
                let values = self.inputs(fact, sql, filter, place).into_iter();
                values.map(|(_, value)| value).max().unwrap_or(Value::Null)
            }
            MeasureKind::Average { fact, sql, filter } => {
                let values = self.inputs(fact, sql, filter, place);
                let rows = Value::int(values.len() as i128);
                sum(values.into_iter().map(|(_, value)| value)).over(&rows)
            }
            MeasureKind::Last { fact, sql, over, filter } => {
                let key = format!("{over}_key");
                // The period's last day with a value is the same for everybody.
                let filters = place.filters.iter().filter(|filter| filter.column().role == *over);
                let filters: Vec<Filter> = filters.cloned().collect();
                let members = place.members.iter().filter(|(column, _)| column.role == *over);
                let members = members.cloned().collect();
                let period = Place { filters: &filters, members, shift: place.shift.clone() };
                let all = self.inputs(fact, sql, filter, &period);
                let last = all.iter().map(|(own, _)| own[&key].clone()).max();
                let values = self.inputs(fact, sql, filter, place).into_iter();
                sum(values.filter(|(own, _)| Some(&own[&key]) == last.as_ref()).map(|(_, v)| v))
            }
            MeasureKind::Ratio { numerator, denominator } => of(numerator).over(&of(denominator)),
            MeasureKind::Calculated { sql } => expression::evaluate(sql, &of),
            MeasureKind::YearsBefore { measure, over, years } => {
                assert_eq!(place.shift, None, "the reference knows one shift at a time");
                let shift = Some((over.clone(), *years));
                self.value(cube, measure, &Place { shift, ..place.clone() })
            }
            MeasureKind::ShareOfTotal { measure } => {
                let all = Place { members: Vec::new(), ..place.clone() };
                of(measure).over(&self.value(cube, measure, &all))
            }
        }
    }

    /// The non-NULL values of an expression over the rows that a place and a filter let through,
    /// each with its row.
    fn inputs(
        &self,
        fact: &str,
        sql: &str,
        filter: &Option<String>,
        place: &Place<'_>,
    ) -> Vec<(super::Row, Value)> {
        let value_of = |sql: &str, row: &Seen| {
            let names = |name: &str| row.own[name].clone();
            expression::evaluate(sql, &names)
        };
        let passes = |row: &&Seen| {
            place.sees(row) && filter.as_ref().is_none_or(|sql| value_of(sql, row).is_true())
        };
        let rows = self.rows(fact, &place.shift);
        let valued = rows.iter().filter(passes).map(|row| (row.own.clone(), value_of(sql, row)));
        valued.filter(|(_, value)| !value.is_null()).collect()
    }

    /// How many different values; by a role's name, how many members: durable keys, without those
    /// that stand for nobody.
    fn different(
        &self,
        fact: &str,
        sql: &str,
        filter: &Option<String>,
        place: &Place<'_>,
    ) -> usize {
        let Some(role) = self.model.fact(fact).unwrap().role(sql) else {
            let values = self.inputs(fact, sql, filter, place).into_iter();
            return values.map(|(_, value)| value).collect::<BTreeSet<_>>().len();
        };
        let (key, durable) = (role.key_column(), format!("{}_durable_key", role.dimension));
        let by = format!("{}_key", role.dimension);
        let rows = self.inputs(fact, "1", filter, place).into_iter();
        let members = rows.map(|(own, _)| {
            let mut members = self.data.dimensions[&role.dimension].iter();
            let member = members.find(|member| member[&by] == own[&key]).unwrap();
            member.get(&durable).unwrap_or(&member[&by]).clone()
        });
        members.filter(|key| *key > Value::int(0)).collect::<BTreeSet<_>>().len()
    }
}

fn sum(values: impl Iterator<Item = Value>) -> Value {
    values.reduce(|a, b| a.plus(&b)).unwrap_or(Value::Null)
}

/// A count is 0 where there is nothing, but so many years before, nothing is no base: NULL.
fn count(rows: usize, place: &Place<'_>) -> Value {
    if rows == 0 && place.shift.is_some() { Value::Null } else { Value::int(rows as i128) }
}

/// The facts that a measure reads, each with the shift it reads it under.
pub(crate) fn contexts(cube: &Cube, name: &str, shift: &Shift) -> BTreeSet<(String, Shift)> {
    let kind = &cube.measure(name).unwrap().kind;
    let of = |names: Vec<String>, shift: &Shift| {
        names.iter().flat_map(|name| contexts(cube, name, shift)).collect()
    };
    match kind {
        MeasureKind::Ratio { numerator, denominator } => {
            of(vec![numerator.clone(), denominator.clone()], shift)
        }
        MeasureKind::Calculated { sql } => {
            let words = sql.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let measures = words.filter(|word| cube.measure(word).is_some());
            of(measures.map(str::to_owned).collect(), shift)
        }
        MeasureKind::YearsBefore { measure, over, years } => {
            of(vec![measure.clone()], &Some((over.clone(), *years)))
        }
        MeasureKind::ShareOfTotal { measure } => of(vec![measure.clone()], shift),
        base => BTreeSet::from([(base.fact().unwrap().to_owned(), shift.clone())]),
    }
}
