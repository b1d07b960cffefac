//! Dimensions: natural key, attributes, hierarchies; or a calendar, whose columns are given.

use super::super::document::{
    AttributeFields, CalendarFields, ColumnFields, DimensionDocument, HierarchyFields, LevelFields,
};
use super::super::{
    Attribute, Calendar, Column, ColumnType, Dimension, DimensionKind, Hierarchy, History, Level,
};
use super::columns;
use super::sheet::Sheet;
use crate::yaml::{Located, NameOr};
use chrono::{Datelike, NaiveDate};

/// The resolved dimension of a document.
pub(super) fn resolve(document: &DimensionDocument, sheet: &mut Sheet<'_>) -> Dimension {
    let name = &document.dimension;
    sheet.name("dimension", name);
    let description = sheet.description("dimension", name, document.description.as_ref());
    let mut dimension = Dimension {
        name: name.value.clone(),
        description,
        kind: DimensionKind::Loaded,
        natural_key: Vec::new(),
        attributes: Vec::new(),
        hierarchies: Vec::new(),
    };
    match &document.calendar {
        Some(fields) => generated(document, fields, &mut dimension, sheet),
        None => loaded(document, &mut dimension, sheet),
    }
    dimension
}

fn generated(
    document: &DimensionDocument,
    fields: &Located<CalendarFields>,
    dimension: &mut Dimension,
    sheet: &mut Sheet<'_>,
) {
    let own = document.natural_key.iter().map(|column| &column.name);
    let own = own.chain(document.attributes.iter().map(|attribute| &attribute.name));
    let own = own.chain(document.hierarchies.iter().map(|hierarchy| &hierarchy.name));
    for name in own {
        let message = format!("`{}`: a calendar's columns and hierarchies are given", name.value);
        sheet.fault_with_hint(name.place, message, "leave it out");
    }
    dimension.kind = DimensionKind::Calendar(calendar(fields, sheet));
    dimension.natural_key = vec![Calendar::natural_key()];
    dimension.attributes = Calendar::attributes();
    dimension.hierarchies = Calendar::hierarchies();
}

fn calendar(fields: &CalendarFields, sheet: &mut Sheet<'_>) -> Calendar {
    let mut day = |text: &Located<String>| {
        let day = text.parse::<NaiveDate>().ok();
        let day = day.filter(|day| (1900..=2999).contains(&day.year()));
        if day.is_none() {
            let message = format!(
                "`{}` is no day a calendar can have, expected yyyy-mm-dd from 1900 to 2999",
                text.value
            );
            sheet.fault(text.place, message);
        }
        day
    };
    let (from, to) = (day(&fields.from), day(&fields.to));
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        sheet.fault(fields.to.place, format!("the calendar ends on {to}, before it begins"));
    }
    let month = fields.fiscal_year_start_month.unwrap_or_default();
    let month = if fields.fiscal_year_start_month.is_none() { 1 } else { month.value };
    if let (false, Some(written)) = ((1..=12).contains(&month), fields.fiscal_year_start_month) {
        sheet.fault(written.place, format!("{month} is no month, expected 1 to 12"));
    }
    Calendar {
        from: from.unwrap_or_default(),
        to: to.unwrap_or_default(),
        fiscal_year_start_month: month.clamp(1, 12),
    }
}

fn loaded(document: &DimensionDocument, dimension: &mut Dimension, sheet: &mut Sheet<'_>) {
    let name = &document.dimension;
    if document.natural_key.is_empty() {
        let message = format!("dimension `{}` has no natural key", name.value);
        let hint = "list in `natural_key` the columns that identify a member in its source";
        sheet.fault_with_hint(name.place, message, hint);
    }
    let names = document.natural_key.iter().map(|column| &column.name);
    let names = names.chain(document.attributes.iter().map(|attribute| &attribute.name));
    sheet.unique("column", names.clone());
    let given = given_columns(dimension);
    for name in names.filter(|name| given.contains(&name.value)) {
        let message = format!("column `{}` is one that the system adds", name.value);
        sheet.fault_with_hint(name.place, message, "choose another name");
    }
    dimension.natural_key =
        document.natural_key.iter().filter_map(|fields| key_column(fields, sheet)).collect();
    for fields in &document.attributes {
        let attribute = attribute(fields, sheet);
        // Of columns of the same name the first stays.
        let new = |a: &Attribute| dimension.described_columns().all(|c| c.name != a.column.name);
        dimension.attributes.extend(attribute.filter(new));
    }
    sheet.unique("hierarchy", document.hierarchies.iter().map(|hierarchy| &hierarchy.name));
    for fields in &document.hierarchies {
        let hierarchy = hierarchy(fields, dimension, sheet);
        dimension.hierarchies.push(hierarchy);
    }
}

/// Columns that the system adds to a loaded dimension.
fn given_columns(dimension: &Dimension) -> Vec<String> {
    let versions = ["valid_from", "valid_to", "is_current"].map(str::to_owned);
    [dimension.key_column(), dimension.durable_key_column()].into_iter().chain(versions).collect()
}

fn key_column(fields: &ColumnFields, sheet: &mut Sheet<'_>) -> Option<Column> {
    let column = columns::column(fields, "natural key column", false, sheet)?;
    let whole = [ColumnType::Int16, ColumnType::Int32, ColumnType::Int64];
    if column.ty != ColumnType::Text && !whole.contains(&column.ty) {
        let message = format!(
            "natural key column `{}` is {}, expected text or a whole number: the unknown member \
             needs a value for it",
            column.name, column.ty
        );
        sheet.fault(fields.ty.place, message);
    }
    if let Some(nullable) = fields.nullable.filter(|nullable| nullable.value) {
        let message = format!("natural key column `{}` cannot be nullable", column.name);
        sheet.fault(nullable.place, message);
    }
    Some(column)
}

fn attribute(fields: &AttributeFields, sheet: &mut Sheet<'_>) -> Option<Attribute> {
    sheet.name("attribute", &fields.name);
    let description = sheet.description("attribute", &fields.name, fields.description.as_ref());
    let history = match fields.history {
        None => History::Overwrite,
        Some(Located { value: 1, .. }) => History::Overwrite,
        Some(Located { value: 2, .. }) => History::NewVersion,
        Some(other) => {
            let message = format!(
                "history type {} is not supported, expected 1 (overwrite) or 2 (new version)",
                other.value
            );
            sheet.fault(other.place, message);
            History::Overwrite
        }
    };
    let ty = columns::ty(&fields.ty, sheet)?;
    if let Some(nullable) = fields.nullable.filter(|nullable| !nullable.value)
        && ty != ColumnType::Text
    {
        let message = format!(
            "attribute `{}` is {ty} and must be nullable: the unknown member has no value for it",
            fields.name.value
        );
        sheet.fault(nullable.place, message);
    }
    let nullable = fields.nullable.is_none_or(|nullable| nullable.value);
    let mut column = Column::new(fields.name.value.clone(), ty, nullable).described(description);
    column.unit = fields.unit.as_ref().map(|unit| unit.value.clone());
    Some(Attribute { column, history })
}

fn hierarchy(fields: &HierarchyFields, dimension: &Dimension, sheet: &mut Sheet<'_>) -> Hierarchy {
    sheet.name("hierarchy", &fields.name);
    if fields.levels.is_empty() {
        let message = format!("hierarchy `{}` has no levels", fields.name.value);
        sheet.fault(fields.name.place, message);
    }
    let mut levels: Vec<Level> = Vec::new();
    for written in &fields.levels {
        let level = level(written, dimension, sheet);
        if levels.iter().any(|earlier| earlier.name == level.name) {
            let message = format!("level `{}` stands twice in the hierarchy", level.name);
            sheet.fault(written.place, message);
            continue;
        }
        let elsewhere = dimension.level(&level.name).filter(|other| **other != level);
        if elsewhere.is_some() {
            let message =
                format!("level `{}` means something else in another hierarchy", level.name);
            sheet.fault(written.place, message);
        }
        levels.push(level);
    }
    Hierarchy { name: fields.name.value.clone(), levels }
}

fn level(
    written: &Located<NameOr<LevelFields>>,
    dimension: &Dimension,
    sheet: &mut Sheet<'_>,
) -> Level {
    let candidates: Vec<&str> =
        dimension.described_columns().map(|column| column.name.as_str()).collect();
    let mut check = |name: &Located<String>| {
        // Where columns had to be left out, an unknown name is an echo.
        if sheet.sound && !candidates.contains(&name.as_str()) {
            sheet.unknown("attribute", name, &candidates);
        }
        name.value.clone()
    };
    match &written.value {
        NameOr::Name(name) => {
            check(&Located { value: name.clone(), place: written.place });
            Level::of_attribute(name)
        }
        NameOr::Full(fields) => {
            let level = Level {
                name: fields.level.value.clone(),
                attribute: check(fields.attribute.as_ref().unwrap_or(&fields.level)),
                key: fields.key.as_ref().map(&mut check),
                description: fields.description.as_ref().map(|text| text.value.clone()),
            };
            sheet.name("level", &fields.level);
            level
        }
    }
}
