//! Two answers to one question, compared whatever the order of their rows.

use crate::error::{Error, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use arrow::row::{RowConverter, SortField};
use arrow::util::display::array_value_to_string;
use std::cmp::Ordering;
use std::sync::Arc;

/// Answers of more rows are not compared: both would have to be held.
pub(super) const MOST_ROWS: usize = 100_000;

/// How far floating point numbers may be apart, as a part of the larger one.
const TOLERANCE: f64 = 1e-9;

/// The rows of an answer, sorted.
pub(super) struct Rows {
    batches: Vec<RecordBatch>,
    rows: Vec<Row>,
}

struct Row {
    /// What must be the same to the bit.
    exact: Vec<u8>,
    /// Floating point numbers, which may differ in their last digits.
    floats: Vec<Option<f64>>,
    /// Its batch, and its place there.
    place: (usize, usize),
}

impl Rows {
    /// # Errors
    /// Internal where values have no order.
    pub(super) fn new(batches: Vec<RecordBatch>) -> Result<Self> {
        let mut rows = Vec::new();
        for (number, batch) in batches.iter().enumerate() {
            rows.extend(of_batch(number, batch)?);
        }
        rows.sort_by(|a, b| {
            let floats = || a.floats.partial_cmp(&b.floats).unwrap_or(Ordering::Equal);
            a.exact.cmp(&b.exact).then_with(floats)
        });
        Ok(Self { batches, rows })
    }

    /// How it differs from what is expected, if it does: of the first such row what it has and what it
    /// should have.
    pub(super) fn differs(&self, expected: &Self) -> Option<String> {
        let (own, all) = (self.rows.len(), expected.rows.len());
        let pairs = || self.rows.iter().zip(&expected.rows);
        let first = pairs().find(|(row, other)| !row.is_like(other)).map(|(row, other)| {
            let (row, other) = (self.shown(row), expected.shown(other));
            format!(", the first has {} where base rows give {}", row.join(", "), other.join(", "))
        });
        let first = first.unwrap_or_default();
        let others = pairs().filter(|(row, other)| !row.is_like(other)).count();
        match (own == all, others) {
            (true, 0) => None,
            (true, _) => Some(format!("{others} of {own} rows are others{first}")),
            (false, _) => Some(format!("{own} rows beside {all}{first}")),
        }
    }

    /// The values of a row, by their columns.
    fn shown(&self, row: &Row) -> Vec<String> {
        let (number, place) = row.place;
        let Some(batch) = self.batches.get(number) else { return Vec::new() };
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns());
        let shown = columns.map(|(field, values)| {
            let value = match values.is_null(place) {
                true => "NULL".to_owned(),
                false => array_value_to_string(values, place).unwrap_or_default(),
            };
            format!("{} {value}", field.name())
        });
        shown.collect()
    }
}

impl Row {
    fn is_like(&self, other: &Self) -> bool {
        let mut floats = self.floats.iter().zip(&other.floats);
        self.exact == other.exact && floats.all(|(a, b)| is_near(*a, *b))
    }
}

fn is_near(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            a.to_bits() == b.to_bits() || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
        }
        (a, b) => a.is_none() && b.is_none(),
    }
}

fn of_batch(number: usize, batch: &RecordBatch) -> Result<Vec<Row>> {
    let is_float = |array: &&Arc<dyn Array>| *array.data_type() == DataType::Float64;
    let (floats, exact): (Vec<_>, Vec<_>) = batch.columns().iter().partition(is_float);
    let exact: Vec<_> = exact.into_iter().cloned().collect();
    let fields = exact.iter().map(|array| SortField::new(array.data_type().clone())).collect();
    let failed = |error| Error::internal("answers cannot be compared").caused_by(error);
    let converter = RowConverter::new(fields).map_err(failed)?;
    let exact = match exact.is_empty() {
        true => None,
        false => Some(converter.convert_columns(&exact).map_err(failed)?),
    };
    let row = |place: usize| {
        let bytes = exact.as_ref().map(|rows| rows.row(place).as_ref().to_vec());
        let value = |array: &&Arc<dyn Array>| {
            let array = array.as_primitive::<Float64Type>();
            array.is_valid(place).then(|| array.value(place))
        };
        let floats = floats.iter().map(value).collect();
        Row { exact: bytes.unwrap_or_default(), floats, place: (number, place) }
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, StringArray};

    fn rows(values: [(&str, f64); 2]) -> Rows {
        let names: StringArray = values.iter().map(|(name, _)| Some(*name)).collect();
        let numbers: Float64Array = values.iter().map(|(_, number)| Some(*number)).collect();
        let columns: [(&str, Arc<dyn Array>); 2] =
            [("region", Arc::new(names)), ("revenue", Arc::new(numbers))];
        Rows::new(vec![RecordBatch::try_from_iter(columns).unwrap()]).unwrap()
    }

    #[test]
    fn last_digits_of_floats_may_differ_and_nothing_else() {
        let answer = rows([("a", 1.0), ("b", 1e9)]);
        assert_eq!(answer.differs(&rows([("b", 1e9 - 0.1), ("a", 1.0 + 1e-12)])), None);
        let told = answer.differs(&rows([("a", 1.5), ("b", 1e9)])).unwrap();
        let expected = "1 of 2 rows are others, the first has region a, revenue 1.0 where base rows give \
                        region a, revenue 1.5";
        assert_eq!(told, expected);
        let told = answer.differs(&rows([("a", 1.0), ("c", 1e9)])).unwrap();
        assert!(told.starts_with("1 of 2 rows are others, the first has region b"), "{told}");
        let fewer = Rows::new(Vec::new()).unwrap();
        assert_eq!(answer.differs(&fewer).as_deref(), Some("2 rows beside 0"));
    }
}
