//! JSON lines: one object a line, UTF-8.
//!
//! `from: a.b` names the value `b` inside the object `a`. Numbers keep their digits exactly as
//! written, so that money never passes through a binary float; an object or array is taken as
//! its JSON text, or, where the job says `each`, is a row for each element, with the values of the
//! object around it (`id`) beside its own (`lines.sku`). A key that is missing from a row is NULL there, but one that no row of a file
//! has is an error, as a missing heading is.
//!
//! One thread cuts a file into [`Blocks`] of whole lines, others scan these.

mod scan;

pub(super) use scan::{Each, Scanner};

use super::blocks::{BLOCK_BYTES, Block, Blocks};
use super::files::Files;
use super::headings::Wanted;
use super::lines::{Line, Lines};
use super::packed::cannot_read;
use super::text::TextFormat;
use super::{BatchBuilder, Piece, Position, RawBatch, Sink, Unreadable, headings};
use crate::error::Result;
use crate::etl::job::{IfEmpty, JsonLinesPlace};
use encoding_rs::UTF_8;
use memchr::memrchr;
use std::borrow::Cow;
use std::io::BufRead;
use std::path::Path;
use std::sync::mpsc::channel;

/// Files of JSON lines.
pub(super) struct JsonLines {
    files: Files,
    each: Each,
    is_flat: bool,
    columns: Wanted,
}

impl JsonLines {
    pub(super) fn new(project: &Path, place: &JsonLinesPlace, columns: Wanted) -> Result<Self> {
        Ok(Self {
            files: Files::new(project, &place.path, place.access.as_ref())?,
            each: Each::of(place.each.as_deref(), place.if_empty),
            is_flat: place.is_flat,
            columns,
        })
    }
}

impl TextFormat for JsonLines {
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
        let lines = Lines::new(reader, UTF_8).map_err(cannot_read)?;
        let mut scanner = self.scanner();
        match lines.encoding() == UTF_8 {
            true => self.read_blocks((lines, BLOCK_BYTES), &mut scanner, file, sink)?,
            // A mark at the start of the file overrules.
            false => self.read_lines(lines, &mut scanner, file, sink)?,
        }
        scanner.end(&self.columns, sink)
    }
}

impl JsonLines {
    fn scanner(&self) -> Scanner {
        let paths = self.columns.iter().map(headings::heading);
        match self.is_flat {
            true => Scanner::flat(paths),
            false => Scanner::new(paths, self.each.clone()),
        }
    }

    /// Reads block by block, and line by line what is no block. The sink is given what is to be
    /// scanned; `scanner` knows in the end what all lines had.
    fn read_blocks<R: BufRead>(
        &self,
        (lines, block_bytes): (Lines<R>, usize),
        scanner: &mut Scanner,
        file: &str,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let lines_end = |bytes: &[u8]| memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        let mut blocks = Blocks::new(lines, lines_end, block_bytes);
        let (done, all_met) = channel();
        while let Some(block) = blocks.next()? {
            let (mut scanner, done) = (self.scanner(), done.clone());
            let batch = scanner.batch(file);
            sink(Piece::Work(Box::new(move || {
                let batch = scanned(&block, &mut scanner, batch)?;
                // Nobody listens where reading has failed.
                let _ = done.send(scanner.into_met());
                Ok(batch)
            })))?;
        }
        drop(done);
        self.read_lines(blocks.rest(), scanner, file, sink)?;
        // Ends when all blocks are scanned, or given up.
        all_met.into_iter().for_each(|met| scanner.take_in(met));
        Ok(())
    }

    fn read_lines<R: BufRead>(
        &self,
        mut lines: Lines<R>,
        scanner: &mut Scanner,
        file: &str,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let mut batch = scanner.batch(file);
        while let Some(line) = lines.next()? {
            push(&line, scanner, &mut batch);
            if batch.is_full() {
                sink(batch.take(lines.bytes_read()).into())?;
            }
        }
        if batch.is_empty() { Ok(()) } else { sink(batch.take(lines.bytes_read()).into()) }
    }
}

/// The rows of a block.
///
/// # Errors
/// None in effect: a block is in memory, and its lines are short enough to be rows.
fn scanned(block: &Block, scanner: &mut Scanner, mut batch: BatchBuilder) -> Result<RawBatch> {
    let (mut offset, mut number) = (block.offset, block.lines_before);
    match std::str::from_utf8(&block.bytes) {
        Ok(text) => {
            for text in text.split_inclusive('\n') {
                number += 1;
                let line = Line { number, offset, text: Cow::Borrowed(text), decoded: true };
                push(&line, scanner, &mut batch);
                offset += text.len() as u64;
            }
        }
        Err(_) => {
            let mut lines = Lines::at(block.bytes.as_slice(), UTF_8, offset, number);
            while let Some(line) = lines.next()? {
                push(&line, scanner, &mut batch);
            }
            offset = lines.bytes_read();
        }
    }
    Ok(batch.take(offset))
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

#[cfg(test)]
mod tests;
