use super::*;
use chrono::{Days, Months, Weekday};
use proptest::prelude::*;

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

fn calendar(from: NaiveDate, to: NaiveDate, fiscal_year_start_month: u32) -> Calendar {
    Calendar { from, to, fiscal_year_start_month, retail: None, holidays: None, time_zone: None }
}

fn one_day(day: NaiveDate, fiscal_year_start_month: u32) -> CalendarDay {
    let calendar = calendar(day, day, fiscal_year_start_month);
    let days: Vec<_> = calendar.days().collect();
    assert_eq!(days.len(), 1);
    days.into_iter().next().unwrap()
}

#[test]
fn a_day_looked_up_by_hand() {
    // 30 December 2024 was a Monday and belongs to the first ISO week of 2025.
    let day = one_day(date(2024, 12, 30), 4);
    assert_eq!(day.key, 20_241_230);
    assert_eq!((day.day_of_week, day.day_name), (1, "Monday"));
    assert_eq!((day.week.as_str(), day.week_of_year, day.iso_year), ("2025-W01", 1, 2025));
    assert_eq!(day.year, 2024);
    assert_eq!(
        (day.month.as_str(), day.month_of_year, day.month_name),
        ("2024-12", 12, "December")
    );
    assert_eq!((day.quarter.as_str(), day.quarter_of_year, day.year), ("2024-Q4", 4, 2024));
    // April 2024 to March 2025 is fiscal year 2025; December is its ninth month.
    assert_eq!((day.fiscal_month, day.fiscal_quarter.as_str()), (9, "FY2025-Q3"));
    assert_eq!(day.fiscal_year, 2025);
    assert!(!day.is_weekend && !day.is_month_end);
}

#[test]
fn fiscal_years_bear_the_year_in_which_they_end() {
    let fiscal = |day, start| {
        let day = one_day(day, start);
        (day.fiscal_year, day.fiscal_quarter, day.fiscal_month)
    };
    assert_eq!(fiscal(date(2025, 3, 31), 4), (2025, "FY2025-Q4".to_owned(), 12));
    assert_eq!(fiscal(date(2025, 4, 1), 4), (2026, "FY2026-Q1".to_owned(), 1));
    assert_eq!(fiscal(date(2025, 12, 1), 12), (2026, "FY2026-Q1".to_owned(), 1));
    assert_eq!(fiscal(date(2025, 1, 1), 1), (2025, "FY2025-Q1".to_owned(), 1));
    assert_eq!(fiscal(date(2025, 12, 31), 1), (2025, "FY2025-Q4".to_owned(), 12));
}

#[test]
fn leap_days_and_long_years() {
    let calendar = calendar(date(2000, 1, 1), date(2000, 12, 31), 1);
    assert_eq!(calendar.days().count(), 366);
    assert!(one_day(date(2024, 2, 29), 1).is_month_end);
    assert!(!one_day(date(2024, 2, 28), 1).is_month_end);
    assert!(one_day(date(2023, 2, 28), 1).is_month_end);
    // ISO years with 53 weeks: those that begin on a Thursday, and leap years on a Wednesday.
    assert_eq!(one_day(date(2026, 12, 31), 1).week, "2026-W53");
    assert_eq!(one_day(date(2021, 1, 1), 1).week, "2020-W53");
    assert_eq!(one_day(date(2025, 12, 29), 1).week, "2026-W01");
}

#[test]
fn every_week_lies_in_one_iso_year_of_52_or_53_weeks() {
    let calendar = calendar(date(1999, 12, 27), date(2031, 1, 5), 1);
    let mut weeks: std::collections::BTreeMap<i16, std::collections::BTreeMap<String, usize>> =
        Default::default();
    for day in calendar.days() {
        *weeks.entry(day.iso_year).or_default().entry(day.week).or_default() += 1;
    }
    // 27 December 1999 begins the last week of its ISO year; 5 January 2031 ends the first.
    assert_eq!(weeks.pop_first().map(|(year, weeks)| (year, weeks.len())), Some((1999, 1)));
    assert_eq!(weeks.pop_last().map(|(year, weeks)| (year, weeks.len())), Some((2031, 1)));
    for (year, weeks) in weeks {
        let begins = date(i32::from(year), 1, 1).weekday();
        let is_leap = date(i32::from(year), 3, 1).pred_opt().is_some_and(|day| day.day() == 29);
        let is_long = begins == Weekday::Thu || (is_leap && begins == Weekday::Wed);
        assert_eq!(weeks.len(), if is_long { 53 } else { 52 }, "{year}");
        assert!(weeks.values().all(|days| *days == 7), "{year}");
    }
}

#[test]
fn no_day_is_missing_and_none_is_there_twice() {
    let calendar = calendar(date(2019, 12, 30), date(2033, 1, 2), 7);
    let days: Vec<CalendarDay> = calendar.days().collect();
    for pair in days.windows(2) {
        assert_eq!(pair[0].date + Days::new(1), pair[1].date);
        assert!(pair[0].key < pair[1].key);
    }
    assert_eq!(days.first().unwrap().date, calendar.from);
    assert_eq!(days.last().unwrap().date, calendar.to);
}

#[test]
fn the_attributes_are_the_fields_of_a_day() {
    let day = format!("{:?}", one_day(date(2025, 1, 1), 1));
    let positions: Vec<usize> = Calendar::always()
        .iter()
        .map(|attribute| day.find(&format!(" {}: ", attribute.column.name)).unwrap())
        .collect();
    assert!(positions.is_sorted());
}

fn retail(pattern: [u8; 3], ends: &str) -> RetailYear {
    RetailYear { pattern, ends: ends.parse().unwrap(), numbered_by_begin: true }
}

/// The National Retail Federation's published 4-5-4 calendar: fiscal years begin on 29 January
/// 2023, 4 February 2024 and 2 February 2025; 2023 has 53 weeks.
#[test]
fn retail_years_are_those_that_were_published() {
    let nrf = retail([4, 5, 4], "nearest saturday of january");
    let place = |year, month, day| {
        let place = nrf.place(date(year, month, day)).unwrap();
        (place.year, place.quarter, place.period, place.week)
    };
    assert_eq!(place(2023, 1, 28), (2022, 4, 12, 52));
    assert_eq!(place(2023, 1, 29), (2023, 1, 1, 1));
    assert_eq!(place(2023, 2, 26), (2023, 1, 2, 5));
    assert_eq!(place(2023, 4, 2), (2023, 1, 3, 10));
    assert_eq!(place(2024, 1, 28), (2023, 4, 12, 53));
    assert_eq!(place(2024, 2, 3), (2023, 4, 12, 53));
    assert_eq!(place(2024, 2, 4), (2024, 1, 1, 1));
    assert_eq!(place(2025, 2, 1), (2024, 4, 12, 52));
    assert_eq!(place(2025, 2, 2), (2025, 1, 1, 1));
    let day = nrf.place(date(2023, 2, 26)).unwrap();
    let names = [day.quarter_name(), day.period_name(), day.week_name()];
    assert_eq!(names, ["RY2023-Q1", "RY2023-P02", "RY2023-W05"]);
}

#[test]
fn what_ends_no_retail_year_is_told() {
    for wrong in ["saturday of january", "last caturday of january", "last saturday of jan 3"] {
        assert!(wrong.parse::<YearEnd>().unwrap_err().contains("last saturday of january"));
    }
}

proptest! {
    /// Whatever the pattern and the end: a year has 52 or 53 weeks of seven days, each in one
    /// period, and only its last period may have a week more than the pattern says.
    #[test]
    fn retail_years_are_whole(
        start in 1950..2100i32,
        weekday in prop::sample::select(vec!["monday", "saturday", "sunday"]),
        month in prop::sample::select(vec!["january", "june", "december", "february"]),
        which in prop::sample::select(vec!["last", "nearest"]),
        pattern in prop::sample::select(vec![[4u8, 4, 5], [4, 5, 4], [5, 4, 4]]),
        numbered_by_begin in any::<bool>(),
    ) {
        let ends: YearEnd = format!("{which} {weekday} of {month}").parse().unwrap();
        let years = RetailYear { pattern, ends, numbered_by_begin };
        let first = date(start, 1, 1);
        let days: Vec<RetailDay> =
            first.iter_days().take(365 * 4).map(|day| years.place(day).unwrap()).collect();
        let in_order = days.windows(2).all(|pair| {
            let (a, b) = (pair[0], pair[1]);
            (a.year, a.week) <= (b.year, b.week) && b.year - a.year <= 1
        });
        prop_assert!(in_order);
        let whole = days.chunk_by(|a, b| a.year == b.year).skip(1).take(2);
        for year in whole {
            prop_assert!(year.len() == 52 * 7 || year.len() == 53 * 7, "{} days", year.len());
            for (index, day) in year.iter().enumerate() {
                prop_assert_eq!(day.week as usize, index / 7 + 1);
                prop_assert_eq!((day.period - 1) / 3 + 1, day.quarter);
            }
            for period in 1..=12i16 {
                let days = year.iter().filter(|day| day.period == period).count();
                let weeks = usize::from(pattern[(period as usize - 1) % 3]);
                let more = if period == 12 { year.len() / 7 - 52 } else { 0 };
                prop_assert_eq!(days, (weeks + more) * 7);
            }
        }
    }

    /// Against chrono's own formatting and arithmetic.
    #[test]
    fn any_day_agrees_with_chrono(offset in 0_u64..400_000, start in 1_u32..=12) {
        let date = date(1900, 1, 1) + Days::new(offset);
        let day = one_day(date, start);
        prop_assert_eq!(day.key.to_string(), date.format("%Y%m%d").to_string());
        prop_assert_eq!(day.week, date.format("%G-W%V").to_string());
        prop_assert_eq!(day.month, date.format("%Y-%m").to_string());
        prop_assert_eq!(day.month_name, date.format("%B").to_string());
        prop_assert_eq!(day.day_name, date.format("%A").to_string());
        prop_assert_eq!(day.day_of_week.to_string(), date.format("%u").to_string());
        prop_assert_eq!(day.quarter, date.format("%Y-Q%q").to_string());
        let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        prop_assert_eq!(day.is_weekend, weekend);
        prop_assert_eq!(day.is_month_end, (date + Days::new(1)).day() == 1);
        // The fiscal year ends in the month before its first: shift that month to December.
        let shifted = date.with_day(1).unwrap() + Months::new((13 - start) % 12);
        prop_assert_eq!(i32::from(day.fiscal_year), shifted.year());
        prop_assert_eq!(i64::from(day.fiscal_month), i64::from(shifted.month()));
        prop_assert_eq!(day.fiscal_quarter, shifted.format("FY%Y-Q%q").to_string());
    }
}
