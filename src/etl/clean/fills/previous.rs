//! `fill_previous`: the value of the nearest row before that has one.
//!
//! Architecture invariant: a value is never carried past a place where another one was, but could
//! not be read. What would be filled from there is refused.

use super::{Typed, find};
use crate::error::{Error, Result};
use crate::etl::job::FillPrevious;
use crate::etl::listed;
use crate::etl::source::RawBatch;
use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{interleave, take};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub(super) struct Previous {
    column: usize,
    within: Vec<usize>,
}

/// What is carried from one batch of a file to the next, by column.
#[derive(Default)]
pub(crate) struct Carried {
    file: Option<Arc<str>>,
    columns: BTreeMap<usize, Groups>,
}

/// The last values of a column, by the values of the columns within which they count.
#[derive(Default)]
struct Groups {
    last: HashMap<Box<[u8]>, Last>,
    /// The line that could not be read: who stands there after it without a value of its own may
    /// have had one there.
    lost: Option<u64>,
}

enum Last {
    /// In this row of the batch.
    Here(usize),
    /// In a batch before.
    Before(ArrayRef),
    /// It was wrong, in this line.
    Wrong(u64),
}

impl Carried {
    /// Nothing is carried from one file into another.
    pub(super) fn enter(&mut self, raw: &RawBatch) {
        if self.file.as_ref() != Some(&raw.file) {
            *self = Self { file: Some(Arc::clone(&raw.file)), columns: BTreeMap::new() };
        }
    }
}

impl Previous {
    /// # Errors
    /// User where it counts within a column that the source does not have.
    pub(super) fn new(rule: &FillPrevious, column: usize, schema: &Schema) -> Result<Self> {
        let within: Vec<usize> =
            rule.within.iter().map(|name| find(name, schema)).collect::<Result<_>>()?;
        match within.contains(&column) {
            false => Ok(Self { column, within }),
            true => Err(Error::user("a column cannot be filled within itself")),
        }
    }

    /// The value before each empty cell, NULL where there is none.
    pub(super) fn values(
        &self,
        typed: &Typed<'_>,
        raw: &RawBatch,
        carried: &mut Carried,
        wrong: &mut dyn FnMut(usize, String),
    ) -> Result<ArrayRef> {
        let array = &typed.arrays[self.column];
        let keys = self.keys(typed, array.len())?;
        let groups = carried.columns.entry(self.column).or_default();
        let mut unreadable: Vec<u64> = raw.unreadable.iter().map(|row| row.position.line).collect();
        unreadable.sort_unstable();
        let mut unreadable = unreadable.into_iter().peekable();
        let mut pieces: Vec<ArrayRef> = vec![Arc::clone(array)];
        let mut chosen = Vec::with_capacity(array.len());
        for (row, key) in keys.into_iter().enumerate() {
            let line = raw.position(row).line;
            while let Some(lost) = unreadable.next_if(|lost| *lost < line) {
                groups.lose(lost);
            }
            chosen.push((0, row));
            let of_another = self.within.iter().any(|column| typed.wrong[*column].contains(&row));
            let is_wrong = typed.wrong[self.column].contains(&row);
            match (array.is_valid(row), is_wrong) {
                _ if of_another && array.is_null(row) && !is_wrong => {
                    wrong(row, "the columns within which a value is carried are wrong".to_owned());
                }
                _ if of_another => {}
                (true, _) => drop(groups.last.insert(key, Last::Here(row))),
                (false, true) => drop(groups.last.insert(key, Last::Wrong(line))),
                (false, false) => match groups.last.get(&key) {
                    Some(Last::Here(before)) => chosen[row] = (0, *before),
                    Some(Last::Before(value)) => {
                        chosen[row] = (pieces.len(), 0);
                        pieces.push(Arc::clone(value));
                    }
                    Some(Last::Wrong(line)) => wrong(row, lost_in(*line)),
                    None => groups.lost.into_iter().for_each(|line| wrong(row, lost_in(line))),
                },
            }
        }
        unreadable.for_each(|lost| groups.lose(lost));
        groups.keep(array)?;
        let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
        interleave(&pieces, &chosen).map_err(broken)
    }

    fn keys(&self, typed: &Typed<'_>, rows: usize) -> Result<Vec<Box<[u8]>>> {
        if self.within.is_empty() {
            return Ok(vec![Box::default(); rows]);
        }
        let encoded = listed::encode(&typed.columns(&self.within))?;
        Ok(encoded.iter().map(|key| key.as_ref().into()).collect())
    }
}

impl Groups {
    fn lose(&mut self, line: u64) {
        self.last.clear();
        self.lost = Some(line);
    }

    /// Copies the last values out of a batch, so that it is not held in memory for them.
    fn keep(&mut self, array: &ArrayRef) -> Result<()> {
        for last in self.last.values_mut() {
            if let Last::Here(row) = last {
                let row = UInt32Array::from_iter_values(u32::try_from(*row));
                *last = Last::Before(take(array, &row, None).map_err(broken)?);
            }
        }
        Ok(())
    }
}

fn lost_in(line: u64) -> String {
    format!("its value is that of a row before, and line {line} may have had another one")
}

fn broken(error: ArrowError) -> Error {
    Error::internal("values cannot be carried on").caused_by(error)
}
