//! What texts are as values, and which are none.

use super::*;
use arrow::datatypes::Date32Type;
use proptest::prelude::*;

#[test]
fn decimals_are_exact_or_refused() {
    for (text, precision, scale, expected) in [
        ("19.99", 12, 2, Some(1999)),
        ("-19.9", 12, 2, Some(-1990)),
        ("+7", 12, 2, Some(700)),
        (".5", 12, 2, Some(50)),
        ("5.", 12, 2, Some(500)),
        ("1.500", 12, 2, Some(150)),
        ("1.505", 12, 2, None),
        ("0.001", 12, 2, None),
        ("0.000", 12, 2, Some(0)),
        ("-0", 12, 2, Some(0)),
        ("1e3", 12, 2, Some(100_000)),
        ("1.5E-1", 12, 2, Some(15)),
        ("1e-3", 12, 2, None),
        ("0e999999", 12, 2, Some(0)),
        ("1e999999999", 12, 2, None),
        ("1e-999999999", 12, 2, None),
        ("9999999999.99", 12, 2, Some(999_999_999_999)),
        ("10000000000.00", 12, 2, None),
        ("00000000000000000000000000000000000000000001", 1, 0, Some(1)),
        ("99999999999999999999999999999999999999", 38, 0, Some(10i128.pow(38) - 1)),
        ("100000000000000000000000000000000000000", 38, 0, None),
        ("", 12, 2, None),
        ("-", 12, 2, None),
        (".", 12, 2, None),
        ("e5", 12, 2, None),
        ("1.2.3", 12, 2, None),
        ("1,5", 12, 2, None),
        ("--1", 12, 2, None),
        ("NaN", 12, 2, None),
        ("١", 12, 2, None),
    ] {
        assert_eq!(decimal(text, precision, scale).ok(), expected, "{text}");
    }
}

#[test]
fn integers_floats_and_booleans() {
    for (text, expected) in [
        ("-32768", Some(-32768)),
        ("32767", Some(32767)),
        ("32768", None),
        ("12.0", Some(12)),
        ("12.5", None),
        ("1e2", Some(100)),
        ("abc", None),
        ("", None),
        ("99999999999999999999999", None),
    ] {
        assert_eq!(integer(text, -32768, 32767).ok(), expected, "{text}");
    }
    assert_eq!(integer("-9223372036854775808", i64::MIN, i64::MAX), Ok(i64::MIN));
    for (text, expected) in
        [("1.5", Some(1.5)), ("-1e3", Some(-1000.0)), ("inf", None), ("NaN", None), ("1e999", None)]
    {
        assert_eq!(float(text).ok(), expected, "{text}");
    }
    for (text, expected) in
        [("TRUE", Some(true)), ("Yes", Some(true)), ("0", Some(false)), ("t", None), ("2", None)]
    {
        assert_eq!(boolean(text).ok(), expected, "{text}");
    }
}

#[test]
fn plain_values_are_read_the_fast_way() {
    for (text, whole, cents) in [
        ("0", Some(0), Some(0)),
        ("-007", Some(-7), Some(-700)),
        ("999999999999999999", Some(999_999_999_999_999_999), None),
        ("9999999999999999999", None, None),
        ("12.5", None, Some(1_250)),
        ("-0.05", None, Some(-5)),
        ("1.500", None, None),
        ("", None, None),
        ("-", None, None),
        (".", None, None),
        ("+1", None, None),
        (" 1", None, None),
    ] {
        assert_eq!(plain::integer(text.as_bytes()), whole, "{text}");
        assert_eq!(plain::decimal(text.as_bytes(), 2), cents, "{text}");
    }
    for (text, value) in [
        ("1.5", Some(1.5)),
        ("-20", Some(-20.0)),
        ("0.1", Some(0.1)),
        ("-0", Some(-0.0)),
        ("--1", None),
        ("5.", None),
        ("1e3", None),
        ("", None),
    ] {
        assert_eq!(plain::float(text.as_bytes()), value, "{text}");
    }
    for (text, micros) in [
        ("1970-01-01 00:00:01", Some(1_000_000)),
        ("1970-01-01T00:00:00.25Z", Some(250_000)),
        ("1969-12-31 23:59:59.999999", Some(-1)),
        ("1970-01-01T24:00:00", None),
        ("1970-01-01T00:00:00+01", None),
        ("1970-02-30 00:00:00", None),
    ] {
        assert_eq!(plain::moment(text.as_bytes()), micros, "{text}");
    }
}

#[test]
fn days_and_moments() {
    let day = |text| date(text).ok().map(|date| date.to_string());
    assert_eq!(day("2024-02-29").as_deref(), Some("2024-02-29"));
    assert_eq!(day("2024-02-29T00:00:00Z").as_deref(), Some("2024-02-29"));
    for text in ["2023-02-29", "2024-02-31", "2024-1-5", "2024-01-01 10:00", "20240101", "", "-"] {
        assert_eq!(day(text), None, "{text}");
    }
    let moment = |text| timestamp(text).ok().map(|moment| moment.and_utc().timestamp_micros());
    for (text, expected) in [
        ("1970-01-01", Some(0)),
        ("1970-01-01 00:00:01", Some(1_000_000)),
        ("1970-01-01T00:01", Some(60_000_000)),
        ("1970-01-01T00:00:00.5Z", Some(500_000)),
        ("1970-01-01T00:00:00.123456789", Some(123_456)),
        ("1970-01-01T02:00:00+02:00", Some(0)),
        ("1970-01-01 02:00:00 +0200", Some(0)),
        ("1969-12-31T19:00:00-05", Some(0)),
        ("1969-12-31T23:59:59.999999Z", Some(-1)),
        ("1970-01-01T24:00:00", None),
        ("1970-01-01T23:60:00", None),
        ("1970-01-01T23:59:60", None),
        ("1970-01-01T00:00:00.", None),
        ("1970-01-01T00:00.5", None),
        ("1970-01-01T00:00:00+25:00", None),
        ("1970-01-01x00:00:00", None),
        ("1970-13-01T00:00:00", None),
        ("тысяча девятьсот", None),
    ] {
        assert_eq!(moment(text), expected, "{text}");
    }
}

proptest! {
    /// A decimal written by other means reads back as its digits.
    #[test]
    fn decimals_round_trip(value in -(10i64.pow(17))..10i64.pow(17), scale in 0u8..=10) {
        let digits = format!("{:0>width$}", value.unsigned_abs(), width = usize::from(scale) + 1);
        let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
        let sign = if value < 0 { "-" } else { "" };
        let text = format!("{sign}{whole}.{fraction}");
        prop_assert_eq!(decimal(&text, 38, scale), Ok(i128::from(value)));
    }

    /// What is read the fast way is what the exact parsers read.
    #[test]
    fn plain_values_are_exact(text in "-?[0-9]{0,20}(\\.[0-9]{0,6})?|[+-.0-9e ]{0,6}", scale in 0u8..=20) {
        if let Some(value) = plain::integer(text.as_bytes()) {
            prop_assert_eq!(integer(&text, i64::MIN, i64::MAX), Ok(value));
        }
        if let Some(value) = plain::decimal(text.as_bytes(), scale) {
            prop_assert_eq!(decimal(&text, 38, scale), Ok(i128::from(value)));
        }
    }

    /// So are floats, to the last bit, the sign of zero included.
    #[test]
    fn plain_floats_are_exact(text in "-?[0-9]{0,10}(\\.[0-9]{0,9})?|[+-.0-9e ]{0,6}") {
        if let Some(value) = plain::float(text.as_bytes()) {
            prop_assert_eq!(float(&text).map(f64::to_bits), Ok(value.to_bits()), "{}", text);
        }
    }

    /// So are moments.
    #[test]
    fn plain_moments_are_exact(
        (day, between) in ("(0|1|20)[0-9]{1,3}-[0-9]{2}-[0-3][0-9]", "[ Tt]"),
        (time, fraction) in ("[0-2][0-9]:[0-6][0-9]:[0-6][0-9]", "(\\.[0-9]{0,8})?"),
        after in "|Z|z| |\\+01|-05:30",
    ) {
        let text = format!("{day}{between}{time}{fraction}{after}");
        if let Some(value) = plain::moment(text.as_bytes()) {
            let exact = timestamp(&text).map(|moment| moment.and_utc().timestamp_micros());
            prop_assert_eq!(exact, Ok(value), "{}", text);
        }
    }

    /// So are days, all those there are and those there are not.
    #[test]
    fn plain_days_are_exact(year in 0u32..=9_999, month in 0u32..=13, odd in "[-0-9]{10}") {
        let days = (0..=32).map(|day| format!("{year:04}-{month:02}-{day:02}"));
        for text in days.chain([odd]) {
            let exact = date(&text).ok().map(Date32Type::from_naive_date);
            prop_assert_eq!(plain::days(text.as_bytes()), exact, "{}", text);
        }
    }

    /// No text makes a parser panic.
    #[test]
    fn nothing_panics(text in "\\PC*") {
        let _ = (boolean(&text), integer(&text, 0, 9), float(&text), decimal(&text, 12, 2));
        let _ = (date(&text), timestamp(&text));
    }
}

#[test]
fn what_microseconds_cannot_say_is_known() {
    for (text, finer) in [
        ("2024-01-01 00:00:00.123456", false),
        ("2024-01-01T00:00:00.123456000Z", false),
        ("2024-01-01T00:00:00.1234560001Z", true),
        ("2024-01-01 00:00:00,1234567+01:00", true),
        ("2024-01-01T00:00:00.123456+01:00", false),
        ("2024-01-01 00:00:00.000000001", true),
        ("2024-01-01 00:00", false),
    ] {
        assert_eq!(is_finer(text), finer, "{text}");
    }
}
