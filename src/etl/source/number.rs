//! Binary floating-point numbers as decimal text.

use crate::model::ColumnType;

/// Significant digits that every double keeps: what is beyond them may be its binary tail.
const SURE_DIGITS: usize = 15;
/// A number may differ from the decimal it becomes by this part: half of its 15th digit.
const TAIL: f64 = 1e-15;

/// A number of a source as text for a column: the shortest that reads back as the same number, the
/// same from every source, without an exponent.
///
/// Where the column has fewer digits after the point and all its digits are sure ones, a tail that is
/// binary alone is no part of the number: 0.1 + 0.2 is 0.30 in a column with two digits after the
/// point. Nothing else is rounded: what does not fit is refused by its column.
///
/// Numbers that are not finite give `NaN`, `inf` or `-inf`, which no numeric column takes.
pub(crate) fn number_text(value: f64, ty: ColumnType) -> String {
    let shortest = shortest_text(value);
    let scale = match ty {
        ColumnType::Decimal { scale, .. } => usize::from(scale),
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 => 0,
        _ => return shortest,
    };
    let digits_after_point = shortest.split_once('.').map_or(0, |(_, digits)| digits.len());
    if digits_after_point <= scale {
        return shortest;
    }
    let rounded = format!("{value:.scale$}");
    let digits = rounded.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit);
    let is_tail = |back: f64| (back - value).abs() <= value.abs() * TAIL;
    let is_same = digits.count() <= SURE_DIGITS && rounded.parse().is_ok_and(is_tail);
    if is_same { rounded } else { shortest }
}

/// The shortest text that reads back as the same number, without an exponent.
fn shortest_text(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(value: f64) -> String {
        number_text(value, ColumnType::Decimal { precision: 20, scale: 2 })
    }

    #[test]
    fn numbers_read_as_people_typed_them() {
        for (value, text, in_a_decimal) in [
            (19.99, "19.99", "19.99"),
            (0.1 + 0.2, "0.30000000000000004", "0.30"),
            (1.0 - 0.9, "0.09999999999999998", "0.10"),
            (1.005, "1.005", "1.005"),
            (12345678.9, "12345678.9", "12345678.9"),
            (12345678901234.56, "12345678901234.56", "12345678901234.56"),
            (99999999999999.98, "99999999999999.98", "99999999999999.98"),
            (-0.0, "0", "0"),
            (1e20, "100000000000000000000", "100000000000000000000"),
            (1e-7, "0.0000001", "0.0000001"),
            (42.0, "42", "42"),
            (9007199254740992.0, "9007199254740992", "9007199254740992"),
            (f64::NAN, "NaN", "NaN"),
            (f64::INFINITY, "inf", "inf"),
        ] {
            assert_eq!(number_text(value, ColumnType::Text), text);
            assert_eq!(decimal(value), in_a_decimal);
        }
        assert_eq!(number_text(3.0000000000000004, ColumnType::Int32), "3");
        assert_eq!(number_text(2.9999999999999996, ColumnType::Int32), "3");
        assert_eq!(number_text(2.999, ColumnType::Int32), "2.999");
    }

    proptest! {
        #[test]
        fn what_was_typed_comes_back(cents in -99_999_999_999_999_i64..99_999_999_999_999) {
            let sign = if cents < 0 { "-" } else { "" };
            let cents = cents.abs();
            let typed = format!("{sign}{}.{:02}", cents / 100, cents % 100);
            let value: f64 = typed.parse().unwrap();
            let text = decimal(value);
            prop_assert_eq!(text.parse::<f64>().unwrap(), value);
            let text = number_text(value, ColumnType::Text);
            prop_assert_eq!(text.parse::<f64>().unwrap(), value);
        }
    }
}
