//! CSV and its relatives: delimited text in a declared encoding.
//!
//! Rows are streamed: memory holds a batch, whatever the file's size. An empty cell is NULL,
//! quoted or not; an empty line is no row. Headings are matched by name. A row is quarantined,
//! never mended, when its bytes are not text in the encoding, when its quotes do not match, or
//! when it has more or fewer cells than there are headings.

mod record;

use super::files::Files;
use super::lines::{self, Lines};
use super::{BatchBuilder, Found, Sink, Source, Unreadable, headings};
use crate::error::{Error, Result};
use crate::etl::job::{CsvPlace, SourceColumn};
use crate::store::Input;
use encoding_rs::Encoding;
use record::{Record, Records};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Bytes read from the file at a time.
const READ_BYTES: usize = 256 << 10;

/// Delimited text files.
pub(super) struct Csv {
    files: Files,
    encoding: &'static Encoding,
    delimiter: char,
    columns: Vec<SourceColumn>,
}

impl Csv {
    pub(super) fn new(
        project: &Path,
        place: &CsvPlace,
        columns: Vec<SourceColumn>,
    ) -> Result<Self> {
        if matches!(place.delimiter, '"' | '\n' | '\r') {
            return Err(Error::user("the delimiter cannot be a quote or a line end"));
        }
        Ok(Self {
            files: Files::new(project, &place.path)?,
            encoding: lines::encoding(&place.encoding)?,
            delimiter: place.delimiter,
            columns,
        })
    }

    fn read_rows(&self, reader: impl BufRead, file: &str, sink: &mut Sink<'_>) -> Result<()> {
        let lines = Lines::new(reader, self.encoding)
            .map_err(|error| super::files::unreadable(file, error))?;
        let mut records = Records::new(lines, self.delimiter);
        let have = match records.next()? {
            Some(record) => headings_of(&record)?,
            None => return Err(Error::data("the file is empty: it has no headings")),
        };
        let wanted = headings::positions(&have, &self.columns)?;
        let mut batch = BatchBuilder::with_text(file, wanted.len());
        while let Some(record) = records.next()? {
            match fault(&record, have.len()) {
                Some(row) => batch.push_unreadable(row),
                None => {
                    let cells = wanted.iter().map(|at| (record.cells.get(*at), false));
                    batch.push(record.position, record.raw, cells);
                }
            }
            if batch.is_full() {
                sink(batch.take(records.bytes_read()))?;
            }
        }
        if batch.is_empty() { Ok(()) } else { sink(batch.take(records.bytes_read())) }
    }
}

impl Source for Csv {
    fn inputs(&self) -> Result<Vec<Found>> {
        self.files.inputs()
    }

    fn nothing_found(&self) -> Error {
        self.files.nothing_found()
    }

    fn read(&self, found: &Found, sink: &mut Sink<'_>) -> Result<Input> {
        let name = &found.input.name;
        let reader = BufReader::with_capacity(READ_BYTES, self.files.open(found)?);
        self.read_rows(reader, name, sink).map_err(|error| error.with("file", name))?;
        self.files.check_unchanged(found)?;
        Ok(found.input.clone())
    }
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
