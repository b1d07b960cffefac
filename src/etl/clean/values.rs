//! Columns under construction: texts in, an Arrow array of the declared type out.

use super::parse;
use crate::model::ColumnType;
use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int16Builder,
    Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::Date32Type;
use std::sync::Arc;

/// A builder for each type.
pub(super) enum Values {
    Text(StringBuilder),
    Boolean(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, u8, u8),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl Values {
    /// An empty column.
    pub(super) fn new(ty: ColumnType, rows: usize) -> Self {
        match ty {
            ColumnType::Text => Self::Text(StringBuilder::with_capacity(rows, rows * 8)),
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            ColumnType::Int16 => Self::Int16(Int16Builder::with_capacity(rows)),
            ColumnType::Int32 => Self::Int32(Int32Builder::with_capacity(rows)),
            ColumnType::Int64 => Self::Int64(Int64Builder::with_capacity(rows)),
            ColumnType::Float64 => Self::Float64(Float64Builder::with_capacity(rows)),
            ColumnType::Decimal { precision, scale } => Self::Decimal(
                Decimal128Builder::with_capacity(rows).with_data_type(ty.arrow()),
                precision,
                scale,
            ),
            ColumnType::Date => Self::Date(Date32Builder::with_capacity(rows)),
            ColumnType::Timestamp => Self::Timestamp(
                TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"),
            ),
        }
    }

    /// Adds a value; one that does not fit the type is NULL, and the error says why.
    pub(super) fn append(&mut self, text: Option<&str>) -> Result<(), String> {
        if let Self::Text(values) = self {
            values.append_option(text);
            return Ok(());
        }
        let Some(text) = text.map(str::trim) else {
            self.append_null();
            return Ok(());
        };
        let appended = self.append_parsed(text);
        if appended.is_err() {
            self.append_null();
        }
        appended
    }

    fn append_parsed(&mut self, text: &str) -> Result<(), String> {
        match self {
            Self::Text(values) => values.append_value(text),
            Self::Boolean(values) => values.append_value(parse::boolean(text)?),
            Self::Int16(values) => values.append_value(integer(text)?),
            Self::Int32(values) => values.append_value(integer(text)?),
            Self::Int64(values) => values.append_value(integer(text)?),
            Self::Float64(values) => values.append_value(parse::float(text)?),
            Self::Decimal(values, precision, scale) => {
                values.append_value(parse::decimal(text, *precision, *scale)?);
            }
            Self::Date(values) => {
                values.append_value(Date32Type::from_naive_date(parse::date(text)?));
            }
            Self::Timestamp(values) => {
                values.append_value(parse::timestamp(text)?.and_utc().timestamp_micros());
            }
        }
        Ok(())
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(values) => values.append_null(),
            Self::Boolean(values) => values.append_null(),
            Self::Int16(values) => values.append_null(),
            Self::Int32(values) => values.append_null(),
            Self::Int64(values) => values.append_null(),
            Self::Float64(values) => values.append_null(),
            Self::Decimal(values, ..) => values.append_null(),
            Self::Date(values) => values.append_null(),
            Self::Timestamp(values) => values.append_null(),
        }
    }

    /// The column.
    pub(super) fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut values) => Arc::new(values.finish()),
            Self::Boolean(mut values) => Arc::new(values.finish()),
            Self::Int16(mut values) => Arc::new(values.finish()),
            Self::Int32(mut values) => Arc::new(values.finish()),
            Self::Int64(mut values) => Arc::new(values.finish()),
            Self::Float64(mut values) => Arc::new(values.finish()),
            Self::Decimal(mut values, ..) => Arc::new(values.finish()),
            Self::Date(mut values) => Arc::new(values.finish()),
            Self::Timestamp(mut values) => Arc::new(values.finish()),
        }
    }
}

/// A whole number as wide as the column.
fn integer<T: TryFrom<i64> + Bounded>(text: &str) -> Result<T, String> {
    let value = parse::integer(text, T::LEAST, T::LARGEST)?;
    T::try_from(value).map_err(|_| format!("`{text}` is too large"))
}

trait Bounded {
    const LEAST: i64;
    const LARGEST: i64;
}

impl Bounded for i16 {
    const LEAST: i64 = i16::MIN as i64;
    const LARGEST: i64 = i16::MAX as i64;
}

impl Bounded for i32 {
    const LEAST: i64 = i32::MIN as i64;
    const LARGEST: i64 = i32::MAX as i64;
}

impl Bounded for i64 {
    const LEAST: i64 = i64::MIN;
    const LARGEST: i64 = i64::MAX;
}
