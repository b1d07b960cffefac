//! How numbers are written for people.

/// A pattern such as `#,##0.00 EUR` or `0.0%`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Format {
    before: String,
    after: String,
    grouped: bool,
    decimals: usize,
}

/// What stands between thousands, and before decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Separators {
    group: char,
    decimal: char,
}

impl Separators {
    /// Those of a language, by its code: English ones where it is not known.
    pub fn of(language: Option<&str>) -> Self {
        let language = language.map(|code| code.split(['-', '_']).next().unwrap_or(code));
        let (group, decimal) = match language {
            Some("de" | "es" | "it" | "nl" | "pt" | "da" | "id" | "tr") => ('.', ','),
            Some("fr" | "pl" | "cs" | "ru" | "uk" | "sv" | "nb" | "fi") => ('\u{a0}', ','),
            _ => (',', '.'),
        };
        Self { group, decimal }
    }
}

impl Format {
    /// Reads a pattern: one run of digits (`0`, `#,##0`, with `.00` after it), and words around it.
    pub fn parse(pattern: &str) -> Option<Self> {
        let digit = |c: char| matches!(c, '#' | '0');
        let from = pattern.find(digit)?;
        let until = pattern.rfind(digit)? + 1;
        let (whole, decimals) = match pattern[from..until].split_once('.') {
            Some((whole, decimals)) => (whole, decimals.len()),
            None => (&pattern[from..until], 0),
        };
        let zeros = &pattern[until - decimals..until];
        let known = matches!(whole, "0" | "#0" | "#,##0") && zeros.chars().all(|c| c == '0');
        known.then(|| Self {
            before: pattern[..from].to_owned(),
            after: pattern[until..].to_owned(),
            grouped: whole.contains(','),
            decimals,
        })
    }

    /// Grouped, with so many decimals, and a unit after it.
    pub fn plain(decimals: usize, unit: Option<&str>) -> Self {
        let after = unit.map(|unit| format!(" {unit}")).unwrap_or_default();
        Self { before: String::new(), after, grouped: true, decimals }
    }

    /// Whether hundredths are written.
    fn is_percent(&self) -> bool {
        self.before.contains('%') || self.after.contains('%')
    }

    /// `unscaled / 10^scale`, rounded half away from zero.
    pub fn exact(&self, unscaled: i128, scale: i8, separators: Separators) -> String {
        // A percentage is the number with its point two places on.
        let scale = i32::from(scale) - if self.is_percent() { 2 } else { 0 };
        let decimals = i32::try_from(self.decimals).unwrap_or(i32::MAX);
        let digits = unscaled.unsigned_abs();
        let power = |places: i32| 10_u128.checked_pow(places.unsigned_abs());
        let rounded = match scale - decimals {
            more if more > 0 => power(more)
                .map_or(0, |unit| digits / unit + u128::from(digits % unit >= unit.div_ceil(2))),
            fewer => match power(fewer).and_then(|unit| digits.checked_mul(unit)) {
                Some(digits) => digits,
                // Too large to be written exactly.
                None => return self.float(unscaled as f64 / 10_f64.powi(scale), separators),
            },
        };
        let text = format!("{rounded:0>width$}", width = self.decimals + 1);
        let (whole, part) = text.split_at(text.len() - self.decimals);
        self.around(unscaled < 0 && rounded > 0, whole, part, separators)
    }

    /// A number in double precision.
    pub fn float(&self, value: f64, separators: Separators) -> String {
        if !value.is_finite() {
            return value.to_string();
        }
        let value = if self.is_percent() { value * 100.0 } else { value };
        let text = format!("{:.*}", self.decimals, value.abs());
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let is_zero = text.chars().all(|c| matches!(c, '0' | '.'));
        self.around(value < 0.0 && !is_zero, whole, part, separators)
    }

    fn around(&self, negative: bool, whole: &str, part: &str, separators: Separators) -> String {
        let mut text = String::new();
        text.push_str(if negative { "-" } else { "" });
        text.push_str(&self.before);
        for (index, digit) in whole.chars().enumerate() {
            if self.grouped && index > 0 && (whole.len() - index).is_multiple_of(3) {
                text.push(separators.group);
            }
            text.push(digit);
        }
        if !part.is_empty() {
            text.push(separators.decimal);
            text.push_str(part);
        }
        text.push_str(&self.after);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(pattern: &str, unscaled: i128, scale: i8) -> String {
        Format::parse(pattern).unwrap().exact(unscaled, scale, Separators::of(None))
    }

    #[test]
    fn decimals_are_rounded_half_away_from_zero() {
        assert_eq!(exact("#,##0.00 EUR", 1_234_567_895, 3), "1,234,567.90 EUR");
        assert_eq!(exact("0.0", -125, 2), "-1.3");
        assert_eq!(exact("0", -4, 1), "0");
        assert_eq!(exact("#,##0", 999_999_500, 3), "1,000,000");
        assert_eq!(exact("0.000", 5, 1), "0.500");
    }

    #[test]
    fn percentages_and_what_stands_before() {
        assert_eq!(exact("0.0%", 1234, 4), "12.3%");
        assert_eq!(exact("EUR 0", -1500, 2), "-EUR 15");
        let percent = Format::parse("0.0 %").unwrap();
        assert_eq!(percent.float(0.34, Separators::of(Some("de"))), "34,0 %");
        assert_eq!(percent.float(-0.0001, Separators::of(None)), "0.0 %");
    }

    #[test]
    fn languages_write_numbers_their_own_way() {
        let money = Format::parse("#,##0.00").unwrap();
        assert_eq!(money.exact(123_456_789, 2, Separators::of(Some("de-AT"))), "1.234.567,89");
        assert_eq!(
            money.exact(123_456_789, 2, Separators::of(Some("fr"))),
            "1\u{a0}234\u{a0}567,89"
        );
        assert_eq!(money.exact(123_456_789, 2, Separators::of(Some("xx"))), "1,234,567.89");
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in ["", "EUR", "#,##", "0.0#", "0 of 0", "#.##0,00"] {
            assert_eq!(Format::parse(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn numbers_too_large_for_their_decimals_are_written_as_doubles() {
        let huge = exact("#,##0.00", i128::MAX, 0);
        assert!(huge.starts_with("170,141,183,460,469,2"), "{huge}");
    }
}
