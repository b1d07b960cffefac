//! A measure's value at a place: one cell of an answer.

use super::place::{Beside, Filter, Place, Seen, Shift};
use super::{Reference, Value, expression};
use chrono::NaiveDate;
use starhouse::model::{
    Compared, Counted, Cube, CubeColumn, End, MeasureKind, OverTime, Whole, Window,
};
use std::collections::BTreeSet;

/// A fact, how it is moved in time, and the window of a calendar role that it is read over.
pub(crate) type Scope = (String, Shift, Option<(String, Window)>);

impl Reference<'_> {
    /// The value of a measure at a place.
    pub(crate) fn value(&self, cube: &Cube, name: &str, place: &Place<'_>) -> Value {
        let measure = cube.measure(name).unwrap();
        if let Some(fact) = measure.kind.fact().filter(|_| measure.repeats) {
            let has = |column: &CubeColumn| self.has(cube, fact, column);
            let filters = place.filters.iter().filter(|filter| has(filter.column()));
            let filters: Vec<Filter> = filters.cloned().collect();
            let members = place.members.iter().filter(|(column, _)| has(column)).cloned();
            let members: Vec<_> = members.collect();
            let sets = place.sets.iter().filter(|set| has(set.column())).cloned();
            let sets: Vec<Filter> = sets.collect();
            let said =
                |place: &Place<'_>| (place.filters.len(), place.members.len(), place.sets.len());
            if (filters.len(), members.len(), sets.len()) != said(place) {
                let place = Place { filters: &filters, members, sets, ..place.clone() };
                return self.value(cube, name, &place);
            }
        }
        let of = |name: &str| self.value(cube, name, place);
        match &cube.measure(name).unwrap().kind {
            MeasureKind::Sum { fact, sql, filter } => {
                self.total(fact, self.inputs(fact, sql, filter, place), place)
            }
            MeasureKind::Count { fact, filter } => {
                counted(self.inputs(fact, "1", filter, place), place)
            }
            MeasureKind::Conversion { fact, counts, followed, filter } => {
                let mut rows = self.inputs(fact, "1", filter, place);
                rows.retain(|(own, _)| self.is_followed(fact, own, followed));
                match counts {
                    Counted::Events => counted(rows, place),
                    Counted::Members => {
                        count(self.members(fact, &followed.of.here, rows).len(), place)
                    }
                }
            }
            MeasureKind::CountDistinct { fact, sql, filter } => {
                count(self.different(fact, sql, filter, place).len(), place)
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
                let rows = match place.weighted {
                    None => Value::int(values.len() as i128),
                    Some(_) => {
                        let filter = filter.as_deref().unwrap_or("true");
                        let valued = Some(format!("({filter}) AND ({sql}) IS NOT NULL"));
                        let rows = self.inputs(fact, "1", &valued, place).into_iter();
                        sum(rows.map(|(_, part)| part))
                    }
                };
                self.total(fact, values, place).over(&rows)
            }
            MeasureKind::SemiAdditive { fact, sql, over, rule, filter } => {
                self.over_time(fact, sql, filter, over, rule, place)
            }
            MeasureKind::ApproximateDistinct { fact, sql, filter } => {
                count(self.different(fact, sql, filter, place).len(), place)
            }
            MeasureKind::ApproximateOverlap { fact, sql, each, none, filter } => {
                let of_kind = |condition: &String| {
                    let filter = filter.as_deref().unwrap_or("true");
                    self.different(fact, sql, &Some(format!("({filter}) AND ({condition})")), place)
                };
                let mut kinds = each.iter().map(of_kind);
                let mut left = kinds.next().unwrap();
                for kind in kinds {
                    left.retain(|value| kind.contains(value));
                }
                for kind in none.iter().map(of_kind) {
                    left.retain(|value| !kind.contains(value));
                }
                count(left.len(), place)
            }
            MeasureKind::Percentile { fact, sql, thousandths, filter } => {
                let values = self.inputs(fact, sql, filter, place).into_iter();
                percentile(values.map(|(_, v)| v.float().unwrap()).collect(), *thousandths)
            }
            MeasureKind::ApproximatePercentile { fact, sql, thousandths, filter } => {
                let values = self.inputs(fact, sql, filter, place).into_iter();
                let mut values: Vec<f64> = values.map(|(_, v)| v.float().unwrap()).collect();
                values.sort_by(f64::total_cmp);
                // The least and the largest are known.
                if let [least, between @ .., most] = &mut values[..] {
                    between.iter_mut().for_each(|v| *v = rounded(*v).clamp(*least, *most));
                }
                percentile(values, *thousandths)
            }
            MeasureKind::Correlation { fact, sql, with, filter } => {
                let pairs = self.inputs(fact, sql, filter, place).into_iter();
                let pairs = pairs.filter_map(|(own, x)| {
                    let y = expression::evaluate(with, &|name: &str| own[name].clone());
                    Some((x.float()?, y.float()?))
                });
                correlation(&pairs.collect::<Vec<_>>())
            }
            MeasureKind::Ratio { numerator, denominator } => of(numerator).over(&of(denominator)),
            MeasureKind::Calculated { sql, .. } => expression::evaluate(sql, &of),
            MeasureKind::Before { measure, over, period, periods, shown } => {
                let (mut months, mut days) = period.months_and_days(*periods);
                if let Some((role, by_months, by_days)) = &place.shift {
                    assert_eq!(role, over, "the reference moves one calendar at a time");
                    (months, days) = (months + by_months, days + by_days);
                }
                let shift = Some((over.clone(), months, days));
                let before = self.value(cube, measure, &Place { shift, ..place.clone() });
                match shown {
                    Compared::Before => before,
                    Compared::Change => of(measure).minus(&before),
                    Compared::Growth => of(measure).minus(&before).over(&before),
                }
            }
            MeasureKind::Running { measure, over, window } => {
                let fact = &contexts(cube, measure, &None).pop_first().unwrap().0;
                let others = place.filters.iter().filter(|f| f.column().role != *over);
                let others: Vec<Filter> = others.cloned().collect();
                match self.windowed(fact, over, window, place, &others) {
                    Some(place) => self.value(cube, measure, &place),
                    // A place without days: nothing in it.
                    None => {
                        let never = (over.clone(), NaiveDate::MAX, NaiveDate::MIN);
                        let nowhere = Place { window: Some(never), ..place.clone() };
                        self.value(cube, measure, &nowhere)
                    }
                }
            }
            MeasureKind::Weighted { measure, role } => {
                let weighted = Some(role.clone());
                self.value(cube, measure, &Place { weighted, ..place.clone() })
            }
            MeasureKind::Converted { measure, conversion } => {
                let converted = Some(conversion);
                self.value(cube, measure, &Place { converted, ..place.clone() })
            }
            MeasureKind::Rank { measure, role, within, ascending, ties } => {
                let kept = self.within(role, within, place).members;
                self.rank(cube, measure, place, (role, &kept), *ascending, *ties)
            }
            MeasureKind::ShareOfTotal { measure } => {
                let all = Place { members: Vec::new(), sets: Vec::new(), ..place.clone() };
                of(measure).over(&self.value(cube, measure, &all))
            }
            MeasureKind::Share { measure, role, of: whole } => {
                let larger = self.within(role, whole, place);
                of(measure).over(&self.value(cube, measure, &larger))
            }
        }
    }

    /// Whether a fact has what a column is of.
    pub(crate) fn has(&self, cube: &Cube, fact: &str, column: &CubeColumn) -> bool {
        let fact = self.model.fact(fact).unwrap();
        match column.dimension {
            Some(_) => {
                let role = fact.role(cube.fact_role(&column.role));
                role.is_some_and(|role| role.knows(&column.column.name))
            }
            None => fact.degenerate.iter().any(|own| own.name == column.column.name),
        }
    }

    /// A larger part of a role: without the members of finer levels.
    fn within<'q>(&self, role: &str, whole: &Whole, place: &Place<'q>) -> Place<'q> {
        let keeping = |stays: &dyn Fn(&CubeColumn) -> bool| {
            let members = place.members.iter().filter(|(column, _)| stays(column)).cloned();
            let sets = place.sets.iter().filter(|set| stays(set.column())).cloned();
            Place { members: members.collect(), sets: sets.collect(), ..place.clone() }
        };
        let all = place.members.iter().map(|(column, _)| column);
        let all = all.chain(place.sets.iter().map(Filter::column));
        let own: Vec<&CubeColumn> = all.filter(|column| column.role == role).collect();
        if *whole == Whole::All {
            return keeping(&|column| column.role != role);
        }
        let dimension = own.first().and_then(|column| column.dimension.as_deref());
        let Some(dimension) = dimension.and_then(|name| self.model.dimension(name)) else {
            return place.clone();
        };
        let levels = &dimension.hierarchies[0].levels;
        let depth = |column: &CubeColumn| {
            let name = &column.column.name;
            levels.iter().rposition(|l| l.attribute == *name || l.key.as_ref() == Some(name))
        };
        let kept = match whole {
            Whole::All => unreachable!(),
            Whole::Parent => {
                own.iter().filter_map(|column| depth(column)).max().unwrap().checked_sub(1)
            }
            Whole::Level(name) => levels.iter().position(|level| level.name == *name),
        };
        let stays = |column: &CubeColumn| {
            column.role != role
                || depth(column).is_some_and(|depth| kept.is_some_and(|kept| depth <= kept))
        };
        keeping(&stays)
    }

    /// A measure that adds up over all but a calendar role.
    fn over_time(
        &self,
        fact: &str,
        sql: &str,
        filter: &Option<String>,
        over: &str,
        rule: &OverTime,
        place: &Place<'_>,
    ) -> Value {
        let key = format!("{over}_key");
        // The period is what is said of the calendar alone: it is the same for everybody.
        let filters = place.filters.iter().filter(|filter| filter.column().role == *over);
        let filters: Vec<Filter> = filters.cloned().collect();
        let members = place.members.iter().filter(|(column, _)| column.role == *over);
        let members = members.cloned().collect();
        let sets = place.sets.iter().filter(|set| set.column().role == *over).cloned().collect();
        let shift = place.shift.clone();
        let (window, weighted, converted, beside) = (None, None, None, Beside::default());
        let period =
            Place { filters: &filters, members, sets, shift, window, weighted, converted, beside };
        let all = self.inputs(fact, sql, filter, &period);
        let values = self.inputs(fact, sql, filter, place).into_iter();
        match rule {
            OverTime::At { end, per } => {
                let whose = |own: &super::Row| -> Vec<Value> {
                    per.iter().map(|name| self.entity(fact, name, own)).collect()
                };
                let end_of = |own: &super::Row| {
                    let keys = all.iter().filter(|(other, _)| whose(other) == whose(own));
                    let keys = keys.map(|(other, _)| other[&key].clone());
                    match end {
                        End::First => keys.filter(|key| *key > Value::int(0)).min(),
                        End::Last => keys.max(),
                    }
                };
                let at_end = values.filter(|(own, _)| Some(&own[&key]) == end_of(own).as_ref());
                self.total(fact, at_end.collect(), place)
            }
            OverTime::Average => {
                let known = |own: &super::Row| own[&key] > Value::int(0);
                let days: BTreeSet<Value> = all
                    .iter()
                    .filter(|(own, _)| known(own))
                    .map(|(own, _)| own[&key].clone())
                    .collect();
                let total = sum(values.filter(|(own, _)| known(own)).map(|(_, value)| value));
                total.over(&Value::int(days.len() as i128))
            }
            OverTime::Min | OverTime::Max => {
                let days = self.day_by_day(fact, over, place).into_iter().map(|day| {
                    sum(self.inputs(fact, sql, filter, &day).into_iter().map(|(_, value)| value))
                });
                let sums = days.filter(|sum| !sum.is_null());
                let found = if *rule == OverTime::Min { sums.min() } else { sums.max() };
                found.unwrap_or(Value::Null)
            }
        }
    }

    /// Whose row it is, by a role (its durable key) or a column.
    pub(super) fn entity(&self, fact: &str, name: &str, own: &super::Row) -> Value {
        match self.model.fact(fact).unwrap().role(name) {
            Some(role) => self.durable_key(&role.dimension, &own[&role.key_column()]),
            None => own[name].clone(),
        }
    }

    fn durable_key(&self, dimension: &str, key: &Value) -> Value {
        let (by, durable) = (format!("{dimension}_key"), format!("{dimension}_durable_key"));
        let mut members = self.data.dimensions[dimension].iter();
        let member = members.find(|member| member[&by] == *key).unwrap();
        member.get(&durable).unwrap_or(key).clone()
    }

    /// The non-NULL values of an expression over the rows that a place and a filter let through,
    /// each with its row; of allocated rows their parts.
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
        let valued = rows.iter().filter(passes).map(|row| {
            let value = value_of(sql, row);
            let value = place.part(row).map_or_else(|| value.clone(), |part| part.times(&value));
            (row.own.clone(), value)
        });
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
    ) -> BTreeSet<Value> {
        let Some(role) = self.model.fact(fact).unwrap().role(sql) else {
            let values = self.inputs(fact, sql, filter, place).into_iter();
            return values.map(|(_, value)| value).collect();
        };
        self.members(fact, &role.role, self.inputs(fact, "1", filter, place))
    }

    /// The different members of a role that rows have.
    fn members(&self, fact: &str, role: &str, rows: Vec<(super::Row, Value)>) -> BTreeSet<Value> {
        let members = rows.iter().map(|(own, _)| self.entity(fact, role, own));
        members.filter(|key| *key > Value::int(0)).collect()
    }
}

pub(super) fn sum(values: impl Iterator<Item = Value>) -> Value {
    values.reduce(|a, b| a.plus(&b)).unwrap_or(Value::Null)
}

/// How many rows there are; of allocated ones their parts.
fn counted(rows: Vec<(super::Row, Value)>, place: &Place<'_>) -> Value {
    if place.weighted.is_none() {
        return count(rows.len(), place);
    }
    match sum(rows.into_iter().map(|(_, part)| part)) {
        Value::Null => count(0, place),
        parts => parts,
    }
}

/// A count is 0 where there is nothing, but so many years before, nothing is no base: NULL.
fn count(rows: usize, place: &Place<'_>) -> Value {
    if rows == 0 && place.shift.is_some() { Value::Null } else { Value::int(rows as i128) }
}

/// Between neighbours as far as the share lies between their places.
fn percentile(mut values: Vec<f64>, thousandths: u32) -> Value {
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return Value::Null };
    let place = last as f64 * f64::from(thousandths) / 1000.0;
    let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
    Value::Float(below + (above - below) * place.fract())
}

/// To eight binary digits, halves away from zero: what a sketch of percentiles has of a value.
fn rounded(value: f64) -> f64 {
    let mut unit = 1.0;
    if value == 0.0 {
        return 0.0;
    }
    while value.abs() / unit >= 256.0 {
        unit *= 2.0;
    }
    while value.abs() / unit < 128.0 {
        unit /= 2.0;
    }
    (value / unit).round() * unit
}

/// Pearson's; NULL where either side does not vary.
fn correlation(pairs: &[(f64, f64)]) -> Value {
    let n = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let moment = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>();
    let together = moment(&|pair| (pair.0 - x) * (pair.1 - y));
    let (own, other) = (moment(&|pair| (pair.0 - x).powi(2)), moment(&|pair| (pair.1 - y).powi(2)));
    let varies = |of: fn(&(f64, f64)) -> f64| pairs.iter().any(|pair| of(pair) != of(&pairs[0]));
    match !pairs.is_empty() && varies(|pair| pair.0) && varies(|pair| pair.1) {
        true => Value::Float(together / (own * other).sqrt()),
        false => Value::Null,
    }
}

/// The facts that a measure reads, each as it reads it.
pub(crate) fn contexts(cube: &Cube, name: &str, shift: &Shift) -> BTreeSet<Scope> {
    contexts_at(cube, name, shift, &None)
}

fn contexts_at(
    cube: &Cube,
    name: &str,
    shift: &Shift,
    running: &Option<(String, Window)>,
) -> BTreeSet<Scope> {
    let kind = &cube.measure(name).unwrap().kind;
    let all = |shift: &Shift, running: &Option<(String, Window)>| -> BTreeSet<Scope> {
        let uses = kind.uses().into_iter();
        uses.flat_map(|name| contexts_at(cube, name, shift, running)).collect()
    };
    match kind {
        MeasureKind::Before { over, period, periods, shown, .. } => {
            let (mut months, mut days) = period.months_and_days(*periods);
            if let Some((_, by_months, by_days)) = shift {
                (months, days) = (months + by_months, days + by_days);
            }
            let mut found = all(&Some((over.clone(), months, days)), running);
            if *shown != Compared::Before {
                found.extend(all(shift, running));
            }
            found
        }
        MeasureKind::Running { over, window, .. } => {
            all(shift, &Some((over.clone(), window.clone())))
        }
        _ => match kind.fact() {
            Some(fact) => BTreeSet::from([(fact.to_owned(), shift.clone(), running.clone())]),
            None => all(shift, running),
        },
    }
}
