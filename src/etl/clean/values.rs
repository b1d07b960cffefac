//! Texts in, an Arrow array of the declared type out, a column at a time.

use super::parse::{self, plain};
use crate::model::ColumnType;
use arrow::array::new_null_array;
use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanBufferBuilder, BooleanBuilder, PrimitiveArray,
    StringBuilder,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use std::sync::Arc;

/// The values that texts are, without the space around them. Those that do not fit the type are
/// NULL, and `wrong` hears which and why.
pub(super) fn column<'a>(
    ty: ColumnType,
    texts: impl ExactSizeIterator<Item = Option<&'a str>>,
    mut wrong: impl FnMut(usize, String),
) -> ArrayRef {
    match ty {
        ColumnType::Text => {
            let mut values = StringBuilder::with_capacity(texts.len(), texts.len() * 8);
            texts.for_each(|text| values.append_option(text));
            Arc::new(values.finish())
        }
        ColumnType::Boolean => {
            let mut values = BooleanBuilder::with_capacity(texts.len());
            let boolean = |text: &str| match text {
                "true" => Ok(true),
                "false" => Ok(false),
                other => parse::boolean(other.trim()),
            };
            for (row, text) in texts.enumerate() {
                let value = text.map(boolean).transpose();
                values.append_option(value.unwrap_or_else(|reason| {
                    wrong(row, reason);
                    None
                }));
            }
            Arc::new(values.finish())
        }
        ColumnType::Int16 => Arc::new(integers::<Int16Type>(texts, wrong)),
        ColumnType::Int32 => Arc::new(integers::<Int32Type>(texts, wrong)),
        ColumnType::Int64 => Arc::new(integers::<Int64Type>(texts, wrong)),
        ColumnType::Float64 => {
            Arc::new(primitives::<Float64Type>(texts, wrong, plain::float, parse::float))
        }
        ColumnType::Decimal { precision, scale } => {
            let bound = 10i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
            let narrow = i64::try_from(bound).unwrap_or(i64::MAX);
            let plain = |text: &[u8]| {
                plain::decimal(text, scale).filter(|value| value.abs() < narrow).map(i128::from)
            };
            let exact = |text: &str| parse::decimal(text, precision, scale);
            let values = primitives::<Decimal128Type>(texts, wrong, plain, exact);
            Arc::new(values.with_data_type(ty.arrow()))
        }
        ColumnType::Date => {
            let exact = |text: &str| parse::date(text).map(Date32Type::from_naive_date);
            Arc::new(primitives::<Date32Type>(texts, wrong, plain::days, exact))
        }
        ColumnType::Timestamp => {
            let exact = |text: &str| {
                parse::timestamp(text).map(|moment| moment.and_utc().timestamp_micros())
            };
            let values = primitives::<TimestampMicrosecondType>(texts, wrong, plain::moment, exact);
            Arc::new(values.with_timezone("UTC"))
        }
        ColumnType::Binary => {
            let given = texts.enumerate().filter(|(_, text)| text.is_some());
            let rows = given.map(|(row, _)| wrong(row, "no source has bytes".to_owned())).count();
            new_null_array(&ty.arrow(), rows)
        }
    }
}

/// Parses each text the `plain` way where it can be, else the `exact` one.
fn primitives<'a, T: ArrowPrimitiveType>(
    texts: impl ExactSizeIterator<Item = Option<&'a str>>,
    mut wrong: impl FnMut(usize, String),
    plain: impl Fn(&[u8]) -> Option<T::Native>,
    exact: impl Fn(&str) -> Result<T::Native, String>,
) -> PrimitiveArray<T> {
    let mut nulls = Vec::new();
    let mut missing = |row| {
        nulls.push(row);
        T::Native::default()
    };
    let parsed = texts.enumerate().map(|(row, text)| {
        let Some(text) = text else { return missing(row) };
        plain(text.as_bytes()).unwrap_or_else(|| {
            exact(text.trim()).unwrap_or_else(|reason| {
                wrong(row, reason);
                missing(row)
            })
        })
    });
    let values: Vec<T::Native> = parsed.collect();
    let nulls = validity(values.len(), &nulls);
    PrimitiveArray::new(values.into(), nulls)
}

/// Which rows have a value; none where all have.
fn validity(rows: usize, nulls: &[usize]) -> Option<NullBuffer> {
    let mut valid = BooleanBufferBuilder::new(rows);
    valid.append_n(rows, true);
    nulls.iter().for_each(|row| valid.set_bit(*row, false));
    (!nulls.is_empty()).then(|| NullBuffer::new(valid.finish()))
}

/// Whole numbers as wide as the column.
fn integers<'a, T: ArrowPrimitiveType>(
    texts: impl ExactSizeIterator<Item = Option<&'a str>>,
    wrong: impl FnMut(usize, String),
) -> PrimitiveArray<T>
where
    T::Native: TryFrom<i64> + Bounded,
{
    let plain =
        |text: &[u8]| plain::integer(text).and_then(|value| T::Native::try_from(value).ok());
    let exact = |text: &str| {
        let value = parse::integer(text, T::Native::LEAST, T::Native::LARGEST)?;
        T::Native::try_from(value).map_err(|_| format!("`{text}` is too large"))
    };
    primitives::<T>(texts, wrong, plain, exact)
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
