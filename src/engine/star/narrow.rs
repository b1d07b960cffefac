//! Numbers in as few bytes as the values of a column chunk need: money is stored in 16, and most of it
//! fits into four.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::compute::{max, min};
use arrow::datatypes::{
    ArrowNativeType, ArrowNumericType, DataType, Date32Type, Decimal128Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, internal_err};
use std::sync::Arc;

/// Values as the narrowest integers that hold all of them; as they are where none are narrower.
pub(super) fn narrowed(values: &ArrayRef) -> ArrayRef {
    let narrow = match values.data_type() {
        DataType::Int16 => cut::<Int16Type>(values),
        DataType::Int32 => cut::<Int32Type>(values),
        DataType::Date32 => cut::<Date32Type>(values),
        DataType::Int64 => cut::<Int64Type>(values),
        DataType::Timestamp(TimeUnit::Microsecond, _) => cut::<TimestampMicrosecondType>(values),
        DataType::Decimal128(..) => cut::<Decimal128Type>(values),
        _ => None,
    };
    narrow.unwrap_or_else(|| ArrayRef::clone(values))
}

fn cut<T: ArrowNumericType>(values: &ArrayRef) -> Option<ArrayRef> {
    let values = values.as_primitive_opt::<T>()?;
    let bounds = (min(values)?.to_i64()?, max(values)?.to_i64()?);
    let own = size_of::<T::Native>();
    let fits = |least: i64, most: i64| least <= bounds.0 && bounds.1 <= most;
    // What stands where a value is NULL is nobody's.
    let whole = |value: T::Native| value.to_i64().unwrap_or_default();
    if own > size_of::<i8>() && fits(i8::MIN.into(), i8::MAX.into()) {
        return Some(Arc::new(values.unary::<_, Int8Type>(|value| whole(value) as i8)));
    }
    if own > size_of::<i16>() && fits(i16::MIN.into(), i16::MAX.into()) {
        return Some(Arc::new(values.unary::<_, Int16Type>(|value| whole(value) as i16)));
    }
    if own > size_of::<i32>() && fits(i32::MIN.into(), i32::MAX.into()) {
        return Some(Arc::new(values.unary::<_, Int32Type>(|value| whole(value) as i32)));
    }
    (own > size_of::<i64>()).then(|| Arc::new(values.unary::<_, Int64Type>(whole)) as _)
}

/// Values of a column of type `ty`, which may be [`narrowed`], as that type has them; codes stay codes.
pub(super) fn widened(values: ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    if values.data_type() == ty {
        return Ok(values);
    }
    match values.data_type() {
        DataType::Int8 => wide::<Int8Type>(&values, ty),
        DataType::Int16 => wide::<Int16Type>(&values, ty),
        DataType::Int32 => wide::<Int32Type>(&values, ty),
        DataType::Int64 => wide::<Int64Type>(&values, ty),
        _ => Ok(values),
    }
}

fn wide<N>(values: &ArrayRef, ty: &DataType) -> Result<ArrayRef>
where
    N: ArrowPrimitiveType,
    N::Native: Into<i64>,
{
    let values = values.as_primitive::<N>();
    Ok(match ty {
        DataType::Int16 => Arc::new(values.unary::<_, Int16Type>(|value| value.into() as i16)),
        DataType::Int32 => Arc::new(values.unary::<_, Int32Type>(|value| value.into() as i32)),
        DataType::Date32 => Arc::new(values.unary::<_, Date32Type>(|value| value.into() as i32)),
        DataType::Int64 => Arc::new(values.unary::<_, Int64Type>(Into::into)),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let moments = values.unary::<_, TimestampMicrosecondType>(Into::into);
            Arc::new(moments.with_timezone_opt(zone.clone()))
        }
        DataType::Decimal128(..) => {
            let decimals = values.unary::<_, Decimal128Type>(|value| value.into().into());
            Arc::new(decimals.with_data_type(ty.clone()))
        }
        other => return internal_err!("{other} is not narrowed"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, new_null_array};
    use arrow::compute::cast;

    #[test]
    fn what_is_narrowed_comes_back() {
        let micros =
            |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Arc::from));
        let types = [
            DataType::Int16,
            DataType::Int32,
            DataType::Date32,
            DataType::Int64,
            micros(None),
            micros(Some("UTC")),
            DataType::Decimal128(12, 2),
            DataType::Decimal128(38, 0),
        ];
        let bounds = [
            (0, 1),
            (i64::from(i8::MIN), i64::from(i8::MAX)),
            (i64::from(i8::MIN) - 1, 0),
            (0, i64::from(i16::MAX)),
            (0, i64::from(i16::MAX) + 1),
            (i64::from(i32::MIN), 0),
            (i64::from(i32::MIN) - 1, 0),
            (i64::MIN, i64::MAX),
        ];
        for (low, high) in bounds {
            let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(low), None, Some(high)]));
            for ty in &types {
                let width = ty.primitive_width().unwrap();
                let most = if width >= 8 { i64::MAX } else { (1 << (8 * width - 1)) - 1 };
                if low < -most - 1 || high > most {
                    continue;
                }
                let values: ArrayRef = match ty {
                    DataType::Decimal128(..) => {
                        let own = numbers.as_primitive::<Int64Type>();
                        let own = own.unary::<_, Decimal128Type>(i128::from);
                        Arc::new(own.with_data_type(ty.clone()))
                    }
                    DataType::Date32 => {
                        cast(&cast(&numbers, &DataType::Int32).unwrap(), ty).unwrap()
                    }
                    _ => cast(&numbers, ty).unwrap(),
                };
                let narrow = narrowed(&values);
                let needed = [1_u32, 2, 4, 8]
                    .into_iter()
                    .find(|bytes| low >> (8 * bytes - 1) >= -1 && high >> (8 * bytes - 1) <= 0);
                let needed = needed.unwrap() as usize;
                assert_eq!(narrow.data_type().primitive_width(), Some(needed.min(width)), "{ty}");
                assert_eq!(widened(narrow, ty).unwrap().as_ref(), values.as_ref(), "{ty}");
            }
        }
    }

    #[test]
    fn other_values_stay_as_they_are() {
        for ty in [DataType::Int64, DataType::Utf8View, DataType::Float64, DataType::Boolean] {
            let nulls = new_null_array(&ty, 3);
            assert_eq!(narrowed(&nulls).data_type(), &ty);
            assert_eq!(widened(ArrayRef::clone(&nulls), &ty).unwrap().as_ref(), nulls.as_ref());
        }
        // Wider than 64 bits.
        let huge = arrow::array::Decimal128Array::from(vec![i128::MAX]);
        let huge: ArrayRef = Arc::new(huge.with_precision_and_scale(38, 0).unwrap());
        assert_eq!(narrowed(&huge).as_ref(), huge.as_ref());
    }
}
