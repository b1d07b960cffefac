//! Measures: exactly one way to be computed, over what exists, without going round in a circle.

use super::super::document::{MeasureFields, Text};
use super::super::{Column, ColumnType, Fact, FactRole, Measure, MeasureKind};
use super::cube::Scope;
use super::fact::is_calendar;
use super::sheet::Sheet;
use super::sql::{self, Names};
use crate::yaml::Place;

/// The ways a measure can be computed, as keys.
const WAYS: &str = "sum, count, count_distinct, min, max, average, last, ratio, calculated, \
                    years_before, share_of_total";

/// Checks what can be checked without knowing the facts.
pub(super) fn forms(measures: &[MeasureFields], sheet: &mut Sheet<'_>) {
    sheet.unique("measure", measures.iter().map(|measure| &measure.name));
    for fields in measures {
        sheet.name("measure", &fields.name);
        sheet.description("measure", &fields.name, fields.description.as_ref());
        let name = &fields.name.value;
        match ways(fields).as_slice() {
            [] => {
                let message = format!("measure `{name}` does not say how it is computed");
                let hint = format!("add one of {WAYS}");
                sheet.fault_with_hint(fields.name.place, message, hint);
            }
            [way] => companions(fields, way.0, sheet),
            [first, second, ..] => {
                let message = format!("measure `{name}` is both `{}` and `{}`", first.0, second.0);
                sheet.fault_with_hint(second.1, message, "make two measures of it");
            }
        }
    }
}

/// The keys given that say how the measure is computed, and where.
fn ways(fields: &MeasureFields) -> Vec<(&'static str, Place)> {
    let place = |text: &Option<Text>| text.as_ref().map(|text| text.place);
    [
        ("sum", place(&fields.sum)),
        ("count", fields.count.map(|count| count.place)),
        ("count_distinct", place(&fields.count_distinct)),
        ("min", place(&fields.min)),
        ("max", place(&fields.max)),
        ("average", place(&fields.average)),
        ("last", place(&fields.last)),
        ("ratio", fields.ratio.as_ref().map(|ratio| ratio.place)),
        ("calculated", place(&fields.calculated)),
        ("years_before", fields.years_before.as_ref().map(|years| years.place)),
        ("share_of_total", place(&fields.share_of_total)),
    ]
    .into_iter()
    .filter_map(|(way, place)| place.map(|place| (way, place)))
    .collect()
}

/// Keys that only go with some ways.
fn companions(fields: &MeasureFields, way: &str, sheet: &mut Sheet<'_>) {
    let derived = matches!(way, "ratio" | "calculated" | "years_before" | "share_of_total");
    for (key, text) in [("fact", &fields.fact), ("filter", &fields.filter)] {
        if let Some(text) = text.as_ref().filter(|_| derived) {
            let message = format!("`{key}` means nothing to a measure computed from others");
            sheet.fault_with_hint(text.place, message, format!("leave `{key}` out"));
        }
    }
    match (&fields.over, way) {
        (None, "last") => {
            let message = format!("measure `{}` does not say last of what", fields.name.value);
            let hint = "add `over:` with the role of a calendar";
            sheet.fault_with_hint(fields.name.place, message, hint);
        }
        (Some(over), way) if way != "last" => {
            let message = format!("`over` means nothing beside `{way}`");
            sheet.fault_with_hint(over.place, message, "leave `over` out");
        }
        _ => {}
    }
    if let Some(count) = fields.count.filter(|count| !count.value) {
        sheet.fault(count.place, "`count` can only be true");
    }
}

/// The resolved measures; those with faults are left out.
pub(super) fn resolve(
    documents: &[MeasureFields],
    scope: &Scope<'_>,
    sheet: &mut Sheet<'_>,
) -> Vec<Measure> {
    let names: Vec<&str> = documents.iter().map(|measure| measure.name.value.as_str()).collect();
    let mut measures = Vec::new();
    let mut uses: Vec<(&Text, Vec<String>)> = Vec::new();
    for fields in documents {
        let mut resolver = Resolver { fields, scope, names: &names, uses: Vec::new() };
        let kind = resolver.kind(sheet);
        uses.push((&fields.name, resolver.uses));
        measures.extend(kind.map(|kind| Measure {
            name: fields.name.value.clone(),
            description:
                fields.description.as_ref().map(|d| d.trim().to_owned()).unwrap_or_default(),
            unit: fields.unit.as_ref().map(|unit| unit.value.clone()),
            kind,
        }));
    }
    circles(&uses, sheet);
    measures
}

struct Resolver<'a> {
    fields: &'a MeasureFields,
    scope: &'a Scope<'a>,
    /// All measures of the cube.
    names: &'a [&'a str],
    /// The measures this one is computed from.
    uses: Vec<String>,
}

impl Resolver<'_> {
    fn kind(&mut self, sheet: &mut Sheet<'_>) -> Option<MeasureKind> {
        let fields = self.fields;
        if ways(fields).len() != 1 {
            return None;
        }
        if let Some(ratio) = &fields.ratio {
            return Some(MeasureKind::Ratio {
                numerator: self.measure(&ratio.of, sheet),
                denominator: self.measure(&ratio.to, sheet),
            });
        }
        if let Some(text) = &fields.calculated {
            let names = self.names.iter().map(|name| (*name, None)).collect();
            let scalar = sql::scalar(text, &Names { what: "measure", names }, sheet)?;
            self.uses = scalar.uses;
            return Some(MeasureKind::Calculated { sql: text.value.clone() });
        }
        if let Some(before) = &fields.years_before {
            let years = before.years.map_or(1, |years| years.value);
            if let Some(written) = before.years.filter(|years| !(1..=100).contains(&years.value)) {
                sheet.fault(written.place, format!("{years} years, expected 1 to 100"));
            }
            let roles = self.scope.facts.iter().flat_map(|fact| &fact.roles);
            let offered = |r: &&FactRole| self.scope.dimensions.iter().any(|d| d.role == r.role);
            let over = self.calendar_role(&before.over, roles.filter(offered).collect(), sheet);
            let measure = self.measure(&before.measure, sheet);
            return Some(MeasureKind::YearsBefore { measure, over: over?, years });
        }
        if let Some(measure) = &fields.share_of_total {
            return Some(MeasureKind::ShareOfTotal { measure: self.measure(measure, sheet) });
        }
        self.aggregated(sheet)
    }

    /// Kinds that put rows of a fact together.
    fn aggregated(&self, sheet: &mut Sheet<'_>) -> Option<MeasureKind> {
        let fields = self.fields;
        let found = self.scope.fact(fields.fact.as_ref(), &fields.name, sheet)?;
        let filter = match &fields.filter {
            Some(filter) => Some(condition(filter, found, sheet)?),
            None => None,
        };
        let fact = found.name.clone();
        let number = |text, verb, sheet: &mut Sheet<'_>| number(text, verb, found, sheet);
        Some(match fields {
            MeasureFields { sum: Some(text), .. } => {
                MeasureKind::Sum { fact, sql: number(text, "sums", sheet)?, filter }
            }
            MeasureFields { count: Some(_), .. } => MeasureKind::Count { fact, filter },
            MeasureFields { count_distinct: Some(text), .. } => {
                let sql = column_or_role(text, found, sheet)?;
                MeasureKind::CountDistinct { fact, sql, filter }
            }
            MeasureFields { min: Some(text), .. } => {
                MeasureKind::Min { fact, sql: expression(text, found, sheet)?.0, filter }
            }
            MeasureFields { max: Some(text), .. } => {
                MeasureKind::Max { fact, sql: expression(text, found, sheet)?.0, filter }
            }
            MeasureFields { average: Some(text), .. } => {
                MeasureKind::Average { fact, sql: number(text, "averages", sheet)?, filter }
            }
            MeasureFields { last: Some(text), over: Some(over), .. } => {
                let sql = number(text, "sums", sheet);
                let over = self.calendar_role(over, found.roles.iter().collect(), sheet)?;
                MeasureKind::Last { fact, sql: sql?, over, filter }
            }
            _ => return None,
        })
    }

    fn measure(&mut self, written: &Text, sheet: &mut Sheet<'_>) -> String {
        if !self.names.contains(&written.as_str()) {
            sheet.unknown("measure", written, self.names);
        }
        self.uses.push(written.value.clone());
        written.value.clone()
    }

    fn calendar_role(
        &self,
        written: &Text,
        roles: Vec<&FactRole>,
        sheet: &mut Sheet<'_>,
    ) -> Option<String> {
        let calendar = |role: &&&FactRole| {
            self.scope.known.sound_dimension(&role.dimension).is_some_and(is_calendar)
        };
        let mut calendars: Vec<&str> =
            roles.iter().filter(calendar).map(|role| role.role.as_str()).collect();
        calendars.dedup();
        if calendars.contains(&written.as_str()) {
            return Some(written.value.clone());
        }
        match roles.iter().find(|role| role.role == written.value) {
            Some(role) => {
                let message = format!(
                    "`{}` is played by dimension `{}`, which is not a calendar",
                    role.role, role.dimension
                );
                let hint = format!("expected one of {}", calendars.join(", "));
                sheet.fault_with_hint(written.place, message, hint);
            }
            None => sheet.unknown("calendar role", written, &calendars),
        }
        None
    }
}

/// What can be counted: the members of a role, the values of a column or expression.
fn column_or_role(text: &Text, fact: &Fact, sheet: &mut Sheet<'_>) -> Option<String> {
    if fact.role(text).is_some() {
        return Some(text.value.clone());
    }
    let columns = own_columns(fact);
    let is_name = text.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_name && !columns.iter().any(|column| column.name.eq_ignore_ascii_case(text)) {
        let roles = fact.roles.iter().map(|role| role.role.as_str());
        let names = roles.chain(columns.iter().map(|column| column.name.as_str()));
        sheet.unknown("column or role", text, &names.collect::<Vec<_>>());
        return None;
    }
    expression(text, fact, sheet).map(|(sql, _)| sql)
}

/// SQL over the columns of a fact, and its type where that is plain.
fn expression(
    text: &Text,
    fact: &Fact,
    sheet: &mut Sheet<'_>,
) -> Option<(String, Option<ColumnType>)> {
    let columns = own_columns(fact);
    let names = columns.iter().map(|column| (column.name.as_str(), Some(column.ty))).collect();
    let scalar = sql::scalar(text, &Names { what: "column", names }, sheet)?;
    Some((text.value.clone(), scalar.ty))
}

/// The columns that measures may use: all but the partition's.
fn own_columns(fact: &Fact) -> Vec<Column> {
    let mut columns = fact.table_columns();
    columns.retain(|column| Some(column.name.as_str()) != fact.partition_column());
    columns
}

fn number(text: &Text, verb: &str, fact: &Fact, sheet: &mut Sheet<'_>) -> Option<String> {
    let (sql, ty) = expression(text, fact, sheet)?;
    if let Some(ty) = ty.filter(|ty| !ty.is_numeric()) {
        let message = format!("the measure {verb} `{sql}`, which is {ty}; expected a number");
        sheet.fault(text.place, message);
        return None;
    }
    if let Some(role) = fact.roles.iter().find(|role| role.key_column() == sql) {
        let message = format!("the measure {verb} `{sql}`, the key of a dimension");
        let hint = format!("to count its members, say `count_distinct: {}`", role.role);
        sheet.fault_with_hint(text.place, message, hint);
        return None;
    }
    Some(sql)
}

fn condition(text: &Text, fact: &Fact, sheet: &mut Sheet<'_>) -> Option<String> {
    let (sql, ty) = expression(text, fact, sheet)?;
    match ty {
        None | Some(ColumnType::Boolean) => Some(sql),
        Some(ty) => {
            sheet.fault(text.place, format!("filter `{sql}` is {ty}, expected a condition"));
            None
        }
    }
}

/// Faults each circle of measures once.
fn circles(uses: &[(&Text, Vec<String>)], sheet: &mut Sheet<'_>) {
    let mut done: Vec<&str> = Vec::new();
    for (name, _) in uses {
        let mut path = Vec::new();
        if let Some(circle) = circle_from(name, uses, &mut path, &mut done) {
            let message = format!("measures are computed from each other: {circle}");
            sheet.fault(name.place, message);
        }
    }
}

fn circle_from<'a>(
    name: &'a str,
    uses: &'a [(&Text, Vec<String>)],
    path: &mut Vec<&'a str>,
    done: &mut Vec<&'a str>,
) -> Option<String> {
    if let Some(start) = path.iter().position(|earlier| *earlier == name) {
        let mut circle: Vec<&str> = path.get(start..).unwrap_or_default().to_vec();
        circle.push(name);
        return Some(circle.join(" -> "));
    }
    if done.contains(&name) {
        return None;
    }
    path.push(name);
    let next = uses.iter().find(|(measure, _)| measure.value == name);
    let circle = next
        .into_iter()
        .flat_map(|(_, uses)| uses)
        .find_map(|next| circle_from(next, uses, path, done));
    path.pop();
    done.push(name);
    circle
}
