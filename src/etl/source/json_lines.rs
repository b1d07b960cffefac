//! JSON lines: one object a line, UTF-8.
//!
//! `from: a.b` names the value `b` inside the object `a`. Numbers keep their digits exactly as
//! written, so that money never passes through a binary float; an object or array is taken as
//! its JSON text, or, where the job says `each`, is a row for each element, with the values of the
//! object around it (`id`) beside its own (`lines.sku`). A key that is missing from a row is NULL there, but one that no row of a file
//! has is an error, as a missing heading is.

mod scan;

pub(super) use scan::{Each, Scanner};

use super::files::Files;
use super::headings::Wanted;
use super::lines::{Line, Lines};
use super::packed::cannot_read;
use super::text::TextFormat;
use super::{BatchBuilder, Position, Sink, Unreadable, headings};
use crate::error::Result;
use crate::etl::job::{IfEmpty, JsonLinesPlace};
use encoding_rs::UTF_8;
use std::io::BufRead;
use std::path::Path;

/// Files of JSON lines.
pub(super) struct JsonLines {
    files: Files,
    each: Each,
    columns: Wanted,
}

impl JsonLines {
    pub(super) fn new(project: &Path, place: &JsonLinesPlace, columns: Wanted) -> Result<Self> {
        Ok(Self {
            files: Files::new(project, &place.path, place.access.as_ref())?,
            each: Each::of(place.each.as_deref(), place.if_empty),
            columns,
        })
    }
}

impl TextFormat for JsonLines {
    fn files(&self) -> &Files {
        &self.files
    }

    fn columns(&self) -> usize {
        self.columns.len()
    }

    fn read_rows(&self, reader: impl BufRead, file: &str, sink: &mut Sink<'_>) -> Result<()> {
        let mut lines = Lines::new(reader, UTF_8).map_err(cannot_read)?;
        let mut scanner =
            Scanner::new(self.columns.iter().map(headings::heading), self.each.clone());
        let mut batch = BatchBuilder::with_text(file, self.columns.len());
        while let Some(line) = lines.next()? {
            push(&line, &mut scanner, &mut batch);
            if batch.is_full() {
                sink(batch.take(lines.bytes_read()).into())?;
            }
        }
        if !batch.is_empty() {
            sink(batch.take(lines.bytes_read()).into())?;
        }
        scanner.end(&self.columns, sink)
    }
}

impl Each {
    pub(super) fn of(path: Option<&str>, if_empty: IfEmpty) -> Self {
        Self { path: path.map(str::to_owned), keeps_empty: if_empty == IfEmpty::Keep }
    }
}

/// Adds the rows of a line, if it holds any.
pub(super) fn push(line: &Line<'_>, scanner: &mut Scanner, batch: &mut BatchBuilder) {
    let position = Position { line: line.number, offset: Some(line.offset) };
    push_at(position, line, scanner, batch);
}

/// Adds the rows of a line that stands somewhere else than it says.
pub(super) fn push_at(
    position: Position,
    line: &Line<'_>,
    scanner: &mut Scanner,
    batch: &mut BatchBuilder,
) {
    let raw = line.text.trim();
    if raw.is_empty() {
        return;
    }
    let scanned = match line.decoded {
        true => scanner.scan(raw).map_err(|reason| ("json", reason)),
        false => Err(("encoding", "holds bytes that are not UTF-8".to_owned())),
    };
    match scanned {
        Ok(rows) => rows.iter().for_each(|(cells, raw)| {
            let cells = cells.iter().map(|cell| match cell {
                Some(value) => (value.text.as_deref(), value.native),
                None => (None, false),
            });
            batch.push(position, raw, cells);
        }),
        Err((rule, reason)) => {
            let raw = raw.to_owned();
            batch.push_unreadable(Unreadable { position, rule, reason, raw });
        }
    }
}
