//! Profiling: what a file or a source holds, before anybody writes rules for it.
//!
//! ```text
//!  file ──> place (its format and headings) ──┐
//!  job's source ──────────────────────────────┴──> all columns as text ──> column ──> draft
//! ```
//!
//! Every value is looked at as text, as it stands; what type it could have is a finding. Memory is
//! bounded: distinct values and patterns are counted exactly up to a number, and said to be more
//! beyond it.

mod column;
mod draft;
mod fits;
mod json;
mod pattern;
mod place;

pub use column::ColumnProfile;
pub use draft::draft;
pub use place::source_of_file;

use super::clean::Cleaner;
use super::job::{From, OnError, SourceColumn, SourceSpec};
use super::source::{self, Piece};
use crate::error::Result;
use crate::model::ColumnType;
use arrow::array::AsArray;
use column::Accumulator;
use std::path::Path;

/// What a source holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The source, as it was read.
    pub source: SourceSpec,
    /// Its rows.
    pub rows: u64,
    /// Rows that could not be read, and why the first could not.
    pub unreadable: Option<(u64, String)>,
    /// Its columns.
    pub columns: Vec<ColumnProfile>,
}

/// Reads a source whole and says what it holds: its columns as they stand, without their rules.
///
/// # Errors
/// User where the source is described wrongly, not found where it holds nothing, data where it is
/// not of its format.
pub fn profile(project: &Path, source: &SourceSpec) -> Result<Profile> {
    let raw = as_it_stands(source);
    let opened = source::open(project, &raw)?;
    let cleaner = Cleaner::of_columns(&raw.columns)?;
    let inputs = opened.inputs(&mut || Ok(()))?;
    if inputs.is_empty() {
        return Err(opened.nothing_found());
    }
    let mut columns: Vec<Accumulator> =
        raw.columns.iter().map(|column| Accumulator::new(&column.name)).collect();
    let (mut rows, mut unreadable) = (0, None);
    for input in &inputs {
        opened.read(input, &mut |piece| {
            if let Piece::Headings(_) | Piece::Told(_) = piece {
                return Ok(());
            }
            let batch = piece.batch()?;
            for row in &batch.unreadable {
                let first = || (0, format!("{}:{}: {}", batch.file, row.position.line, row.reason));
                unreadable.get_or_insert_with(first).0 += 1;
            }
            let cleaned = cleaner.clean(batch, None)?.batch;
            rows += cleaned.num_rows() as u64;
            for (column, values) in columns.iter_mut().zip(cleaned.columns()) {
                values.as_string::<i32>().iter().for_each(|value| column.add(value));
            }
            Ok(())
        })?;
    }
    let mut columns: Vec<ColumnProfile> = columns.into_iter().map(Accumulator::finish).collect();
    if matches!(raw.from, From::Json(_) | From::JsonLines(_) | From::Api(_)) {
        let read = raw.columns.iter().map(|read| read.from.as_ref().unwrap_or(&read.name));
        columns.iter_mut().zip(read).for_each(|(column, path)| column.look_for_lists(path));
    }
    Ok(Profile { source: raw, rows, unreadable, columns })
}

/// The source with every column as text and nothing cleaned.
fn as_it_stands(source: &SourceSpec) -> SourceSpec {
    let plain = |column: &SourceColumn| SourceColumn {
        ty: ColumnType::Text,
        clean: Vec::new(),
        on_error: OnError::Reject,
        ..column.clone()
    };
    let mut raw = source.clone();
    raw.columns = source.columns.iter().map(plain).collect();
    (raw.derive, raw.checks, raw.deduplicate) = (Vec::new(), Vec::new(), None);
    (raw.audit, raw.contract, raw.must_exist) = (false, None, Vec::new());
    raw
}
