//! Money in another currency.

/// How money is converted: by a fact of rates, which has one a day and pair of currencies. From a
/// currency to itself the rate is 1, whatever the fact says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Conversion {
    /// The currency of a row's amounts: a scalar SQL expression over its fact's columns.
    pub from: String,
    /// The currency converted to.
    pub to: String,
    /// Whether a question may choose another.
    pub choose: bool,
    /// The calendar role of a row's day.
    pub over: String,
    /// Which rate of the day.
    pub at: RateAt,
    /// The fact of rates.
    pub rates: String,
    /// Its column with what one unit of the currency converted from is worth.
    pub rate: String,
    /// Its column with the currency converted from.
    pub source: String,
    /// Its column with the currency converted to.
    pub target: String,
    /// Whether an amount without a rate is refused; else what it is a part of is NULL.
    pub refuses: bool,
}

/// Which rate a day has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RateAt {
    /// Its own.
    Day,
    /// The last one known by then.
    Latest,
    /// The last one of its month, quarter ...: a level of the calendar.
    End(String),
    /// The mean of its month, quarter ...: a level of the calendar.
    Average(String),
}
