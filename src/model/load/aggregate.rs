//! Declared aggregates: columns and measures that the cube has and a cuboid can keep.

use super::super::document::{AggregateFields, Text};
use super::super::{Aggregate, ColumnType, Cube, CubeColumn, Fact, Level, MeasureKind, OverTime};
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
            let above = above(column, cube, scope);
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

/// A column, after all that stands above it in a hierarchy and what tells its own members apart: a
/// month answers for its year.
fn above(column: &CubeColumn, cube: &Cube, scope: &Scope<'_>) -> Vec<String> {
    let dimension = column.dimension.as_deref().and_then(|name| scope.known.sound_dimension(name));
    let hierarchies =
        dimension.map(|dimension| dimension.hierarchies.as_slice()).unwrap_or_default();
    let mut names = Vec::new();
    for hierarchy in hierarchies {
        let shows = |level: &Level| {
            level.attribute == column.column.name || level.key_column() == column.column.name
        };
        let Some(own) = hierarchy.levels.iter().position(shows) else { continue };
        let columns = hierarchy.levels[..=own].iter();
        for attribute in columns.flat_map(|level| [level.key_column(), &level.attribute]) {
            let kept = cube.role_column(&column.role, attribute);
            names.extend(kept.map(|kept| kept.name.clone()).filter(|name| !names.contains(name)));
        }
    }
    names.retain(|name| *name != column.name);
    names.push(column.name.clone());
    names
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
    } else if !belongs(column, cube, fact) {
        let message = format!("`{}` is not a dimension of fact `{}`", column.role, fact.name);
        sheet.fault(written.place, message);
    }
    Some(column)
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
    let name = &written.value;
    if let MeasureKind::SemiAdditive { fact: own, over, rule, .. } = &found.kind
        && *own == fact.name
    {
        let per = match rule {
            OverTime::At { per, .. } => per.as_slice(),
            _ => &[],
        };
        let mut needed = [over].into_iter().chain(per);
        if let Some(role) = needed.find(|needed| !kept.contains(needed)) {
            let message = format!("`{name}` goes by `{role}`, which the aggregate does not keep");
            let hint = format!("add `{role}` to its `dimensions`, or leave `{name}` out");
            sheet.fault_with_hint(written.place, message, hint);
        }
        return;
    }
    let (message, hint) = match &found.kind {
        MeasureKind::CountDistinct { sql, .. } if !can_be_remembered(sql, fact) => (
            format!("`{name}` counts different values of a kind that no aggregate remembers"),
            "leave it out, or count approximately: `approximate_distinct`",
        ),
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

/// Whether different values of an expression can be remembered exactly: members of a dimension,
/// whole numbers and days can; what an expression gives shows when it is planned.
fn can_be_remembered(sql: &str, fact: &Fact) -> bool {
    let columns = fact.degenerate.iter().chain(&fact.columns);
    let is_whole = |ty| {
        matches!(ty, ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 | ColumnType::Date)
    };
    columns.into_iter().find(|column| column.name == sql).is_none_or(|column| is_whole(column.ty))
}
