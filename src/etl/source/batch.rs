//! A batch of raw rows: cells by wanted column, where each row stood, and its raw text.

use super::{BATCH_BYTES, BATCH_ROWS};
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, StringArray, StringBuilder};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::sync::Arc;

/// Raw rows of one file.
#[derive(Debug)]
pub(crate) struct RawBatch {
    /// The file's name relative to the project, or the database table.
    pub(crate) file: Arc<str>,
    /// One for each wanted column, in the job's order.
    pub(crate) columns: Vec<Cells>,
    /// Rows in each column.
    pub(crate) rows: usize,
    /// Where the rows stood.
    pub(crate) places: Places,
    /// What the rows said.
    pub(crate) raw: Raw,
    /// Rows that never became cells.
    pub(crate) unreadable: Vec<Unreadable>,
    /// Bytes of the file consumed so far.
    pub(crate) bytes_read: u64,
}

/// The next rows of a source.
pub(crate) enum Piece {
    /// Read already.
    Batch(RawBatch),
    /// To be taken apart, by whichever thread has time.
    Work(Box<dyn FnOnce() -> Result<RawBatch> + Send>),
    /// No rows, but the names of the columns that the input has.
    Headings(Vec<String>),
    /// No rows, but what a person should know of the input.
    Told(String),
}

impl From<RawBatch> for Piece {
    fn from(batch: RawBatch) -> Self {
        Self::Batch(batch)
    }
}

impl Piece {
    /// The rows; where they are work, it is done now.
    ///
    /// # Errors
    /// Those of the work.
    pub(crate) fn batch(self) -> Result<RawBatch> {
        match self {
            Self::Batch(batch) => Ok(batch),
            Self::Work(work) => work(),
            Self::Headings(_) | Self::Told(_) => Err(Error::internal("words are no rows")),
        }
    }

    /// The same rows, read when so many bytes of the file were.
    pub(crate) fn at(self, bytes_read: u64) -> Self {
        match self {
            Self::Batch(batch) => Self::Batch(RawBatch { bytes_read, ..batch }),
            Self::Work(work) => {
                Self::Work(Box::new(move || Ok(RawBatch { bytes_read, ..work()? })))
            }
            words => words,
        }
    }
}

/// The cells of one column.
#[derive(Debug)]
pub(crate) enum Cells {
    /// Text in its place in the text of the batch.
    Slices(Slices),
    /// Text, as it was written.
    Text {
        /// The cells.
        values: StringArray,
        /// Which cells the source itself says are numbers, dates or booleans: rules about how
        /// such values are written (`number`, `date_formats`) do not concern them.
        native: Option<BooleanBuffer>,
    },
    /// Values with a type, from a typed source.
    Typed(ArrayRef),
}

/// Start and end of a piece of text.
pub(crate) type Span = (u32, u32);

/// Pieces of a text that many share: nothing is copied. An empty piece is none.
#[derive(Debug)]
pub(crate) struct Slices {
    /// The text.
    pub(crate) text: Arc<String>,
    /// Where each piece is.
    pub(crate) spans: Vec<Span>,
}

impl Slices {
    /// One of them.
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        self.spans.get(index).and_then(|span| slice(&self.text, *span))
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        let text = self.text.as_str();
        self.spans.iter().map(move |span| slice(text, *span))
    }
}

fn slice(text: &str, (start, end): Span) -> Option<&str> {
    (start < end).then(|| &text[start as usize..end as usize])
}

/// Where a row stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Line (text files) or row (sheets, tables); 1 is the first.
    pub(crate) line: u64,
    /// Byte offset in the file, where there is one.
    pub(crate) offset: Option<u64>,
}

/// Where the rows of a batch stood.
#[derive(Debug)]
pub(crate) enum Places {
    /// One row after the other, the first being this.
    From(u64),
    /// Each by itself.
    Each(Vec<Position>),
    /// Each so many bytes and lines behind a place.
    Within(Position, Vec<(u32, u32)>),
}

/// What the rows of a batch said.
#[derive(Debug)]
pub(crate) enum Raw {
    /// Their text, one after the other; the end of each.
    Text(String, Vec<usize>),
    /// Their text, each in its place in the text of the batch.
    Slices(Slices),
    /// To be rendered from the cells, under these headings.
    Cells(Arc<[String]>),
}

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Where it stood.
    pub(crate) position: Position,
    /// What it broke: `encoding`, `ragged`, `quote`, `json` ...
    pub(crate) rule: &'static str,
    /// Why, in words.
    pub(crate) reason: String,
    /// Its text; bytes that are not text as `\xNN`.
    pub(crate) raw: String,
}

impl RawBatch {
    /// No rows: a sign of life.
    pub(super) fn nothing(file: &str, columns: usize) -> Self {
        BatchBuilder::with_text(file, columns).take(0)
    }

    /// Where a row stood.
    pub(crate) fn position(&self, row: usize) -> Position {
        match &self.places {
            Places::From(first) => Position { line: first + row as u64, offset: None },
            Places::Each(each) => {
                each.get(row).copied().unwrap_or(Position { line: 0, offset: None })
            }
            Places::Within(begin, each) => {
                let (bytes, lines) = each.get(row).copied().unwrap_or_default();
                Position {
                    line: begin.line + u64::from(lines),
                    offset: begin.offset.map(|offset| offset + u64::from(bytes)),
                }
            }
        }
    }

    /// What a row said: its text, or its wanted cells as a JSON object.
    pub(crate) fn raw(&self, row: usize) -> String {
        match &self.raw {
            Raw::Text(text, ends) => {
                let start = if row == 0 { 0 } else { ends[row - 1] };
                text[start..ends[row]].to_owned()
            }
            Raw::Slices(rows) => rows.get(row).unwrap_or_default().to_owned(),
            Raw::Cells(headings) => {
                let cells = headings.iter().zip(&self.columns).enumerate();
                // two columns may be of one heading
                let own = cells.filter(|(at, (name, _))| !headings[..*at].contains(name));
                as_json(own.map(|(_, (name, cells))| (name.as_str(), cells.json(row))))
            }
        }
    }
}

/// A row without text of its own, as quarantine keeps it: its cells, each as JSON, under their headings.
fn as_json<'a>(cells: impl Iterator<Item = (&'a str, String)>) -> String {
    let cells = cells.map(|(name, cell)| format!("{}:{cell}", serde_json::Value::from(name)));
    format!("{{{}}}", cells.collect::<Vec<_>>().join(","))
}

/// The same for a row that could not be read: what is no text in it is written out.
pub(super) fn rendered_as_json<'a>(
    cells: impl Iterator<Item = (&'a str, Option<String>)>,
) -> String {
    as_json(cells.map(|(name, cell)| (name, serde_json::Value::from(cell).to_string())))
}

impl Cells {
    /// A cell as JSON text: a number or boolean of the source as one, with all its digits.
    fn json(&self, row: usize) -> String {
        let is_native = match self {
            Self::Text { native: Some(native), .. } => native.value(row),
            Self::Typed(array) => {
                array.data_type().is_numeric() || *array.data_type() == DataType::Boolean
            }
            _ => false,
        };
        match self.render(row) {
            serde_json::Value::String(text) if is_native && is_json(&text) => text,
            other => other.to_string(),
        }
    }

    /// A cell as JSON, as text whatever it is.
    pub(super) fn render(&self, row: usize) -> serde_json::Value {
        let text = match self {
            Self::Slices(cells) => cells.get(row).map(str::to_owned),
            Self::Text { values, .. } => {
                (!values.is_null(row)).then(|| values.value(row).to_owned())
            }
            Self::Typed(array) if array.is_null(row) => None,
            Self::Typed(array) => match array.as_string_opt::<i32>() {
                Some(values) => Some(values.value(row).to_owned()),
                None => ArrayFormatter::try_new(array, &FormatOptions::default())
                    .ok()
                    .map(|formatter| formatter.value(row).to_string()),
            },
        };
        text.map_or(serde_json::Value::Null, serde_json::Value::String)
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Collects text cells into batches.
pub(super) struct BatchBuilder {
    file: Arc<str>,
    columns: Vec<(StringBuilder, BooleanBufferBuilder, bool)>,
    headings: Option<Arc<[String]>>,
    positions: Vec<Position>,
    text: String,
    ends: Vec<usize>,
    unreadable: Vec<Unreadable>,
    bytes: usize,
}

impl BatchBuilder {
    /// For rows whose raw text is kept as read.
    pub(super) fn with_text(file: &str, columns: usize) -> Self {
        let column = || (StringBuilder::new(), BooleanBufferBuilder::new(0), false);
        Self {
            file: file.into(),
            columns: (0..columns).map(|_| column()).collect(),
            headings: None,
            positions: Vec::new(),
            text: String::new(),
            ends: Vec::new(),
            unreadable: Vec::new(),
            bytes: 0,
        }
    }

    /// For rows that have no text of their own: it is rendered from the cells.
    pub(super) fn with_headings(file: &str, headings: Arc<[String]>) -> Self {
        Self { headings: Some(Arc::clone(&headings)), ..Self::with_text(file, headings.len()) }
    }

    /// Adds a row: every wanted cell in order, with whether the source itself typed it.
    pub(super) fn push<'a>(
        &mut self,
        position: Position,
        raw: &str,
        cells: impl Iterator<Item = (Option<&'a str>, bool)>,
    ) {
        for ((values, natives, any), (cell, native)) in self.columns.iter_mut().zip(cells) {
            values.append_option(cell);
            natives.append(native);
            *any |= native;
            self.bytes += cell.map_or(0, str::len);
        }
        self.positions.push(position);
        if self.headings.is_none() {
            self.text.push_str(raw);
            self.ends.push(self.text.len());
            self.bytes += raw.len();
        }
    }

    /// Adds a row that could not be read.
    pub(super) fn push_unreadable(&mut self, row: Unreadable) {
        self.bytes += row.raw.len();
        self.unreadable.push(row);
    }

    /// Whether it is time to [`take`](Self::take) a batch.
    pub(super) fn is_full(&self) -> bool {
        self.positions.len() + self.unreadable.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// Whether there is nothing to take.
    pub(super) fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.unreadable.is_empty()
    }

    /// What was collected, leaving nothing.
    pub(super) fn take(&mut self, bytes_read: u64) -> RawBatch {
        let columns = self.columns.iter_mut().map(|(values, natives, any)| Cells::Text {
            values: values.finish(),
            native: Some(natives.finish()).filter(|_| std::mem::take(any)),
        });
        let columns = columns.collect();
        self.bytes = 0;
        RawBatch {
            file: Arc::clone(&self.file),
            columns,
            rows: self.positions.len(),
            places: Places::Each(std::mem::take(&mut self.positions)),
            raw: match &self.headings {
                Some(headings) => Raw::Cells(Arc::clone(headings)),
                None => Raw::Text(std::mem::take(&mut self.text), std::mem::take(&mut self.ends)),
            },
            unreadable: std::mem::take(&mut self.unreadable),
            bytes_read,
        }
    }
}
