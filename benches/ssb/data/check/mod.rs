//! Whether text is what the specification asks for: rows counted, every value looked at.
//!
//! Ranges and formulas stand here once more, so that a slip in what makes the rows is not taken over.
//! A fault is said with its table and line.

mod members;
mod orders;

pub(crate) use members::{customers, parts, suppliers};
pub(crate) use orders::{is_about_four_lines, orders};

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::BufRead;
use std::ops::RangeInclusive;
use std::str::{FromStr, Split};

/// What is wrong, in words.
pub(crate) type Fault = String;

/// Looks at every line of a table after its heading.
fn each_line(
    table: &str,
    heading: &str,
    mut text: impl BufRead,
    mut look: impl FnMut(&mut Fields) -> Result<(), Fault>,
) -> Result<u32, Fault> {
    let (mut line, mut rows) = (String::new(), 0);
    loop {
        line.clear();
        let read = text.read_line(&mut line).map_err(|error| format!("{table}: {error}"))?;
        let row = line.trim_end_matches('\n');
        match (read, rows) {
            (0, 0) => return Err(format!("{table} is empty")),
            (0, _) => return Ok(rows - 1),
            (_, 0) if row != heading => {
                return Err(format!("{table} has the columns {row}, not {heading}"));
            }
            (_, 0) => {}
            _ => {
                let fields = &mut Fields { row: rows, rest: row.split('|') };
                let looked = look(fields).and_then(|()| fields.end());
                looked.map_err(|fault| format!("{table}, row {rows}: {fault}, in {row}"))?;
            }
        }
        rows += 1;
    }
}

/// As many rows as there must be.
fn counted(table: &str, found: u32, expected: u32) -> Result<(), Fault> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{table} has {found} rows, not {expected}")),
    }
}

/// A line's values, from left to right.
struct Fields<'a> {
    /// The line's number, from 1.
    row: u32,
    rest: Split<'a, char>,
}

impl<'a> Fields<'a> {
    fn text(&mut self, name: &str) -> Result<&'a str, Fault> {
        self.rest.next().ok_or_else(|| format!("there is no {name}"))
    }

    fn number(&mut self, name: &str, range: RangeInclusive<u32>) -> Result<u32, Fault> {
        let number = self.parsed(name)?;
        match range.contains(&number) {
            true => Ok(number),
            false => Err(format!("{name} is {number}, not {} to {}", range.start(), range.end())),
        }
    }

    fn is<T: FromStr + PartialEq + Display>(&mut self, name: &str, value: T) -> Result<(), Fault> {
        let found: T = self.parsed(name)?;
        match found == value {
            true => Ok(()),
            false => Err(format!("{name} is {found}, not {value}")),
        }
    }

    /// Which of these it is.
    fn one_of(&mut self, name: &str, all: &[&'static str]) -> Result<usize, Fault> {
        let text = self.text(name)?;
        let found = all.iter().position(|one| *one == text);
        found.ok_or_else(|| format!("{name} is {text}, which is none of {}", all.len()))
    }

    fn parsed<T: FromStr>(&mut self, name: &str) -> Result<T, Fault> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("{name} is {text}"))
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.rest.next().map_or(Ok(()), |more| Err(format!("{more} is one value too many")))
    }
}

/// The values of a column that were seen.
struct Seen<T> {
    column: &'static str,
    /// How many there are to see.
    all: usize,
    found: BTreeSet<T>,
}

impl<T: Ord> Seen<T> {
    fn new(column: &'static str, all: usize) -> Self {
        Self { column, all, found: BTreeSet::new() }
    }

    fn note(&mut self, value: T) {
        self.found.insert(value);
    }

    /// All of them, where there are rows enough for that; never more.
    fn is_whole(&self, table: &str, rows: u32) -> Result<(), Fault> {
        const ENOUGH: usize = 20;
        let (found, Self { column, all, .. }) = (self.found.len(), self);
        match found == *all || (found < *all && (rows as usize) < ENOUGH * all) {
            true => Ok(()),
            false => Err(format!("{table} has {found} different values of {column}, not {all}")),
        }
    }
}
