//! CSV and its relatives: delimited text in a declared encoding.
//!
//! Rows are streamed: memory holds a batch, whatever the file's size. An empty cell is NULL,
//! quoted or not; an empty line is no row. Headings are matched by name. A row is quarantined,
//! never mended, when its bytes are not text in the encoding, when its quotes do not match, or
//! when it has more or fewer cells than there are headings.
//!
//! [`record`] says what a record is and what is wrong with it, a character at a time. Plain UTF-8
//! goes a faster way to the same rows: one thread cuts the file into [`Blocks`] of whole records,
//! others [`split`](mod@split) them, and turn to [`record`] for each row that is not [`plain`].

mod dialect;
mod ends;
mod plain;
mod record;
mod split;

use super::blocks::{BLOCK_BYTES, Blocks};
use super::files::Files;
use super::headings::Wanted;
use super::lines::{self, Lines};
use super::packed::cannot_read;
use super::text::TextFormat;
use super::{BatchBuilder, Piece, Sink, Unreadable, headings};
use crate::error::{Error, Result};
use crate::etl::job::CsvPlace;
pub(crate) use dialect::encoding as detected_encoding;
use encoding_rs::{Encoding, UTF_8};
use ends::records_end;
use record::{Record, Records};
use split::split;
use std::io::{BufRead, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

/// The name for an encoding that is not known.
const DETECT: &str = "detect";

/// Delimited text files.
pub(super) struct Csv {
    files: Files,
    /// To be detected where it is not known.
    encoding: Option<&'static Encoding>,
    delimiter: Option<char>,
    columns: Wanted,
}

impl Csv {
    pub(super) fn new(project: &Path, place: &CsvPlace, columns: Wanted) -> Result<Self> {
        if matches!(place.delimiter, Some('"' | '\n' | '\r')) {
            return Err(Error::user("the delimiter cannot be a quote or a line end"));
        }
        Ok(Self {
            files: Files::new(project, &place.path, place.access.as_ref())?,
            encoding: match place.encoding.as_str() {
                DETECT => None,
                name => Some(lines::encoding(name)?),
            },
            delimiter: place.delimiter,
            columns,
        })
    }
}

impl TextFormat for Csv {
    fn files(&self) -> &Files {
        &self.files
    }

    fn columns(&self) -> usize {
        self.columns.len()
    }

    fn read_rows(&self, mut reader: impl BufRead, file: &str, sink: &mut Sink<'_>) -> Result<()> {
        if let (Some(encoding), Some(delimiter)) = (self.encoding, self.delimiter) {
            return self.read_as(reader, encoding, delimiter, file, sink);
        }
        let mut head = Vec::new();
        let looked = reader.by_ref().take(dialect::LOOKED_AT_BYTES).read_to_end(&mut head);
        looked.map_err(cannot_read)?;
        let encoding = self.encoding.unwrap_or_else(|| dialect::encoding(&head));
        if self.encoding.is_none() {
            let name = encoding.name().to_lowercase();
            sink(Piece::Told(format!("{file} was taken for {name}, which was not declared")))?;
        }
        let found = || dialect::delimiter(&head, encoding, &self.columns);
        let delimiter = self.delimiter.unwrap_or_else(found);
        self.read_as(Cursor::new(&head).chain(reader), encoding, delimiter, file, sink)
    }
}

impl Csv {
    fn read_as(
        &self,
        reader: impl BufRead,
        encoding: &'static Encoding,
        delimiter: char,
        file: &str,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let lines = Lines::new(reader, encoding).map_err(cannot_read)?;
        let mut records = Records::new(lines, delimiter);
        let have = match records.next()? {
            Some(record) => headings_of(&record)?,
            None => return Err(Error::data("the file is empty: it has no headings")),
        };
        let table = Table {
            file: file.into(),
            headings: have.len(),
            wanted: headings::positions(&have, &self.columns)?,
        };
        sink(Piece::Headings(have))?;
        let lines = records.into_lines();
        match plain_delimiter(delimiter).filter(|_| lines.encoding() == UTF_8) {
            None => read_records(Records::new(lines, delimiter), &table, sink),
            Some(delimiter) => read_blocks((lines, delimiter, BLOCK_BYTES), table, sink),
        }
    }
}

/// What the rows of a file have in common.
struct Table {
    file: Arc<str>,
    /// Cells a row should have.
    headings: usize,
    /// Where the wanted ones are among them.
    wanted: Vec<Option<usize>>,
}

/// The delimiter as one byte. A letter, a digit or a backslash is none: it may be part of how
/// bytes that are not text are written.
fn plain_delimiter(delimiter: char) -> Option<u8> {
    let plain = delimiter.is_ascii() && !delimiter.is_ascii_alphanumeric() && delimiter != '\\';
    u8::try_from(delimiter).ok().filter(|_| plain)
}

/// Reads block by block, and record by record what is no block. The sink is given what is to be
/// split.
fn read_blocks<R: BufRead>(
    (lines, delimiter, block_bytes): (Lines<R>, u8, usize),
    table: Table,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let table = Arc::new(table);
    let ends = |bytes: &[u8]| records_end(bytes, delimiter);
    let mut blocks = Blocks::new(lines, ends, block_bytes);
    while let Some(block) = blocks.next()? {
        let table = Arc::clone(&table);
        let split = move || {
            let batch = split(block, delimiter, &table);
            batch.map_err(|error| error.with("file", &table.file))
        };
        sink(Piece::Work(Box::new(split)))?;
    }
    read_records(Records::new(blocks.rest(), char::from(delimiter)), &table, sink)
}

/// Reads record by record, whatever the encoding.
fn read_records<R: BufRead>(
    mut records: Records<R>,
    table: &Table,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let mut batch = BatchBuilder::with_text(&table.file, table.wanted.len());
    while let Some(record) = records.next()? {
        match fault(&record, table.headings) {
            Some(row) => batch.push_unreadable(row),
            None => {
                let cells =
                    table.wanted.iter().map(|at| (at.and_then(|at| record.cells.get(at)), false));
                batch.push(record.position, record.raw, cells);
            }
        }
        if batch.is_full() {
            sink(batch.take(records.bytes_read()).into())?;
        }
    }
    if batch.is_empty() { Ok(()) } else { sink(batch.take(records.bytes_read()).into()) }
}

fn headings_of(record: &Record<'_>) -> Result<Vec<String>> {
    if let Some((_, reason)) = &record.fault {
        return Err(Error::data(format!("the line of headings {reason}"))
            .with("line", record.position.line)
            .with("text", record.raw));
    }
    let cells = (0..record.cells.len()).map(|index| record.cells.get(index).unwrap_or_default());
    Ok(cells.map(str::to_owned).collect())
}

fn fault(record: &Record<'_>, headings: usize) -> Option<Unreadable> {
    let cells = record.cells.len();
    let ragged = || {
        let reason = format!("{cells} cells under {headings} headings");
        (cells != headings).then_some(("ragged", reason))
    };
    let (rule, reason) = record.fault.clone().or_else(ragged)?;
    Some(Unreadable { position: record.position, rule, reason, raw: record.raw.to_owned() })
}

#[cfg(test)]
mod tests;
