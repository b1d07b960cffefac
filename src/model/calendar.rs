//! The generated calendar: its columns, its hierarchies and its rows.
//!
//! Weeks are ISO 8601's. A fiscal year bears the number of the calendar year in which it ends;
//! its quarters and months count from its first month. Years of whole weeks (`retail.rs`) and
//! holidays are there where the model asks for them.

use super::{Attribute, Calendar, Column, ColumnType, Hierarchy, History, Level};
use chrono::{Datelike, NaiveDate};

mod retail;

pub use retail::{RetailDay, RetailYear, YearEnd};

/// A day of the calendar, with every attribute in the order of [`Calendar::attributes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarDay {
    /// The surrogate key: the day as `yyyymmdd`.
    pub key: i32,
    /// The day.
    pub date: NaiveDate,
    /// ISO day of the week: 1 is Monday, 7 Sunday.
    pub day_of_week: i16,
    /// `Monday` to `Sunday`.
    pub day_name: &'static str,
    /// ISO year and week, `2025-W03`.
    pub week: String,
    /// ISO week of the ISO year, 1 to 53.
    pub week_of_year: i16,
    /// ISO year: that of the week's Thursday, so that every week lies in one.
    pub iso_year: i16,
    /// Year and month, `2025-03`.
    pub month: String,
    /// 1 to 12.
    pub month_of_year: i16,
    /// `January` to `December`.
    pub month_name: &'static str,
    /// Year and quarter, `2025-Q1`.
    pub quarter: String,
    /// 1 to 4.
    pub quarter_of_year: i16,
    /// Calendar year.
    pub year: i16,
    /// Month of the fiscal year, 1 to 12.
    pub fiscal_month: i16,
    /// Fiscal year and quarter, `FY2025-Q1`.
    pub fiscal_quarter: String,
    /// Number of the fiscal year: the calendar year in which it ends.
    pub fiscal_year: i16,
    /// Saturday or Sunday.
    pub is_weekend: bool,
    /// The last day of its month.
    pub is_month_end: bool,
}

const DAY_NAMES: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Calendar {
    /// Every day from first to last.
    pub fn days(&self) -> impl Iterator<Item = CalendarDay> + Send + use<> {
        let start_month = self.fiscal_year_start_month;
        let to = self.to;
        self.from.iter_days().take_while(move |day| *day <= to).map(move |d| day(d, start_month))
    }

    /// The column that identifies a day.
    pub fn natural_key() -> Column {
        Column::new("date", ColumnType::Date, true)
            .described("the day; NULL for the unknown and not-applicable members")
    }

    /// The descriptive columns, in order.
    pub fn attributes(&self) -> Vec<Attribute> {
        use ColumnType::{Boolean, Text};
        let mut attributes = Self::always();
        if self.retail.is_some() {
            attributes.extend(RetailYear::attributes());
        }
        if self.holidays.is_some() {
            let more = [
                ("holiday", Text, "name of the holiday; empty on other days"),
                ("is_holiday", Boolean, "whether it is a holiday"),
                ("is_working_day", Boolean, "whether it is neither of a weekend nor a holiday"),
            ];
            attributes.extend(more.map(attribute));
        }
        attributes
    }

    /// The columns that every calendar has: the fields of a day.
    fn always() -> Vec<Attribute> {
        use ColumnType::{Boolean, Int16, Text};
        [
            ("day_of_week", Int16, "ISO day of the week: 1 is Monday, 7 Sunday"),
            ("day_name", Text, "name of the day: Monday to Sunday"),
            ("week", Text, "ISO year and week, as 2025-W03"),
            ("week_of_year", Int16, "ISO week of the ISO year, 1 to 53"),
            (
                "iso_year",
                Int16,
                "ISO year, to which a week belongs as a whole: that of its Thursday",
            ),
            ("month", Text, "year and month, as 2025-03"),
            ("month_of_year", Int16, "month of the year, 1 to 12"),
            ("month_name", Text, "name of the month: January to December"),
            ("quarter", Text, "year and quarter, as 2025-Q1"),
            ("quarter_of_year", Int16, "quarter of the year, 1 to 4"),
            ("year", Int16, "calendar year"),
            ("fiscal_month", Int16, "month of the fiscal year, 1 to 12"),
            ("fiscal_quarter", Text, "fiscal year and quarter, as FY2025-Q1"),
            ("fiscal_year", Int16, "fiscal year, by the calendar year in which it ends"),
            ("is_weekend", Boolean, "whether it is a Saturday or Sunday"),
            ("is_month_end", Boolean, "whether it is the last day of its month"),
        ]
        .map(attribute)
        .to_vec()
    }

    /// The columns that a level decides: those of coarser levels, and those that name its place in them.
    pub fn decided_by(&self, level: &str) -> Vec<String> {
        let mut columns: Vec<String> = Vec::new();
        for hierarchy in self.hierarchies() {
            let names: Vec<&str> = hierarchy.levels.iter().map(|own| own.name.as_str()).collect();
            let place = names.iter().position(|name| *name == level);
            columns.extend(
                place.into_iter().flat_map(|place| names[..=place].to_vec()).map(str::to_owned),
            );
        }
        let places: &[&str] = match level {
            "week" => &["week_of_year"],
            "month" => &["month_of_year", "month_name", "quarter_of_year", "fiscal_month"],
            "quarter" => &["quarter_of_year"],
            _ => &[],
        };
        columns.extend(places.iter().map(|place| (*place).to_owned()));
        columns.sort();
        columns.dedup();
        columns
    }

    /// The ways days roll up.
    pub fn hierarchies(&self) -> Vec<Hierarchy> {
        let retail = ["retail_year", "retail_quarter", "retail_period", "retail_week", "date"];
        let retail = self.retail.as_ref().map(|_| ("retail", retail.as_slice()));
        [
            ("calendar", ["year", "quarter", "month", "date"].as_slice()),
            ("fiscal", &["fiscal_year", "fiscal_quarter", "month", "date"]),
            ("week", &["iso_year", "week", "date"]),
        ]
        .into_iter()
        .chain(retail)
        .map(|(name, levels)| Hierarchy {
            name: name.to_owned(),
            levels: levels.iter().map(|level| Level::of_attribute(level)).collect(),
        })
        .collect()
    }
}

fn attribute((name, ty, description): (&str, ColumnType, &str)) -> Attribute {
    Attribute {
        column: Column::new(name, ty, true).described(description),
        history: History::Overwrite,
        order_by: match name {
            "day_name" => Some("day_of_week".to_owned()),
            "month_name" => Some("month_of_year".to_owned()),
            _ => None,
        },
    }
}

fn day(date: NaiveDate, fiscal_year_start_month: u32) -> CalendarDay {
    let (year, month) = (date.year(), date.month());
    let quarter = (month - 1) / 3 + 1;
    let week = date.iso_week();
    let weekday = date.weekday().num_days_from_monday();
    let fiscal_month = (month + 12 - fiscal_year_start_month) % 12 + 1;
    let ends_next_year = fiscal_year_start_month > 1 && month >= fiscal_year_start_month;
    let fiscal_year = year + i32::from(ends_next_year);
    CalendarDay {
        key: year * 10_000 + small(month * 100 + date.day()),
        date,
        day_of_week: short(weekday + 1),
        day_name: named(&DAY_NAMES, weekday),
        week: format!("{:04}-W{:02}", week.year(), week.week()),
        week_of_year: short(week.week()),
        iso_year: year_number(week.year()),
        month: format!("{year:04}-{month:02}"),
        month_of_year: short(month),
        month_name: named(&MONTH_NAMES, month - 1),
        quarter: format!("{year:04}-Q{quarter}"),
        quarter_of_year: short(quarter),
        year: year_number(year),
        fiscal_month: short(fiscal_month),
        fiscal_quarter: format!("FY{fiscal_year:04}-Q{}", (fiscal_month - 1) / 3 + 1),
        fiscal_year: year_number(fiscal_year),
        is_weekend: weekday >= 5,
        is_month_end: date.succ_opt().is_none_or(|next| next.month() != month),
    }
}

fn named(names: &[&'static str], index: u32) -> &'static str {
    usize::try_from(index).ok().and_then(|i| names.get(i)).copied().unwrap_or_default()
}

/// Parts of a date are below 10 000 and fit.
fn short(part: u32) -> i16 {
    i16::try_from(part).unwrap_or(i16::MAX)
}

fn small(part: u32) -> i32 {
    i32::try_from(part).unwrap_or(i32::MAX)
}

/// Calendars are checked to stay within four-digit years.
fn year_number(year: i32) -> i16 {
    i16::try_from(year).unwrap_or(i16::MAX)
}

#[cfg(test)]
mod tests;
