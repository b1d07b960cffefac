//! Delimited text: lines into records, records into cells.
//!
//! Strict where a lenient reader would guess: text after a closing quote and a quote that is
//! never closed are faults of the record. A quote inside an unquoted cell is an ordinary
//! character, as in `5" pipe`.

use crate::error::Result;
use crate::etl::source::Position;
use crate::etl::source::lines::{Lines, MAX_ROW_BYTES, too_long};
use std::io::BufRead;

/// Reads records; buffers are reused from one to the next.
pub(super) struct Records<R> {
    lines: Lines<R>,
    raw: String,
    splitter: Splitter,
}

/// One record.
pub(super) struct Record<'a> {
    /// Where it begins.
    pub(super) position: Position,
    /// Its text without the last line end.
    pub(super) raw: &'a str,
    /// What is wrong with it: the rule and the reason.
    pub(super) fault: Option<(&'static str, String)>,
    /// Its cells.
    pub(super) cells: CellsOf<'a>,
}

/// The cells of a record.
#[derive(Clone, Copy)]
pub(super) struct CellsOf<'a> {
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> CellsOf<'a> {
    /// How many there are.
    pub(super) fn len(self) -> usize {
        self.ends.len()
    }

    /// One of them; empty cells are NULL, quoted or not.
    pub(super) fn get(self, index: usize) -> Option<&'a str> {
        let start = if index == 0 { 0 } else { *self.ends.get(index - 1)? };
        Some(&self.text[start..*self.ends.get(index)?]).filter(|cell| !cell.is_empty())
    }
}

impl<R: BufRead> Records<R> {
    /// Reads records from lines.
    pub(super) fn new(lines: Lines<R>, delimiter: char) -> Self {
        Self { lines, raw: String::new(), splitter: Splitter::new(delimiter) }
    }

    /// Bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    /// Lines read so far.
    pub(super) fn lines_read(&self) -> u64 {
        self.lines.lines_read()
    }

    /// Goes on at the start of another record.
    pub(super) fn go_to(&mut self, reader: R, offset: u64, lines_read: u64) {
        self.lines.go_to(reader, offset, lines_read);
    }

    /// The lines that were not read.
    pub(super) fn into_lines(self) -> Lines<R> {
        self.lines
    }

    /// The next record that is not an empty line, or none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>> {
        let Some((position, decoded)) = self.gather()? else { return Ok(None) };
        let fault = if !decoded {
            let encoding = self.lines.encoding().name();
            Some(("encoding", format!("holds bytes that are not {encoding}")))
        } else if self.splitter.is_open() {
            Some(("quote", "a quote is not closed before the file ends".to_owned()))
        } else {
            self.splitter.fault.map(|fault| ("quote", fault.to_owned()))
        };
        Ok(Some(Record {
            position,
            raw: self.raw.trim_end_matches(['\n', '\r']),
            fault,
            cells: CellsOf { text: &self.splitter.text, ends: &self.splitter.ends },
        }))
    }

    /// Collects the lines of the next record; returns where it begins and whether all of it was
    /// text.
    fn gather(&mut self) -> Result<Option<(Position, bool)>> {
        self.raw.clear();
        self.splitter.clear();
        let mut began: Option<(Position, bool)> = None;
        while let Some(line) = self.lines.next()? {
            if began.is_none() && line.text.trim_end_matches(['\n', '\r']).is_empty() {
                continue;
            }
            let position = Position { line: line.number, offset: Some(line.offset) };
            let (position, decoded) = began.unwrap_or((position, true));
            began = Some((position, decoded && line.decoded));
            self.raw.push_str(&line.text);
            self.splitter.feed(&line.text);
            if !self.splitter.is_open() {
                break;
            }
            if self.raw.len() > MAX_ROW_BYTES {
                return Err(too_long(position.line));
            }
        }
        Ok(began)
    }
}

/// Splits the lines of a record into cells.
struct Splitter {
    delimiter: char,
    text: String,
    ends: Vec<usize>,
    state: State,
    fault: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a cell.
    Start,
    /// In a cell without quotes.
    Bare,
    /// Between quotes.
    Quoted,
    /// After a quote that closes the cell, unless another follows.
    Closing,
}

impl Splitter {
    fn new(delimiter: char) -> Self {
        Self { delimiter, text: String::new(), ends: Vec::new(), state: State::Start, fault: None }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.state = State::Start;
        self.fault = None;
    }

    /// Whether the record goes on in the next line.
    fn is_open(&self) -> bool {
        self.state == State::Quoted
    }

    /// Takes the next line of the record.
    fn feed(&mut self, line: &str) {
        let body = line.strip_suffix('\n').unwrap_or(line);
        let body = body.strip_suffix('\r').unwrap_or(body);
        if self.state == State::Start && !body.as_bytes().contains(&b'"') {
            for cell in body.split(self.delimiter) {
                self.text.push_str(cell);
                self.ends.push(self.text.len());
            }
            return;
        }
        for character in body.chars() {
            self.step(character);
        }
        if self.is_open() {
            self.text.push_str(&line[body.len()..]);
        } else {
            self.end_cell();
        }
    }

    fn step(&mut self, character: char) {
        match (self.state, character) {
            (State::Start, '"') => self.state = State::Quoted,
            (State::Quoted, '"') => self.state = State::Closing,
            (State::Closing, '"') => {
                self.text.push('"');
                self.state = State::Quoted;
            }
            (State::Quoted, other) => self.text.push(other),
            (_, delimiter) if delimiter == self.delimiter => self.end_cell(),
            (State::Closing, other) => {
                self.fault = Some("text follows a closing quote");
                self.text.push(other);
                self.state = State::Bare;
            }
            (_, other) => {
                self.text.push(other);
                self.state = State::Bare;
            }
        }
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
        self.state = State::Start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::UTF_8;

    type Row = (u64, Option<u64>, Vec<Option<String>>, Option<&'static str>);

    fn read(text: &[u8]) -> Vec<Row> {
        let mut records = Records::new(Lines::new(text, UTF_8).unwrap(), ',');
        let mut rows = Vec::new();
        while let Some(record) = records.next().unwrap() {
            let cells = (0..record.cells.len())
                .map(|index| record.cells.get(index).map(str::to_owned))
                .collect();
            let fault = record.fault.map(|(rule, _)| rule);
            rows.push((record.position.line, record.position.offset, cells, fault));
        }
        rows
    }

    fn some(cells: &[&str]) -> Vec<Option<String>> {
        cells.iter().map(|cell| Some((*cell).to_owned()).filter(|cell| !cell.is_empty())).collect()
    }

    #[test]
    fn quotes_newlines_and_places() {
        let text = b"\xef\xbb\xbfa,b\r\n\r\n\"x\r\ny\",\"say \"\"hi\"\"\"\n5\" pipe,\n,\"\"";
        assert_eq!(
            read(text),
            vec![
                (1, Some(3), some(&["a", "b"]), None),
                (3, Some(10), some(&["x\r\ny", "say \"hi\""]), None),
                (5, Some(30), some(&["5\" pipe", ""]), None),
                (6, Some(39), some(&["", ""]), None),
            ]
        );
    }

    #[test]
    fn faults_stay_within_their_record() {
        let rows = read(b"\"a\"b,c\nd\xff,e\nf,g\n\"h,i\nj,k\n");
        let faults: Vec<_> = rows.iter().map(|row| (row.0, row.3)).collect();
        assert_eq!(
            faults,
            vec![(1, Some("quote")), (2, Some("encoding")), (3, None), (4, Some("quote"))]
        );
    }
}
