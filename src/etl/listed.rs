//! Rows of reference data, found by their key.

use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, Rows, SortField};
use arrow::util::display::array_value_to_string;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

/// More rows than this are not held in memory for a lookup.
pub(crate) const ROWS_AT_MOST: usize = 4_000_000;

/// Keys, each with at most one value. Keys are tuples, compared value by value.
#[derive(PartialEq)]
pub(crate) struct Listed {
    rows: HashMap<Box<[u8]>, u32>,
    values: Option<ArrayRef>,
}

/// What a job's rules say does not depend on what is listed.
impl fmt::Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listed")
    }
}

impl Listed {
    /// The rows of a batch by their first columns; one column more is the value. A row with NULL in
    /// its key is found by nobody.
    ///
    /// # Errors
    /// Data where a key has two values.
    pub(crate) fn new(batch: &RecordBatch, key_columns: usize) -> Result<Self> {
        let (keys, values) = batch.columns().split_at(key_columns);
        let encoded = encode(keys)?;
        let value = values.first().map(|value| encode(std::slice::from_ref(value))).transpose()?;
        let mut rows: HashMap<Box<[u8]>, u32> = HashMap::new();
        for (row, index) in (0_u32..).take(batch.num_rows()).map(|row| (row as usize, row)) {
            if has_null(keys, row) {
                continue;
            }
            match rows.entry(encoded.row(row).as_ref().into()) {
                Entry::Vacant(entry) => drop(entry.insert(index)),
                Entry::Occupied(entry) => {
                    let other = *entry.get() as usize;
                    if value.as_ref().is_some_and(|value| value.row(other) != value.row(row)) {
                        let key = words(keys, row);
                        return Err(Error::data(format!("{key} stands for two values there"))
                            .hint("a lookup needs columns that tell its rows apart"));
                    }
                }
            }
        }
        Ok(Self { rows, values: values.first().cloned() })
    }

    /// Which rows are not listed. One with NULL in its key asks for nothing.
    pub(crate) fn absent(&self, keys: &[ArrayRef]) -> Result<Vec<usize>> {
        let encoded = encode(keys)?;
        let is_absent = |row: &usize| {
            !has_null(keys, *row) && !self.rows.contains_key(encoded.row(*row).as_ref())
        };
        Ok((0..encoded.num_rows()).filter(is_absent).collect())
    }

    /// The value of each key; NULL where it is not listed.
    pub(crate) fn values(&self, keys: &[ArrayRef], ty: &DataType) -> Result<ArrayRef> {
        let encoded = encode(keys)?;
        let found = |row: usize| self.rows.get(encoded.row(row).as_ref()).copied();
        let rows: UInt32Array = (0..encoded.num_rows()).map(found).collect();
        match &self.values {
            Some(values) => take(values, &rows, None).map_err(broken),
            None => Ok(new_null_array(ty, rows.len())),
        }
    }
}

/// Rows of columns as bytes: equal where the rows are.
pub(crate) fn encode(columns: &[ArrayRef]) -> Result<Rows> {
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone()));
    let converter = RowConverter::new(fields.collect()).map_err(broken)?;
    converter.convert_columns(columns).map_err(broken)
}

/// The values of a row, in words.
pub(crate) fn words(columns: &[ArrayRef], row: usize) -> String {
    let value = |column: &ArrayRef| {
        let text = array_value_to_string(column, row).unwrap_or_default();
        format!("`{text}`")
    };
    columns.iter().map(value).collect::<Vec<_>>().join(", ")
}

fn has_null(columns: &[ArrayRef], row: usize) -> bool {
    columns.iter().any(|column| column.is_null(row))
}

fn broken(error: ArrowError) -> Error {
    Error::internal("reference data does not hold together").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int32Array, StringArray};
    use std::sync::Arc;

    fn texts(texts: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(texts.to_vec()))
    }

    fn numbers(numbers: &[Option<i32>]) -> ArrayRef {
        Arc::new(Int32Array::from(numbers.to_vec()))
    }

    fn batch(columns: [ArrayRef; 3]) -> RecordBatch {
        let names = ["a", "b", "v"];
        RecordBatch::try_from_iter_with_nullable(
            names.into_iter().zip(columns).map(|(name, column)| (name, column, true)),
        )
        .unwrap()
    }

    #[test]
    fn keys_are_tuples_and_null_finds_nothing() {
        let there = batch([
            texts(&[Some("a"), Some("ab"), None, Some("a")]),
            texts(&[Some("bc"), Some("c"), Some("x"), Some("bc")]),
            numbers(&[Some(1), None, Some(3), Some(1)]),
        ]);
        let listed = Listed::new(&there, 2).unwrap();
        let keys = [
            texts(&[Some("a"), Some("ab"), Some("abc"), None, Some("a")]),
            texts(&[Some("bc"), Some("c"), Some(""), Some("x"), None]),
        ];
        assert_eq!(listed.absent(&keys).unwrap(), [2]);
        let values = listed.values(&keys, &DataType::Int32).unwrap();
        let values: Vec<_> = values.as_primitive::<arrow::datatypes::Int32Type>().iter().collect();
        assert_eq!(values, [Some(1), None, None, None, None]);
    }

    #[test]
    fn a_key_with_two_values_is_refused() {
        let there = batch([
            texts(&[Some("a"), Some("a")]),
            texts(&[Some("b"), Some("b")]),
            numbers(&[Some(1), Some(2)]),
        ]);
        let error = Listed::new(&there, 2).err().unwrap();
        assert!(error.to_string().contains("`a`, `b` stands for two values"), "{error}");
    }
}
