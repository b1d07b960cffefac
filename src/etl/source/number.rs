//! Binary floating-point numbers as decimal text.

/// A number as spreadsheets and databases show it: at most 15 significant digits, so that 0.1 +
/// 0.2 reads 0.3 and 19.99 never turns into 19.989999999999998. Whole numbers keep all digits.
///
/// The text holds no exponent. Numbers that are not finite give `NaN`, `inf` or `-inf`, which no
/// numeric column takes.
pub(crate) fn number_text(value: f64) -> String {
    let shortest = shortest_text(value);
    let digits = shortest.trim_start_matches(['-', '0', '.']);
    let significant = digits.bytes().filter(u8::is_ascii_digit).count();
    if significant <= 15 || value.fract() == 0.0 || !value.is_finite() {
        return shortest;
    }
    let rounded: f64 = format!("{value:.14e}").parse().unwrap_or(value);
    shortest_text(rounded)
}

/// The shortest text that reads back as the same number, without an exponent.
pub(crate) fn shortest_text(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_typed_them() {
        for (value, text) in [
            (19.99, "19.99"),
            (0.1 + 0.2, "0.3"),
            (1.0 - 0.9, "0.1"),
            (12345678.9, "12345678.9"),
            (-0.0, "0"),
            (1e20, "100000000000000000000"),
            (1e-7, "0.0000001"),
            (42.0, "42"),
            (9007199254740992.0, "9007199254740992"),
        ] {
            assert_eq!(number_text(value), text);
        }
        assert_eq!(shortest_text(0.1 + 0.2), "0.30000000000000004");
        assert_eq!(number_text(f64::NAN), "NaN");
    }
}
