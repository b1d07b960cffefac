//! Texts as values: exact or refused, never rounded, clipped or guessed.
//!
//! Space around a value is no part of it. Each function says in words what the text is not.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// Digits a decimal may have.
const MAX_DIGITS: usize = 38;

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
        Err(_) => decimal(text, MAX_DIGITS as u8, 0)
            .map_err(|_| format!("`{text}` is not a whole number within {min} to {max}"))?,
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
        .ok_or_else(|| format!("`{text}` is not a number"))
}

/// A decimal, as its digits without the point, `scale` of them after it.
pub(super) fn decimal(text: &str, precision: u8, scale: u8) -> Result<i128, String> {
    let number = || format!("`{text}` is not a decimal number");
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| number())?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(number());
    }
    let fraction_digits = i64::try_from(fraction.len()).map_err(|_| number())?;
    let shift = i64::from(scale) + i64::from(exponent) - fraction_digits;
    let digits = digits.trim_start_matches('0');
    let digits = match usize::try_from(-shift) {
        Ok(cut) => {
            let kept = digits.len().saturating_sub(cut);
            if digits[kept..].bytes().any(|digit| digit != b'0') {
                return Err(format!("`{text}` has more than {scale} digits after the point"));
            }
            digits[..kept].to_owned()
        }
        Err(_) if digits.is_empty() || shift > MAX_DIGITS as i64 => digits.to_owned(),
        Err(_) => format!("{digits}{}", "0".repeat(usize::try_from(shift).unwrap_or(0))),
    };
    let too_large = || format!("`{text}` does not fit decimal({precision},{scale})");
    if digits.len() > usize::from(precision) || (shift > MAX_DIGITS as i64 && !digits.is_empty()) {
        return Err(too_large());
    }
    let value = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| too_large())? };
    Ok(if negative { -value } else { value })
}

/// A day as ISO 8601 writes it; midnight may follow.
pub(super) fn date(text: &str) -> Result<NaiveDate, String> {
    if let Some(date) = iso_date(text) {
        return Ok(date);
    }
    match timestamp(text) {
        Ok(moment) if moment.time() == NaiveTime::MIN => Ok(moment.date()),
        Ok(_) => Err(format!("`{text}` is a moment, not a day")),
        Err(_) => Err(format!("`{text}` is not a date (yyyy-mm-dd)")),
    }
}

/// A moment in UTC as ISO 8601 writes it: `T` or a space before the time, seconds and their
/// fraction optional, an offset applied where there is one. A day alone is its midnight. What is
/// finer than a microsecond is cut off.
pub(super) fn timestamp(text: &str) -> Result<NaiveDateTime, String> {
    iso_timestamp(text).ok_or_else(|| {
        format!("`{text}` is not a moment (yyyy-mm-dd hh:mm:ss, with an offset or in UTC)")
    })
}

fn iso_timestamp(text: &str) -> Option<NaiveDateTime> {
    let date = iso_date(text.get(..10)?)?;
    let Some(rest) = text.get(10..).filter(|rest| !rest.is_empty()) else {
        return Some(date.and_time(NaiveTime::MIN));
    };
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let offset_at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let time = iso_time(&rest[..offset_at])?;
    let offset = offset_seconds(rest[offset_at..].trim_start())?;
    date.and_time(time).checked_sub_signed(chrono::TimeDelta::seconds(offset))
}

fn iso_date(text: &str) -> Option<NaiveDate> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (number(&bytes[..4])?, number(&bytes[5..7])?, number(&bytes[8..])?);
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

fn iso_time(text: &str) -> Option<NaiveTime> {
    let (clock, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let bytes = clock.as_bytes();
    let seconds = match bytes.len() {
        5 => 0,
        8 if bytes[5] == b':' => number(&bytes[6..])?,
        _ => return None,
    };
    if bytes[2] != b':' || fraction.is_empty() || (bytes.len() == 5 && text.len() != 5) {
        return None;
    }
    let all_digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let micros = format!("{fraction:0<6}");
    let micros: u32 = micros.get(..6)?.parse().ok().filter(|_| all_digits)?;
    NaiveTime::from_hms_micro_opt(number(&bytes[..2])?, number(&bytes[3..5])?, seconds, micros)
}

/// Seconds east of Greenwich of `Z`, `+hh`, `+hhmm`, `+hh:mm`, or nothing (UTC).
fn offset_seconds(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z" | "z" | "UTC") {
        return Some(0);
    }
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
