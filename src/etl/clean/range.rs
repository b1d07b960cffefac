//! `range`: the typed value lies within inclusive bounds.

use super::cast::{formatter, true_rows};
use super::{Fault, values};
use crate::error::{Error, Result};
use crate::etl::job::ValueRange;
use crate::model::ColumnType;
use arrow::array::{ArrayRef, Scalar};
use arrow::compute::kernels::cmp::{gt, lt};
use arrow::error::ArrowError;

/// Refuses values outside the bounds.
pub(super) struct Range {
    min: Option<Scalar<ArrayRef>>,
    max: Option<Scalar<ArrayRef>>,
    words: String,
}

impl Range {
    /// # Errors
    /// User where there is no bound, a bound is not of the column's type, or nothing could lie
    /// between them.
    pub(super) fn new(range: &ValueRange, ty: ColumnType) -> Result<Self> {
        if matches!(ty, ColumnType::Text | ColumnType::Boolean) {
            return Err(Error::user(format!("range needs a number, date or timestamp, not {ty}")));
        }
        let words = match (&range.min, &range.max) {
            (Some(min), Some(max)) => format!("not within {min} to {max}"),
            (Some(min), None) => format!("less than {min}"),
            (None, Some(max)) => format!("more than {max}"),
            (None, None) => return Err(Error::user("range says neither `min` nor `max`")),
        };
        let bound = |text: &Option<String>| text.as_ref().map(|text| scalar(text, ty)).transpose();
        let (min, max) = (bound(&range.min)?, bound(&range.max)?);
        if let (Some(min), Some(max)) = (&min, &max)
            && gt(min, max).is_ok_and(|above| above.value(0))
        {
            return Err(Error::user("range has its `min` above its `max`"));
        }
        Ok(Self { min, max, words })
    }

    /// The values outside the bounds. NULL is outside none.
    pub(super) fn faults(&self, array: &ArrayRef) -> Result<Vec<Fault>> {
        let below = self.min.as_ref().map(|min| lt(array, min)).transpose().map_err(internal)?;
        let above = self.max.as_ref().map(|max| gt(array, max)).transpose().map_err(internal)?;
        let mut rows: Vec<usize> = [below, above].iter().flatten().flat_map(true_rows).collect();
        rows.sort_unstable();
        let formatter = formatter(array)?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let reason = format!("`{}` is {}", formatter.value(row), self.words);
                Fault { row, rule: "range", reason }
            })
            .collect())
    }
}

fn scalar(text: &str, ty: ColumnType) -> Result<Scalar<ArrayRef>> {
    let mut wrong = None;
    let value = values::column(ty, std::iter::once(Some(text)), |_, reason| wrong = Some(reason));
    match wrong {
        Some(reason) => Err(Error::user(format!("range: {reason}"))),
        None => Ok(Scalar::new(value)),
    }
}

fn internal(error: ArrowError) -> Error {
    Error::internal("a range does not compare with its column").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Decimal128Array;
    use std::sync::Arc;

    const MONEY: ColumnType = ColumnType::Decimal { precision: 12, scale: 2 };

    fn range(min: Option<&str>, max: Option<&str>, ty: ColumnType) -> Result<Range> {
        Range::new(&ValueRange { min: min.map(str::to_owned), max: max.map(str::to_owned) }, ty)
    }

    #[test]
    fn bounds_are_inclusive() {
        let values = vec![Some(-1), Some(0), None, Some(1000), Some(1001)];
        let array = Decimal128Array::from(values).with_data_type(MONEY.arrow());
        let array: ArrayRef = Arc::new(array);
        let rows = |range: Range| -> Vec<usize> {
            range.faults(&array).unwrap().iter().map(|fault| fault.row).collect()
        };
        assert_eq!(rows(range(Some("0"), Some("10.00"), MONEY).unwrap()), vec![0, 4]);
        assert_eq!(rows(range(Some("0"), None, MONEY).unwrap()), vec![0]);
        assert_eq!(rows(range(None, Some("9.99"), MONEY).unwrap()), vec![3, 4]);
    }

    #[test]
    fn bad_ranges_are_refused() {
        assert!(range(None, None, MONEY).is_err());
        assert!(range(Some("2"), Some("1"), MONEY).is_err());
        assert!(range(Some("x"), None, MONEY).is_err());
        assert!(range(Some("a"), None, ColumnType::Text).is_err());
        assert!(range(Some("2024-01-01"), None, ColumnType::Date).is_ok());
    }
}
