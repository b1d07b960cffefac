//! Dimensions: natural key, attributes, hierarchies; or generated ones, whose columns are given.

use super::super::document::{
    AttributeFields, ColumnFields, DimensionDocument, HierarchyFields, LevelFields,
    ParentChildFields, Text,
};
use super::super::{
    Attribute, Column, ColumnType, Dimension, DimensionKind, Hierarchy, History, Level, ParentChild,
};
use super::sheet::Sheet;
use super::{columns, combined, generated};
use crate::yaml::{Located, NameOr};

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
        infers_members: false,
        parent_child: None,
        outriggers: Vec::new(),
    };
    if document.calendar.is_some() || document.time_of_day.is_some() {
        generated::resolve(document, &mut dimension, sheet);
    } else if combined::is(document) {
        combined::resolve(document, &mut dimension, sheet);
    } else {
        loaded(document, &mut dimension, sheet);
    }
    dimension
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
    dimension.infers_members = document.inferred_members.is_some_and(|inferred| inferred.value);
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
        let Some(attribute) = attribute.filter(new) else { continue };
        let derived = derived(&attribute, fields, document, sheet);
        dimension.attributes.push(attribute);
        dimension.attributes.extend(derived);
    }
    orders_and_hierarchies(document, dimension, sheet);
    dimension.parent_child =
        document.parent_child.as_ref().map(|fields| parent_child(fields, dimension, sheet));
}

/// How the columns of a dimension stand in order, and roll up.
pub(super) fn orders_and_hierarchies(
    document: &DimensionDocument,
    dimension: &mut Dimension,
    sheet: &mut Sheet<'_>,
) {
    for by in
        document.attributes.iter().filter_map(|fields| Some((fields, fields.order_by.as_ref()?)))
    {
        orders(by, dimension, sheet);
    }
    sheet.unique("hierarchy", document.hierarchies.iter().map(|hierarchy| &hierarchy.name));
    for fields in &document.hierarchies {
        let hierarchy = hierarchy(fields, dimension, sheet);
        dimension.hierarchies.push(hierarchy);
    }
}

/// The column by which an attribute is ordered is another one of the dimension.
fn orders((of, by): (&AttributeFields, &Text), dimension: &Dimension, sheet: &mut Sheet<'_>) {
    let others = dimension.described_columns().map(|column| column.name.as_str());
    let others: Vec<&str> = others.filter(|name| *name != of.name.as_str()).collect();
    if of.name.value == by.value {
        let message = format!("attribute `{}` stands in its own order anyway", by.value);
        sheet.fault_with_hint(by.place, message, "leave `order_by` out, or name another column");
    } else if !others.contains(&by.as_str()) && sheet.sound {
        sheet.unknown("column of the dimension", by, &others);
    }
}

/// Columns that the system adds to a loaded dimension.
fn given_columns(dimension: &Dimension) -> Vec<String> {
    let versions = ["valid_from", "valid_to", "is_current"].map(str::to_owned);
    let keys = [dimension.key_column(), dimension.durable_key_column()];
    let inferred = dimension.infers_members.then(|| "is_inferred".to_owned());
    keys.into_iter().chain(versions).chain(inferred).collect()
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

pub(super) fn attribute(fields: &AttributeFields, sheet: &mut Sheet<'_>) -> Option<Attribute> {
    sheet.name("attribute", &fields.name);
    let description = sheet.description("attribute", &fields.name, fields.description.as_ref());
    let history = match fields.history {
        None => History::Overwrite,
        Some(Located { value: 0, .. }) => History::Original,
        Some(Located { value: 1 | 3, .. }) => History::Overwrite,
        Some(Located { value: 2 | 6, .. }) => History::NewVersion,
        Some(other) => {
            let message = format!(
                "there is no history type {}, expected 0 (the first value stays), 1 (overwrite), \
                 2 (new version), 3 (overwrite, the value before beside it) or 6 (new version, the \
                 present value beside it)",
                other.value
            );
            match other.value {
                4 | 5 => sheet.fault_with_hint(
                    other.place,
                    message,
                    "types 4 and 5 are a dimension of their own: say `mini_of` there",
                ),
                _ => sheet.fault(other.place, message),
            }
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
    let order_by = fields.order_by.as_ref().map(|by| by.value.clone());
    Some(Attribute { column, history, order_by })
}

/// The column beside an attribute of type 3 or 6.
fn derived(
    attribute: &Attribute,
    fields: &AttributeFields,
    document: &DimensionDocument,
    sheet: &mut Sheet<'_>,
) -> Option<Attribute> {
    let of = &attribute.column.name;
    let (name, history, what) = match fields.history?.value {
        3 => (format!("previous_{of}"), History::PreviousOf(of.clone()), "before it changed last"),
        6 => (format!("current_{of}"), History::CurrentOf(of.clone()), "as it is now"),
        _ => return None,
    };
    let names = document.natural_key.iter().map(|column| &column.name);
    let mut names = names.chain(document.attributes.iter().map(|attribute| &attribute.name));
    if let Some(taken) = names.find(|taken| taken.value == name) {
        let message = format!("column `{name}` is one that the history of `{of}` adds");
        sheet.fault_with_hint(taken.place, message, "choose another name");
        return None;
    }
    let mut column = attribute.column.clone();
    let description = format!("{} ({what})", column.description);
    (column.name, column.nullable, column.description) = (name, true, description);
    // What was, and what is now, stand in the order of the attribute itself.
    Some(Attribute { column, history, order_by: None })
}

/// A parent's natural key is of the same columns as its child's.
fn parent_child(
    fields: &Located<ParentChildFields>,
    dimension: &Dimension,
    sheet: &mut Sheet<'_>,
) -> ParentChild {
    let candidates: Vec<&str> =
        dimension.source_columns().map(|column| column.name.as_str()).collect();
    if fields.parent.len() != dimension.natural_key.len() && sheet.sound {
        let natural = dimension.natural_key.iter().map(|column| column.name.as_str());
        let message = format!(
            "`parent` names {} columns, but the natural key has {} ({})",
            fields.parent.len(),
            dimension.natural_key.len(),
            natural.collect::<Vec<_>>().join(", ")
        );
        sheet.fault(fields.place, message);
    }
    for (name, key) in fields.parent.iter().zip(&dimension.natural_key) {
        let column = dimension.source_columns().find(|column| column.name == name.value);
        match column {
            None if sheet.sound => sheet.unknown("column", name, &candidates),
            Some(column) if column.ty != key.ty => {
                let message = format!(
                    "column `{}` is {}, but `{}` of the natural key is {}",
                    column.name, column.ty, key.name, key.ty
                );
                sheet.fault(name.place, message);
            }
            _ => {}
        }
    }
    let is_key = |name: &Text| dimension.natural_key.iter().any(|key| key.name == name.value);
    if fields.parent.iter().all(is_key) {
        let message = "a member's parent would be the member itself: no attribute says who it is";
        sheet.fault(fields.place, message);
    }
    ParentChild {
        description: fields.description.as_ref().map(|text| text.value.clone()).unwrap_or_default(),
        parent: fields.parent.iter().map(|name| name.value.clone()).collect(),
    }
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
    for (written, level) in [fields.levels.first(), fields.levels.last()]
        .into_iter()
        .zip([levels.first(), levels.last()])
    {
        if let (Some(written), Some(level)) = (written, level.filter(|level| level.skippable)) {
            let message = format!("level `{}` cannot be skipped", level.name);
            let hint = "those that can have a level above and one below";
            sheet.fault_with_hint(written.place, message, hint);
        }
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
                skippable: fields.skippable.is_some_and(|skippable| skippable.value),
            };
            sheet.name("level", &fields.level);
            level
        }
    }
}
