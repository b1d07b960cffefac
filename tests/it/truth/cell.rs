//! A value of an answer, exact.

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// Nothing.
    Null,
    /// Text.
    Text(String),
    /// A number of hundredths: money, hours.
    Hundredths(i128),
    /// A whole number.
    Whole(i128),
    /// One number divided by another; nothing if that is 0.
    Ratio(i128, i128),
}

impl Cell {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// Numerator and denominator, if it is a number.
    pub(crate) fn fraction(&self) -> Option<(i128, i128)> {
        match self {
            Self::Whole(n) => Some((*n, 1)),
            Self::Hundredths(n) => Some((*n, 100)),
            Self::Ratio(n, d) if *d != 0 => Some((*n, *d)),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::Ratio(_, 0))
    }
}

/// A cell as the warehouse gives it: its text, and whether it is a float.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Given {
    pub(crate) text: Option<String>,
    pub(crate) is_float: bool,
}

/// Whether a given cell says what is expected: decimals and whole numbers exactly, floats to nine
/// digits, exact decimals of a ratio to their last digit.
pub(crate) fn says(expected: &Cell, given: &Given) -> bool {
    let Some(text) = &given.text else { return expected.is_null() };
    match expected {
        Cell::Text(expected) => expected == text,
        _ => expected.fraction().is_some_and(|(n, d)| number(n, d, text, given.is_float, expected)),
    }
}

fn number(n: i128, d: i128, text: &str, is_float: bool, expected: &Cell) -> bool {
    if is_float {
        let value: f64 = text.parse().unwrap();
        let wanted = n as f64 / d as f64;
        return (value - wanted).abs() <= 1e-9 * wanted.abs().max(1e-9);
    }
    let (units, scale) = decimal(text);
    let difference = (units * d - n * scale).abs();
    match expected {
        Cell::Ratio(..) => difference <= d.abs() && scale >= 10_000,
        _ => difference == 0,
    }
}

/// Digits and power of ten of a decimal: `-1.50` is (-150, 100).
fn decimal(text: &str) -> (i128, i128) {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    (format!("{whole}{rest}").parse().unwrap(), 10_i128.pow(rest.len() as u32))
}
