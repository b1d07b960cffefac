//! Delimited text whose every record knows its line.

use super::Day;
use super::report::{Fault, SourceReport};
use crate::error::Result;
use crate::sample::project::write_whole;

/// A text file under way.
pub(crate) struct TextFile {
    text: String,
    delimiter: char,
    line: u64,
    report: SourceReport,
}

impl TextFile {
    /// A file with its headings.
    pub(crate) fn new(
        source: &'static str,
        file: impl Into<String>,
        delimiter: char,
        headings: &[&str],
    ) -> Self {
        let report = SourceReport::new(source, file);
        let mut new = Self { text: String::new(), delimiter, line: 1, report };
        new.put(&headings.iter().map(|heading| (*heading).to_owned()).collect::<Vec<_>>());
        new
    }

    /// A good row.
    pub(crate) fn row(&mut self, fields: &[String]) {
        self.report.rows += 1;
        self.put(fields);
    }

    /// A good row that repeats the key of another.
    pub(crate) fn duplicate(&mut self, fields: &[String]) {
        self.report.duplicates += 1;
        self.row(fields);
    }

    /// A row to be rejected for a column.
    pub(crate) fn bad_row(&mut self, fields: &[String], (column, why): Fault) {
        self.report.reject(self.line, Some(column), why);
        self.row(fields);
    }

    /// A row to be rejected as a whole.
    pub(crate) fn broken_row(&mut self, fields: &[String], why: &'static str) {
        self.report.reject(self.line, None, why);
        self.row(fields);
    }

    /// Puts the file in place, in the encoding given.
    pub(crate) fn finish(
        self,
        day: &Day<'_>,
        encode: impl Fn(&str) -> Vec<u8>,
    ) -> Result<SourceReport> {
        write_whole(&day.folder.join(&self.report.file), &encode(&self.text))?;
        Ok(self.report)
    }

    fn put(&mut self, fields: &[String]) {
        let mut record = String::new();
        for (place, field) in fields.iter().enumerate() {
            if place > 0 {
                record.push(self.delimiter);
            }
            record.push_str(&self.quoted(field));
        }
        record.push('\n');
        self.line += record.matches('\n').count() as u64;
        self.text.push_str(&record);
    }

    fn quoted(&self, field: &str) -> String {
        if field.contains([self.delimiter, '"', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field.to_owned()
        }
    }
}

impl SourceReport {
    /// Notes a row that is wrong on purpose.
    pub(crate) fn reject(&mut self, line: u64, column: Option<&'static str>, why: &'static str) {
        self.rejects.push(super::KnownReject { line, column, why });
    }
}

/// UTF-8 without a mark.
pub(crate) fn utf8(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// UTF-8 with a byte order mark.
pub(crate) fn utf8_with_mark(text: &str) -> Vec<u8> {
    [b"\xEF\xBB\xBF", text.as_bytes()].concat()
}
