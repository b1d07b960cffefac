//! Numbers for tuples of values, so that the kernel compares integers.

use crate::error::{Error, Result};
use arrow::array::ArrayRef;
use arrow::error::ArrowError;
use arrow::row::{Row, RowConverter, Rows, SortField};
use std::collections::HashMap;

/// Numbers the rows of some columns: two rows get the same number if and only if they are equal
/// column by column, NULL being equal to NULL. Numbers are dense, in order of first appearance.
/// Tuples, never concatenation: ("a", "bc") is not ("ab", "c").
pub(crate) fn number_rows(columns: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
    if columns.is_empty() {
        return Ok(vec![0; rows]);
    }
    let encoded = encode(columns)?;
    let mut numbers: HashMap<Row<'_>, u32> = HashMap::with_capacity(rows);
    let mut next = 0;
    let number = |row| {
        *numbers.entry(row).or_insert_with(|| {
            next += 1;
            next - 1
        })
    };
    Ok(encoded.iter().map(number).collect())
}

/// The rows of some columns in an encoding that orders as the tuples do, NULL first.
pub(crate) fn encode(columns: &[ArrayRef]) -> Result<Rows> {
    let fields = columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
    let broken = |error: ArrowError| Error::internal("rows cannot be compared").caused_by(error);
    let converter = RowConverter::new(fields).map_err(broken)?;
    converter.convert_columns(columns).map_err(broken)
}
