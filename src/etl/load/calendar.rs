//! Calendars as tables.

use super::holidays::Holidays;
use crate::error::{Error, Result};
use crate::ids::SurrogateKey;
use crate::model::{Calendar, CalendarDay, Column, RetailDay, arrow_schema};
use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Int16Array, Int32Array, StringArray,
};
use arrow::datatypes::Date32Type;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// The calendar's rows in order of key.
pub(super) fn batch(
    calendar: &Calendar,
    holidays: &Holidays,
    columns: &[Column],
) -> Result<RecordBatch> {
    let days: Vec<CalendarDay> = calendar.days().collect();
    let retail: Vec<RetailDay> = match &calendar.retail {
        Some(years) => days.iter().filter_map(|day| years.place(day.date)).collect(),
        None => Vec::new(),
    };
    let arrays = columns.iter().enumerate().map(|(position, column)| {
        let array = match position {
            0 => Some(keys(&days)),
            _ => values(&days, &column.name)
                .or_else(|| retail_values(&retail, &column.name))
                .or_else(|| holiday_values(&days, holidays, &column.name)),
        };
        of_its_type(array, column)
    });
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(arrow_schema(columns), arrays)
        .map_err(|error| Error::internal("a calendar does not fit its table").caused_by(error))
}

fn keys(days: &[CalendarDay]) -> ArrayRef {
    let special = [SurrogateKey::NOT_APPLICABLE.0, SurrogateKey::UNKNOWN.0];
    Arc::new(Int32Array::from_iter_values(special.into_iter().chain(days.iter().map(|d| d.key))))
}

/// One column for the two special members and every day.
fn values(days: &[CalendarDay], name: &str) -> Option<ArrayRef> {
    let text = |of: fn(&CalendarDay) -> &str| texts(days.iter().map(of));
    let number = |of: fn(&CalendarDay) -> i16| numbers(days.iter().map(of));
    let flag = |of: fn(&CalendarDay) -> bool| flags(days.iter().map(of));
    Some(match name {
        "date" => {
            let days = days.iter().map(|day| Some(Date32Type::from_naive_date(day.date)));
            Arc::new([None; 2].into_iter().chain(days).collect::<Date32Array>())
        }
        "day_of_week" => number(|day| day.day_of_week),
        "day_name" => text(|day| day.day_name),
        "week" => text(|day| &day.week),
        "week_of_year" => number(|day| day.week_of_year),
        "iso_year" => number(|day| day.iso_year),
        "month" => text(|day| &day.month),
        "month_of_year" => number(|day| day.month_of_year),
        "month_name" => text(|day| day.month_name),
        "quarter" => text(|day| &day.quarter),
        "quarter_of_year" => number(|day| day.quarter_of_year),
        "year" => number(|day| day.year),
        "fiscal_month" => number(|day| day.fiscal_month),
        "fiscal_quarter" => text(|day| &day.fiscal_quarter),
        "fiscal_year" => number(|day| day.fiscal_year),
        "is_weekend" => flag(|day| day.is_weekend),
        "is_month_end" => flag(|day| day.is_month_end),
        _ => return None,
    })
}

/// The same of years of whole weeks.
fn retail_values(days: &[RetailDay], name: &str) -> Option<ArrayRef> {
    let text = |of: fn(RetailDay) -> String| texts(days.iter().map(|day| of(*day)));
    let number = |of: fn(&RetailDay) -> i16| numbers(days.iter().map(of));
    Some(match name {
        "retail_year" => number(|day| day.year),
        "retail_quarter" => text(RetailDay::quarter_name),
        "retail_period" => text(RetailDay::period_name),
        "retail_period_of_year" => number(|day| day.period),
        "retail_week" => text(RetailDay::week_name),
        "retail_week_of_year" => number(|day| day.week),
        _ => return None,
    })
}

/// The same of holidays.
fn holiday_values(days: &[CalendarDay], holidays: &Holidays, name: &str) -> Option<ArrayRef> {
    let is_holiday = |day: &CalendarDay| holidays.contains_key(&day.date);
    Some(match name {
        "holiday" => {
            let named = days.iter().map(|day| holidays.get(&day.date).map(String::as_str));
            let special = ["Not applicable", "Unknown"].map(Some).into_iter();
            Arc::new(special.chain(named).collect::<StringArray>())
        }
        "is_holiday" => flags(days.iter().map(is_holiday)),
        "is_working_day" => flags(days.iter().map(|day| !day.is_weekend && !is_holiday(day))),
        _ => return None,
    })
}

pub(super) fn texts<T: AsRef<str>>(values: impl Iterator<Item = T>) -> ArrayRef {
    let special = ["Not applicable", "Unknown"].map(str::to_owned).into_iter();
    let values = values.map(|value| value.as_ref().to_owned());
    Arc::new(StringArray::from_iter_values(special.chain(values)))
}

pub(super) fn numbers(values: impl Iterator<Item = i16>) -> ArrayRef {
    Arc::new([None; 2].into_iter().chain(values.map(Some)).collect::<Int16Array>())
}

fn flags(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new([None; 2].into_iter().chain(values.map(Some)).collect::<BooleanArray>())
}

/// A generated column, which is there and of its declared type.
pub(super) fn of_its_type(array: Option<ArrayRef>, column: &Column) -> Result<ArrayRef> {
    let array = array.ok_or_else(|| {
        Error::internal(format!("a generated dimension has no column `{}`", column.name))
    })?;
    if array.data_type() != &column.ty.arrow() {
        let message = format!("the generated column `{}` is not {}", column.name, column.ty);
        return Err(Error::internal(message));
    }
    Ok(array)
}
