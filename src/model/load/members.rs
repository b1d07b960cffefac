//! Members that a cube names: sets of them, and those that count by default.

use super::super::document::{DefaultMemberFields, SetFields, Text};
use super::super::{ColumnType, Cube, CubeColumn, DefaultMember, Fact, NamedSet, SetMembers};
use super::sheet::Sheet;
use super::sql::{self, Names};
use chrono::NaiveDate;

/// The named sets of a cube; those with faults are left out.
pub(super) fn sets(documents: &[SetFields], cube: &Cube, sheet: &mut Sheet<'_>) -> Vec<NamedSet> {
    sheet.unique("set", documents.iter().map(|set| &set.name));
    let mut sets: Vec<NamedSet> = Vec::new();
    for fields in documents {
        let name = &fields.name;
        sheet.name("set", name);
        let description = sheet.description("set", name, fields.description.as_ref());
        if cube.column(name).is_some() || cube.measure(name).is_some() {
            let message = format!("`{}` is a column or measure of the cube already", name.value);
            sheet.fault_with_hint(name.place, message, "choose another name for the set");
        }
        let Some(column) = column(&fields.of, cube, sheet) else { continue };
        let Some(members) = members(fields, column, cube, &sets, sheet) else { continue };
        let without = above(&fields.without, column, &sets, sheet);
        let written = [&fields.members, &fields.except].into_iter().flatten().flatten();
        for member in written.chain(&fields.from).chain(&fields.to) {
            fits(member, column, sheet);
        }
        let member = fields.member.as_ref().unwrap_or(name).value.clone();
        let (name, column) = (name.value.clone(), column.name.clone());
        sets.push(NamedSet { name, description, column, members, without, member });
    }
    sets
}

/// Which members a set has; `sets` are those above it.
fn members(
    fields: &SetFields,
    column: &CubeColumn,
    cube: &Cube,
    sets: &[NamedSet],
    sheet: &mut Sheet<'_>,
) -> Option<SetMembers> {
    let texts = |members: &[Text]| members.iter().map(|member| member.value.clone()).collect();
    let text = |end: &Option<Text>| end.as_ref().map(|end| end.value.clone());
    let range = fields.from.is_some() || fields.to.is_some();
    match (&fields.members, &fields.except, range, &fields.condition, &fields.sets) {
        (Some(members), None, false, None, None) => Some(SetMembers::Listed(texts(members))),
        (None, Some(except), false, None, None) => Some(SetMembers::Except(texts(except))),
        (None, None, true, None, None) => {
            Some(SetMembers::Range { from: text(&fields.from), to: text(&fields.to) })
        }
        (None, None, false, Some(sql), None) => condition(sql, column, cube, sheet),
        (None, None, false, None, Some(names)) => {
            Some(SetMembers::Sets(above(names, column, sets, sheet)))
        }
        _ => {
            let message =
                format!("set `{}` does not say in one way which members it has", fields.name.value);
            let hint = "give `members`, or `except`, or `from` and `to`, or `where`, or `sets`";
            sheet.fault_with_hint(fields.name.place, message, hint);
            None
        }
    }
}

/// A condition over the columns of a set's dimension.
fn condition(
    text: &Text,
    column: &CubeColumn,
    cube: &Cube,
    sheet: &mut Sheet<'_>,
) -> Option<SetMembers> {
    let own = cube.columns.iter().filter(|own| own.role == column.role);
    let names = own.map(|own| (own.column.name.as_str(), Some(own.column.ty))).collect();
    let scalar = sql::scalar(text, &Names { what: "column", names }, sheet)?;
    match scalar.ty {
        None | Some(ColumnType::Boolean) => Some(SetMembers::Where(text.value.clone())),
        Some(ty) => {
            let message = format!("`where: {}` is {ty}, expected a condition", text.value);
            sheet.fault(text.place, message);
            None
        }
    }
}

/// The sets of those names: they stand above, and are of the same column.
fn above(
    names: &[Text],
    column: &CubeColumn,
    sets: &[NamedSet],
    sheet: &mut Sheet<'_>,
) -> Vec<String> {
    let mut found = Vec::new();
    for name in names {
        match sets.iter().find(|set| set.name == name.value) {
            None => {
                let known: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
                sheet.unknown("set above", name, &known);
            }
            Some(set) if set.column != column.name => {
                let message = format!(
                    "set `{}` is of `{}`, and not of `{}`",
                    set.name, set.column, column.name
                );
                sheet.fault_with_hint(name.place, message, "sets of one column go together");
            }
            Some(set) => found.push(set.name.clone()),
        }
    }
    found
}

/// The default members of a cube; those with faults are left out.
pub(super) fn defaults(
    documents: &[DefaultMemberFields],
    cube: &Cube,
    facts: &[&Fact],
    sheet: &mut Sheet<'_>,
) -> Vec<DefaultMember> {
    let mut defaults: Vec<DefaultMember> = Vec::new();
    for fields in documents {
        let Some(column) = column(&fields.of, cube, sheet) else { continue };
        fits(&fields.member, column, sheet);
        let role = cube.fact_role(&column.role);
        let has = |fact: &&&Fact| match column.dimension {
            Some(_) => fact.role(role).is_some_and(|role| role.knows(&column.column.name)),
            None => fact.degenerate.iter().any(|own| own.name == column.column.name),
        };
        if let Some(fact) = facts.iter().find(|fact| !has(fact)) {
            let message = format!(
                "fact `{}` has no `{}`, so that the default would refuse its measures",
                fact.name, column.name
            );
            sheet.fault_with_hint(
                fields.of.place,
                message,
                "a default is of a dimension that all facts have",
            );
        }
        let of_role = |known: &&DefaultMember| {
            cube.column(&known.column).is_some_and(|known| known.role == column.role)
        };
        if let Some(earlier) = defaults.iter().find(of_role) {
            let message = format!("`{}` has a default already, `{}`", column.role, earlier.column);
            sheet.fault_with_hint(fields.of.place, message, "a dimension has one");
        }
        let (column, member) = (column.name.clone(), fields.member.value.clone());
        defaults.push(DefaultMember { column, member });
    }
    defaults
}

/// The column that a name stands for.
pub(super) fn column<'c>(
    written: &Text,
    cube: &'c Cube,
    sheet: &mut Sheet<'_>,
) -> Option<&'c CubeColumn> {
    let by_role = || {
        let (role, attribute) = written.split_once('.')?;
        cube.role_column(role, attribute)
    };
    let found = cube.column(written).or_else(by_role);
    if found.is_none() {
        let names: Vec<&str> = cube.columns.iter().map(|column| column.name.as_str()).collect();
        sheet.unknown("column", written, &names);
    }
    found
}

/// Faults what can be no member of a column.
fn fits(member: &Text, column: &CubeColumn, sheet: &mut Sheet<'_>) {
    let ty = column.column.ty;
    let text = member.value.as_str();
    let fits = match ty {
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 => text.parse::<i64>().is_ok(),
        ColumnType::Float64 | ColumnType::Decimal { .. } => text.parse::<f64>().is_ok(),
        ColumnType::Boolean => text.parse::<bool>().is_ok(),
        ColumnType::Date => text.parse::<NaiveDate>().is_ok(),
        ColumnType::Text | ColumnType::Timestamp | ColumnType::Binary => true,
    };
    if !fits {
        let message = format!("`{text}` is no member of `{}`, which is {ty}", column.name);
        sheet.fault(member.place, message);
    }
}
