//! Places of rows along a Hilbert curve: rows that are near each other on it are near each other in
//! every one of its columns, so that a range of any of them is in few pages.
//!
//! The curve is computed as in J. Skilling, "Programming the Hilbert curve" (AIP Conference
//! Proceedings 707, 2004). Each column's values are spread evenly over the axis, from the least to
//! the greatest among the rows; NULL stands at the end.

use super::fact_sql::quoted;
use crate::error::{Error, Result};
use crate::model::Fact;
use arrow::array::{Array, AsArray, Int64Array};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;

/// Cells of an axis, as a power of two: the bits of [`Fact::MOST_AXES`] axes
/// fit a place.
const BITS: u32 = 15;
const LAST_CELL: u32 = (1 << BITS) - 1;
/// Rows whose places are computed together.
const LANES: usize = 16;

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
    let mut places = Vec::with_capacity(batch.num_rows());
    let mut cells = vec![[0; LANES]; columns.len()];
    for start in (0..batch.num_rows()).step_by(LANES) {
        let rows = start..(start + LANES).min(batch.num_rows());
        for ((cells, column), (least, greatest)) in cells.iter_mut().zip(&columns).zip(bounds) {
            let scale = scale(*least, *greatest);
            for (cell, row) in cells.iter_mut().zip(rows.clone()) {
                *cell = match column.is_null(row) {
                    true => LAST_CELL,
                    false => cell_of(column.value(row), *least, scale),
                };
            }
        }
        places.extend_from_slice(&places_of(&mut cells)[..rows.len()]);
    }
    Ok(places.into())
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

/// Cells a unit of an axis.
fn scale(least: i64, greatest: i64) -> f64 {
    f64::from(1 << BITS) / (greatest.abs_diff(least) as f64 + 1.0)
}

/// The cell of a value on an axis; a greater value is never in a lesser cell.
fn cell_of(value: i64, least: i64, scale: f64) -> u32 {
    // What is below the least comes from another batch than the bounds do, and counts as the least.
    let from = value.max(least).abs_diff(least) as f64;
    ((from * scale) as u32).min(LAST_CELL)
}

/// The places of cells on the curve, by axis and row; the cells are used up. Rows side by side, without a
/// branch, so that the machine takes several at once.
fn places_of(cells: &mut [[u32; LANES]]) -> [i64; LANES] {
    let mut places = [0; LANES];
    let axes = cells.len();
    let Some((first, others)) = cells.split_first_mut() else { return places };
    // Undo the rotations and reflections of each level, from the coarsest to the finest.
    for bit in (1..BITS).rev() {
        let below = (1 << bit) - 1;
        for cell in first.iter_mut() {
            *cell ^= below & all_ones_if(*cell, bit);
        }
        for own in others.iter_mut() {
            for (cell, own) in first.iter_mut().zip(own) {
                let reflected = all_ones_if(*own, bit);
                let swapped = (*cell ^ *own) & below & !reflected;
                *cell ^= swapped | below & reflected;
                *own ^= swapped;
            }
        }
    }
    // Gray encode.
    for axis in 1..axes {
        let before = cells[axis - 1];
        for (cell, before) in cells[axis].iter_mut().zip(before) {
            *cell ^= before;
        }
    }
    // Each level is turned over by those bits of the last axis that are above it.
    let mut flips = cells[axes - 1].map(|cell| cell >> 1);
    for shift in [1, 2, 4, 8] {
        flips = flips.map(|flip| flip ^ flip >> shift);
    }
    // The place's bits, the coarsest level of every axis first.
    for (axis, cells) in cells.iter().enumerate() {
        for ((place, cell), flip) in places.iter_mut().zip(cells).zip(flips) {
            *place |= spread(cell ^ flip, axes) << (axes - 1 - axis);
        }
    }
    places
}

fn all_ones_if(cell: u32, bit: u32) -> u32 {
    (cell >> bit & 1).wrapping_neg()
}

/// A cell's bits with room between them for those of the other axes: halves move apart, then
/// quarters, until each bit is by itself.
fn spread(cell: u32, axes: usize) -> i64 {
    [8, 4, 2, 1].into_iter().fold(i64::from(cell), |bits, block| {
        (bits | bits << (block * (axes - 1))) & BLOCKS[axes - 1][block.ilog2() as usize]
    })
}

/// By axes less one and by the logarithm of a block's bits: blocks of bits, each with room for those of
/// all axes.
const BLOCKS: [[i64; 4]; Fact::MOST_AXES] = {
    let mut masks = [[0; 4]; Fact::MOST_AXES];
    let mut place = 0;
    while place < 4 * Fact::MOST_AXES {
        let (axes, block) = (place / 4 + 1, 1 << (place % 4));
        let mut bit = 0;
        while bit < BITS as usize * axes {
            if bit % (block * axes) < block {
                masks[place / 4][place % 4] |= 1 << bit;
            }
            bit += 1;
        }
        place += 1;
    }
    masks
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Along the curve each step changes one coordinate by one: its defining property. The cells
    /// of the first `side` in each direction are the curve's first ones.
    #[test]
    fn neighbours_on_the_curve_are_neighbours_in_space() {
        for axes in 2..=Fact::MOST_AXES {
            let side: u32 = if axes == 2 { 32 } else { 8 };
            let count = side.pow(u32::try_from(axes).unwrap());
            let mut at = HashMap::new();
            for number in 0..count {
                let cell: Vec<u32> = (0..u32::try_from(axes).unwrap())
                    .map(|a| number / side.pow(a) % side)
                    .collect();
                assert!(at.insert(place(&cell), cell).is_none(), "two cells, one place");
            }
            for number in 1..i64::from(count) {
                let (before, after) = (&at[&(number - 1)], &at[&number]);
                let apart: u32 = before.iter().zip(after).map(|(a, b)| a.abs_diff(*b)).sum();
                assert_eq!(apart, 1, "{before:?} and {after:?}");
            }
        }
    }

    fn place(cell: &[u32]) -> i64 {
        let mut cells: Vec<[u32; LANES]> = cell.iter().map(|axis| [*axis; LANES]).collect();
        let places = places_of(&mut cells);
        assert_eq!(places, [places[0]; LANES]);
        places[0]
    }

    /// Skilling's own form of the algorithm: a cell at a time, with branches.
    fn place_by_skilling(mut cell: Vec<u32>) -> i64 {
        let last = cell.len() - 1;
        for bit in (1..BITS).rev() {
            let (level, below) = (1 << bit, (1 << bit) - 1);
            for axis in 0..=last {
                if cell[axis] & level != 0 {
                    cell[0] ^= below;
                } else {
                    let swapped = (cell[0] ^ cell[axis]) & below;
                    cell[0] ^= swapped;
                    cell[axis] ^= swapped;
                }
            }
        }
        for axis in 1..=last {
            cell[axis] ^= cell[axis - 1];
        }
        let set = |bit: &u32| cell[last] >> bit & 1 != 0;
        let flip = (1..BITS).filter(set).fold(0, |flip, bit| flip ^ ((1 << bit) - 1));
        let bits =
            (0..BITS).rev().flat_map(|bit| cell.iter().map(move |axis| (axis ^ flip) >> bit & 1));
        bits.fold(0, |place, bit| place << 1 | i64::from(bit))
    }

    proptest::proptest! {
        #[test]
        fn places_are_those_of_the_published_algorithm(
            cell in proptest::collection::vec(0..=LAST_CELL, 1..=Fact::MOST_AXES),
        ) {
            proptest::prop_assert_eq!(place(&cell), place_by_skilling(cell));
        }

        #[test]
        fn a_greater_value_is_never_in_a_lesser_cell(ends: (i64, i64), values: (i64, i64)) {
            let (least, greatest) = (ends.0.min(ends.1), ends.0.max(ends.1));
            let scale = scale(least, greatest);
            let cell = |value: i64| cell_of(value.clamp(least, greatest), least, scale);
            proptest::prop_assert!(
                cell(values.0.min(values.1)) <= cell(values.0.max(values.1))
            );
        }
    }

    #[test]
    fn values_spread_over_the_axis() {
        let cell = |value, least, greatest| cell_of(value, least, scale(least, greatest));
        assert_eq!(cell(10, 10, 20), 0);
        assert!(cell(20, 10, 20) > (1 << BITS) * 9 / 10);
        assert_eq!(cell(i64::MAX, i64::MIN, i64::MAX), LAST_CELL);
        assert_eq!(cell(5, 5, 5), 0);
    }

    #[test]
    fn rows_that_do_not_fill_the_lanes_have_places() {
        let values: Vec<i64> = (0..37).collect();
        let batch = RecordBatch::try_from_iter([
            ("a", std::sync::Arc::new(Int64Array::from(values.clone())) as _),
            ("b", std::sync::Arc::new(Int64Array::from(values)) as _),
        ])
        .unwrap();
        let axes = ["a".to_owned(), "b".to_owned()];
        let bounds = bounds(&batch, &axes).unwrap();
        let places = places(&batch, &axes, &bounds).unwrap();
        assert_eq!(places.len(), 37);
        // Along the diagonal of a square the curve only goes on.
        assert!(places.values().windows(2).all(|pair| pair[0] < pair[1]));
    }
}
