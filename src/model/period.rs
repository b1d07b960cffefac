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
    /// An hour.
    Hour,
    /// A minute.
    Minute,
    /// A year of whole weeks: the same day of the same week, whichever date that is.
    RetailYear,
    /// A quarter of a year of whole weeks: three of its periods.
    RetailQuarter,
    /// A period of a year of whole weeks: the same day of the same week of it; what a period has more
    /// weeks than another counts in the last one.
    RetailPeriod,
}

/// What periods are counted in: those of different kinds do not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Months.
    Month,
    /// Days.
    Day,
    /// Minutes.
    Minute,
    /// Years of whole weeks.
    RetailYear,
    /// Periods of such years.
    RetailPeriod,
}

impl Period {
    /// The period that a level of a generated calendar is made of.
    pub fn of_level(level: &str) -> Option<Self> {
        Some(match level {
            "year" | "fiscal_year" => Self::Year,
            "quarter" | "fiscal_quarter" => Self::Quarter,
            "month" => Self::Month,
            "week" | "retail_week" => Self::Week,
            "retail_year" => Self::RetailYear,
            "retail_quarter" => Self::RetailQuarter,
            "retail_period" => Self::RetailPeriod,
            "date" => Self::Day,
            _ => return None,
        })
    }

    /// What it is counted in.
    pub fn unit(self) -> Unit {
        match self {
            Self::Year | Self::Quarter | Self::Month => Unit::Month,
            Self::Week | Self::Day => Unit::Day,
            Self::Hour | Self::Minute => Unit::Minute,
            Self::RetailYear => Unit::RetailYear,
            Self::RetailQuarter | Self::RetailPeriod => Unit::RetailPeriod,
        }
    }

    /// So many of them in periods of years of whole weeks, of what is made of those.
    pub fn retail_periods(self, periods: u32) -> u32 {
        match self {
            Self::RetailQuarter => periods.saturating_mul(3),
            Self::RetailPeriod => periods,
            _ => 0,
        }
    }

    /// The part of a day that a word names.
    pub fn of_day(word: &str) -> Option<Self> {
        match word {
            "hour" => Some(Self::Hour),
            "minute" => Some(Self::Minute),
            _ => None,
        }
    }

    /// So many of them in minutes, of parts of a day.
    pub fn minutes(self, periods: u32) -> u64 {
        match self {
            Self::Hour => u64::from(periods).saturating_mul(60),
            Self::Minute => u64::from(periods),
            _ => 0,
        }
    }

    /// So many of them, as months and days, of which one is 0. Both are of parts of a day, and of years
    /// of whole weeks, which have 52 weeks or 53, and of their parts.
    pub fn months_and_days(self, periods: u32) -> (u32, u32) {
        match self {
            Self::Year => (periods.saturating_mul(12), 0),
            Self::Quarter => (periods.saturating_mul(3), 0),
            Self::Month => (periods, 0),
            Self::Week => (0, periods.saturating_mul(7)),
            Self::Day => (0, periods),
            Self::Hour | Self::Minute => (0, 0),
            Self::RetailYear | Self::RetailQuarter | Self::RetailPeriod => (0, 0),
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
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::RetailYear => "retail year",
            Self::RetailQuarter => "retail quarter",
            Self::RetailPeriod => "retail period",
        }
    }
}
