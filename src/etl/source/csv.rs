//! CSV and its relatives: delimited text in a declared encoding.
//!
//! Rows are streamed: memory holds a batch, whatever the file's size. An empty cell is NULL,
//! quoted or not; an empty line is no row. Headings are matched by name. A row is quarantined,
//! never mended, when its bytes are not text in the encoding, when its quotes do not match, or
//! when it has more or fewer cells than there are headings.
//!
//! How a file is written, a job declares, or [`dialect`] sees it by the file's first rows.
//! [`record`] says what a record is and what is wrong with it, a character at a time. Plain UTF-8
//! without escapes and comments goes a faster way to the same rows: one thread cuts the file into
//! [`Blocks`] of whole records, others [`split`](mod@split) them, and turn to [`record`] for each row
//! that is not [`plain`].

mod dialect;
mod encoding;
mod ends;
mod plain;
mod record;
mod shape;
mod split;

use super::blocks::{BLOCK_BYTES, Blocks};
use super::files::Files;
use super::headings::Wanted;
use super::lines::Lines;
use super::packed::cannot_read;
use super::text::TextFormat;
use super::{BatchBuilder, Piece, Sink, Unreadable, headings};
use crate::error::{Error, Result};
use crate::etl::job::{self, CsvPlace, SourceSpec};
pub(crate) use dialect::of_file as dialect_of_file;
use dialect::{Declared, Look};
use encoding_rs::UTF_8;
use ends::records_end;
use memchr::memchr;
use record::{Record, Records, Signs};
use shape::Shape;
use split::split;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

/// Delimited text files.
pub(super) struct Csv {
    files: Files,
    declared: Declared,
    columns: Wanted,
}

impl Csv {
    pub(super) fn new(project: &Path, place: &CsvPlace, columns: Wanted) -> Result<Self> {
        Ok(Self {
            files: Files::new(project, &place.path, place.access.as_ref())?,
            declared: Declared::new(place)?,
            columns,
        })
    }
}

impl TextFormat for Csv {
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
        let (look, reader) = self.look(reader)?;
        for words in &look.told {
            sink(Piece::Told(format!("{file} {words}")))?;
        }
        let mut records = below_skipped(&look, reader)?;
        let have = headings_of(records.next()?, &look)?;
        let wanted = headings::positions(&have, &self.columns);
        let table = Table {
            file: file.into(),
            shape: look.shape,
            wanted: wanted.map_err(|error| self.declared.doubted(error, &look))?,
        };
        sink(Piece::Headings(have))?;
        let lines = records.into_lines();
        match PlainSigns::of(look.signs).filter(|_| lines.encoding() == UTF_8) {
            None => read_records(Records::new(lines, look.signs), &table, sink),
            Some(signs) => read_blocks((lines, signs, BLOCK_BYTES), table, sink),
        }
    }
}

impl Csv {
    /// How a file is written, by its first bytes; and the file from its first byte on.
    fn look<'r, R: BufRead + 'r>(&self, mut reader: R) -> Result<(Look, Box<dyn BufRead + 'r>)> {
        let mut head = Vec::new();
        let looked = reader.by_ref().take(dialect::LOOKED_AT_BYTES).read_to_end(&mut head);
        looked.map_err(cannot_read)?;
        let has = |byte| memchr(byte, &head).is_some();
        // the byte is part of other characters in UTF-16, which has zeros
        let by_returns = has(b'\r') && !has(b'\n') && !has(0);
        if by_returns {
            as_line_ends(&mut head);
        }
        let mut look = dialect::look(&head, &self.declared, &self.columns);
        let text = Cursor::new(head).chain(reader);
        if !by_returns {
            return Ok((look, Box::new(text)));
        }
        look.told.push("ends its lines with CR alone".to_owned());
        Ok((look, Box::new(BufReader::new(Returns(text)))))
    }
}

/// Text whose lines end with CR alone, as old Macs and some spreadsheets write them; each byte in its
/// place, as text whose lines end with LF.
struct Returns<R>(R);

impl<R: Read> Read for Returns<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buffer)?;
        as_line_ends(&mut buffer[..read]);
        Ok(read)
    }
}

fn as_line_ends(text: &mut [u8]) {
    text.iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
}

/// A file's records, the headings first.
fn below_skipped<R: BufRead>(look: &Look, reader: R) -> Result<Records<R>> {
    let mut lines = Lines::new(reader, look.encoding).map_err(cannot_read)?;
    for _ in 0..look.skip_lines {
        lines.next()?;
    }
    Ok(Records::new(lines, look.signs))
}

/// The line of headings of a file that a source of delimited text has read, as it stands there.
///
/// # Errors
/// Not found where the file is not there any more, those of reading it.
pub(crate) fn heading_line(project: &Path, spec: &SourceSpec, file: &str) -> Result<String> {
    let job::From::Csv(place) = &spec.from else {
        return Err(Error::internal("headings are asked of what is no delimited text"));
    };
    let place = CsvPlace { path: file.to_owned(), ..place.clone() };
    let csv = Csv::new(project, &place, Wanted::new(spec))?;
    let found = csv.files.inputs(&mut || Ok(()))?;
    let found = found.first().ok_or_else(|| csv.files.nothing_found())?;
    let text = csv.files.open_text(found, &mut || Ok(()))?;
    let (look, reader) = csv.look(text.reader)?;
    let mut records = below_skipped(&look, reader)?;
    Ok(records.next()?.map(|record| record.raw.to_owned()).unwrap_or_default())
}

/// What the rows of a file have in common.
struct Table {
    file: Arc<str>,
    shape: Shape,
    /// Where the wanted cells are among those of a row.
    wanted: Vec<Option<usize>>,
}

/// Signs that blocks can be cut and split by: one byte each, no escape, no comments.
#[derive(Debug, Clone, Copy)]
struct PlainSigns {
    delimiter: u8,
    quote: Option<u8>,
}

impl PlainSigns {
    fn of(signs: Signs) -> Option<Self> {
        // A letter, a digit or a backslash may be part of how bytes that are not text are written.
        let plain = |sign: char| {
            let plain = sign.is_ascii() && !sign.is_ascii_alphanumeric() && sign != '\\';
            u8::try_from(sign).ok().filter(|_| plain)
        };
        match signs {
            Signs { delimiter, quote, escape: None, comment: None } => Some(Self {
                delimiter: plain(delimiter)?,
                quote: match quote {
                    Some(quote) => Some(plain(quote)?),
                    None => None,
                },
            }),
            _ => None,
        }
    }
}

impl From<PlainSigns> for Signs {
    fn from(PlainSigns { delimiter, quote }: PlainSigns) -> Self {
        let (delimiter, quote) = (char::from(delimiter), quote.map(char::from));
        Self { delimiter, quote, escape: None, comment: None }
    }
}

/// Reads block by block, and record by record what is no block. The sink is given what is to be
/// split.
fn read_blocks<R: BufRead>(
    (lines, signs, block_bytes): (Lines<R>, PlainSigns, usize),
    table: Table,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let table = Arc::new(table);
    let ends = |bytes: &[u8]| records_end(bytes, signs.delimiter, signs.quote);
    let mut blocks = Blocks::new(lines, ends, block_bytes);
    while let Some(block) = blocks.next()? {
        let table = Arc::clone(&table);
        let split = move || {
            let batch = split(block, signs, &table);
            batch.map_err(|error| error.with("file", &table.file))
        };
        sink(Piece::Work(Box::new(split)))?;
    }
    read_records(Records::new(blocks.rest(), signs.into()), &table, sink)
}

/// Reads record by record, whatever the encoding.
fn read_records<R: BufRead>(
    mut records: Records<R>,
    table: &Table,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let mut batch = BatchBuilder::with_text(&table.file, table.wanted.len());
    while let Some(record) = records.next()? {
        match fault(&record, table.shape) {
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

/// Of a line that is no line of headings, so much is shown.
const SHOWN_CHARACTERS: usize = 80;

fn headings_of(record: Option<Record<'_>>, look: &Look) -> Result<Vec<String>> {
    let Some(record) = record else {
        let message = match look.skip_lines {
            0 => "the file is empty: it has no headings".to_owned(),
            skip => format!("the file has no headings below its first {skip} lines"),
        };
        return Err(Error::data(message));
    };
    if let Some((_, reason)) = &record.fault {
        return Err(Error::data(format!("the line of headings {reason}"))
            .with("line", record.position.line)
            .with("text", record.raw.chars().take(SHOWN_CHARACTERS).collect::<String>()));
    }
    let cells = (0..record.cells.len()).map(|index| record.cells.get(index).unwrap_or_default());
    Ok(cells.map(str::to_owned).collect())
}

fn fault(record: &Record<'_>, shape: Shape) -> Option<Unreadable> {
    let ragged = || Some(("ragged", shape.differs(record)?));
    let (rule, reason) = record.fault.clone().or_else(ragged)?;
    Some(Unreadable { position: record.position, rule, reason, raw: record.raw.to_owned() })
}

#[cfg(test)]
mod tests;
