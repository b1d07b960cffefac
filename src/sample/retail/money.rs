//! Money: whole cents, three currencies, and the rates between them.

use super::Dice;
use chrono::NaiveDate;
use std::fmt;

/// Hundredths of a currency's unit.
pub type Cents = i64;

/// A currency of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Currency {
    /// Euro, the group's own.
    Eur,
    /// US dollar.
    Usd,
    /// Chinese yuan.
    Cny,
}

impl Currency {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Eur, Self::Usd, Self::Cny];

    /// The ISO code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Eur => "EUR",
            Self::Usd => "USD",
            Self::Cny => "CNY",
        }
    }

    /// What one unit of it is worth in cents of euro, about, for making prices up.
    pub(crate) fn rough_cents(self) -> i64 {
        match self {
            Self::Eur => 100,
            Self::Usd => 92,
            Self::Cny => 13,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The group's monthly book rates.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    /// One rate a currency and month, in the order of the source.
    pub rows: Vec<Rate>,
}

/// A book rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The currency.
    pub currency: Currency,
    /// The first day of the month in which it holds.
    pub month: NaiveDate,
    /// Millionths of a euro for one unit.
    pub micro_eur: i64,
}

impl Rates {
    pub(crate) fn generate(dice: &mut Dice) -> Self {
        let mut rows = Vec::new();
        for currency in Currency::ALL {
            let mut micro_eur = match currency {
                Currency::Eur => 1_000_000,
                Currency::Usd => 931_400,
                Currency::Cny => 134_870,
            };
            for (year, month) in (2023..=2025).flat_map(|y| (1..=12).map(move |m| (y, m))) {
                rows.push(Rate { currency, month: super::date(year, month, 1), micro_eur });
                if currency != Currency::Eur {
                    micro_eur += micro_eur * dice.between(-12, 12) / 1000;
                }
            }
        }
        Self { rows }
    }
}

/// Cents as people write them in English: `1234.56`.
#[must_use]
pub fn plain(cents: Cents) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

/// Cents with the signs of a locale: `1.234,56`.
pub(crate) fn localised(cents: Cents, group: char, decimal: char) -> String {
    let units = (cents.unsigned_abs() / 100).to_string();
    let mut text = String::new();
    if cents < 0 {
        text.push('-');
    }
    for (place, digit) in units.chars().enumerate() {
        if place > 0 && (units.len() - place).is_multiple_of(3) {
            text.push(group);
        }
        text.push(digit);
    }
    format!("{text}{decimal}{:02}", cents.unsigned_abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_as_people_write_them() {
        assert_eq!([0, 5, -5, 123_456_789].map(plain), ["0.00", "0.05", "-0.05", "1234567.89"]);
        let german = [99, -123_456, 123_456_789].map(|cents| localised(cents, '.', ','));
        assert_eq!(german, ["0,99", "-1.234,56", "1.234.567,89"]);
    }
}
