//! Sheets of workbooks: .xlsx, .xlsm, .xlsb, .xls and .ods.
//!
//! Numbers stay numbers, with the 15 digits a spreadsheet shows; dates follow the workbook's own
//! epoch (1900 or 1904). A formula counts as its last value; an error such as `#N/A` is read as
//! that text (`null_if` can name it). Empty rows are no rows. One sheet at a time is in memory:
//! a sheet holds a million rows at most.

mod area;

use super::files::Files;
use super::headings::Wanted;
use super::{
    Alive, BatchBuilder, Found, Piece, Position, RawBatch, Sink, Source, headings, number_text,
    shortest_text,
};
use crate::error::{Error, Result, did_you_mean};
use crate::etl::job::ExcelPlace;
use crate::model::ColumnType;
use crate::store::Input;
use area::{Area, column_letters};
use calamine::{Data, ExcelDateTime, Range, Reader, open_workbook_auto};
use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

/// One sheet of each of some workbooks.
pub(super) struct Excel {
    files: Files,
    sheet: Option<String>,
    header_row: u32,
    area: Option<Area>,
    columns: Wanted,
}

impl Excel {
    pub(super) fn new(project: &Path, place: &ExcelPlace, columns: Wanted) -> Result<Self> {
        if place.header_row == 0 {
            return Err(Error::user("header_row counts from 1"));
        }
        let area = place.range.as_deref().map(Area::new).transpose()?;
        if area.is_some() && place.header_row != 1 {
            return Err(Error::user("`range` and `header_row` both say where the headings are")
                .hint("the first row of the range holds them"));
        }
        Ok(Self {
            files: Files::new(project, &place.path, place.access.as_ref())?,
            sheet: place.sheet.clone(),
            header_row: area.map_or(place.header_row, |area| area.top + 1),
            area,
            columns,
        })
    }

    fn load(&self, path: &Path) -> Result<Range<Data>> {
        let broken = |error: calamine::Error| {
            Error::data("cannot read the workbook").caused_by(error.to_string())
        };
        let mut workbook = open_workbook_auto(path).map_err(broken)?;
        let names = workbook.sheet_names();
        let name = match &self.sheet {
            Some(name) if names.contains(name) => name,
            Some(name) => return Err(no_sheet(name, &names)),
            None => names.first().ok_or_else(|| Error::data("the workbook has no sheet"))?,
        };
        let sheet = workbook.worksheet_range(name).map_err(broken)?;
        Ok(match &self.area {
            Some(area) => area.of(&sheet),
            None => sheet,
        })
    }

    fn read_rows(&self, sheet: &Range<Data>, found: &Found, sink: &mut Sink<'_>) -> Result<()> {
        let have = self.headings(sheet)?;
        let wanted = headings::positions(&have, &self.columns)?;
        let names = headings::headings(&self.columns).into();
        sink(Piece::Headings(have))?;
        let mut batch = BatchBuilder::with_headings(&found.input.name, names);
        let first = sheet.start().map_or(0, |(row, _)| row);
        for (at, row) in sheet.rows().enumerate() {
            let line = u64::from(first) + at as u64 + 1;
            if line <= u64::from(self.header_row) || row.iter().all(|cell| *cell == Data::Empty) {
                continue;
            }
            let cells: Vec<(Option<Cow<'_, str>>, bool)> = wanted
                .iter()
                .zip(self.columns.iter())
                .map(|(at, column)| {
                    let cell = at.and_then(|at| row.get(at));
                    text(cell.unwrap_or(&Data::Empty), column.ty)
                })
                .collect();
            let cells = cells.iter().map(|(text, native)| (text.as_deref(), *native));
            batch.push(Position { line, offset: None }, "", cells);
            if batch.is_full() {
                sink(batch.take(0).into())?;
            }
        }
        if batch.is_empty() { Ok(()) } else { sink(batch.take(found.input.size_bytes).into()) }
    }

    /// The headings, as far to the right as there is data.
    fn headings(&self, sheet: &Range<Data>) -> Result<Vec<String>> {
        let row = self.header_row;
        let (Some((top, left)), Some((_, right))) = (sheet.start(), sheet.end()) else {
            return Err(Error::data("the sheet is empty: it has no headings"));
        };
        let cell = |column| sheet.get_value((row - 1, column)).unwrap_or(&Data::Empty);
        let texts: Vec<String> = (left..=right)
            .map(|column| text(cell(column), ColumnType::Text).0.unwrap_or_default().into_owned())
            .collect();
        let below = (row.saturating_sub(top)) as usize;
        for (at, heading) in texts.iter().enumerate() {
            let filled = |cells: &[Data]| cells.get(at).is_some_and(|cell| *cell != Data::Empty);
            if heading.trim().is_empty() && sheet.rows().skip(below).any(filled) {
                let name = format!("{}{row}", column_letters(left + at as u32));
                return Err(Error::data(format!("the heading cell {name} is empty or merged"))
                    .hint("each column with data needs a heading of its own in the header row"));
            }
        }
        Ok(texts)
    }
}

impl Source for Excel {
    fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>> {
        self.files.inputs(alive)
    }

    fn read_before(&mut self, names: HashSet<String>) {
        self.files.read_before(names);
    }

    fn nothing_found(&self) -> Error {
        self.files.nothing_found()
    }

    fn read(&self, found: &Found, sink: &mut Sink<'_>) -> Result<Input> {
        let name = &found.input.name;
        let path = self
            .files
            .local(found, &mut || sink(RawBatch::nothing(name, self.columns.len()).into()))?;
        self.files.hashing(found, || {
            let sheet = self.load(&path);
            let read = sheet.and_then(|sheet| self.read_rows(&sheet, found, sink));
            read.map_err(|error| error.with("file", &found.input.name))
        })
    }
}

fn no_sheet(name: &str, names: &[String]) -> Error {
    let near = did_you_mean(name, names.iter().map(String::as_str));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    Error::user(format!("no sheet `{name}`"))
        .hint(format!("{near}the workbook has {}", names.join(", ")))
}

/// A cell's text, and whether the workbook says that it is no text.
fn text(cell: &Data, ty: ColumnType) -> (Option<Cow<'_, str>>, bool) {
    let owned = |text: String| (Some(Cow::Owned(text)), true);
    match cell {
        Data::Empty => (None, false),
        Data::String(text) if text.is_empty() => (None, false),
        Data::String(text) => (Some(Cow::Borrowed(text)), false),
        Data::Int(value) => owned(value.to_string()),
        Data::Float(value) if ty == ColumnType::Float64 => owned(shortest_text(*value)),
        Data::Float(value) => owned(number_text(*value)),
        Data::Bool(value) => owned(value.to_string()),
        Data::DateTime(moment) if moment.is_duration() => owned(number_text(moment.as_f64())),
        Data::DateTime(moment) => owned(moment_text(moment)),
        Data::DateTimeIso(text) | Data::DurationIso(text) => (Some(Cow::Borrowed(text)), true),
        Data::Error(error) => (Some(Cow::Owned(error.to_string())), false),
    }
}

/// A moment as ISO 8601: only the date at midnight, only the time on day 0.
fn moment_text(moment: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, millisecond) = moment.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    let mut time = format!("{hour:02}:{minute:02}:{second:02}");
    if millisecond != 0 {
        time.push_str(&format!(".{millisecond:03}"));
    }
    let midnight = (hour, minute, second, millisecond) == (0, 0, 0, 0);
    match moment.as_f64() < 1.0 && !midnight {
        true => time,
        false if midnight => date,
        false => format!("{date} {time}"),
    }
}
