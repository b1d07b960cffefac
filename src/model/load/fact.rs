//! Facts: roles, degenerate dimensions, columns and the key.

use super::super::document::{ColumnFields, FactDocument, FactKindWord, RoleFields, Text};
use super::super::level::level_dimension;
use super::super::{
    Column, ColumnType, Dimension, DimensionKind, Fact, FactKind, FactRole, Lag, fact,
};
use super::Known;
use super::sheet::Sheet;
use super::{columns, level};
use crate::yaml::{Located, NameOr};

/// The resolved fact of a document.
pub(super) fn resolve(document: &FactDocument, known: &Known, sheet: &mut Sheet<'_>) -> Fact {
    let name = &document.fact;
    sheet.name("fact", name);
    if document.grain.trim().is_empty() {
        let message = format!("fact `{}` has no grain", name.value);
        sheet.fault_with_hint(document.grain.place, message, "say in words what one row is");
    }
    let mut fact = Fact {
        name: name.value.clone(),
        description: sheet.description("fact", name, document.description.as_ref()),
        grain: document.grain.trim().to_owned(),
        kind: kind(document.kind),
        roles: Vec::new(),
        degenerate: Vec::new(),
        columns: Vec::new(),
        lags: Vec::new(),
        key: document.key.iter().map(|column| column.value.clone()).collect(),
        partition_by_month_of: document.partition_by_month_of.as_ref().map(|r| r.value.clone()),
        sort_by: document.sort_by.iter().map(|column| column.value.clone()).collect(),
        cluster_by: document.cluster_by.iter().map(|column| column.value.clone()).collect(),
    };
    for written in &document.dimensions {
        let role = role(written, known, sheet);
        fact.roles.push(role);
    }
    members_of_bands(document, &mut fact, known, sheet);
    names(document, &fact, sheet);
    let mut own = |fields: &Vec<ColumnFields>, what| -> Vec<Column> {
        fields.iter().filter_map(|fields| column(fields, what, &document.key, sheet)).collect()
    };
    fact.degenerate = own(&document.degenerate, "degenerate dimension");
    fact.columns = own(&document.columns, "column");
    lags(document, &mut fact, known, sheet);
    references(document, &fact, known, sheet);
    curve(document, &fact, sheet);
    fact
}

fn kind(word: FactKindWord) -> FactKind {
    match word {
        FactKindWord::Transaction => FactKind::Transaction,
        FactKindWord::PeriodicSnapshot => FactKind::PeriodicSnapshot,
        FactKindWord::AccumulatingSnapshot => FactKind::AccumulatingSnapshot,
        FactKindWord::Factless => FactKind::Factless,
    }
}

fn role(written: &Located<NameOr<RoleFields>>, known: &Known, sheet: &mut Sheet<'_>) -> FactRole {
    let bare = |name: &String| Located { value: name.clone(), place: written.place };
    let (role, dimension, description, level) = match &written.value {
        NameOr::Name(name) => (bare(name), bare(name), None, None),
        NameOr::Full(fields) => (
            fields.role.clone().unwrap_or_else(|| fields.dimension.clone()),
            fields.dimension.clone(),
            fields.description.clone(),
            fields.level.as_ref(),
        ),
    };
    sheet.name("role", &role);
    let found = known.dimension(&dimension, sheet);
    let described = description.filter(|text| !text.trim().is_empty());
    let inherited = found.map(|dimension| dimension.description.clone()).unwrap_or_default();
    if let Some(made) = found {
        level::not_by_itself(made, &dimension, sheet);
    }
    let coarse = level.zip(found).and_then(|(level, of)| level::coarse(level, of, known, sheet));
    let of_level = coarse.as_ref().filter(|coarse| coarse.base.is_some());
    let of_level = of_level.zip(found).map(|(coarse, of)| level_dimension(of, &coarse.level));
    FactRole {
        role: role.value,
        dimension: of_level.unwrap_or(dimension.value),
        description: described.map_or(inherited, |text| text.value),
        coarse,
        of: None,
    }
}

/// Whose bands the roles of mini-dimensions are: those of the member in another role.
fn members_of_bands(
    document: &FactDocument,
    fact: &mut Fact,
    known: &Known,
    sheet: &mut Sheet<'_>,
) {
    for (position, written) in document.dimensions.iter().enumerate() {
        let of = match &written.value {
            NameOr::Name(_) => None,
            NameOr::Full(fields) => fields.of.as_ref(),
        };
        let Some(own) = known.sound_dimension(&fact.roles[position].dimension) else { continue };
        let DimensionKind::MiniOf(base) = &own.kind else {
            if let Some(of) = of {
                let message =
                    format!("`of` goes with a mini-dimension, and `{}` is none", own.name);
                sheet.fault_with_hint(of.place, message, "leave `of` out");
            }
            continue;
        };
        let played = fact.roles.iter().filter(|role| role.dimension == *base);
        let played: Vec<&str> = played.map(|role| role.role.as_str()).collect();
        let found = match (of, played.as_slice()) {
            (Some(of), _) if played.contains(&of.as_str()) => Some(of.value.clone()),
            (Some(of), _) => {
                sheet.unknown(&format!("role of the dimension {base}"), of, &played);
                None
            }
            (None, [only]) => Some((*only).to_owned()),
            (None, []) => {
                let message = format!("the fact has no `{base}` whose `{}` it could be", own.name);
                let hint = format!("add `{base}` to its dimensions");
                sheet.fault_with_hint(written.place, message, hint);
                None
            }
            (None, several) => {
                let message = format!("`{}` may be that of {}", own.name, several.join(" or "));
                sheet.fault_with_hint(written.place, message, "say which: `of: ROLE`");
                None
            }
        };
        sheet.sound &= found.is_some();
        fact.roles[position].of = found;
    }
}

/// A column may be NULL unless it is part of the key or says otherwise.
fn column(
    fields: &ColumnFields,
    what: &str,
    key: &[Text],
    sheet: &mut Sheet<'_>,
) -> Option<Column> {
    let in_key = key.iter().any(|name| name.value == fields.name.value);
    if let Some(nullable) = fields.nullable.filter(|nullable| nullable.value && in_key) {
        let message = format!("{what} `{}` is part of the key", fields.name.value);
        sheet.fault_with_hint(nullable.place, message, "it cannot be nullable");
    }
    let nullable = fields.nullable.map_or(!in_key, |nullable| nullable.value);
    columns::column(fields, what, nullable, sheet)
}

/// All names of a fact share one space: roles, degenerate dimensions, columns, and the columns
/// that the system adds.
fn names(document: &FactDocument, fact: &Fact, sheet: &mut Sheet<'_>) {
    let roles: Vec<Text> = document
        .dimensions
        .iter()
        .zip(&fact.roles)
        .map(|(written, role)| Located { value: role.role.clone(), place: written.place })
        .collect();
    let columns = || {
        let own = document.degenerate.iter().chain(&document.columns).map(|column| &column.name);
        own.chain(document.lags.iter().map(|lag| &lag.name))
    };
    sheet.unique("name", roles.iter().chain(columns()));
    for name in columns() {
        let is_key = fact.roles.iter().any(|role| role.key_column() == name.value);
        if is_key || name.value == fact::MONTH_PARTITION {
            let message = format!("column `{}` is one that the system adds", name.value);
            sheet.fault_with_hint(name.place, message, "choose another name");
        }
    }
    if fact.roles.is_empty() {
        let message = format!("fact `{}` has no dimensions", fact.name);
        sheet.fault(document.fact.place, message);
    }
}

/// Lags are columns that count days from one calendar role to another.
fn lags(document: &FactDocument, fact: &mut Fact, known: &Known, sheet: &mut Sheet<'_>) {
    let roles: Vec<String> = fact.roles.iter().map(|role| role.role.clone()).collect();
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    for fields in &document.lags {
        sheet.name("lag", &fields.name);
        let description = sheet.description("lag", &fields.name, fields.description.as_ref());
        for milestone in [&fields.from, &fields.to] {
            let Some(role) = fact.role(milestone) else {
                sheet.unknown("role", milestone, &roles);
                continue;
            };
            let dimension = known.sound_dimension(&role.dimension);
            if dimension.is_some_and(|dimension| !is_calendar(dimension)) {
                let message = format!(
                    "role `{}` is played by dimension `{}`, which is not a calendar",
                    role.role, role.dimension
                );
                sheet.fault(milestone.place, message);
            }
        }
        if fields.from.value == fields.to.value {
            sheet.fault(fields.to.place, "from a milestone to itself are no days");
        }
        let mut column = Column::new(fields.name.value.clone(), ColumnType::Int32, true);
        (column.description, column.unit) = (description, Some("days".to_owned()));
        fact.columns.push(column);
        fact.lags.push(Lag {
            name: fields.name.value.clone(),
            from: fields.from.value.clone(),
            to: fields.to.value.clone(),
        });
    }
}

/// The key, the sort order and the partitioning name what there is.
fn references(document: &FactDocument, fact: &Fact, known: &Known, sheet: &mut Sheet<'_>) {
    if document.key.is_empty() {
        let message = format!("fact `{}` has no key", fact.name);
        let hint = "list in `key` the columns that identify a row: role keys such as \
                    `date_key`, degenerate dimensions or columns";
        sheet.fault_with_hint(document.fact.place, message, hint);
    }
    let keys: Vec<String> = fact.roles.iter().map(FactRole::key_column).collect();
    let own = fact.degenerate.iter().chain(&fact.columns).map(|column| column.name.as_str());
    let names: Vec<&str> = keys.iter().map(String::as_str).chain(own).collect();
    for lag in document.key.iter().filter(|name| fact.lags.iter().any(|l| l.name == name.value)) {
        let message = format!("`{}` is computed, and identifies no row", lag.value);
        sheet.fault(lag.place, message);
    }
    for (what, list) in [
        ("key column", &document.key),
        ("column to sort by", &document.sort_by),
        ("column to cluster by", &document.cluster_by),
    ] {
        sheet.unique(what, list);
        for name in list {
            // Where columns had to be left out, an unknown name is an echo.
            if sheet.sound && !names.contains(&name.as_str()) {
                sheet.unknown(what, name, &names);
            }
        }
    }
    for name in &document.key {
        let role = fact.roles.iter().find(|role| role.key_column() == name.value);
        let dimension = role.and_then(|role| known.sound_dimension(&role.dimension));
        if dimension.is_some_and(|d| matches!(d.kind, DimensionKind::TimeOfDay(_))) {
            let message = format!("`{}` is a time of day, which several moments share", name.value);
            sheet.fault_with_hint(name.place, message, "keep the moment in a column, as the key");
        }
        if dimension.is_some_and(Dimension::is_combined) {
            let message = format!("`{}` is a combination that many rows share", name.value);
            let hint = "what identifies a row is in its other columns";
            sheet.fault_with_hint(name.place, message, hint);
        }
    }
    let Some(partition) = &document.partition_by_month_of else { return };
    let roles: Vec<&str> = fact.roles.iter().map(|role| role.role.as_str()).collect();
    match fact.role(partition) {
        None => sheet.unknown("role", partition, &roles),
        Some(role) => {
            let dimension = known.sound_dimension(&role.dimension);
            if dimension.is_some_and(|dimension| !is_calendar(dimension)) {
                let message = format!(
                    "role `{}` is played by dimension `{}`, which is not a calendar",
                    role.role, role.dimension
                );
                sheet.fault(partition.place, message);
            }
        }
    }
}

/// A curve goes through some columns of whole numbers or days, and rows are not sorted as well.
fn curve(document: &FactDocument, fact: &Fact, sheet: &mut Sheet<'_>) {
    let Some(first) = document.cluster_by.first() else { return };
    if !(2..=Fact::MOST_AXES).contains(&document.cluster_by.len()) {
        let message = format!("`cluster_by` takes 2 to {} columns", Fact::MOST_AXES);
        let hint = "name those that questions filter by most; for one column use `sort_by`";
        sheet.fault_with_hint(first.place, message, hint);
    }
    if let Some(sorted) = document.sort_by.first() {
        let message = "rows are either sorted (`sort_by`) or clustered (`cluster_by`)";
        sheet.fault(sorted.place, message);
    }
    let columns = fact.table_columns();
    for axis in &document.cluster_by {
        let column = columns.iter().find(|column| column.name == axis.value);
        let Some(column) = column else { continue };
        if !matches!(
            column.ty,
            ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 | ColumnType::Date
        ) {
            let message = format!("column `{}` is {}: no axis of a curve", axis.value, column.ty);
            let hint = "role keys, whole numbers and dates are";
            sheet.fault_with_hint(axis.place, message, hint);
        }
    }
}

/// Whether a dimension is a generated calendar.
pub(super) fn is_calendar(dimension: &Dimension) -> bool {
    matches!(dimension.kind, DimensionKind::Calendar(_))
}
