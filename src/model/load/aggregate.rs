//! Declared aggregates: columns and measures that the cube has and a cuboid can keep.

use super::super::document::{AggregateFields, AggregatesDocument, CubeDocument, Text};
use super::super::{Aggregate, Cube, CubeColumn, Fact};
use super::Known;
use super::cube::Scope;
use super::sheet::Sheet;

/// Checks what can be checked without knowing the cube's columns.
pub(super) fn forms(aggregates: &[AggregateFields], sheet: &mut Sheet<'_>) {
    sheet.unique("aggregate", aggregates.iter().map(|aggregate| &aggregate.name));
    for fields in aggregates {
        sheet.name("aggregate", &fields.name);
        sheet.description("aggregate", &fields.name, fields.description.as_ref());
        sheet.unique("dimension", &fields.dimensions);
        sheet.unique("column", &fields.columns);
        sheet.unique("measure", &fields.measures);
        if fields.measures.is_empty() {
            let message = format!("aggregate `{}` keeps no measures", fields.name.value);
            sheet.fault(fields.name.place, message);
        }
    }
}

/// Adds the aggregates of a document of their own to those of its cube.
pub(super) fn add(
    document: &AggregatesDocument,
    declared: &[&CubeDocument],
    cubes: &mut [Cube],
    known: &Known,
    sheet: &mut Sheet<'_>,
) {
    let name = &document.aggregates;
    forms(&document.keep, sheet);
    if document.keep.is_empty() {
        let message = format!("nothing is kept of cube `{}`", name.value);
        sheet.fault_with_hint(name.place, message, "list aggregates in `keep`");
    }
    let Some(of) = declared.iter().find(|cube| cube.cube.value == name.value) else {
        if !known.is_broken("cube", name) {
            let names: Vec<&str> = declared.iter().map(|cube| cube.cube.as_str()).collect();
            sheet.unknown("cube", name, &names);
        }
        return;
    };
    // A cube that is not there had faults of its own.
    let Some(cube) = cubes.iter_mut().find(|cube| cube.name == name.value) else { return };
    let facts = cube.facts.iter().filter_map(|name| known.sound_fact(name)).collect();
    let scope = Scope { known, facts, dimensions: cube.dimensions.clone() };
    let measures: Vec<&str> = of.measures.iter().map(|measure| measure.name.as_str()).collect();
    let more = resolve(&document.keep, &measures, cube, &scope, sheet);
    cube.aggregates.extend(more);
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
        let roles = fields.dimensions.iter().filter_map(|name| role(name, cube, fact, sheet));
        let roles: Vec<String> = roles.collect();
        let mut columns: Vec<String> = Vec::new();
        for name in &fields.columns {
            let Some(column) = column(name, cube, fact, sheet) else { continue };
            let dimension = column.dimension.as_deref();
            let dimension = dimension.and_then(|name| scope.known.sound_dimension(name));
            let above = cube.with_columns_above(column, dimension);
            let new = above.into_iter().filter(|name| !columns.contains(name));
            columns.extend(new.collect::<Vec<_>>());
        }
        for name in &fields.measures {
            measure(name, measures, (cube, fact), &[&roles[..], &columns].concat(), sheet);
        }
        aggregates.push(Aggregate {
            name: fields.name.value.clone(),
            description: fields
                .description
                .as_ref()
                .map(|d| d.trim().to_owned())
                .unwrap_or_default(),
            fact: fact.name.clone(),
            roles,
            columns,
            measures: fields.measures.iter().map(|measure| measure.value.clone()).collect(),
            is_automatic: false,
        });
    }
    aggregates
}

/// A role that is kept as a whole: one of the fact's.
fn role(written: &Text, cube: &Cube, fact: &Fact, sheet: &mut Sheet<'_>) -> Option<String> {
    let offered = |role: &&str| cube.dimensions.iter().any(|offered| offered.role == **role);
    let roles = fact.roles.iter().map(|role| role.role.as_str()).filter(offered);
    let roles: Vec<&str> = roles.collect();
    if let Some(view) = cube.view(written) {
        let message = format!("`{}` is a view of `{}`", written.value, view.of);
        let hint = format!("keep `{}`, which answers for its views", view.of);
        sheet.fault_with_hint(written.place, message, hint);
        return None;
    }
    match roles.contains(&written.as_str()) {
        true => Some(written.value.clone()),
        false => {
            sheet.unknown(&format!("dimension of fact `{}`", fact.name), written, &roles);
            None
        }
    }
}

/// The cube column written by its SQL name or as `role.attribute`.
fn column<'a>(
    written: &Text,
    cube: &'a Cube,
    fact: &Fact,
    sheet: &mut Sheet<'_>,
) -> Option<&'a CubeColumn> {
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
    } else if !cube.belongs(column, fact) {
        let message = format!("`{}` is not a dimension of fact `{}`", column.role, fact.name);
        sheet.fault(written.place, message);
    }
    Some(column)
}

fn full_name(column: &CubeColumn) -> String {
    format!("{}.{}", column.role, column.column.name)
}

/// Only what can be put together again from parts is worth keeping.
fn measure(
    written: &Text,
    declared: &[&str],
    (cube, fact): (&Cube, &Fact),
    kept: &[String],
    sheet: &mut Sheet<'_>,
) {
    let Some(found) = cube.measure(written) else {
        // A declared measure that is not in the cube had a fault of its own, told already.
        if !declared.contains(&written.as_str()) {
            sheet.unknown("measure", written, declared);
        }
        return;
    };
    if let Some((message, hint)) = cube.cannot_keep(found, fact, kept) {
        sheet.fault_with_hint(written.place, message, hint);
    }
}
