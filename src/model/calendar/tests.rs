use super::*;
use chrono::{Days, Months, Weekday};
use proptest::prelude::*;

fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

fn one_day(day: NaiveDate, fiscal_year_start_month: u32) -> CalendarDay {
    let calendar = Calendar { from: day, to: day, fiscal_year_start_month };
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
    assert_eq!((day.week.as_str(), day.week_of_year), ("2025-W01", 1));
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
    let calendar =
        Calendar { from: date(2000, 1, 1), to: date(2000, 12, 31), fiscal_year_start_month: 1 };
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
fn no_day_is_missing_and_none_is_there_twice() {
    let calendar =
        Calendar { from: date(2019, 12, 30), to: date(2033, 1, 2), fiscal_year_start_month: 7 };
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
    let positions: Vec<usize> = Calendar::attributes()
        .iter()
        .map(|attribute| day.find(&format!(" {}: ", attribute.column.name)).unwrap())
        .collect();
    assert!(positions.is_sorted());
}

proptest! {
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
