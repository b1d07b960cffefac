//! What is wrong with a source's description, without reading it.

use super::watermark::Marks;
use crate::error::{Error, Result};
use crate::etl::clean::{Cleaner, ColumnCleaner};
use crate::etl::contract;
use crate::etl::deduplicate::Deduplicator;
use crate::etl::job::{Rule, SourceColumn, SourceSpec, Strategy};
use crate::etl::references;
use crate::etl::source::{self, Source};
use std::collections::HashSet;
use std::path::Path;

/// The part of a source's description that is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The place.
    From,
    /// The columns together.
    Columns,
    /// A column, by its place among them.
    Column(usize),
    /// What is said of rows as a whole.
    Rows,
    /// What is said of duplicates.
    Deduplicate,
    /// Which of the content is read.
    Strategy,
    /// What was agreed with the source.
    Contract,
}

/// Faults of a source's description that can be found without reading it: its place, its rules,
/// its names. All of them, none if it is right.
pub fn faults(project: &Path, spec: &SourceSpec) -> Vec<(Part, Error)> {
    let mut faults = Vec::new();
    let mut names = HashSet::new();
    if spec.columns.is_empty() {
        faults.push((Part::Columns, Error::user("a source needs at least one column")));
    }
    match source::open(project, spec) {
        Ok(source) => {
            faults.extend(start(source, spec, None).err().map(|fault| (Part::Strategy, fault)));
        }
        Err(fault) => faults.push((Part::From, fault)),
    }
    faults.extend(contract::check(spec).err().map(|fault| (Part::Contract, fault)));
    for (place, column) in spec.columns.iter().enumerate() {
        if !names.insert(column.name.as_str()) {
            let message = format!("the source has two columns `{}`", column.name);
            faults.push((Part::Column(place), Error::user(message)));
        }
        let wrong = ColumnCleaner::new(column).err();
        faults.extend(wrong.map(|fault| (Part::Column(place), fault)));
    }
    let lookups = references::faults(project, spec).into_iter();
    faults.extend(lookups.map(|fault| (Part::Columns, fault)));
    faults.extend(in_order(spec).err().map(|fault| (Part::Columns, fault)));
    let (by, implied) = match spec.strategy {
        Strategy::Changes(_) => (Part::Strategy, true),
        _ => (Part::Deduplicate, false),
    };
    if implied && spec.deduplicate.is_some() {
        let message = "`changes` says itself which row of a key stays: leave `deduplicate` out";
        faults.push((Part::Deduplicate, Error::user(message)));
    }
    match (Cleaner::new(spec), spec.deduplication()) {
        // What is wrong with a column is told already.
        (Err(fault), _) if faults.is_empty() => faults.push((Part::Rows, fault)),
        (Ok(cleaner), Some(deduplicate)) => {
            let wrong = Deduplicator::new(&deduplicate, cleaner.schema()).err();
            faults.extend(wrong.map(|fault| (by, fault)));
        }
        _ => {}
    }
    faults
}

/// What is filled from the row before needs rows that come in one order, each time all of them.
fn in_order(spec: &SourceSpec) -> Result<()> {
    let is_carried = |column: &&SourceColumn| {
        column.clean.iter().any(|rule| matches!(rule, Rule::FillPrevious(_)))
    };
    let Some(column) = spec.columns.iter().find(is_carried) else { return Ok(()) };
    let place = |error: Error| Err(error.with("column", &column.name));
    if !spec.from.has_order() {
        return place(
            Error::user("`fill_previous` needs rows in order, and a table has none")
                .hint("read a `query` with ORDER BY"),
        );
    }
    match spec.strategy {
        Strategy::Watermark(_) | Strategy::Changes(_) => place(
            Error::user("`fill_previous` needs the rows before, and only new ones are read")
                .hint("say `strategy: full`"),
        ),
        _ => Ok(()),
    }
}

/// A source that is to be read from where a cursor says, or all of it.
pub(super) fn start(
    mut source: Box<dyn Source>,
    spec: &SourceSpec,
    cursor: Option<&str>,
) -> Result<Box<dyn Source>> {
    if let Some(watermark) = spec.strategy.watermark() {
        source.since(Marks::new(&watermark, &spec.columns)?.bound(cursor)?)?;
    }
    match &spec.strategy {
        Strategy::Snapshot(snapshot) if !(0.0..=1.0).contains(&snapshot.shrink_at_most) => {
            Err(Error::user("`shrink_at_most` is a share of the rows, from 0 to 1"))
        }
        _ => Ok(source),
    }
}
