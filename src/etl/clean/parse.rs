//! Texts as values: exact or refused, never rounded, clipped or guessed.
//!
//! Space around a value is no part of it. Each function says in words what the text is not.

pub(super) mod plain;

use super::hints;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// Digits a decimal may have.
const MAX_DIGITS: u8 = 38;

/// `true`, `false`, `yes`, `no`, `1`, `0`, whatever the case.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") || is("yes") || text == "1" {
        Ok(true)
    } else if is("false") || is("no") || text == "0" {
        Ok(false)
    } else {
        Err(format!("`{text}` is neither true, yes, 1 nor false, no, 0"))
    }
}

/// A whole number within bounds; `12.0` and `1.2e1` are whole.
pub(super) fn integer(text: &str, min: i64, max: i64) -> Result<i64, String> {
    let value = match text.parse::<i64>() {
        Ok(value) => i128::from(value),
        Err(_) => decimal(text, MAX_DIGITS, 0).map_err(|_| {
            let hint = hints::whole_number(text);
            format!("`{text}` is not a whole number within {min} to {max}{hint}")
        })?,
    };
    i64::try_from(value)
        .ok()
        .filter(|value| (min..=max).contains(value))
        .ok_or_else(|| format!("`{text}` is not within {min} to {max}"))
}

/// A finite number.
pub(super) fn float(text: &str) -> Result<f64, String> {
    let numeric = text.bytes().any(|byte| byte.is_ascii_digit());
    text.parse::<f64>()
        .ok()
        .filter(|value| numeric && value.is_finite())
        .ok_or_else(|| format!("`{text}` is not a number{}", hints::number(text)))
}

/// A decimal, as its digits without the point, `scale` of them after it.
pub(super) fn decimal(text: &str, precision: u8, scale: u8) -> Result<i128, String> {
    let too_large = || format!("`{text}` does not fit decimal({precision},{scale})");
    let digits = Digits::read(text).map_err(|wrong| match wrong {
        Wrong::NoNumber => format!("`{text}` is not a decimal number{}", hints::number(text)),
        Wrong::TooLarge => too_large(),
    })?;
    if digits.value == 0 {
        return Ok(0);
    }
    let shift = i64::from(scale) + digits.exponent;
    let power = u32::try_from(shift.unsigned_abs()).ok().and_then(|by| 10i128.checked_pow(by));
    let value = match power {
        Some(power) if shift >= 0 => digits.value.checked_mul(power),
        Some(power) if digits.value % power == 0 => Some(digits.value / power),
        _ if shift >= 0 => None,
        _ => return Err(format!("`{text}` has more than {scale} digits after the point")),
    };
    let bound = 10i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
    value.filter(|value| value.abs() < bound).ok_or_else(too_large)
}

/// A number as written: `value` times ten to the power of `exponent`.
struct Digits {
    value: i128,
    exponent: i64,
}

/// Why a text is no [`Digits`].
enum Wrong {
    NoNumber,
    TooLarge,
}

impl Digits {
    fn read(text: &str) -> Result<Self, Wrong> {
        let bytes = text.as_bytes();
        let mut at = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
        let mut number = Self { value: 0, exponent: 0 };
        // zeros count only once another digit follows: 1.500 is 15 tenths
        let (mut zeros, mut seen, mut after_point) = (0, false, false);
        while at < bytes.len() {
            match bytes[at] {
                b'0' => (seen, zeros) = (true, zeros + 1),
                digit @ b'1'..=b'9' => {
                    number.shift(zeros + 1).ok_or(Wrong::TooLarge)?;
                    number.value += i128::from(digit - b'0');
                    number.exponent -= if after_point { i64::from(zeros) + 1 } else { 0 };
                    (seen, zeros) = (true, 0);
                }
                b'.' if !after_point => {
                    number.shift(zeros).ok_or(Wrong::TooLarge)?;
                    (after_point, zeros) = (true, 0);
                }
                b'e' | b'E' if seen => {
                    let exponent = text[at + 1..].parse::<i32>().map_err(|_| Wrong::NoNumber)?;
                    number.exponent += i64::from(exponent);
                    break;
                }
                _ => return Err(Wrong::NoNumber),
            }
            at += 1;
        }
        if !after_point {
            number.exponent += i64::from(zeros);
        }
        number.value *= if bytes.first() == Some(&b'-') { -1 } else { 1 };
        if seen { Ok(number) } else { Err(Wrong::NoNumber) }
    }

    /// Makes room for so many more digits, one of which may be added.
    fn shift(&mut self, digits: u32) -> Option<()> {
        if self.value != 0 {
            self.value = self.value.checked_mul(10i128.checked_pow(digits)?)?;
        }
        (self.value < i128::MAX - 9).then_some(())
    }
}

/// A day as ISO 8601 writes it; midnight may follow.
pub(super) fn date(text: &str) -> Result<NaiveDate, String> {
    if let Some(date) = iso_date(text.as_bytes()) {
        return Ok(date);
    }
    match iso_timestamp(text) {
        Some(moment) if moment.time() == NaiveTime::MIN => Ok(moment.date()),
        Some(_) => Err(format!("`{text}` is a moment, not a day")),
        None => Err(format!("`{text}` is not a date (yyyy-mm-dd){}", hints::moment(text))),
    }
}

/// A moment in UTC as ISO 8601 writes it: `T` or a space before the time, seconds and their
/// fraction optional, an offset applied where there is one. A day alone is its midnight. What is
/// finer than a microsecond is cut off: [`is_finer`] tells.
pub(super) fn timestamp(text: &str) -> Result<NaiveDateTime, String> {
    iso_timestamp(text).ok_or_else(|| {
        let hint = hints::moment(text);
        format!("`{text}` is not a moment (yyyy-mm-dd hh:mm:ss, with an offset or in UTC){hint}")
    })
}

/// Whether a moment's fraction says more than microseconds can.
pub(super) fn is_finer(moment: &str) -> bool {
    /// Bytes of a moment with all its microseconds.
    const FULL: usize = "yyyy-mm-dd hh:mm:ss.ffffff".len();
    let Some((_, fraction)) = moment.split_once(['.', ',']).filter(|_| moment.len() > FULL) else {
        return false;
    };
    let digits = fraction.bytes().take_while(u8::is_ascii_digit);
    digits.skip(6).any(|digit| digit != b'0')
}

fn iso_timestamp(text: &str) -> Option<NaiveDateTime> {
    let bytes = text.as_bytes();
    let date = iso_date(bytes.get(..10)?)?;
    let Some(separator) = bytes.get(10) else { return Some(date.and_time(NaiveTime::MIN)) };
    if !matches!(separator, b'T' | b't' | b' ') {
        return None;
    }
    let mut end = 11;
    while matches!(bytes.get(end), Some(b'0'..=b'9' | b':' | b'.' | b',')) {
        end += 1;
    }
    let time = date.and_time(iso_time(&bytes[11..end])?);
    match text.get(end..)?.trim_start() {
        "" | "Z" | "z" | "UTC" => Some(time),
        offset => time.checked_sub_signed(TimeDelta::seconds(offset_seconds(offset)?)),
    }
}

fn iso_date(bytes: &[u8]) -> Option<NaiveDate> {
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (number(&bytes[..4])?, number(&bytes[5..7])?, number(&bytes[8..])?);
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

fn iso_time(bytes: &[u8]) -> Option<NaiveTime> {
    let (hour, minute) = (number(bytes.get(..2)?)?, number(bytes.get(3..5)?)?);
    let (seconds, micros) = match bytes.len() {
        5 => (0, 0),
        8 => (number(&bytes[6..])?, 0),
        10.. if matches!(bytes[8], b'.' | b',') => (number(&bytes[6..8])?, micros(&bytes[9..])?),
        _ => return None,
    };
    let colons = bytes[2] == b':' && matches!(bytes.get(5), None | Some(b':'));
    NaiveTime::from_hms_micro_opt(hour, minute, seconds, micros).filter(|_| colons)
}

/// The microseconds of a fraction's digits.
fn micros(digits: &[u8]) -> Option<u32> {
    let kept = digits.len().min(6);
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    let micros = number(&digits[..kept])? * 10u32.pow(6 - kept as u32);
    all_digits.then_some(micros)
}

/// Seconds east of Greenwich of `+hh`, `+hhmm` or `+hh:mm`.
fn offset_seconds(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.strip_prefix(['+', '-'])?.replace(':', "");
    let (hours, minutes) = match digits.len() {
        2 => (number(digits.as_bytes())?, 0),
        4 => (number(&digits.as_bytes()[..2])?, number(&digits.as_bytes()[2..])?),
        _ => return None,
    };
    (hours <= 18 && minutes < 60).then(|| sign * i64::from(hours * 3600 + minutes * 60))
}

fn number(digits: &[u8]) -> Option<u32> {
    let mut value = 0;
    for digit in digits {
        value = value * 10 + u32::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some(value)
}

#[cfg(test)]
mod tests;
