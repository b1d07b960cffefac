//! Dirt that cleaning can wash off, and dirt that it cannot.

use super::super::dice::Dice;
use chrono::{NaiveDate, NaiveDateTime};

/// Tokens that mean "nothing"; the jobs list the same.
const NULLS: [&str; 6] = ["", "N/A", "n/a", "NULL", "-", "unknown"];
/// Days that no calendar has.
const IMPOSSIBLE: [&str; 5] =
    ["2025-02-30", "31.11.2024", "2023-13-01", "0000-00-00", "00.00.2024"];

/// Now and then with space around or within that does not belong there.
pub(crate) fn spaced(text: &str, dice: &mut Dice) -> String {
    match dice.below(12) {
        0 => format!("  {text} "),
        1 => text.replace(' ', "   "),
        2 => format!("{text}\t"),
        _ => text.to_owned(),
    }
}

/// Now and then in the wrong case, and spaced.
pub(crate) fn cased(text: &str, dice: &mut Dice) -> String {
    let text = match dice.below(12) {
        0 => text.to_uppercase(),
        1 => text.to_lowercase(),
        _ => text.to_owned(),
    };
    spaced(&text, dice)
}

/// Something that means nothing.
pub(crate) fn nothing(dice: &mut Dice) -> String {
    (*dice.pick(&NULLS)).to_owned()
}

/// A value, or something that means nothing.
pub(crate) fn or_nothing(text: Option<String>, dice: &mut Dice) -> String {
    text.unwrap_or_else(|| nothing(dice))
}

/// A day as this or that clerk writes it.
pub(crate) fn day(day: NaiveDate, dice: &mut Dice) -> String {
    let format = match dice.below(10) {
        0 => "%d.%m.%Y",
        1 => "%Y/%m/%d",
        _ => "%Y-%m-%d",
    };
    day.format(format).to_string()
}

/// A moment to the minute.
pub(crate) fn moment(moment: NaiveDateTime) -> String {
    moment.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A day that does not exist.
pub(crate) fn impossible_day(dice: &mut Dice) -> String {
    (*dice.pick(&IMPOSSIBLE)).to_owned()
}

/// A moment on a day that does not exist.
pub(crate) fn impossible_moment(dice: &mut Dice) -> String {
    format!("{} 10:15:00", impossible_day(dice))
}
