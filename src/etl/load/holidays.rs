//! Holidays out of a file: CSV with the columns `date` (yyyy-mm-dd) and `name`.

use crate::error::{Error, Result};
use crate::model::Calendar;
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::path::Path;

/// The names of holidays by day.
pub(super) type Holidays = BTreeMap<NaiveDate, String>;

/// Reads a calendar's holidays; none where it names no file. A day that is one by several names
/// bears them all.
pub(super) fn read(project: &Path, calendar: &Calendar) -> Result<Holidays> {
    let Some(file) = &calendar.holidays else { return Ok(Holidays::new()) };
    let text = std::fs::read_to_string(project.join(file)).map_err(|error| {
        Error::user("the file of holidays cannot be read")
            .with("file", file)
            .caused_by(error)
            .hint("`holidays` in the calendar is a path from the project's folder")
    })?;
    parse(&text).map_err(|error| error.with("file", file))
}

fn parse(text: &str) -> Result<Holidays> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let wrong = |error: csv::Error| Error::data("holidays are not CSV").caused_by(error);
    let head = reader.headers().map_err(wrong)?.clone();
    let place = |name: &str| {
        let place = head.iter().position(|column| column.trim_start_matches('\u{feff}') == name);
        let found = head.iter().collect::<Vec<_>>().join(", ");
        place.ok_or_else(|| {
            Error::data(format!("holidays have no column `{name}`"))
                .hint(format!("expected date, name; found {found}"))
        })
    };
    let (date, name) = (place("date")?, place("name")?);
    let mut holidays = Holidays::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let line = record.position().map_or(0, csv::Position::line);
        let written = record.get(date).unwrap_or_default();
        let day: NaiveDate = written.parse().map_err(|_| {
            Error::data(format!("`{written}` is no day, expected yyyy-mm-dd")).with("line", line)
        })?;
        let called = record.get(name).unwrap_or_default();
        if called.is_empty() {
            return Err(Error::data(format!("the holiday {day} has no name")).with("line", line));
        }
        holidays
            .entry(day)
            .and_modify(|names| {
                if !names.split(", ").any(|name| name == called) {
                    *names = format!("{names}, {called}");
                }
            })
            .or_insert_with(|| called.to_owned());
    }
    Ok(holidays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_names_and_faults_have_lines() {
        let text = "\u{feff}date,name\n2025-01-01, New Year\n2025-05-01,Labour Day\n\
                    2025-05-01,May Day\n2025-05-01,May Day\n";
        let holidays = parse(text).unwrap();
        let names: Vec<&str> = holidays.values().map(String::as_str).collect();
        assert_eq!(names, ["New Year", "Labour Day, May Day"]);
        let error = parse("date,name\n2025-01-01,a\n1.1.2025,b\n").unwrap_err();
        assert_eq!(
            (error.context("line"), error.message().contains("1.1.2025")),
            (Some("3"), true)
        );
        assert!(parse("date,name\n2025-01-01,\n").unwrap_err().message().contains("no name"));
        assert!(parse("day,name\n").unwrap_err().to_string().contains("found day, name"));
    }
}
