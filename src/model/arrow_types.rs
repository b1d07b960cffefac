//! Column types as Arrow knows them: the one mapping for stored tables, cubes and answers.

use super::{Column, ColumnType};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::Arc;

impl ColumnType {
    /// The Arrow type in files and on the wire: text is Utf8, timestamps are UTC microseconds,
    /// decimals have 128 bits.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Decimal { precision, scale } => {
                DataType::Decimal128(precision, i8::try_from(scale).unwrap_or(i8::MAX))
            }
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Binary => DataType::Binary,
        }
    }

    /// The Arrow type inside query plans, for stored tables and cubes alike: text is a view there,
    /// which compares and groups faster.
    pub fn plan_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8View,
            other => other.arrow(),
        }
    }

    /// The column type that holds an Arrow type, if there is one.
    pub fn from_arrow(ty: &DataType) -> Option<Self> {
        Some(match ty {
            DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Self::Text,
            DataType::Boolean => Self::Boolean,
            DataType::Int16 => Self::Int16,
            DataType::Int32 => Self::Int32,
            DataType::Int64 => Self::Int64,
            DataType::Float64 => Self::Float64,
            DataType::Decimal128(precision, scale) => {
                Self::Decimal { precision: *precision, scale: u8::try_from(*scale).ok()? }
            }
            DataType::Date32 => Self::Date,
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Self::Timestamp,
            DataType::Binary => Self::Binary,
            _ => return None,
        })
    }
}

/// The Arrow schema of columns in files and on the wire, in their order.
pub fn arrow_schema(columns: &[Column]) -> SchemaRef {
    let fields: Vec<Field> = columns
        .iter()
        .map(|column| Field::new(&column.name, column.ty.arrow(), column.nullable))
        .collect();
    Arc::new(Schema::new(fields))
}

/// The schema of a table's columns inside query plans.
pub fn plan_schema(columns: &[Column]) -> SchemaRef {
    let fields: Vec<Field> = columns
        .iter()
        .map(|column| Field::new(&column.name, column.ty.plan_type(), column.nullable))
        .collect();
    Arc::new(Schema::new(fields))
}
