//! Arrays of system tables, from the rows' fields.

use crate::model::{Column, ColumnType};
use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, StringViewArray, TimestampMicrosecondArray,
};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// A column of a system table that is always there.
pub(super) fn column(name: &str, ty: ColumnType, description: &str) -> Column {
    Column::new(name, ty, false).described(description)
}

/// A column of a system table that may be NULL.
pub(super) fn optional(name: &str, ty: ColumnType, description: &str) -> Column {
    Column::new(name, ty, true).described(description)
}

/// Texts.
pub(super) fn text<T: AsRef<str>>(values: impl Iterator<Item = T>) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values(values))
}

/// Texts, some missing.
pub(super) fn optional_text<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.collect::<StringViewArray>())
}

/// Counts and sizes; what does not fit 63 bits is shown as the largest number that does.
pub(super) fn count(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.map(to_i64)))
}

/// Counts and sizes, some missing.
pub(super) fn optional_count(values: impl Iterator<Item = Option<u64>>) -> ArrayRef {
    Arc::new(values.map(|value| value.map(to_i64)).collect::<Int64Array>())
}

/// Moments.
pub(super) fn moment(values: impl Iterator<Item = DateTime<Utc>>) -> ArrayRef {
    optional_moment(values.map(Some))
}

/// Moments, some missing.
pub(super) fn optional_moment(values: impl Iterator<Item = Option<DateTime<Utc>>>) -> ArrayRef {
    let micros = values.map(|value| value.map(|moment| moment.timestamp_micros()));
    Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

/// Yes or no.
pub(super) fn boolean(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<BooleanArray>())
}

fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
