//! Values in their plainest writing, from bytes, fast.
//!
//! Nothing is refused here: what is not plain is none, and the exact parsers say what it is. What
//! is plain, they would read the same.

/// Digits that fit an `i64`, whatever they are.
const MAX_DIGITS: usize = 18;

/// A whole number: digits, perhaps after a minus.
pub(in crate::etl::clean) fn integer(text: &[u8]) -> Option<i64> {
    let (digits, sign) = unsigned(text);
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return None;
    }
    let mut value = 0;
    for byte in digits {
        value = value * 10 + digit(*byte)?;
    }
    Some(sign * value)
}

/// A decimal, as its digits without the point, `scale` of them after it.
pub(in crate::etl::clean) fn decimal(text: &[u8], scale: u8) -> Option<i64> {
    let (digits, sign) = unsigned(text);
    let Some(point) = digits.iter().position(|byte| *byte == b'.') else {
        return integer(text)?.checked_mul(power_of_ten(scale)?);
    };
    let fraction = &digits[point + 1..];
    let zeros = usize::from(scale).checked_sub(fraction.len())?;
    if point == 0 || fraction.is_empty() || digits.len() > MAX_DIGITS {
        return None;
    }
    let mut value = 0;
    for byte in digits[..point].iter().chain(fraction) {
        value = value * 10 + digit(*byte)?;
    }
    (sign * value).checked_mul(power_of_ten(u8::try_from(zeros).ok()?)?)
}

/// A day as `yyyy-mm-dd`, counted from 1970-01-01.
pub(in crate::etl::clean) fn days(text: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let digits = [y1, y2, y3, y4, m1, m2, d1, d2].map(|byte| i32::from(byte) - i32::from(b'0'));
    if digits.iter().any(|digit| !(0..=9).contains(digit)) {
        return None;
    }
    let [y1, y2, y3, y4, m1, m2, d1, d2] = digits;
    let (year, month, day) = (y1 * 1000 + y2 * 100 + y3 * 10 + y4, m1 * 10 + m2, d1 * 10 + d2);
    let real = (1..=12).contains(&month) && (1..=last_day(year, month)).contains(&day);
    real.then(|| days_since_1970(year, month, day))
}

fn last_day(year: i32, month: i32) -> i32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts years from March, so that the leap day is the last of its year.
fn days_since_1970(year: i32, month: i32, day: i32) -> i32 {
    /// Days from 1 March of the year 0 to 1 January 1970.
    const TO_1970: i32 = 719_468;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - TO_1970
}

fn unsigned(text: &[u8]) -> (&[u8], i64) {
    match text.strip_prefix(b"-") {
        Some(digits) => (digits, -1),
        None => (text, 1),
    }
}

fn digit(byte: u8) -> Option<i64> {
    let digit = byte.wrapping_sub(b'0');
    (digit <= 9).then_some(i64::from(digit))
}

fn power_of_ten(exponent: u8) -> Option<i64> {
    10i64.checked_pow(u32::from(exponent))
}
