//! Years of whole weeks (4-4-5 and its like): quarters of 13 weeks in three periods each, so that
//! periods of different years compare day by day. Every few years there is a 53rd week; it belongs
//! to the last period.

use crate::model::{Attribute, ColumnType};
use chrono::{Datelike, Days, NaiveDate, Weekday};
use std::str::FromStr;

/// How a year of whole weeks is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetailYear {
    /// Weeks of the three periods of a quarter: 4-4-5, 4-5-4 or 5-4-4.
    pub pattern: [u8; 3],
    /// Its last day.
    pub ends: YearEnd,
    /// Whether it bears the number of the year in which it begins; else that in which it ends.
    pub numbered_by_begin: bool,
}

/// The last day of a year of whole weeks: `last saturday of january`, `nearest saturday of january`
/// (to the end of that month, so that it may be one of the first days of the next).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YearEnd {
    nearest: bool,
    weekday: Weekday,
    /// 1 to 12.
    month: u32,
}

/// A day's place in its retail year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetailDay {
    /// The year's number.
    pub year: i16,
    /// 1 to 4.
    pub quarter: i16,
    /// 1 to 12.
    pub period: i16,
    /// 1 to 53.
    pub week: i16,
}

impl FromStr for YearEnd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` ends no year, expected such as `last saturday of january` or `nearest saturday of january`"
            )
        };
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let [which @ ("last" | "nearest"), weekday, "of", month] = words.as_slice() else {
            return Err(wrong());
        };
        Ok(Self {
            nearest: *which == "nearest",
            weekday: weekday.parse().map_err(|_| wrong())?,
            month: month.parse::<chrono::Month>().map_err(|_| wrong())?.number_from_month(),
        })
    }
}

impl YearEnd {
    /// The day in the year of its month.
    fn in_year(self, year: i32) -> Option<NaiveDate> {
        let next = match self.month {
            12 => NaiveDate::from_ymd_opt(year + 1, 1, 1),
            month => NaiveDate::from_ymd_opt(year, month + 1, 1),
        };
        let month_end = next?.pred_opt()?;
        // The latest such weekday that is not later than the month's end, or three days more.
        let latest = if self.nearest { month_end + Days::new(3) } else { month_end };
        let back = latest.weekday().days_since(self.weekday);
        latest.checked_sub_days(Days::new(u64::from(back)))
    }
}

impl RetailYear {
    /// Where a day is; nothing at the end of all calendars.
    pub fn place(&self, day: NaiveDate) -> Option<RetailDay> {
        let mut year = day.year() - 1;
        while self.ends.in_year(year)? < day {
            year += 1;
        }
        let begin = self.ends.in_year(year - 1)?.succ_opt()?;
        let week = u8::try_from((day - begin).num_days() / 7).ok()?;
        let quarter = (week / 13).min(3);
        let in_quarter = week - quarter * 13;
        let [first, second, _] = self.pattern;
        let in_order = u8::from(in_quarter >= first) + u8::from(in_quarter >= first + second);
        // A year that ends in December begins with January, a few days apart.
        let begins_before = self.numbered_by_begin && self.ends.month < 12;
        Some(RetailDay {
            year: i16::try_from(year - i32::from(begins_before)).ok()?,
            quarter: i16::from(quarter) + 1,
            period: i16::from(quarter * 3 + in_order) + 1,
            week: i16::from(week) + 1,
        })
    }

    /// The columns that it adds to a calendar.
    pub(super) fn attributes() -> Vec<Attribute> {
        use ColumnType::{Int16, Text};
        [
            ("retail_year", Int16, "year of whole weeks, by its number"),
            ("retail_quarter", Text, "quarter of 13 weeks, as RY2025-Q1"),
            ("retail_period", Text, "period of 4 or 5 weeks, as RY2025-P03"),
            ("retail_period_of_year", Int16, "period of the retail year, 1 to 12"),
            ("retail_week", Text, "week of the retail year, as RY2025-W07"),
            ("retail_week_of_year", Int16, "week of the retail year, 1 to 53"),
        ]
        .map(super::attribute)
        .to_vec()
    }
}

impl RetailDay {
    /// `RY2025-Q1`
    pub fn quarter_name(self) -> String {
        format!("RY{:04}-Q{}", self.year, self.quarter)
    }

    /// `RY2025-P03`
    pub fn period_name(self) -> String {
        format!("RY{:04}-P{:02}", self.year, self.period)
    }

    /// `RY2025-W07`
    pub fn week_name(self) -> String {
        format!("RY{:04}-W{:02}", self.year, self.week)
    }
}
