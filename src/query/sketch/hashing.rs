//! Values of arrays, one by one: as integers, or hashed.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use datafusion::common::{DataFusionError, exec_datafusion_err, exec_err};
use datasketches::hash::value::{canonical_float, raw_bytes};
use std::hash::Hash;

/// Every value of an array that is not NULL, as an integer, where the type is one of integers or
/// days.
pub(super) fn integers(
    values: &dyn Array,
    mut each: impl FnMut(i64),
) -> Result<bool, DataFusionError> {
    macro_rules! all {
        ($ty:ty) => {
            values.as_primitive::<$ty>().iter().flatten().for_each(|value| each(i64::from(value)))
        };
    }
    match values.data_type() {
        DataType::Int16 => all!(Int16Type),
        DataType::Int32 => all!(Int32Type),
        DataType::Int64 => all!(Int64Type),
        DataType::Date32 => all!(Date32Type),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Takes in values by their hashes.
pub(super) trait Hashing {
    /// Takes in a value.
    fn hash<T: Hash>(&mut self, value: T);
}

/// Hashes every value of an array that is not NULL, as other languages' sketches do.
pub(super) fn hash_values(
    values: &dyn Array,
    into: &mut impl Hashing,
) -> Result<(), DataFusionError> {
    if integers(values, |value| into.hash(value))? {
        return Ok(());
    }
    // An empty text is a value as any other.
    let mut text = |text: &str| into.hash(raw_bytes::from_str(text));
    match values.data_type() {
        DataType::Utf8 => values.as_string::<i32>().iter().flatten().for_each(text),
        DataType::LargeUtf8 => values.as_string::<i64>().iter().flatten().for_each(text),
        DataType::Utf8View => values.as_string_view().iter().flatten().for_each(&mut text),
        DataType::Boolean => {
            values.as_boolean().iter().flatten().for_each(|value| into.hash(i64::from(value)));
        }
        DataType::Float64 => {
            let values = values.as_primitive::<Float64Type>().iter().flatten();
            values.for_each(|value| into.hash(canonical_float::from_f64(value)));
        }
        DataType::Decimal128(..) => {
            let values = values.as_primitive::<Decimal128Type>().iter().flatten();
            values.for_each(|value| into.hash(value));
        }
        DataType::Timestamp(..) => {
            let moments = values.as_primitive_opt::<TimestampMicrosecondType>();
            let moments =
                moments.ok_or_else(|| exec_datafusion_err!("moments are no microseconds"))?;
            moments.iter().flatten().for_each(|value| into.hash(value));
        }
        other => return exec_err!("a sketch holds no values of type {other}"),
    }
    Ok(())
}
