//! Measures: exactly one way to be computed, over what exists, without going round in a circle.

use super::super::document::{
    CountsWord, MeasureFields, OverlapFields, PercentileFields, Text, UnrelatedWord,
};
use super::super::{Additivity, Counted, End, Fact, Format, Measure, MeasureKind, OverTime};
use super::convert;
use super::cube::Scope;
use super::derived::Derived;
use super::expression::{column_or_role, condition, expression, number};
use super::sheet::Sheet;
use super::uses::{self, Uses};
use crate::yaml::{Located, Place};

/// Those computed from other measures.
const DERIVED: [&str; 14] = [
    "ratio",
    "calculated",
    "years_before",
    "before",
    "change",
    "growth",
    "to_date",
    "rolling",
    "cumulative",
    "share_of_total",
    "share",
    "rank",
    "convert",
    "weighted",
];

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
                let ways = all_ways(fields).map(|(way, _)| way);
                let hint = format!("add one of {}", ways.join(", "));
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
    all_ways(fields).into_iter().filter_map(|(way, place)| Some((way, place?))).collect()
}

/// The keys that can say how a measure is computed, and where they stand.
fn all_ways(fields: &MeasureFields) -> [(&'static str, Option<Place>); 30] {
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.place);
    [
        ("sum", text(&fields.sum)),
        ("count", fields.count.map(|count| count.place)),
        ("count_distinct", text(&fields.count_distinct)),
        ("approximate_distinct", text(&fields.approximate_distinct)),
        ("min", text(&fields.min)),
        ("max", text(&fields.max)),
        ("average", text(&fields.average)),
        ("first", text(&fields.first)),
        ("last", text(&fields.last)),
        ("median", text(&fields.median)),
        ("percentile", place(&fields.percentile)),
        ("approximate_median", text(&fields.approximate_median)),
        ("approximate_percentile", place(&fields.approximate_percentile)),
        ("approximate_overlap", place(&fields.approximate_overlap)),
        ("correlation", place(&fields.correlation)),
        ("conversion", place(&fields.conversion)),
        ("ratio", place(&fields.ratio)),
        ("calculated", text(&fields.calculated)),
        ("years_before", place(&fields.years_before)),
        ("before", place(&fields.before)),
        ("change", place(&fields.change)),
        ("growth", place(&fields.growth)),
        ("to_date", place(&fields.to_date)),
        ("rolling", place(&fields.rolling)),
        ("cumulative", place(&fields.cumulative)),
        ("share_of_total", text(&fields.share_of_total)),
        ("share", place(&fields.share)),
        ("rank", place(&fields.rank)),
        ("convert", place(&fields.convert)),
        ("weighted", place(&fields.weighted)),
    ]
}

fn place<T>(fields: &Option<Located<T>>) -> Option<Place> {
    fields.as_ref().map(|fields| fields.place)
}

/// Keys that only go with some ways.
fn companions(fields: &MeasureFields, way: &str, sheet: &mut Sheet<'_>) {
    for (key, text) in [("fact", &fields.fact), ("filter", &fields.filter)] {
        if let Some(text) = text.as_ref().filter(|_| DERIVED.contains(&way)) {
            let message = format!("`{key}` means nothing to a measure computed from others");
            sheet.fault_with_hint(text.place, message, format!("leave `{key}` out"));
        }
    }
    if let Some(word) = fields.unrelated.filter(|_| DERIVED.contains(&way)) {
        let message = "`unrelated` means nothing to a measure computed from others";
        sheet.fault_with_hint(word.place, message, "say it of those");
    }
    let ends = matches!(way, "first" | "last");
    match &fields.over {
        None if ends => {
            let message = format!("measure `{}` does not say {way} of what", fields.name.value);
            let hint = "add `over:` with the role of a calendar";
            sheet.fault_with_hint(fields.name.place, message, hint);
        }
        Some(over) if !ends && !matches!(way, "average" | "min" | "max") => {
            let message = format!("`over` means nothing beside `{way}`");
            sheet.fault_with_hint(over.place, message, "leave `over` out");
        }
        _ => {}
    }
    if let Some(per) = fields.per.first().filter(|_| !ends) {
        let message = format!("`per` means nothing beside `{way}`");
        sheet.fault_with_hint(per.place, message, "leave `per` out");
    }
    sheet.unique("name", &fields.per);
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
    let mut uses: Vec<Uses<'_>> = Vec::new();
    for fields in documents {
        let mut resolver = Resolver { fields, scope, names: &names, uses: Vec::new() };
        let kind = resolver.kind(sheet);
        uses.push((&fields.name, resolver.uses));
        measures.extend(kind.map(|kind| Measure {
            name: fields.name.value.clone(),
            description:
                fields.description.as_ref().map(|d| d.trim().to_owned()).unwrap_or_default(),
            unit: fields.unit.as_ref().map(|unit| unit.value.clone()),
            format: fields.format.as_ref().and_then(|text| format(text, sheet)),
            repeats: fields.unrelated.is_some_and(|word| word.value == UnrelatedWord::Repeat),
            kind,
            additivity: Additivity::NotAdditive,
        }));
    }
    if uses::circles(&uses, sheet) {
        uses::nesting(&uses, &measures, sheet);
        convert::currencies(documents, &measures, scope, sheet);
    }
    measures
}

fn format(text: &Text, sheet: &mut Sheet<'_>) -> Option<Format> {
    let format = Format::parse(text);
    if format.is_none() {
        let message = format!("`{}` is no format of numbers", text.value);
        let hint = "expected digits such as #,##0, 0.00 or 0.0%, with words around them";
        sheet.fault_with_hint(text.place, message, hint);
    }
    format
}

pub(super) struct Resolver<'a> {
    pub(super) fields: &'a MeasureFields,
    pub(super) scope: &'a Scope<'a>,
    /// All measures of the cube.
    pub(super) names: &'a [&'a str],
    /// The measures this one is computed from.
    pub(super) uses: Vec<String>,
}

impl Resolver<'_> {
    fn kind(&mut self, sheet: &mut Sheet<'_>) -> Option<MeasureKind> {
        let fields = self.fields;
        if ways(fields).len() != 1 {
            return None;
        }
        match self.derived(sheet) {
            Derived::Resolved(kind) => kind.map(|kind| *kind),
            Derived::Other => self.aggregated(sheet),
        }
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
            MeasureFields { approximate_distinct: Some(text), .. } => {
                let sql = column_or_role(text, found, sheet)?;
                MeasureKind::ApproximateDistinct { fact, sql, filter }
            }
            MeasureFields { over: Some(over), .. } => {
                let (text, rule) = self.over_time(found, sheet)?;
                let sql = number(text, "sums", sheet);
                let over = self.scope.calendar_role(over, found.roles.iter().collect(), sheet)?;
                MeasureKind::SemiAdditive { fact, sql: sql?, over, rule, filter }
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
            MeasureFields { median: Some(text), .. } => {
                let sql = number(text, "orders", sheet)?;
                MeasureKind::Percentile { fact, sql, thousandths: 500, filter }
            }
            MeasureFields { percentile: Some(fields), .. } => {
                let (sql, thousandths) = percentile(fields, found, sheet)?;
                MeasureKind::Percentile { fact, sql, thousandths, filter }
            }
            MeasureFields { approximate_median: Some(text), .. } => {
                let sql = number(text, "orders", sheet)?;
                MeasureKind::ApproximatePercentile { fact, sql, thousandths: 500, filter }
            }
            MeasureFields { approximate_percentile: Some(fields), .. } => {
                let (sql, thousandths) = percentile(fields, found, sheet)?;
                MeasureKind::ApproximatePercentile { fact, sql, thousandths, filter }
            }
            MeasureFields { approximate_overlap: Some(overlap), .. } => {
                let (sql, each, none) = overlapping(overlap, found, sheet)?;
                MeasureKind::ApproximateOverlap { fact, sql, each, none, filter }
            }
            MeasureFields { correlation: Some(correlation), .. } => {
                let with = number(&correlation.with, "correlates", sheet);
                let sql = number(&correlation.of, "correlates", sheet)?;
                MeasureKind::Correlation { fact, sql, with: with?, filter }
            }
            MeasureFields { conversion: Some(conversion), .. } => {
                let followed = self.followed(conversion, found, sheet)?;
                let counts = match conversion.counts.map(|counts| counts.value) {
                    None | Some(CountsWord::Members) => Counted::Members,
                    Some(CountsWord::Events) => Counted::Events,
                };
                MeasureKind::Conversion { fact, counts, followed, filter }
            }
            _ => return None,
        })
    }

    /// What is aggregated over time, and how.
    fn over_time(&self, fact: &Fact, sheet: &mut Sheet<'_>) -> Option<(&Text, OverTime)> {
        let at = |end, per| OverTime::At { end, per };
        Some(match self.fields {
            MeasureFields { first: Some(text), per, .. } => {
                (text, at(End::First, entities(per, fact, sheet)))
            }
            MeasureFields { last: Some(text), per, .. } => {
                (text, at(End::Last, entities(per, fact, sheet)))
            }
            MeasureFields { average: Some(text), .. } => (text, OverTime::Average),
            MeasureFields { min: Some(text), .. } => (text, OverTime::Min),
            MeasureFields { max: Some(text), .. } => (text, OverTime::Max),
            _ => return None,
        })
    }

    pub(super) fn measure(&mut self, written: &Text, sheet: &mut Sheet<'_>) -> String {
        if !self.names.contains(&written.as_str()) {
            sheet.unknown("measure", written, self.names);
        }
        self.uses.push(written.value.clone());
        written.value.clone()
    }
}

/// The roles and columns each of whose combinations has a date of its own.
fn entities(per: &[Text], fact: &Fact, sheet: &mut Sheet<'_>) -> Vec<String> {
    let roles = fact.roles.iter().map(|role| role.role.as_str());
    let columns = fact.degenerate.iter().chain(&fact.columns).map(|column| column.name.as_str());
    let known: Vec<&str> = roles.chain(columns).collect();
    for name in per.iter().filter(|name| !known.contains(&name.as_str())) {
        sheet.unknown("role or column", name, &known);
    }
    per.iter().map(|name| name.value.clone()).collect()
}

/// So many conditions at most: a state has a sketch for each.
const OVERLAPPING: usize = 8;

/// What is counted, the conditions each of which holds for it, and those of which none does.
fn overlapping(
    fields: &Located<OverlapFields>,
    fact: &Fact,
    sheet: &mut Sheet<'_>,
) -> Option<(String, Vec<String>, Vec<String>)> {
    let OverlapFields { of, each, none } = &fields.value;
    if each.is_empty() || !(2..=OVERLAPPING).contains(&(each.len() + none.len())) {
        let message = format!(
            "an overlap needs 2 to {OVERLAPPING} conditions, at least one of them in `each`, found {}",
            each.len() + none.len()
        );
        let hint = "of one condition, `approximate_distinct` counts with it as its `filter`";
        sheet.fault_with_hint(fields.place, message, hint);
        return None;
    }
    let sql = column_or_role(of, fact, sheet);
    let mut checked = |texts: &[Text]| -> Vec<Option<String>> {
        texts.iter().map(|text| condition(text, fact, sheet)).collect()
    };
    let (each, none) = (checked(each), checked(none));
    let all = |found: Vec<Option<String>>| found.into_iter().collect::<Option<Vec<_>>>();
    Some((sql?, all(each)?, all(none)?))
}

/// What is ordered, and the share as whole thousandths.
fn percentile(
    fields: &PercentileFields,
    fact: &Fact,
    sheet: &mut Sheet<'_>,
) -> Option<(String, u32)> {
    let at = &fields.at;
    let found = (0..=1000_u32).find(|n| (f64::from(*n) / 1000.0 - at.value).abs() < 1e-9);
    if found.is_none() {
        let message = format!("{} is no percentile, expected 0 to 1 in steps of 0.001", at.value);
        sheet.fault_with_hint(at.place, message, "the 95th percentile is 0.95");
    }
    number(&fields.of, "orders", fact, sheet).zip(found)
}
