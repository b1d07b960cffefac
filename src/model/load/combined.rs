//! Junk and mini-dimensions: rows are combinations of the attributes' values.

use super::super::document::{AttributeFields, DimensionDocument, Text};
use super::super::{Attribute, ColumnType, Dimension, DimensionKind, History, mini};
use super::sheet::Sheet;
use super::{Checked, Known, dimension};
use crate::yaml::{Located, NameOr};

/// Whether a document asks for one.
pub(super) fn is(document: &DimensionDocument) -> bool {
    document.junk.is_some_and(|junk| junk.value) || document.mini_of.is_some()
}

/// Resolves a document that asks for one. Whether there is the dimension that a mini-dimension is of
/// is seen once all are known ([`attach`]).
pub(super) fn resolve(
    document: &DimensionDocument,
    dimension: &mut Dimension,
    sheet: &mut Sheet<'_>,
) {
    dimension.kind = match base(document) {
        Some(base) => DimensionKind::MiniOf(base.value),
        None => DimensionKind::Junk,
    };
    if let (Some(junk), Some(_)) = (document.junk.filter(|junk| junk.value), &document.mini_of) {
        sheet.fault(junk.place, "a dimension is either `junk` or `mini_of` another");
    }
    let what = what(dimension);
    nothing_else(document, what, sheet);
    let name = &document.dimension;
    if document.attributes.is_empty() {
        let message = format!("dimension `{}` has no attributes", name.value);
        let hint = format!("its rows are their combinations: list what makes up {what}");
        sheet.fault_with_hint(name.place, message, hint);
    }
    sheet.unique("column", document.attributes.iter().map(|attribute| &attribute.name));
    for fields in &document.attributes {
        let attribute = attribute(fields, what, dimension, sheet);
        // Of columns of the same name the first stays.
        let new = |a: &Attribute| dimension.described_columns().all(|c| c.name != a.column.name);
        dimension.attributes.extend(attribute.filter(new));
    }
    dimension::orders_and_hierarchies(document, dimension, sheet);
}

fn what(dimension: &Dimension) -> &'static str {
    match dimension.kind {
        DimensionKind::MiniOf(_) => "a mini-dimension",
        _ => "a junk dimension",
    }
}

/// The dimension that a mini-dimension is of.
fn base(document: &DimensionDocument) -> Option<Text> {
    let written = document.mini_of.as_ref()?;
    Some(match &written.value {
        NameOr::Name(name) => Located { value: name.clone(), place: written.place },
        NameOr::Full(fields) => fields.dimension.clone(),
    })
}

fn nothing_else(document: &DimensionDocument, what: &str, sheet: &mut Sheet<'_>) {
    if let Some(key) = document.natural_key.first() {
        let message = format!("a row of {what} is told apart by all its attributes");
        sheet.fault_with_hint(key.name.place, message, "leave `natural_key` out");
    }
    if let Some(inferred) = document.inferred_members {
        let message = format!("rows of {what} are made as they are met: none is inferred");
        sheet.fault_with_hint(inferred.place, message, "leave it out");
    }
    if let Some(parents) = &document.parent_child {
        sheet.fault(parents.place, format!("rows of {what} are not one another's parents"));
    }
}

fn attribute(
    fields: &AttributeFields,
    what: &str,
    dimension: &Dimension,
    sheet: &mut Sheet<'_>,
) -> Option<Attribute> {
    if let Some(history) = fields.history {
        let message = format!("rows of {what} never change");
        sheet.fault_with_hint(history.place, message, "leave `history` out");
    }
    if fields.name.value == dimension.key_column() {
        let message = format!("column `{}` is one that the system adds", fields.name.value);
        sheet.fault_with_hint(fields.name.place, message, "choose another name");
    }
    let plain = AttributeFields { history: None, ..fields.clone() };
    let attribute = dimension::attribute(&plain, sheet)?;
    if attribute.column.ty == ColumnType::Float64 {
        let message = format!("`{}` is float64, which no two rows need share", fields.name.value);
        let hint = "put its values into bands, or make it a decimal";
        sheet.fault_with_hint(fields.ty.place, message, hint);
    }
    Some(Attribute { history: History::Original, ..attribute })
}

/// Looks for the dimension that a mini-dimension is of, and adds to it what it has of it.
pub(super) fn attach(document: &DimensionDocument, known: &mut Known, sheet: &mut Sheet<'_>) {
    let Some(of) = base(document) else { return };
    let name = &document.dimension.value;
    let Some(base) = known.dimension(&of, sheet) else { return };
    let history = mini::history_name(name);
    let columns = document.attributes.iter().map(|attribute| &attribute.name);
    let others = known.dimensions.iter().map(|checked| &checked.value);
    if base.kind != DimensionKind::Loaded {
        let message = format!("`{}` has no members that jobs load", of.value);
        sheet.fault(of.place, message);
    }
    for column in columns {
        let taken = |d: &&Dimension| d.described_columns().any(|c| c.name == column.value);
        let is_base_or_beside = |d: &&Dimension| {
            let beside = matches!(&d.kind, DimensionKind::MiniOf(base) if *base == of.value);
            d.name == of.value || beside && d.name != *name
        };
        if let Some(other) = others.clone().filter(is_base_or_beside).find(taken) {
            let message = format!("`{}` has a column `{}`, too", other.name, column.value);
            let hint = "one job loads both: name it in one of them, or choose another name";
            sheet.fault_with_hint(column.place, message, hint);
        }
    }
    if others.clone().any(|other| other.name == history) {
        let message = format!("a dimension `{history}` is what this one keeps its history in");
        sheet.fault_with_hint(document.dimension.place, message, "rename one of them");
    }
    let NameOr::Full(fields) = (match &document.mini_of {
        Some(written) => &written.value,
        None => return,
    }) else {
        return;
    };
    let Some(current) = fields.current.filter(|current| current.value) else { return };
    let column = mini::outrigger_column(name);
    if base.described_columns().any(|own| own.name == column) {
        let message = format!("`{}` has a column `{column}` already", of.value);
        sheet.fault_with_hint(current.place, message, "rename one of them");
    }
    let is_base = |checked: &&mut Checked<Dimension>| checked.value.name == of.value;
    if let Some(base) = known.dimensions.iter_mut().find(is_base) {
        base.value.outriggers.push(name.clone());
    }
}
