//! Rows of a row group that are still asked for, and decoded columns that have some of them.

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::{prep_null_mask_filter, take};
use datafusion::common::Result;
use std::ops::Range;

/// Row numbers within a row group, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rows {
    /// Ranges, none of them empty or touching the next.
    Ranges(Vec<Range<u32>>),
    /// One by one.
    List(Vec<u32>),
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ranges(ranges) => ranges.iter().map(ExactSizeIterator::len).sum(),
            Self::List(rows) => rows.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those also in these ranges, which are in order.
    pub(super) fn within(&self, ranges: &[Range<u32>]) -> Self {
        match self {
            Self::Ranges(own) => {
                let mut both = Vec::new();
                for range in own {
                    let from = ranges.partition_point(|other| other.end <= range.start);
                    let overlapping =
                        ranges[from..].iter().take_while(|other| other.start < range.end);
                    for other in overlapping {
                        push(&mut both, range.start.max(other.start)..range.end.min(other.end));
                    }
                }
                Self::Ranges(both)
            }
            Self::List(rows) => {
                let inside = |row: &&u32| {
                    let from = ranges.partition_point(|range| range.end <= **row);
                    ranges.get(from).is_some_and(|range| range.start <= **row)
                };
                Self::List(rows.iter().filter(inside).copied().collect())
            }
        }
    }

    /// Those where the mask, a value for each of them, is true.
    pub(super) fn masked(&self, mask: &BooleanArray) -> Self {
        let known = match mask.null_count() {
            0 => mask.values().clone(),
            _ => prep_null_mask_filter(mask).values().clone(),
        };
        let mut kept = Vec::with_capacity(known.count_set_bits());
        match self {
            Self::Ranges(ranges) => {
                let mut first = 0;
                for range in ranges {
                    let part = known.slice(first, range.len());
                    kept.extend(part.set_indices_u32().map(|index| range.start + index));
                    first += range.len();
                }
            }
            Self::List(rows) => kept.extend(known.set_indices().map(|index| rows[index])),
        }
        Self::List(kept)
    }

    /// Those of the blocks that hold any of them; block `i` begins at `starts[i]`, the last one
    /// ends at `end`.
    pub(super) fn blocks(&self, starts: &[u32], end: u32) -> Vec<Range<u32>> {
        let block = |index: usize| starts[index]..starts.get(index + 1).copied().unwrap_or(end);
        let mut blocks = Vec::new();
        match self {
            Self::Ranges(ranges) => {
                for range in ranges {
                    let mut index = starts.partition_point(|start| *start <= range.start) - 1;
                    while index < starts.len() && starts[index] < range.end {
                        push_once(&mut blocks, block(index));
                        index += 1;
                    }
                }
            }
            Self::List(rows) => {
                let mut next = 0;
                while let Some(row) = rows.get(next) {
                    let index = starts.partition_point(|start| start <= row) - 1;
                    let block = block(index);
                    next += rows[next..].partition_point(|row| *row < block.end);
                    push(&mut blocks, block);
                }
            }
        }
        blocks
    }
}

/// Adds a range behind those before it, joined to the last if they touch.
fn push(ranges: &mut Vec<Range<u32>>, range: Range<u32>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

/// The same, unless it is there already.
fn push_once(ranges: &mut Vec<Range<u32>>, range: Range<u32>) {
    if ranges.last().is_none_or(|last| last.end <= range.start) {
        push(ranges, range);
    }
}

/// A decoded column of a row group: the values of some ranges of its rows, one after the other, numbers
/// maybe [narrowed](super::narrow), texts maybe as codes.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) values: ArrayRef,
    pub(super) ranges: Vec<Range<u32>>,
}

impl Column {
    /// The values of these rows, all of which it must have.
    pub(super) fn of(&self, rows: &Rows) -> Result<ArrayRef> {
        match rows {
            Rows::Ranges(ranges) if *ranges == self.ranges => Ok(ArrayRef::clone(&self.values)),
            Rows::Ranges(ranges) if ranges.len() == 1 => {
                let from = self.place(ranges[0].start);
                Ok(self.values.slice(from, ranges[0].len()))
            }
            _ => {
                let mut places = Vec::with_capacity(rows.len());
                self.each(rows, |_, place| places.push(place as u32));
                Ok(take(&self.values, &UInt32Array::from(places), None)?)
            }
        }
    }

    /// The rows of these whose values, by their places, are kept.
    pub(super) fn keep(&self, rows: &Rows, keep: impl Fn(usize) -> bool) -> Rows {
        let mut kept = Vec::new();
        self.each_run(rows, |run| match run {
            Run::Rows(rows, first) => {
                let mut place = first;
                extend_by_kept(&mut kept, rows, |_| {
                    place += 1;
                    keep(place - 1)
                });
            }
            Run::List(rows, range, first) => {
                let rows = rows.iter().copied();
                extend_by_kept(&mut kept, rows, |row| keep(first + (row - range) as usize));
            }
        });
        Rows::List(kept)
    }

    /// Each row with the place of its value.
    fn each(&self, rows: &Rows, mut visit: impl FnMut(u32, usize)) {
        self.each_run(rows, |run| match run {
            Run::Rows(rows, first) => {
                for (place, row) in (first..).zip(rows) {
                    visit(row, place);
                }
            }
            Run::List(rows, range, first) => {
                for row in rows {
                    visit(*row, first + (*row - range) as usize);
                }
            }
        });
    }

    /// The rows in runs, each within a range of this column's.
    fn each_run(&self, rows: &Rows, mut visit: impl FnMut(Run<'_>)) {
        let mut first = 0;
        let mut next = 0;
        for range in &self.ranges {
            match rows {
                Rows::Ranges(wanted) => {
                    for wanted in wanted {
                        let from = wanted.start.max(range.start);
                        let rows = from..wanted.end.min(range.end);
                        if !rows.is_empty() {
                            visit(Run::Rows(rows, first + (from - range.start) as usize));
                        }
                    }
                }
                Rows::List(wanted) => {
                    let count = wanted[next..].partition_point(|row| *row < range.end);
                    visit(Run::List(&wanted[next..next + count], range.start, first));
                    next += count;
                }
            }
            first += range.len();
        }
    }

    fn place(&self, row: u32) -> usize {
        let mut first = 0;
        for range in &self.ranges {
            if range.contains(&row) {
                return first + (row - range.start) as usize;
            }
            first += range.len();
        }
        first
    }
}

/// Rows whose values a column has one after the other.
enum Run<'a> {
    /// All between two, and the place of the first one's value.
    Rows(Range<u32>, usize),
    /// Some of a range that begins with a row, and the place of that row's value.
    List(&'a [u32], u32, usize),
}

/// Rows that are looked at before any of them is put to those kept.
const BLOCK: usize = 1024;

/// Adds the rows for which `keep` is true, without a branch on that: a row stays, or is written over by the
/// next.
fn extend_by_kept(
    kept: &mut Vec<u32>,
    mut rows: impl ExactSizeIterator<Item = u32>,
    mut keep: impl FnMut(u32) -> bool,
) {
    let mut block = [0; BLOCK];
    while rows.len() > 0 {
        let mut count = 0;
        for row in rows.by_ref().take(BLOCK) {
            // No more rows than it has places, so that the remainder is the number itself: nobody needs
            // to look whether there is such a place.
            block[count % BLOCK] = row;
            count += usize::from(keep(row));
        }
        kept.extend_from_slice(&block[..count]);
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges are what is meant")]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int32Array};
    use arrow::datatypes::Int32Type;
    use std::sync::Arc;

    fn column(ranges: &[Range<u32>]) -> Column {
        let values: Vec<i32> =
            ranges.iter().cloned().flatten().map(|row| row.cast_signed() * 10).collect();
        Column { values: Arc::new(Int32Array::from(values)), ranges: ranges.to_vec() }
    }

    fn values(array: &ArrayRef) -> Vec<i32> {
        array.as_primitive::<Int32Type>().values().to_vec()
    }

    #[test]
    fn gives_the_values_of_rows() {
        let column = column(&[2..5, 8..12]);
        assert_eq!(values(&column.of(&Rows::List(vec![2, 4, 8, 11])).unwrap()), [20, 40, 80, 110]);
        assert_eq!(values(&column.of(&Rows::Ranges(vec![9..11])).unwrap()), [90, 100]);
        assert_eq!(values(&column.of(&Rows::Ranges(vec![3..5, 8..9])).unwrap()), [30, 40, 80]);
        let even = column.keep(&Rows::Ranges(vec![3..5, 8..12]), |place| place % 2 == 0);
        assert_eq!(even, Rows::List(vec![4, 9, 11]));
    }

    #[test]
    fn keeps_rows_of_whatever_form_and_number() {
        let column = column(&[2..1_500, 1_600..5_000, 6_000..6_001]);
        let places: Vec<u32> = column.ranges.iter().cloned().flatten().collect();
        let keep = |place: usize| place % 7 < 3;
        for wanted in
            [vec![0..10_000], vec![2..3], vec![1_400..1_700, 4_999..6_001], vec![7_000..9_000]]
        {
            let stays = |(place, row): (usize, &u32)| {
                (wanted.iter().any(|range| range.contains(row)) && keep(place)).then_some(*row)
            };
            let right: Vec<u32> = places.iter().enumerate().filter_map(stays).collect();
            let list =
                places.iter().copied().filter(|row| wanted.iter().any(|range| range.contains(row)));
            let list = Rows::List(list.collect());
            assert_eq!(column.keep(&Rows::Ranges(wanted.clone()), keep), Rows::List(right.clone()));
            assert_eq!(column.keep(&list, keep), Rows::List(right), "{wanted:?}");
        }
    }

    #[test]
    fn keeps_what_is_within() {
        let rows = Rows::Ranges(vec![0..10, 20..30]);
        assert_eq!(rows.within(&[5..8, 9..25]), Rows::Ranges(vec![5..8, 9..10, 20..25]));
        assert_eq!(rows.within(&[]), Rows::Ranges(vec![]));
        let rows = Rows::List(vec![1, 5, 24, 29]);
        assert_eq!(rows.within(&[5..8, 9..25]), Rows::List(vec![5, 24]));
    }

    #[test]
    fn finds_the_blocks_that_rows_are_in() {
        let starts = [0, 10, 20, 30];
        let blocks = |rows: Rows| rows.blocks(&starts, 35);
        assert_eq!(blocks(Rows::List(vec![0, 9, 31])), [0..10, 30..35]);
        assert_eq!(blocks(Rows::List(vec![9, 10, 34])), [0..20, 30..35]);
        assert_eq!(blocks(Rows::Ranges(vec![5..6, 7..12, 33..34])), [0..20, 30..35]);
        assert_eq!(blocks(Rows::Ranges(vec![0..35])), [0..35]);
        assert!(blocks(Rows::Ranges(vec![])).is_empty());
    }

    #[test]
    fn masks_rows() {
        let mask = BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]);
        assert_eq!(Rows::Ranges(vec![3..5, 7..9]).masked(&mask), Rows::List(vec![3, 8]));
        assert_eq!(Rows::List(vec![1, 2, 3, 9]).masked(&mask), Rows::List(vec![1, 9]));
    }
}
