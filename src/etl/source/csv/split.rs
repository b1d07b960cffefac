//! Blocks into cells, without a copy.
//!
//! A row is plain if it is one line of UTF-8 with as many delimiters as it should have and no
//! quote: its cells are where its delimiters are. Any other row is read by [`Records`], which
//! knows what is right and wrong; its cells are copied behind the text of the block.

use super::plain::{PlainRow, PlainRows};
use super::record::{Record, Records};
use super::{PlainSigns, Table, fault};
use crate::error::Result;
use crate::etl::source::Position;
use crate::etl::source::batch::{Cells, Places, Raw, RawBatch, Slices, Span, Unreadable};
use crate::etl::source::blocks::Block;
use crate::etl::source::lines::Lines;
use encoding_rs::UTF_8;
use std::sync::Arc;

/// The cell of a column that is not there.
const NOTHING: Span = (0, 0);

/// Rows under way.
struct Rows {
    cells: Vec<Vec<Span>>,
    raw: Vec<Span>,
    /// Where each begins, from where the block does, and lines before it there.
    positions: Vec<(u32, u32)>,
    unreadable: Vec<Unreadable>,
    /// Text of rows that are not plain, and where it will begin.
    copied: String,
    copied_at: usize,
}

/// Takes a block apart.
///
/// # Errors
/// None in effect: a block is in memory, and its records are short enough to be rows.
pub(super) fn split(block: Block, signs: PlainSigns, table: &Table) -> Result<RawBatch> {
    let Block { bytes, offset, lines_before, lines } = block;
    let begin = Position { line: lines_before + 1, offset: Some(offset) };
    let bytes_read = offset + bytes.len() as u64;
    // where not all is text, no row is plain
    let (text, odd) = match String::from_utf8(bytes) {
        Ok(text) => (text, Vec::new()),
        Err(error) => (String::new(), error.into_bytes()),
    };
    let bytes = if odd.is_empty() { text.as_bytes() } else { &odd };
    let mut rows = Rows::new(table, lines, text.len());
    let mut plain = PlainRows::new(&text, signs.delimiter, signs.quote, table.shape.cells);
    let start = Lines::at(bytes, UTF_8, offset, lines_before);
    let mut records = Records::new(start, signs.into());
    let (mut at, mut line) = (0, lines_before);
    while at < bytes.len() {
        if let Some(row) = plain.row(at).filter(|row| table.shape.fits(row)) {
            rows.push_plain((at as u32, (line - lines_before) as u32), &row, table);
            (at, line) = (row.next, line + 1);
            continue;
        }
        records.go_to(&bytes[at..], offset + at as u64, line);
        let Some(record) = records.next()? else { break };
        // empty lines may stand above it
        let behind = record.position.offset.unwrap_or(offset) - offset;
        let position = (behind as u32, (record.position.line - begin.line) as u32);
        rows.push_record(position, &record, table);
        at = (records.bytes_read() - offset) as usize;
        line = records.lines_read();
        plain.skip_to(at);
    }
    Ok(rows.finish(Arc::clone(&table.file), begin, text, bytes_read))
}

impl Rows {
    fn new(table: &Table, rows: usize, text_bytes: usize) -> Self {
        Self {
            cells: table.wanted.iter().map(|_| Vec::with_capacity(rows)).collect(),
            raw: Vec::with_capacity(rows),
            positions: Vec::with_capacity(rows),
            unreadable: Vec::new(),
            copied: String::new(),
            copied_at: text_bytes,
        }
    }

    fn push_plain(&mut self, position: (u32, u32), row: &PlainRow<'_>, table: &Table) {
        self.positions.push(position);
        self.raw.push(row.text);
        for (column, at) in self.cells.iter_mut().zip(&table.wanted) {
            column.push(at.map_or(NOTHING, |at| row.cell(at)));
        }
    }

    fn push_record(&mut self, position: (u32, u32), record: &Record<'_>, table: &Table) {
        if let Some(row) = fault(record, table.shape) {
            self.unreadable.push(row);
            return;
        }
        self.positions.push(position);
        let raw = self.copy(record.raw);
        self.raw.push(raw);
        for (column, at) in table.wanted.iter().enumerate() {
            let cell = at.and_then(|at| record.cells.get(at));
            let span = self.copy(cell.unwrap_or_default());
            self.cells[column].push(span);
        }
    }

    fn copy(&mut self, text: &str) -> Span {
        let start = self.copied_at + self.copied.len();
        self.copied.push_str(text);
        (start as u32, (start + text.len()) as u32)
    }

    fn finish(
        self,
        file: Arc<str>,
        begin: Position,
        mut text: String,
        bytes_read: u64,
    ) -> RawBatch {
        text.push_str(&self.copied);
        let text = Arc::new(text);
        let slices = |spans| Slices { text: Arc::clone(&text), spans };
        RawBatch {
            file,
            rows: self.positions.len(),
            places: Places::Within(begin, self.positions),
            columns: self.cells.into_iter().map(|spans| Cells::Slices(slices(spans))).collect(),
            raw: Raw::Slices(slices(self.raw)),
            unreadable: self.unreadable,
            bytes_read,
        }
    }
}
