//! A file somebody points at: its format, told from its name and its first bytes, and its headings.

use super::json;
use crate::error::{Error, Result};
use crate::etl::job::{
    CsvPlace, ExcelPlace, FilePlace, From, OnError, SourceColumn, SourceSpec, Strategy,
};
use crate::etl::source::{dialect_of_file, unpacked};
use crate::model::ColumnType;
use calamine::Reader;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes looked at to tell encoding and headings.
const LOOKED_AT: u64 = 1 << 20;
/// Rows of a sheet looked at for its headings.
const ROWS_ABOVE: usize = 30;

/// A source that reads a file, with all of its columns as text.
///
/// # Errors
/// Not found where there is no such file, user where its format is not known, data where it is not
/// of its format.
pub fn source_of_file(path: &str) -> Result<SourceSpec> {
    let file = Path::new(path);
    if !file.is_file() {
        return Err(Error::not_found("there is no such file").with("file", path));
    }
    let place = |error: Error| error.with("file", path);
    // of a file that is packed, what is inside
    let inside = path.strip_suffix(".gz").or_else(|| path.strip_suffix(".zst")).unwrap_or(path);
    let extension = Path::new(inside).extension().and_then(|extension| extension.to_str());
    let (from, headings) = match extension.unwrap_or_default().to_lowercase().as_str() {
        "csv" | "tsv" | "txt" => csv(file, path),
        "jsonl" | "ndjson" => json::lines(file, path),
        "json" => json::document(file, path),
        "parquet" => parquet(file, path),
        "xlsx" | "xls" | "ods" => excel(file, path),
        "db" | "sqlite" | "sqlite3" => Err(Error::user(
            "a database is profiled as a source of a job",
        )
        .hint("put its table into a job as a source, and say `starhouse profile JOB.SOURCE`")),
        other => Err(Error::user(format!("`{other}` is no format that is profiled")).hint(
            "expected .csv, .tsv, .txt, .json, .jsonl, .ndjson, packed (.gz, .zst) or not, \
                 .parquet, .xlsx, .xls or .ods",
        )),
    }
    .map_err(place)?;
    let stem = Path::new(inside).file_stem().and_then(|stem| stem.to_str()).unwrap_or("file");
    let columns = columns(headings);
    Ok(SourceSpec {
        name: name(stem),
        from,
        strategy: Strategy::default(),
        contract: None,
        optional: false,
        columns,
        derive: Vec::new(),
        checks: Vec::new(),
        must_exist: Vec::new(),
        audit: false,
        deduplicate: None,
    })
}

/// Headings as columns whose names SQL takes as they are, each another.
fn columns(headings: Vec<String>) -> Vec<SourceColumn> {
    let mut taken = HashSet::new();
    let headings = headings.into_iter().filter(|heading| !heading.trim().is_empty());
    headings
        .map(|heading| {
            let plain = name(&heading);
            let mut own = plain.clone();
            let mut count = 1;
            while !taken.insert(own.clone()) {
                count += 1;
                own = format!("{plain}_{count}");
            }
            SourceColumn {
                from: (own != heading).then_some(heading),
                name: own,
                ty: ColumnType::Text,
                clean: Vec::new(),
                on_error: OnError::Reject,
            }
        })
        .collect()
}

/// A name of lower-case letters, digits and `_`.
fn name(text: &str) -> String {
    let folded = crate::text::fold(text).replace(' ', "_");
    let ascii: String = folded.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    match ascii.chars().next() {
        Some(first) if first.is_ascii_lowercase() => ascii,
        Some(_) => format!("c{ascii}"),
        None => "column".to_owned(),
    }
}

fn beginning(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = unpacked(file).and_then(|text| text.take(LOOKED_AT).read_to_end(&mut bytes));
    read.map_err(cannot_read)?;
    Ok(bytes)
}

fn csv(file: &Path, path: &str) -> Result<(From, Vec<String>)> {
    let place = CsvPlace::new(path.to_owned(), String::new());
    let (place, headings) = dialect_of_file(&beginning(file)?, place)?;
    if headings.is_empty() {
        return Err(Error::data("the file is empty: it has no headings"));
    }
    Ok((From::Csv(place), headings))
}

/// The error of a file that cannot be read.
pub(super) fn cannot_read(error: std::io::Error) -> Error {
    Error::data("the file cannot be read").caused_by(error)
}

fn parquet(file: &Path, path: &str) -> Result<(From, Vec<String>)> {
    let wrong = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::data("the file is no Parquet").caused_by(error)
    };
    let opened = File::open(file).map_err(|error| wrong(error.into()))?;
    let reader = SerializedFileReader::new(opened).map_err(|error| wrong(error.into()))?;
    let fields = reader.metadata().file_metadata().schema().get_fields().iter();
    let headings = fields.map(|field| field.name().to_owned()).collect();
    Ok((From::Parquet(FilePlace { path: path.to_owned(), access: None }), headings))
}

fn excel(file: &Path, path: &str) -> Result<(From, Vec<String>)> {
    let wrong = |error: calamine::Error| Error::data("the file is no workbook").caused_by(error);
    let mut workbook = calamine::open_workbook_auto(file).map_err(wrong)?;
    let names = workbook.sheet_names();
    if names.is_empty() {
        return Err(Error::data("the workbook has no sheet"));
    }
    // the first that holds anything
    let mut sheet = workbook.worksheet_range(&names[0]).map_err(wrong)?;
    let mut named = None;
    for name in names.into_iter().skip(1) {
        if !sheet.is_empty() {
            break;
        }
        sheet = workbook.worksheet_range(&name).map_err(wrong)?;
        named = Some(name);
    }
    let filled =
        |row: &&[calamine::Data]| row.iter().filter(|cell| **cell != calamine::Data::Empty).count();
    let most = sheet.rows().take(ROWS_ABOVE).map(|row| filled(&row)).max().unwrap_or_default();
    // what stands above the headings is a title, or nothing
    let above = sheet.rows().take_while(|row| filled(row) * 2 <= most).count();
    let row = sheet.rows().nth(above);
    let row = row.ok_or_else(|| Error::data("the sheet is empty: it has no headings"))?;
    let headings = row.iter().map(ToString::to_string).collect();
    let first = sheet.start().map_or(0, |(row, _)| row);
    let header_row = first + u32::try_from(above).unwrap_or_default() + 1;
    let path = path.to_owned();
    let place = ExcelPlace { path, sheet: named, header_row, range: None, access: None };
    Ok((From::Excel(place), headings))
}
