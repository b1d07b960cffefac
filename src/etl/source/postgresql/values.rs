//! Values as the server sends them, and as text.

use super::numeric;
use std::fmt::Write;

/// Days from 1970 to 2000, from which the server counts.
pub(super) const EPOCH_DAYS: i32 = 10_957;
/// Microseconds from 1970 to 2000.
pub(super) const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * DAY_MICROS;
const DAY_MICROS: i64 = 86_400_000_000;

/// How the server sends the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// One byte.
    Boolean,
    /// Two bytes.
    Int16,
    /// Four bytes.
    Int32,
    /// Eight bytes.
    Int64,
    /// IEEE 754, four bytes.
    Float32,
    /// IEEE 754, eight bytes.
    Float64,
    /// Groups of four digits.
    Numeric,
    /// Days since 2000.
    Date,
    /// Microseconds since 2000, of no time zone.
    Timestamp,
    /// Microseconds since 2000 in UTC.
    TimestampTz,
    /// 16 bytes.
    Uuid,
    /// Bytes.
    Bytea,
    /// A byte for the version, then text.
    Jsonb,
    /// Text.
    Text,
}

impl Wire {
    /// Whether its values are numbers, dates or booleans, not text.
    pub(super) fn is_native(self) -> bool {
        !matches!(self, Self::Uuid | Self::Bytea | Self::Jsonb | Self::Text)
    }
}

/// A value's text; none where the bytes are none of this kind.
pub(super) fn text(wire: Wire, bytes: &[u8]) -> Option<String> {
    Some(match wire {
        Wire::Boolean => if *bytes.first()? == 0 { "false" } else { "true" }.to_owned(),
        Wire::Int16 => i16::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Wire::Int32 => i32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Wire::Int64 => i64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Wire::Float32 => f32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Wire::Float64 => f64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Wire::Numeric => numeric::text(bytes)?,
        Wire::Date => date(i32::from_be_bytes(bytes.try_into().ok()?)),
        Wire::Timestamp => moment(i64::from_be_bytes(bytes.try_into().ok()?), ""),
        Wire::TimestampTz => moment(i64::from_be_bytes(bytes.try_into().ok()?), "+00"),
        Wire::Uuid => uuid::Uuid::from_slice(bytes).ok()?.to_string(),
        Wire::Bytea => {
            let mut text = String::with_capacity(2 + 2 * bytes.len());
            text.push_str("\\x");
            bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}")).ok()?;
            text
        }
        Wire::Jsonb => std::str::from_utf8(bytes.strip_prefix(&[1])?).ok()?.to_owned(),
        Wire::Text => std::str::from_utf8(bytes).ok()?.to_owned(),
    })
}

fn date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        days => {
            let (year, month, day) = civil(i64::from(days) + i64::from(EPOCH_DAYS));
            dated(year, &format!("-{month:02}-{day:02}"))
        }
    }
}

fn moment(micros: i64, zone: &str) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        micros => {
            let (days, rest) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
            let (year, month, day) = civil(days + i64::from(EPOCH_DAYS));
            let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
            let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            let mut rest = format!("-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
            if fraction != 0 {
                rest.push_str(&format!(".{fraction:06}"));
            }
            dated(year, &(rest + zone))
        }
    }
}

/// The server counts no year 0: what is before year 1 is `BC`.
fn dated(year: i64, rest: &str) -> String {
    match year {
        1.. => format!("{year:04}{rest}"),
        _ => format!("{:04}{rest} BC", 1 - year),
    }
}

/// Year, month and day, so many days after 1970-01-01, in the Gregorian calendar at all times.
fn civil(days: i64) -> (i64, i64, i64) {
    // counted from 1 March of year 0, so that a leap day is the last of its year
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Datelike, NaiveDate, TimeDelta};

    #[test]
    fn every_day_has_its_date() {
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        for days in (-3_000_000..3_000_000).step_by(37) {
            let day = epoch + TimeDelta::days(days);
            assert_eq!(civil(days), (day.year().into(), day.month().into(), day.day().into()));
        }
    }

    #[test]
    fn dates_and_moments_read_as_the_server_writes_them() {
        assert_eq!(date(0), "2000-01-01");
        assert_eq!(date(i32::MAX), "infinity");
        assert_eq!((date(-730_119), date(-730_120)), ("0001-01-01".into(), "0001-12-31 BC".into()));
        assert_eq!(moment(-1, "+00"), "1999-12-31 23:59:59.999999+00");
        assert_eq!(moment(1_000_000, ""), "2000-01-01 00:00:01");
        assert_eq!(text(Wire::Bytea, &[0, 255]).unwrap(), "\\x00ff");
        assert_eq!(text(Wire::Jsonb, b"\x01{}").unwrap(), "{}");
        assert_eq!(text(Wire::Int16, &[1]), None);
    }
}
