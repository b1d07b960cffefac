//! The cleaned tables as they must be: one text a row, columns apart by `|`.

mod dimensions;
mod facts;
mod links;
mod trade;

use super::behaviour::years;
use super::knowledge::Knowledge;
use chrono::{NaiveDate, NaiveDateTime};
use starhouse::sample::retail::Retail;

/// A table to be compared.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) sql: String,
    pub(crate) expected: Vec<String>,
}

const BEGINNING_US: i64 = -2_208_988_800_000_000;
const OPEN_END_US: i64 = 253_402_214_400_000_000;

/// All tables after the second day; `closed_us` is when the second run closed members.
pub(crate) fn all(retail: &Retail, known: &Knowledge, closed_us: i64) -> Vec<Table> {
    let world = &retail.day_two;
    let mut tables = dimensions::all(retail, closed_us);
    tables.extend(facts::all(world, known));
    tables.extend(trade::all(world, known));
    tables.push(facts::customer_years(&years(world, known)));
    tables
}

/// What cubes say along links.
pub(crate) fn links(retail: &Retail, known: &Knowledge) -> Vec<Table> {
    links::all(retail, known)
}

/// A value as the warehouse shows it.
fn show<T: ToString>(value: Option<T>) -> String {
    value.map_or("∅".to_owned(), |value| value.to_string())
}

/// Cents as a decimal with two digits.
fn money(cents: i128) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

fn micros(moment: NaiveDateTime) -> i64 {
    moment.and_utc().timestamp_micros()
}

/// A day of a calendar role, where there may be none.
fn day_or_none(day: Option<NaiveDate>) -> String {
    day.map_or("-2".to_owned(), |day| day.format("%Y%m%d").to_string())
}

fn row<const N: usize>(columns: [String; N]) -> String {
    columns.join("|")
}
