//! Values in their plainest writing, from bytes, fast.
//!
//! Nothing is refused here: what is not plain is none, and the exact parsers say what it is. What
//! is plain, they would read the same.

/// Digits that fit an `i64`, whatever they are.
const MAX_DIGITS: usize = 18;

/// A whole number: digits, perhaps after a minus.
pub(in crate::etl::clean) fn integer(text: &[u8]) -> Option<i64> {
    let (digits, sign) = unsigned(text);
    match digits.len() {
        1..=8 => Some(sign * up_to_eight_digits(digits)?),
        9..=MAX_DIGITS => {
            let mut value = 0;
            for byte in digits {
                value = value * 10 + digit(*byte)?;
            }
            Some(sign * value)
        }
        _ => None,
    }
}

/// A number of one to eight digits, all read at once: as the bytes of a word, its first digit the
/// lowest, zeros before it. No branch depends on how many there are, which changes from cell to
/// cell.
fn up_to_eight_digits(text: &[u8]) -> Option<i64> {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    let padding = 8 * (8 - text.len());
    let word = match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        // they overlap, or touch
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << padding
                | u64::from(u32::from_le_bytes(*last)) << 32
        }
        _ => {
            let byte = |at: usize| u64::from(text[at]) << (padding + 8 * at);
            byte(0) | byte(text.len() / 2) | byte(text.len() - 1)
        }
    };
    let digits = word ^ (ZEROS << padding);
    let beyond_nine = digits.wrapping_add(0x7676_7676_7676_7676) | digits;
    if beyond_nine & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // digits to pairs, pairs to fours, fours to all
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    i64::try_from(fours.wrapping_mul(10_000 << 32 | 1) >> 32).ok()
}

/// A decimal, as its digits without the point, `scale` of them after it.
pub(in crate::etl::clean) fn decimal(text: &[u8], scale: u8) -> Option<i64> {
    let (digits, sign) = unsigned(text);
    let Some(point) = digits.iter().position(|byte| *byte == b'.') else {
        return integer(text)?.checked_mul(power_of_ten(scale)?);
    };
    let (whole, fraction) = (&digits[..point], &digits[point + 1..]);
    let zeros = usize::from(scale).checked_sub(fraction.len())?;
    if whole.is_empty() || whole.len() > 8 || fraction.is_empty() || fraction.len() > 8 {
        return None;
    }
    let (whole, parts) = (up_to_eight_digits(whole)?, up_to_eight_digits(fraction)?);
    let value = whole * power_of_ten(u8::try_from(fraction.len()).ok()?)? + parts;
    (sign * value).checked_mul(power_of_ten(u8::try_from(zeros).ok()?)?)
}

/// A number as it is mostly written: digits and a point. What is beyond 2^53 without its point, or
/// has an exponent, is for the exact parser.
pub(in crate::etl::clean) fn float(text: &[u8]) -> Option<f64> {
    /// Whole numbers up to here and powers of ten are doubles exactly, and one division rounds once.
    const EXACT: i64 = 1 << 53;
    let (digits, sign) = unsigned(text);
    let point = digits.iter().position(|byte| *byte == b'.');
    let scale = u8::try_from(point.map_or(0, |point| digits.len() - point - 1)).ok()?;
    let value = decimal(digits, scale).filter(|value| (0..=EXACT).contains(value))?;
    let is_bare = digits.first().is_some_and(u8::is_ascii_digit);
    is_bare.then_some(sign as f64 * value as f64 / power_of_ten(scale)? as f64)
}

/// A moment in UTC as `yyyy-mm-dd hh:mm:ss`, with `T` for the space, a fraction of up to six digits
/// and `Z` behind it or not, in microseconds since 1970.
pub(in crate::etl::clean) fn moment(text: &[u8]) -> Option<i64> {
    let (day, rest) = text.split_first_chunk::<10>()?;
    let (time, rest) = rest.split_first_chunk::<9>()?;
    let [b' ' | b'T', h1, h2, b':', m1, m2, b':', s1, s2] = *time else { return None };
    let digits = up_to_eight_digits(&[h1, h2, m1, m2, s1, s2])?;
    let (hour, minute, second) = (digits / 10_000, digits / 100 % 100, digits % 100);
    let fraction = rest.strip_suffix(b"Z").unwrap_or(rest);
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=6).contains(&digits.len()) => {
            let missing = u8::try_from(6 - digits.len()).ok()?;
            up_to_eight_digits(digits)? * power_of_ten(missing)?
        }
        _ => return None,
    };
    let seconds = i64::from(days(day)?) * 86_400 + hour * 3_600 + minute * 60 + second;
    (hour < 24 && minute < 60 && second < 60).then_some(seconds * 1_000_000 + micros)
}

/// A day as `yyyy-mm-dd`, counted from 1970-01-01.
pub(in crate::etl::clean) fn days(text: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let digits = up_to_eight_digits(&[y1, y2, y3, y4, m1, m2, d1, d2])?;
    let (year, month, day) = (digits / 10_000, digits / 100 % 100, digits % 100);
    let real = (1..=12).contains(&month) && 1 <= day && day <= last_day(year, month);
    if real { i32::try_from(days_since_1970(year, month, day)).ok() } else { None }
}

fn last_day(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts years from March, so that the leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    /// Days from 1 March of the year 0 to 1 January 1970.
    const TO_1970: i64 = 719_468;
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
