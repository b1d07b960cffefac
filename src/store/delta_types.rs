//! The Delta names of the column types; their Arrow types are the model's.

use crate::model::ColumnType;

/// The Delta name of a column type.
pub(crate) fn delta_type(ty: ColumnType) -> String {
    match ty {
        ColumnType::Text => "string".to_owned(),
        ColumnType::Boolean => "boolean".to_owned(),
        ColumnType::Int16 => "short".to_owned(),
        ColumnType::Int32 => "integer".to_owned(),
        ColumnType::Int64 => "long".to_owned(),
        ColumnType::Float64 => "double".to_owned(),
        ColumnType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        ColumnType::Date => "date".to_owned(),
        ColumnType::Timestamp => "timestamp".to_owned(),
        ColumnType::Binary => "binary".to_owned(),
    }
}
