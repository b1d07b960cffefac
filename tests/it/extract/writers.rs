//! The same small table written in every format, by other programs' libraries.

use super::Project;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use std::sync::Arc;

/// A format of the conformance suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    JsonLines,
    Parquet,
    Excel,
    Sqlite,
}

/// Every format: the conformance suite runs over this list.
pub(crate) const FORMATS: [Format; 5] =
    [Format::Csv, Format::JsonLines, Format::Parquet, Format::Excel, Format::Sqlite];

impl Format {
    /// The file's name.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Csv => "t.csv",
            Self::JsonLines => "t.jsonl",
            Self::Parquet => "t.parquet",
            Self::Excel => "t.xlsx",
            Self::Sqlite => "t.db",
        }
    }

    /// `from:` in a job.
    pub(crate) fn from(self) -> &'static str {
        match self {
            Self::Csv => "{csv: {path: t.csv}}",
            Self::JsonLines => "{json_lines: {path: t.jsonl}}",
            Self::Parquet => "{parquet: {path: t.parquet}}",
            Self::Excel => "{excel: {path: t.xlsx}}",
            Self::Sqlite => "{sqlite: {path: t.db, table: t}}",
        }
    }

    /// Writes a table of texts into the project.
    pub(crate) fn write(self, project: &Project, headings: &[&str], rows: &[Vec<Option<String>>]) {
        let path = project.path().join(self.file());
        match self {
            Self::Csv => {
                let mut writer = csv::Writer::from_path(path).unwrap();
                writer.write_record(headings).unwrap();
                for row in rows {
                    writer.write_record(row.iter().map(|c| c.as_deref().unwrap_or(""))).unwrap();
                }
                writer.flush().unwrap();
            }
            Self::JsonLines => {
                let object = |row: &Vec<Option<String>>| {
                    let cells = headings.iter().zip(row);
                    let cells = cells.map(|(name, cell)| ((*name).to_owned(), cell.clone().into()));
                    serde_json::Value::Object(cells.collect()).to_string()
                };
                let lines: Vec<String> = rows.iter().map(object).collect();
                std::fs::write(path, lines.join("\n")).unwrap();
            }
            Self::Parquet => {
                let column = |at: usize| -> ArrayRef {
                    Arc::new(rows.iter().map(|row| row[at].clone()).collect::<StringArray>())
                };
                let columns =
                    headings.iter().enumerate().map(|(at, name)| (*name, column(at), true));
                let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
                write_parquet(&path, &batch);
            }
            Self::Excel => {
                let mut book = rust_xlsxwriter::Workbook::new();
                let sheet = book.add_worksheet();
                let texts = rows.iter().map(|row| row.iter().map(Option::as_deref).collect());
                let headings = headings.iter().map(|heading| Some(*heading)).collect();
                let all = std::iter::once(headings).chain(texts);
                for (at, row) in all.enumerate() {
                    let row: Vec<Option<&str>> = row;
                    for (column, text) in row.iter().enumerate() {
                        let Some(text) = text else { continue };
                        sheet.write_string(at as u32, column as u16, *text).unwrap();
                    }
                }
                book.save(path).unwrap();
            }
            Self::Sqlite => {
                let _ = std::fs::remove_file(&path);
                let mut connection = rusqlite::Connection::open(path).unwrap();
                let names = headings.join("\" TEXT, \"");
                connection.execute(&format!("CREATE TABLE t (\"{names}\" TEXT)"), []).unwrap();
                let marks = vec!["?"; headings.len()].join(", ");
                let transaction = connection.transaction().unwrap();
                for row in rows {
                    let row = rusqlite::params_from_iter(row);
                    transaction.execute(&format!("INSERT INTO t VALUES ({marks})"), row).unwrap();
                }
                transaction.commit().unwrap();
            }
        }
    }
}

/// Writes a Parquet file.
pub(crate) fn write_parquet(path: &std::path::Path, batch: &RecordBatch) {
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}
