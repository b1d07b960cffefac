//! Arrow types that come from programs and that no column has, but that become one that has without
//! loss.

use crate::error::{Error, Result};
use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use std::sync::Arc;

/// The type as which values of another are taken; the same where they can be taken as they are, or
/// not at all.
pub(super) fn taken_as(ty: &DataType) -> DataType {
    match ty {
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Decimal256(precision, scale) if *precision <= DECIMAL128_MAX_PRECISION => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Dictionary(_, values) => taken_as(values),
        DataType::RunEndEncoded(_, values) => taken_as(values.data_type()),
        other => other.clone(),
    }
}

/// The values as they are taken.
///
/// # Errors
/// Data where one is more than its day.
pub(super) fn taken(values: &ArrayRef) -> Result<ArrayRef> {
    let ty = taken_as(values.data_type());
    if ty == *values.data_type() {
        return Ok(Arc::clone(values));
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let unfit = |error: ArrowError| {
        Error::data(format!("a value of {} does not become {ty}", values.data_type()))
            .caused_by(error)
    };
    let taken = cast_with_options(values, &ty, &strict).map_err(unfit)?;
    if *values.data_type() == DataType::Date64 {
        let back = cast(&taken, values.data_type()).map_err(unfit)?;
        let same: BooleanArray = not_distinct(&back, values).map_err(unfit)?;
        if let Some(row) = (0..same.len()).find(|row| !same.value(*row)) {
            let value = array_value_to_string(values, row).unwrap_or_default();
            return Err(Error::data(format!("the value {value} is no day")));
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date64Array, Int32Array, RunArray, StringArray, new_null_array};
    use arrow::datatypes::Int32Type;

    #[test]
    fn values_become_what_a_column_can_be() {
        let days: ArrayRef = Arc::new(Date64Array::from(vec![Some(86_400_000), None]));
        assert_eq!(taken(&days).unwrap().data_type(), &DataType::Date32);
        let noon: ArrayRef = Arc::new(Date64Array::from(vec![43_200_000]));
        assert!(taken(&noon).unwrap_err().to_string().contains("is no day"));
        let halves = new_null_array(&DataType::Float16, 1);
        assert_eq!(taken(&halves).unwrap().data_type(), &DataType::Float32);
        let (ends, words) = (Int32Array::from(vec![2, 3]), StringArray::from(vec!["a", "b"]));
        let runs: ArrayRef = Arc::new(RunArray::<Int32Type>::try_new(&ends, &words).unwrap());
        let expected: ArrayRef = Arc::new(StringArray::from(vec!["a", "a", "b"]));
        assert_eq!(&taken(&runs).unwrap(), &expected);
        let large = DataType::Decimal256(60, 2);
        assert_eq!(taken_as(&large), large);
    }
}
