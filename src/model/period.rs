//! Periods by which time is moved.

/// A period by which time is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Twelve months.
    Year,
    /// Three months.
    Quarter,
    /// A month.
    Month,
    /// Seven days.
    Week,
    /// A day.
    Day,
}

impl Period {
    /// The period that a level of a generated calendar is made of.
    pub fn of_level(level: &str) -> Option<Self> {
        Some(match level {
            "year" | "fiscal_year" => Self::Year,
            "quarter" | "fiscal_quarter" => Self::Quarter,
            "month" => Self::Month,
            "week" => Self::Week,
            "date" => Self::Day,
            _ => return None,
        })
    }

    /// So many of them, as months and days, of which one is 0.
    pub fn months_and_days(self, periods: u32) -> (u32, u32) {
        match self {
            Self::Year => (periods.saturating_mul(12), 0),
            Self::Quarter => (periods.saturating_mul(3), 0),
            Self::Month => (periods, 0),
            Self::Week => (0, periods.saturating_mul(7)),
            Self::Day => (0, periods),
        }
    }

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Quarter => "quarter",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
        }
    }
}
