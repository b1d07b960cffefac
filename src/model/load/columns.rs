//! Columns as written, checked one by one.

use super::super::document::{ColumnFields, Text};
use super::super::{Column, ColumnType};
use super::sheet::Sheet;

/// A column with its type read; `None`, and the sheet not sound, where it has none.
pub(super) fn column(
    fields: &ColumnFields,
    what: &str,
    nullable: bool,
    sheet: &mut Sheet<'_>,
) -> Option<Column> {
    sheet.name(what, &fields.name);
    let description = sheet.description(what, &fields.name, fields.description.as_ref());
    let mut column = Column::new(fields.name.value.clone(), ty(&fields.ty, sheet)?, nullable)
        .described(description);
    column.unit = fields.unit.as_ref().map(|unit| unit.value.clone());
    Some(column)
}

/// A column type.
pub(super) fn ty(text: &Text, sheet: &mut Sheet<'_>) -> Option<ColumnType> {
    match text.parse::<ColumnType>() {
        Ok(ty) => Some(ty),
        Err(message) => {
            sheet.sound = false;
            match usual_name(text) {
                Some(ours) => {
                    sheet.fault_with_hint(text.place, message, format!("did you mean `{ours}`?"));
                }
                None => sheet.fault(text.place, message),
            }
            None
        }
    }
}

/// What types that go by other names elsewhere are called here.
fn usual_name(written: &str) -> Option<&'static str> {
    let written = written.to_lowercase();
    let bare = written.split('(').next().unwrap_or_default().trim();
    Some(match bare {
        "string" | "varchar" | "char" | "str" | "utf8" => "text",
        "bool" => "boolean",
        "smallint" => "int16",
        "int" | "integer" => "int32",
        "bigint" | "long" => "int64",
        "double" | "float" | "real" | "float32" => "float64",
        "numeric" | "number" | "money" | "decimal" => "decimal(12,2)",
        "datetime" | "timestamptz" => "timestamp",
        _ => {
            const OURS: [&str; 8] =
                ["text", "boolean", "int16", "int32", "int64", "float64", "date", "timestamp"];
            return crate::error::did_you_mean(bare, OURS);
        }
    })
}
