//! Templates: ways to see any measure over time, each of which makes measures of others.

use super::super::document::{TemplateBeforeFields, TemplateFields};
use super::super::{Additivity, Compared, Format, Measure, MeasureKind, Window};
use super::cube::Scope;
use super::derived::number_of_periods;
use super::sheet::Sheet;
use super::uses;
use crate::yaml::Place;

/// A template resolved: what it makes of a measure, and over which calendar.
struct Template {
    over: String,
    shape: MeasureKind,
}

/// The measures that templates make of those declared. What a template has no meaning for is left
/// out, unless it is named.
pub(super) fn measures(
    templates: &[TemplateFields],
    measures: &[Measure],
    declared: &[&str],
    scope: &Scope<'_>,
    sheet: &mut Sheet<'_>,
) -> Vec<Measure> {
    sheet.unique("template", templates.iter().map(|template| &template.name));
    let mut made: Vec<Measure> = Vec::new();
    for fields in templates {
        sheet.name("template", &fields.name);
        let meaning = sheet.description("template", &fields.name, fields.description.as_ref());
        let Some(template) = template(fields, scope, sheet) else { continue };
        // What other templates have made can be named.
        let known: Vec<Measure> = measures.iter().chain(&made).cloned().collect();
        for (measure, named) in wanted(fields, measures, &known, declared, sheet) {
            let kind = template.of(&measure.name);
            if let Some(reason) = misfit(&template, &kind, measure, &known, scope) {
                if let Some(place) = named {
                    let message = format!("template `{}` {reason}", fields.name.value);
                    sheet.fault(place, message);
                }
                continue;
            }
            let name = format!("{}_{}", measure.name, fields.name.value);
            if declared.contains(&name.as_str()) || known.iter().any(|own| own.name == name) {
                let message = format!(
                    "template `{}` makes a measure `{name}`, which the cube has already",
                    fields.name.value
                );
                let hint = "choose another name, or say in `of` which measures it is of";
                sheet.fault_with_hint(fields.name.place, message, hint);
                continue;
            }
            made.push(seen(measure, name, &meaning, kind));
        }
    }
    made
}

/// A measure as a template shows it.
fn seen(measure: &Measure, name: String, meaning: &str, kind: MeasureKind) -> Measure {
    let is_growth = matches!(kind, MeasureKind::Before { shown: Compared::Growth, .. });
    let (unit, format) = match is_growth {
        true => (None, Format::parse("0.0 %")),
        false => (measure.unit.clone(), measure.format.clone()),
    };
    // What is seen of another time is of another time at each member.
    let additivity = Additivity::NotAdditive;
    let description = format!("{} {meaning}", measure.description).trim().to_owned();
    Measure { name, description, unit, format, repeats: false, kind, additivity }
}

/// The measures that a template is of, each with the place where it is named, if it is.
fn wanted<'m>(
    fields: &TemplateFields,
    measures: &'m [Measure],
    known: &'m [Measure],
    declared: &[&str],
    sheet: &mut Sheet<'_>,
) -> Vec<(&'m Measure, Option<Place>)> {
    if fields.of.is_empty() {
        return measures.iter().map(|measure| (measure, None)).collect();
    }
    sheet.unique("measure", &fields.of);
    let mut wanted = Vec::new();
    for name in &fields.of {
        match known.iter().find(|measure| measure.name == name.value) {
            Some(measure) => wanted.push((measure, Some(name.place))),
            // One with a fault of its own is told there.
            None if declared.contains(&name.as_str()) => {}
            None => {
                let names: Vec<&str> = known.iter().map(|measure| measure.name.as_str()).collect();
                sheet.unknown("measure", name, &names);
            }
        }
    }
    wanted
}

/// Why a template says nothing of a measure.
fn misfit(
    template: &Template,
    kind: &MeasureKind,
    measure: &Measure,
    known: &[Measure],
    scope: &Scope<'_>,
) -> Option<String> {
    let over = &template.over;
    let has_days = |fact: &str| {
        let fact = scope.facts.iter().find(|known| known.name == fact);
        let role = fact.and_then(|fact| fact.role(over));
        role.is_some_and(|role| role.coarse.is_none())
    };
    let mut below = [measure].into_iter().chain(uses::below(&measure.kind, known));
    below.find_map(|inner| match inner.kind.fact().filter(|fact| !has_days(fact)) {
        Some(fact) => Some(format!("goes by days of `{over}`, which fact `{fact}` does not know")),
        None => uses::misfit(kind, inner),
    })
}

impl Template {
    fn of(&self, measure: &str) -> MeasureKind {
        let mut kind = self.shape.clone();
        if let MeasureKind::Before { measure: of, .. } | MeasureKind::Running { measure: of, .. } =
            &mut kind
        {
            measure.clone_into(of);
        }
        kind
    }
}

fn template(fields: &TemplateFields, scope: &Scope<'_>, sheet: &mut Sheet<'_>) -> Option<Template> {
    let ways = ways(fields);
    if ways.len() != 1 {
        let name = &fields.name.value;
        let message = match ways.as_slice() {
            [first, second, ..] => format!("template `{name}` is both `{first}` and `{second}`"),
            _ => format!("template `{name}` does not say what it makes of measures"),
        };
        let hint = "expected one of before, change, growth, to_date, rolling, cumulative";
        sheet.fault_with_hint(fields.name.place, message, hint);
        return None;
    }
    if let Some(to_date) = &fields.to_date {
        let over = scope.calendar(&to_date.over, sheet);
        let period = scope.period(&to_date.over, &to_date.by, sheet);
        return running(over, period.map(|period| Window::ToDate { period }));
    }
    if let Some(rolling) = &fields.rolling {
        let over = scope.calendar(&rolling.over, sheet);
        let periods = number_of_periods(&rolling.periods, sheet);
        let current = rolling.current.is_none_or(|current| current.value);
        let period = scope.period(&rolling.over, &rolling.by, sheet);
        return running(over, period.map(|period| Window::Rolling { periods, period, current }));
    }
    if let Some(all) = &fields.cumulative {
        return running(scope.calendar(&all.over, sheet), Some(Window::Cumulative));
    }
    let moving = [
        (&fields.before, Compared::Before),
        (&fields.change, Compared::Change),
        (&fields.growth, Compared::Growth),
    ];
    let (way, shown) = moving.into_iter().find_map(|(way, shown)| Some((way.as_ref()?, shown)))?;
    moved(way, shown, scope, sheet)
}

fn running(over: Option<String>, window: Option<Window>) -> Option<Template> {
    let (over, window, measure) = (over?, window?, String::new());
    let shape = MeasureKind::Running { measure, over: over.clone(), window };
    Some(Template { over, shape })
}

fn moved(
    fields: &TemplateBeforeFields,
    shown: Compared,
    scope: &Scope<'_>,
    sheet: &mut Sheet<'_>,
) -> Option<Template> {
    let over = scope.calendar(&fields.over, sheet);
    let periods = fields.periods.as_ref().map_or(1, |periods| number_of_periods(periods, sheet));
    let period = scope.moves_by(&fields.over, &fields.by, sheet);
    let (over, period, measure) = (over?, period?, String::new());
    let shape = MeasureKind::Before { measure, over: over.clone(), period, periods, shown };
    Some(Template { over, shape })
}

/// The keys given that say what a template makes.
fn ways(fields: &TemplateFields) -> Vec<&'static str> {
    let given = [
        ("before", fields.before.is_some()),
        ("change", fields.change.is_some()),
        ("growth", fields.growth.is_some()),
        ("to_date", fields.to_date.is_some()),
        ("rolling", fields.rolling.is_some()),
        ("cumulative", fields.cumulative.is_some()),
    ];
    given.into_iter().filter(|(_, given)| *given).map(|(way, _)| way).collect()
}
