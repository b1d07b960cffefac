//! Declared aggregates: columns and measures that the cube has and a cuboid can keep.

use super::super::document::{AggregateFields, Text};
use super::super::{Aggregate, Cube, CubeColumn, End, Fact, MeasureKind, OverTime};
use super::cube::Scope;
use super::sheet::Sheet;

/// Checks what can be checked without knowing the cube's columns.
pub(super) fn forms(aggregates: &[AggregateFields], sheet: &mut Sheet<'_>) {
    sheet.unique("aggregate", aggregates.iter().map(|aggregate| &aggregate.name));
    for fields in aggregates {
        sheet.name("aggregate", &fields.name);
        sheet.description("aggregate", &fields.name, fields.description.as_ref());
        sheet.unique("column", &fields.columns);
        sheet.unique("measure", &fields.measures);
        if fields.measures.is_empty() {
            let message = format!("aggregate `{}` keeps no measures", fields.name.value);
            sheet.fault(fields.name.place, message);
        }
    }
}

/// The resolved aggregates; those without a fact are left out.
pub(super) fn resolve(
    documents: &[AggregateFields],
    measures: &[&str],
    cube: &Cube,
    scope: &Scope<'_>,
    sheet: &mut Sheet<'_>,
) -> Vec<Aggregate> {
    let mut aggregates = Vec::new();
    for fields in documents {
        let Some(fact) = scope.fact(fields.fact.as_ref(), &fields.name, sheet) else { continue };
        let columns = fields.columns.iter().filter_map(|name| column(name, cube, fact, sheet));
        let columns = columns.collect();
        for name in &fields.measures {
            measure(name, measures, cube, fact, sheet);
        }
        aggregates.push(Aggregate {
            name: fields.name.value.clone(),
            description: fields
                .description
                .as_ref()
                .map(|d| d.trim().to_owned())
                .unwrap_or_default(),
            fact: fact.name.clone(),
            columns,
            measures: fields.measures.iter().map(|measure| measure.value.clone()).collect(),
        });
    }
    aggregates
}

/// The SQL name of a cube column, written so or as `role.attribute`.
fn column(written: &Text, cube: &Cube, fact: &Fact, sheet: &mut Sheet<'_>) -> Option<String> {
    let found = match written.split_once('.') {
        Some((role, attribute)) => cube.role_column(role, attribute),
        None => cube.column(written),
    };
    let Some(column) = found else {
        let all: Vec<String> = match written.split_once('.') {
            Some(_) => cube.columns.iter().map(full_name).collect(),
            None => cube.columns.iter().map(|column| column.name.clone()).collect(),
        };
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        sheet.unknown("column of the cube", written, &all);
        return None;
    };
    if cube.link(&column.role).is_some() {
        let message = format!("a row may have several members of `{}`", column.role);
        let hint = "leave it out: parts cannot tell which rows two members share";
        sheet.fault_with_hint(written.place, message, hint);
    } else if !belongs(column, cube, fact) {
        let message = format!("`{}` is not a dimension of fact `{}`", column.role, fact.name);
        sheet.fault(written.place, message);
    }
    Some(column.name.clone())
}

fn full_name(column: &CubeColumn) -> String {
    format!("{}.{}", column.role, column.column.name)
}

fn belongs(column: &CubeColumn, cube: &Cube, fact: &Fact) -> bool {
    match column.dimension {
        Some(_) => {
            let role = fact.role(cube.fact_role(&column.role));
            role.is_some_and(|role| role.knows(&column.column.name))
        }
        None => fact.degenerate.iter().any(|own| own.name == column.role),
    }
}

/// Only what can be put together again from parts is worth keeping.
fn measure(written: &Text, declared: &[&str], cube: &Cube, fact: &Fact, sheet: &mut Sheet<'_>) {
    let Some(found) = cube.measure(written) else {
        // A declared measure that is not in the cube had a fault of its own, told already.
        if !declared.contains(&written.as_str()) {
            sheet.unknown("measure", written, declared);
        }
        return;
    };
    let name = &written.value;
    let (message, hint) = match &found.kind {
        MeasureKind::CountDistinct { .. } | MeasureKind::ApproximateDistinct { .. } => {
            (format!("`{name}` counts different values, which do not add up"), "leave it out")
        }
        MeasureKind::SemiAdditive { rule: OverTime::At { end, .. }, .. } => {
            let end = if *end == End::First { "first" } else { "last" };
            (format!("`{name}` takes the {end} date, which parts do not know"), "leave it out")
        }
        MeasureKind::SemiAdditive { .. } => {
            (format!("`{name}` goes by days, which parts do not know"), "leave it out")
        }
        MeasureKind::Percentile { .. } | MeasureKind::Correlation { .. } => {
            (format!("`{name}` needs all values, which parts do not keep"), "leave it out")
        }
        kind => match kind.fact() {
            Some(own) if own == fact.name => return,
            Some(own) => (
                format!("`{name}` is of fact `{own}`, the aggregate of `{}`", fact.name),
                "leave it out",
            ),
            None => (
                format!("`{name}` is computed from other measures"),
                "keep those it is computed from",
            ),
        },
    };
    sheet.fault_with_hint(written.place, message, hint);
}
