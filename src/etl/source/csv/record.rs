//! Delimited text: lines into records, records into cells.
//!
//! Strict where a lenient reader would guess: text after a closing quote and a quote that is
//! never closed are faults of the record. A quote inside an unquoted cell is an ordinary
//! character, as in `5" pipe`, and so is an escape before anything that needs none.

use crate::error::Result;
use crate::etl::source::Position;
use crate::etl::source::lines::{Lines, MAX_ROW_BYTES, too_long};
use std::io::BufRead;

/// What signs mean in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signs {
    /// Stands between cells.
    pub(super) delimiter: char,
    /// Cells may stand between two of it.
    pub(super) quote: Option<char>,
    /// Makes a quote, a delimiter, a line end or itself part of a cell.
    pub(super) escape: Option<char>,
    /// A line that begins with it is no row.
    pub(super) comment: Option<char>,
}

impl Signs {
    /// Whether a text has none but delimiters.
    fn has_only_delimiters(&self, text: &str) -> bool {
        let is_in = |sign: Option<char>| sign.is_some_and(|sign| text.contains(sign));
        !is_in(self.quote) && !is_in(self.escape)
    }
}

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
    /// How many of them begin with a quote.
    pub(super) quoted: usize,
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
    pub(super) fn new(lines: Lines<R>, signs: Signs) -> Self {
        Self { lines, raw: String::new(), splitter: Splitter::new(signs) }
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

    /// The next record that is neither an empty line nor a comment, or none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>> {
        let Some((position, decoded)) = self.gather()? else { return Ok(None) };
        let fault = if !decoded {
            let encoding = self.lines.encoding().name();
            let reason = format!(
                "holds bytes that are not {encoding}: `encoding` says what the file is in, `detect` guesses"
            );
            Some(("encoding", reason))
        } else if self.splitter.is_open() {
            Some(("quote", self.splitter.open_at_the_end().to_owned()))
        } else {
            self.splitter.fault.map(|fault| ("quote", fault.to_owned()))
        };
        Ok(Some(Record {
            position,
            raw: self.raw.trim_end_matches(['\n', '\r']),
            fault,
            cells: CellsOf { text: &self.splitter.text, ends: &self.splitter.ends },
            quoted: self.splitter.quoted,
        }))
    }

    /// Collects the lines of the next record; returns where it begins and whether all of it was
    /// text.
    fn gather(&mut self) -> Result<Option<(Position, bool)>> {
        self.raw.clear();
        self.splitter.clear();
        let mut began: Option<(Position, bool)> = None;
        while let Some(line) = self.lines.next()? {
            if began.is_none() && self.splitter.is_no_row(&line.text) {
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
    signs: Signs,
    text: String,
    ends: Vec<usize>,
    state: State,
    /// Whether the sign before was an escape.
    escaped: bool,
    /// Whether the line end before was escaped.
    goes_on: bool,
    fault: Option<&'static str>,
    /// Cells that began with a quote.
    quoted: usize,
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
    fn new(signs: Signs) -> Self {
        Self {
            signs,
            text: String::new(),
            ends: Vec::new(),
            state: State::Start,
            escaped: false,
            goes_on: false,
            fault: None,
            quoted: 0,
        }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.state = State::Start;
        (self.escaped, self.goes_on) = (false, false);
        (self.fault, self.quoted) = (None, 0);
    }

    /// Whether a line is none of a record: empty, or a comment.
    fn is_no_row(&self, line: &str) -> bool {
        line.trim_end_matches(['\n', '\r']).is_empty()
            || self.signs.comment.is_some_and(|sign| line.starts_with(sign))
    }

    /// Whether the record goes on in the next line.
    fn is_open(&self) -> bool {
        self.state == State::Quoted || self.goes_on
    }

    /// What is wrong with a record that is open where the file ends.
    fn open_at_the_end(&self) -> &'static str {
        match self.state {
            State::Quoted => "a quote is not closed before the file ends",
            _ => "the file ends behind a line end that is escaped",
        }
    }

    /// Takes the next line of the record.
    fn feed(&mut self, line: &str) {
        let body = line.strip_suffix('\n').unwrap_or(line);
        let body = body.strip_suffix('\r').unwrap_or(body);
        if self.state == State::Start && !self.goes_on && self.signs.has_only_delimiters(body) {
            for cell in body.split(self.signs.delimiter) {
                self.text.push_str(cell);
                self.ends.push(self.text.len());
            }
            return;
        }
        self.goes_on = false;
        for character in body.chars() {
            self.step(character);
        }
        let line_end = &line[body.len()..];
        if std::mem::take(&mut self.escaped) {
            match line_end {
                "" => self.text.extend(self.signs.escape),
                _ => self.goes_on = true,
            }
        }
        if self.is_open() {
            self.text.push_str(line_end);
        } else {
            self.end_cell();
        }
    }

    fn step(&mut self, character: char) {
        let is = |sign: Option<char>| sign == Some(character);
        let Signs { delimiter, quote, escape, .. } = self.signs;
        if std::mem::take(&mut self.escaped) {
            if !is(quote) && !is(escape) && character != delimiter {
                self.text.extend(escape);
            }
            self.text.push(character);
            return;
        }
        match self.state {
            State::Start | State::Bare | State::Quoted if is(escape) => {
                self.escaped = true;
                if self.state == State::Start {
                    self.state = State::Bare;
                }
            }
            State::Start if is(quote) => {
                self.state = State::Quoted;
                self.quoted += 1;
            }
            State::Quoted if is(quote) => self.state = State::Closing,
            State::Closing if is(quote) => {
                self.text.push(character);
                self.state = State::Quoted;
            }
            State::Quoted => self.text.push(character),
            _ if character == delimiter => self.end_cell(),
            state => {
                if state == State::Closing {
                    self.fault = Some("text follows a closing quote");
                }
                self.text.push(character);
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

    const USUAL: Signs = Signs { delimiter: ',', quote: Some('"'), escape: None, comment: None };

    fn read(text: &[u8]) -> Vec<Row> {
        read_as(text, USUAL)
    }

    fn read_as(text: &[u8], signs: Signs) -> Vec<Row> {
        let mut records = Records::new(Lines::new(text, UTF_8).unwrap(), signs);
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

    fn cells(text: &str, signs: Signs) -> Vec<Vec<Option<String>>> {
        let rows = read_as(text.as_bytes(), signs);
        assert!(rows.iter().all(|row| row.3.is_none()), "{rows:?}");
        rows.into_iter().map(|row| row.2).collect()
    }

    #[test]
    fn an_escape_makes_signs_text_and_is_text_before_others() {
        let signs = Signs { escape: Some('\\'), ..USUAL };
        let text = "a\\,b,\"say \\\"hi\\\"\"\nC:\\new,\\N\n\\\\,x\\\ny\n\"\\\r\nz\",\\\"q\nlast,\\";
        let expected = [
            some(&["a,b", "say \"hi\""]),
            some(&["C:\\new", "\\N"]),
            some(&["\\", "x\ny"]),
            some(&["\r\nz", "\"q"]),
            some(&["last", "\\"]),
        ];
        assert_eq!(cells(text, signs), expected);
        let cut = read_as(b"a,b\\\n", signs);
        assert_eq!((cut.len(), cut[0].3), (1, Some("quote")));
    }

    #[test]
    fn another_quote_none_and_comments() {
        let single = Signs { quote: Some('\''), comment: Some('#'), ..USUAL };
        let text = "# made on Monday\n'a,''b',\"c\n#,'\n1,'x\n#y'\n";
        assert_eq!(cells(text, single), [some(&["a,'b", "\"c"]), some(&["1", "x\n#y"])]);
        let none = Signs { quote: None, ..USUAL };
        assert_eq!(cells("\"a,b\"\n", none), [some(&["\"a", "b\""])]);
    }
}
