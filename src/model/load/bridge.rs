//! Bridges: two dimensions whose members jobs load, and perhaps a column of shares.

use super::super::document::{BridgeDocument, Text};
use super::super::{Bridge, Column, ColumnType, Dimension};
use super::Known;
use super::sheet::Sheet;

/// The resolved bridge of a document.
pub(super) fn resolve(document: &BridgeDocument, known: &Known, sheet: &mut Sheet<'_>) -> Bridge {
    let name = &document.bridge;
    sheet.name("bridge", name);
    let description = sheet.description("bridge", name, document.description.as_ref());
    for end in [&document.from, &document.to] {
        let dimension = known.dimension(end, sheet);
        if dimension.is_some_and(|dimension| !Dimension::is_versioned(dimension)) {
            let message = format!("`{}` is generated: its members belong to nobody", end.value);
            sheet.fault_with_hint(end.place, message, "a bridge joins dimensions that jobs load");
        }
    }
    if document.from.value == document.to.value {
        let message = format!("a bridge from `{}` to itself", document.to.value);
        let hint = "`parent_child` in the dimension says which of its members are below which";
        sheet.fault_with_hint(document.to.place, message, hint);
    }
    let weight = document.weight.as_ref().map(|fields| {
        sheet.name("column", &fields.name);
        let description = sheet.description("column", &fields.name, fields.description.as_ref());
        Column::new(fields.name.value.clone(), ColumnType::Float64, false).described(description)
    });
    let bridge = Bridge {
        name: name.value.clone(),
        description,
        from: document.from.value.clone(),
        to: document.to.value.clone(),
        weight,
    };
    let is_key = |name: &Text| [bridge.from_column(), bridge.to_column()].contains(&name.value);
    if let Some(fields) = document.weight.as_ref().filter(|fields| is_key(&fields.name)) {
        let message = format!("column `{}` is one that the system adds", fields.name.value);
        sheet.fault_with_hint(fields.name.place, message, "choose another name");
    }
    bridge
}
