//! Values of rows and answers: exact numbers, texts, days.

use chrono::NaiveDate;
use std::cmp::Ordering;

/// A value. Integers and decimals are one kind: `unscaled / 10^scale`.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Exact { unscaled: i128, scale: u32 },
    Float(f64),
    Text(String),
    Date(NaiveDate),
}

use Value::{Bool, Date, Exact, Float, Null, Text};

impl Value {
    pub(crate) fn int(value: impl Into<i128>) -> Self {
        Exact { unscaled: value.into(), scale: 0 }
    }

    pub(crate) fn cents(value: impl Into<i128>) -> Self {
        Exact { unscaled: value.into(), scale: 2 }
    }

    pub(crate) fn text(value: impl Into<String>) -> Self {
        Text(value.into())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Null)
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Bool(true))
    }

    /// The number as a double; `None` for what is not a number.
    pub(crate) fn float(&self) -> Option<f64> {
        match self {
            Exact { unscaled, scale } => {
                Some(*unscaled as f64 / 10_f64.powi(i32::try_from(*scale).unwrap()))
            }
            Float(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a + b, |a, b| a + b)
    }

    pub(crate) fn minus(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a - b, |a, b| a - b)
    }

    pub(crate) fn times(&self, other: &Self) -> Self {
        match (self, other) {
            (Exact { unscaled: a, scale: m }, Exact { unscaled: b, scale: n }) => {
                Exact { unscaled: a * b, scale: m + n }
            }
            _ => self.combine(other, |a, b| a * b, |a, b| a * b),
        }
    }

    /// The quotient as a double; NULL where the divisor is NULL or zero.
    pub(crate) fn over(&self, other: &Self) -> Self {
        match (self.float(), other.float()) {
            (Some(_), Some(0.0)) => Null,
            (Some(a), Some(b)) => Float(a / b),
            _ => Null,
        }
    }

    fn combine(
        &self,
        other: &Self,
        exact: impl Fn(i128, i128) -> i128,
        float: impl Fn(f64, f64) -> f64,
    ) -> Self {
        match (self, other) {
            (Null, _) | (_, Null) => Null,
            (Exact { .. }, Exact { .. }) => {
                let (a, b, scale) = aligned(self, other).unwrap();
                Exact { unscaled: exact(a, b), scale }
            }
            _ => Float(float(self.float().unwrap(), other.float().unwrap())),
        }
    }

    /// Equal as answers are: exact where both are, else to a relative 1e-9.
    pub(crate) fn answers(&self, other: &Self) -> bool {
        match (self, other) {
            (Float(_), Float(_) | Exact { .. }) | (Exact { .. }, Float(_)) => {
                let (a, b) = (self.float().unwrap(), other.float().unwrap());
                (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
            }
            _ => self == other,
        }
    }
}

/// Two exact numbers on one scale.
fn aligned(a: &Value, b: &Value) -> Option<(i128, i128, u32)> {
    let (Exact { unscaled: a, scale: m }, Exact { unscaled: b, scale: n }) = (a, b) else {
        return None;
    };
    let scale = *m.max(n);
    Some((a * 10_i128.pow(scale - m), b * 10_i128.pow(scale - n), scale))
}

/// Ascending, NULL last; within a kind as people expect, text by bytes.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Bool(a), Bool(b)) => a.cmp(b),
            (Text(a), Text(b)) => a.cmp(b),
            (Date(a), Date(b)) => a.cmp(b),
            (Exact { .. }, Exact { .. }) => {
                let (a, b, _) = aligned(self, other).unwrap();
                a.cmp(&b)
            }
            (Exact { .. } | Float(_), Exact { .. } | Float(_)) => {
                self.float().unwrap().total_cmp(&other.float().unwrap())
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl Value {
    fn rank(&self) -> u8 {
        match self {
            Bool(_) => 0,
            Exact { .. } | Float(_) => 1,
            Text(_) => 2,
            Date(_) => 3,
            Null => 4,
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

/// As people read it in a failed test.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Null => f.write_str("NULL"),
            Bool(value) => write!(f, "{value}"),
            Exact { unscaled, scale: 0 } => write!(f, "{unscaled}"),
            Exact { unscaled, scale } => {
                let one = 10_i128.pow(*scale);
                let sign = if *unscaled < 0 { "-" } else { "" };
                let (whole, part) = (unscaled.abs() / one, unscaled.abs() % one);
                write!(f, "{sign}{whole}.{part:0width$}", width = *scale as usize)
            }
            Float(value) => write!(f, "{value}"),
            Text(value) => f.write_str(value),
            Date(value) => write!(f, "{value}"),
        }
    }
}
