//! JSON documents: an array of objects, the document itself or somewhere inside it.
//!
//! Rows are read as those of [JSON lines](super::json_lines) are, one at a time, however large the
//! document. One that is cut off, or no JSON around its rows, is an error as a whole: nobody knows
//! what is missing.

mod elements;

pub(super) use elements::{Elements, Place};

use super::files::Files;
use super::headings::Wanted;
use super::json_lines::{Each, Scanner, push};
use super::text::TextFormat;
use super::{Sink, headings};
use crate::error::Result;
use crate::etl::job::JsonPlace;
use std::io::BufRead;
use std::path::Path;

/// Files that hold an array.
pub(super) struct Json {
    files: Files,
    at: Option<String>,
    each: Each,
    columns: Wanted,
}

impl Json {
    pub(super) fn new(project: &Path, place: &JsonPlace, columns: Wanted) -> Result<Self> {
        Ok(Self {
            files: Files::new(project, &place.path, place.access.as_ref())?,
            at: place.at.clone(),
            each: Each::of(place.each.as_deref(), place.if_empty),
            columns,
        })
    }
}

impl TextFormat for Json {
    fn files(&self) -> &Files {
        &self.files
    }

    fn files_mut(&mut self) -> &mut Files {
        &mut self.files
    }

    fn columns(&self) -> usize {
        self.columns.len()
    }

    fn read_rows(&self, reader: impl BufRead, file: &str, sink: &mut Sink<'_>) -> Result<()> {
        let mut elements = Elements::new(reader, &path(self.at.as_deref()))?;
        let mut scanner =
            Scanner::new(self.columns.iter().map(headings::heading), self.each.clone());
        let mut batch = scanner.batch(file);
        while let Some(element) = elements.next()? {
            push(&element, &mut scanner, &mut batch);
            if batch.is_full() {
                sink(batch.take(elements.bytes_read()).into())?;
            }
        }
        if !batch.is_empty() {
            sink(batch.take(elements.bytes_read()).into())?;
        }
        scanner.end(&self.columns, sink)
    }
}

/// The keys of a path such as `data.items`.
pub(super) fn path(at: Option<&str>) -> Vec<&str> {
    at.into_iter().flat_map(|at| at.split('.')).collect()
}
