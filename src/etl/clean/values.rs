//! Columns under construction: texts in, an Arrow array of the declared type out.

use super::parse::{self, plain};
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
        let mut wrong = None;
        self.extend(std::iter::once(text), |_, reason| wrong = Some(reason));
        wrong.map_or(Ok(()), Err)
    }

    /// Adds values; those that do not fit the type are NULL, and `wrong` hears which and why.
    pub(super) fn extend<'a>(
        &mut self,
        texts: impl Iterator<Item = Option<&'a str>>,
        wrong: impl FnMut(usize, String),
    ) {
        match self {
            Self::Text(values) => texts.for_each(|text| values.append_option(text)),
            Self::Boolean(values) => {
                let push = |value| values.append_option(value);
                parsed(texts, wrong, |_| None, parse::boolean, push);
            }
            Self::Int16(values) => {
                parsed(texts, wrong, plain_integer, integer, |value| values.append_option(value));
            }
            Self::Int32(values) => {
                parsed(texts, wrong, plain_integer, integer, |value| values.append_option(value));
            }
            Self::Int64(values) => {
                parsed(texts, wrong, plain_integer, integer, |value| values.append_option(value));
            }
            Self::Float64(values) => {
                let push = |value| values.append_option(value);
                parsed(texts, wrong, |_| None, parse::float, push);
            }
            Self::Decimal(values, precision, scale) => {
                let (precision, scale) = (*precision, *scale);
                let bound = 10i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
                let plain = |text: &[u8]| {
                    plain::decimal(text, scale).map(i128::from).filter(|value| value.abs() < bound)
                };
                let decimal = |text: &str| parse::decimal(text, precision, scale);
                parsed(texts, wrong, plain, decimal, |value| values.append_option(value));
            }
            Self::Date(values) => {
                let days = |text: &str| parse::date(text).map(Date32Type::from_naive_date);
                parsed(texts, wrong, plain::days, days, |value| values.append_option(value));
            }
            Self::Timestamp(values) => {
                let micros = |text: &str| {
                    parse::timestamp(text).map(|moment| moment.and_utc().timestamp_micros())
                };
                let push = |value| values.append_option(value);
                parsed(texts, wrong, |_| None, micros, push);
            }
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

/// Parses each text, the `plain` way where it can be, and pushes what comes of it. Space around a
/// value is no part of it.
fn parsed<'a, T>(
    texts: impl Iterator<Item = Option<&'a str>>,
    mut wrong: impl FnMut(usize, String),
    plain: impl Fn(&[u8]) -> Option<T>,
    parse: impl Fn(&str) -> Result<T, String>,
    mut push: impl FnMut(Option<T>),
) {
    for (row, text) in texts.enumerate() {
        let Some(text) = text else {
            push(None);
            continue;
        };
        let value = plain(text.as_bytes()).map_or_else(|| parse(text.trim()), Ok);
        match value {
            Ok(value) => push(Some(value)),
            Err(reason) => {
                push(None);
                wrong(row, reason);
            }
        }
    }
}

fn plain_integer<T: TryFrom<i64>>(text: &[u8]) -> Option<T> {
    plain::integer(text).and_then(|value| T::try_from(value).ok())
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
