//! Sheets of workbooks: .xlsx, .xlsm, .xlsb, .xls and .ods.
//!
//! Numbers stay numbers; dates follow the workbook's own epoch (1900 or 1904), and what is before
//! or after all its days is no day but a number. A formula counts as its last value; a row with one
//! that has none is refused, and so is a row with an error such as `#N/A`, where `null_if` does not
//! name it. Empty rows are no rows. One sheet at a time is in memory: a sheet holds a million rows
//! at most.

mod area;

use super::batch::{Unreadable, rendered_as_json};
use super::files::Files;
use super::headings::Wanted;
use super::{
    Alive, BatchBuilder, Found, Piece, Position, RawBatch, Sink, Source, headings, number_text,
};
use crate::error::{Error, Result, did_you_mean};
use crate::etl::job::{ExcelPlace, Rule, SourceColumn};
use crate::model::ColumnType;
use crate::store::Input;
use area::{Area, column_letters};
use calamine::{Data, ExcelDateTime, Range, Reader, Sheets, open_workbook_auto};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
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
        let mut workbook = open_workbook_auto(path).map_err(broken)?;
        let name = self.sheet_of(&workbook)?;
        let sheet = workbook.worksheet_range(&name).map_err(broken)?;
        Ok(match &self.area {
            Some(area) => area.of(&sheet),
            None => sheet,
        })
    }

    fn sheet_of(&self, workbook: &Sheets<BufReader<File>>) -> Result<String> {
        let names = workbook.sheet_names();
        match &self.sheet {
            Some(name) if names.contains(name) => Ok(name.clone()),
            Some(name) => Err(no_sheet(name, &names)),
            None => {
                let nothing = || Error::data("the workbook has no sheet");
                names.into_iter().next().ok_or_else(nothing)
            }
        }
    }

    /// The sheet's formulas, as far as they can be told. The old format stores the value of each.
    fn formulas(&self, path: &Path) -> Result<Range<String>> {
        let mut workbook = open_workbook_auto(path).map_err(broken)?;
        let name = self.sheet_of(&workbook)?;
        Ok(match workbook {
            Sheets::Xls(_) => Range::empty(),
            ref mut other => other.worksheet_formula(&name).unwrap_or_default(),
        })
    }

    /// Why a row cannot be taken for what it seems to be, if it cannot: it would have text or nothing
    /// where the workbook has no value.
    fn fault(
        &self,
        cells: &[(&Data, String)],
        is_formula: &dyn Fn(usize) -> Result<bool>,
    ) -> Result<Option<(&'static str, String)>> {
        for (at, ((cell, name), column)) in cells.iter().zip(self.columns.iter()).enumerate() {
            match cell {
                Data::Error(error) if is_text_as_it_is(column, &error.to_string()) => {
                    let reason = format!("{name} is {error}; `null_if` can name it");
                    return Ok(Some(("error", reason)));
                }
                Data::Empty if !name.is_empty() && is_formula(at)? => {
                    let reason = format!(
                        "{name} is a formula without a value: open the workbook in a spreadsheet \
                         program and save it"
                    );
                    return Ok(Some(("formula", reason)));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn read_rows(
        &self,
        sheet: &Range<Data>,
        found: &Found,
        formulas: &dyn Fn() -> Result<Range<String>>,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let have = self.headings(sheet)?;
        let wanted = headings::positions(&have, &self.columns)?;
        let names = headings::headings(&self.columns).into();
        sink(Piece::Headings(have))?;
        let mut batch = BatchBuilder::with_headings(&found.input.name, names);
        let (first, left) = sheet.start().unwrap_or_default();
        let known: OnceCell<Range<String>> = OnceCell::new();
        for (at, row) in sheet.rows().enumerate() {
            let at_row = u32::try_from(at).unwrap_or(u32::MAX);
            let line = u64::from(first) + at as u64 + 1;
            if line <= u64::from(self.header_row) || row.iter().all(|cell| *cell == Data::Empty) {
                continue;
            }
            let position = Position { line, offset: None };
            let column_of = |at: usize| left + u32::try_from(at).unwrap_or(u32::MAX);
            let cell = |at: &Option<usize>| match at.and_then(|at| row.get(at).zip(Some(at))) {
                Some((cell, at)) => (cell, format!("{}{line}", column_letters(column_of(at)))),
                None => (&Data::Empty, String::new()),
            };
            let found: Vec<(&Data, String)> = wanted.iter().map(cell).collect();
            let fault = self.fault(&found, &|at| {
                let formulas = match known.get() {
                    Some(formulas) => formulas,
                    None => known.get_or_init({
                        let formulas = formulas()?;
                        || formulas
                    }),
                };
                let place = wanted[at].map(|at| (first + at_row, column_of(at)));
                let formula = place.and_then(|place| formulas.get_value(place));
                Ok(formula.is_some_and(|formula| !formula.is_empty()))
            })?;
            let cells: Vec<(Option<Cow<'_, str>>, bool)> = found
                .iter()
                .zip(self.columns.iter())
                .map(|((cell, _), column)| text(cell, column.ty))
                .collect();
            match fault {
                None => {
                    let cells = cells.iter().map(|(text, native)| (text.as_deref(), *native));
                    batch.push(position, "", cells);
                }
                Some((rule, reason)) => {
                    let texts = cells.into_iter().map(|(text, _)| text.map(Cow::into_owned));
                    let heads = self.columns.iter().map(headings::heading);
                    let raw = rendered_as_json(heads.zip(texts));
                    batch.push_unreadable(Unreadable { position, rule, reason, raw });
                }
            }
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
            let formulas = || self.formulas(&path);
            let read = sheet.and_then(|sheet| self.read_rows(&sheet, found, &formulas, sink));
            read.map_err(|error| error.with("file", &found.input.name))
        })
    }
}

/// Whether a column would take an error for text.
fn is_text_as_it_is(column: &SourceColumn, error: &str) -> bool {
    let names = |rule: &Rule| match rule {
        Rule::NullIf(tokens) => tokens.iter().any(|token| token.eq_ignore_ascii_case(error)),
        Rule::Map(codes) => codes.contains_key(error),
        Rule::Replace(_) | Rule::OneOf(_) | Rule::Matches(_) => true,
        _ => false,
    };
    column.ty == ColumnType::Text && !column.clean.iter().any(names)
}

fn broken(error: calamine::Error) -> Error {
    Error::data("cannot read the workbook").caused_by(error.to_string())
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
        Data::Float(value) => owned(number_text(*value, ty)),
        Data::Bool(value) => owned(value.to_string()),
        Data::DateTime(moment) if moment.is_duration() => owned(number_text(moment.as_f64(), ty)),
        Data::DateTime(moment) => match moment_text(moment) {
            Some(text) => owned(text),
            None => (Some(Cow::Owned(number_text(moment.as_f64(), ty))), false),
        },
        Data::DateTimeIso(text) | Data::DurationIso(text) => (Some(Cow::Borrowed(text)), true),
        Data::Error(error) => (Some(Cow::Owned(error.to_string())), false),
    }
}

/// A moment as ISO 8601: only the date at midnight, only the time on day 0; none where the workbook
/// has no such day.
fn moment_text(moment: &ExcelDateTime) -> Option<String> {
    /// The number of the last day, counted from 1900 and from 1904.
    const LAST_DAY: [f64; 2] = [2_958_465.0, 2_957_003.0];
    let days = moment.as_f64();
    let (year, month, day, hour, minute, second, millisecond) = moment.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    let mut time = format!("{hour:02}:{minute:02}:{second:02}");
    if millisecond != 0 {
        time.push_str(&format!(".{millisecond:03}"));
    }
    let is_last = (year, month, day) == (9999, 12, 31);
    if days < 0.0 || (is_last && !LAST_DAY.contains(&days.floor())) {
        return None;
    }
    let midnight = (hour, minute, second, millisecond) == (0, 0, 0, 0);
    // counted from 1904, day 0 is a day like any other
    let is_time = days < 1.0 && !(midnight && year == 1904);
    Some(match is_time {
        true => time,
        false if midnight => date,
        false => format!("{date} {time}"),
    })
}
