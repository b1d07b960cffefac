//! How many rows a job may reject before it fails: a share of those read, or so many.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A bound on rejected rows, written `1 %` or `100`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Written")]
pub enum Allowance {
    /// So many rows.
    Rows(u64),
    /// A share of the rows read, in percent.
    Percent(f64),
}

/// How an allowance is written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Rows(u64),
    Text(String),
}

impl TryFrom<Written> for Allowance {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let text = match written {
            Written::Rows(rows) => return Ok(Self::Rows(rows)),
            Written::Text(text) => text,
        };
        let wrong =
            || format!("`{text}` is no allowance, expected a number of rows or a share like 1 %");
        let Some(percent) = text.trim().strip_suffix('%') else {
            return text.trim().parse().map(Self::Rows).map_err(|_| wrong());
        };
        let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
        (0.0..=100.0).contains(&percent).then_some(Self::Percent(percent)).ok_or_else(wrong)
    }
}

impl From<Allowance> for String {
    fn from(allowance: Allowance) -> Self {
        allowance.to_string()
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Percent(percent) => write!(f, "{percent} %"),
        }
    }
}

impl Allowance {
    /// Whether so many rejected rows, of so many read, are more than it allows.
    pub(crate) fn is_exceeded(self, rejected: u64, read: u64) -> bool {
        match self {
            Self::Rows(rows) => rejected > rows,
            Self::Percent(percent) => rejected as f64 * 100.0 > percent * read as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Allowance, String> {
        Allowance::try_from(Written::Text(text.to_owned()))
    }

    #[test]
    fn shares_and_numbers() {
        assert_eq!(read("1 %"), Ok(Allowance::Percent(1.0)));
        assert_eq!(read("0.5%"), Ok(Allowance::Percent(0.5)));
        assert_eq!(read("100"), Ok(Allowance::Rows(100)));
        for wrong in ["101 %", "-1", "some", "-1 %"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_allowed_is_not_too_many() {
        let one = Allowance::Percent(1.0);
        assert!(!one.is_exceeded(1, 100) && one.is_exceeded(2, 199) && !one.is_exceeded(0, 0));
        assert!(Allowance::Rows(0).is_exceeded(1, 9) && !Allowance::Rows(1).is_exceeded(1, 9));
    }
}
