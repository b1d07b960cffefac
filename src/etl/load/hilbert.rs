//! Places of rows along a Hilbert curve: rows that are near each other on it are near each other in
//! every one of its columns, so that a range of any of them is in few pages.
//!
//! The curve is computed as in J. Skilling, "Programming the Hilbert curve" (AIP Conference
//! Proceedings 707, 2004). Each column's values are spread evenly over the axis, from the least to
//! the greatest among the rows; NULL stands at the end.

use super::fact_sql::quoted;
use crate::error::{Error, Result};
use arrow::array::{Array, AsArray, Int64Array};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;

/// Cells of an axis, as a power of two: the bits of [`Fact::MOST_AXES`](crate::model::Fact) axes
/// fit a place.
const BITS: u32 = 15;

/// The least and the greatest value of each axis.
pub(super) type Bounds = Vec<(i64, i64)>;

/// The bounds of the axes among rows.
pub(super) fn bounds(batch: &RecordBatch, axes: &[String]) -> Result<Bounds> {
    let bound = |axis: &String| {
        let values = values(batch, axis)?;
        Ok((min(&values).unwrap_or(0), max(&values).unwrap_or(0)))
    };
    axes.iter().map(bound).collect()
}

/// SQL for the bounds among the rows that SQL yields; [`bounds_of`] reads its answer.
pub(super) fn bounds_sql(axes: &[String], rows: &str) -> String {
    let bounds = axes.iter().map(|axis| format!("min({0}), max({0})", quoted(axis)));
    format!("SELECT {} FROM ({rows}) AS r", bounds.collect::<Vec<_>>().join(", "))
}

/// The bounds in an answer to [`bounds_sql`].
pub(super) fn bounds_of(answer: &RecordBatch) -> Result<Bounds> {
    let ends: Vec<i64> = answer
        .columns()
        .iter()
        .map(|column| Ok(integers(column)?.iter().next().flatten().unwrap_or(0)))
        .collect::<Result<_>>()?;
    Ok(ends.chunks(2).map(|pair| (pair[0], pair[pair.len() - 1])).collect())
}

/// The place of each row on the curve through these axes.
pub(super) fn places(batch: &RecordBatch, axes: &[String], bounds: &Bounds) -> Result<Int64Array> {
    let columns: Vec<Int64Array> =
        axes.iter().map(|axis| values(batch, axis)).collect::<Result<_>>()?;
    let mut cells = vec![0; columns.len()];
    let place = |row: usize| {
        for ((cell, column), (least, greatest)) in cells.iter_mut().zip(&columns).zip(bounds) {
            *cell = match column.is_null(row) {
                true => (1 << BITS) - 1,
                false => cell_of(column.value(row), *least, *greatest),
            };
        }
        place(&mut cells)
    };
    Ok((0..batch.num_rows()).map(place).collect::<Vec<i64>>().into())
}

fn values(batch: &RecordBatch, axis: &str) -> Result<Int64Array> {
    let missing = || Error::internal("rows lack a column they are clustered by");
    integers(batch.column_by_name(axis).ok_or_else(missing)?)
}

/// Integers, or days as such.
fn integers(column: &arrow::array::ArrayRef) -> Result<Int64Array> {
    let fault = |error| Error::internal("a column is no axis").caused_by(error);
    let days = match column.data_type() {
        DataType::Date32 => cast(column, &DataType::Int32).map_err(fault)?,
        _ => std::sync::Arc::clone(column),
    };
    let values = cast(&days, &DataType::Int64).map_err(fault)?;
    Ok(values.as_primitive::<Int64Type>().clone())
}

/// The cell of a value on an axis.
fn cell_of(value: i64, least: i64, greatest: i64) -> u32 {
    let (from, width) =
        (i128::from(value) - i128::from(least), i128::from(greatest) - i128::from(least) + 1);
    let cell = (from << BITS) / width.max(1);
    u32::try_from(cell.clamp(0, (1 << BITS) - 1)).unwrap_or_default()
}

/// The place of a cell on the curve; the cell is used up.
fn place(cell: &mut [u32]) -> i64 {
    let Some(last) = cell.len().checked_sub(1) else { return 0 };
    // Undo the rotations and reflections of each level, from the coarsest to the finest.
    let mut level = 1 << (BITS - 1);
    while level > 1 {
        let below = level - 1;
        for axis in 0..=last {
            if cell[axis] & level != 0 {
                cell[0] ^= below;
            } else {
                let swapped = (cell[0] ^ cell[axis]) & below;
                cell[0] ^= swapped;
                cell[axis] ^= swapped;
            }
        }
        level >>= 1;
    }
    // Gray encode.
    for axis in 1..=last {
        cell[axis] ^= cell[axis - 1];
    }
    let mut flip = 0;
    let mut level = 1 << (BITS - 1);
    while level > 1 {
        if cell[last] & level != 0 {
            flip ^= level - 1;
        }
        level >>= 1;
    }
    // The place's bits, the coarsest level of every axis first.
    let mut place = 0;
    for bit in (0..BITS).rev() {
        for axis in cell.iter() {
            place = place << 1 | i64::from((axis ^ flip) >> bit & 1);
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Along the curve each step changes one coordinate by one: its defining property. The cells
    /// of the first `side` in each direction are the curve's first ones.
    #[test]
    fn neighbours_on_the_curve_are_neighbours_in_space() {
        for axes in 2..=crate::model::Fact::MOST_AXES {
            let side: u32 = if axes == 2 { 32 } else { 8 };
            let count = side.pow(u32::try_from(axes).unwrap());
            let mut at = HashMap::new();
            for number in 0..count {
                let cell: Vec<u32> = (0..u32::try_from(axes).unwrap())
                    .map(|a| number / side.pow(a) % side)
                    .collect();
                assert!(
                    at.insert(place(&mut cell.clone()), cell).is_none(),
                    "two cells, one place"
                );
            }
            for number in 1..i64::from(count) {
                let (before, after) = (&at[&(number - 1)], &at[&number]);
                let apart: u32 = before.iter().zip(after).map(|(a, b)| a.abs_diff(*b)).sum();
                assert_eq!(apart, 1, "{before:?} and {after:?}");
            }
        }
    }

    #[test]
    fn values_spread_over_the_axis() {
        assert_eq!(cell_of(10, 10, 20), 0);
        assert!(cell_of(20, 10, 20) > (1 << BITS) * 9 / 10);
        assert_eq!(cell_of(i64::MAX, i64::MIN, i64::MAX), (1 << BITS) - 1);
        assert_eq!(cell_of(5, 5, 5), 0);
    }
}
