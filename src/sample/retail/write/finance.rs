//! Finance: book rates, the channels' list, accounts at the ends of months.

use super::report::SourceReport;
use super::text::{TextFile, utf8};
use super::{Day, Dice, dirt};
use crate::error::Result;
use crate::sample::retail::money::localised;
use crate::sample::retail::world::Balance;
use chrono::{Datelike, NaiveDate};
use std::collections::HashMap;

const RATES: &str = "sources/finance/rates.csv";
const CHANNELS: &str = "sources/reference/channels.csv";

/// Writes the book rates, and one of a currency that the group does not keep.
pub(crate) fn write_rates(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let mut text = TextFile::new("rate", RATES, ',', &["currency", "month", "eur_per_unit"]);
    for rate in &day.now.rates.rows {
        let (units, rest) = (rate.micro_eur / 1_000_000, rate.micro_eur % 1_000_000);
        let row =
            [rate.currency.code().to_owned(), rate.month.to_string(), format!("{units}.{rest:06}")];
        text.row(&row);
    }
    let foreign = ["GBP", "2025-12-01", "not kept"].map(str::to_owned);
    text.bad_row(&foreign, ("currency", "unknown code"));
    Ok(vec![text.finish(day, utf8)?])
}

/// Writes the list of channels.
pub(crate) fn write_channels(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let mut text = TextFile::new("channel", CHANNELS, ',', &["code", "name", "kind"]);
    for channel in &day.now.channels {
        text.row(&[channel.code, channel.name, channel.kind].map(str::to_owned));
    }
    Ok(vec![text.finish(day, utf8)?])
}

/// Writes the accounts: a file a year on the first day; on the second one with December and what
/// was corrected.
pub(crate) fn write_balances(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let Some(before) = day.before else {
        return (2023..=2025)
            .map(|year| {
                let of_year = |balance: &&Balance| balance.month_end.year() == year;
                let balances: Vec<_> = day.now.balances.iter().filter(of_year).collect();
                write_file(day, format!("sources/finance/balances_{year}.csv"), &balances)
            })
            .collect();
    };
    let known: HashMap<(&str, NaiveDate), &Balance> =
        before.balances.iter().map(|b| (key(b), b)).collect();
    let fresh: Vec<_> = day.now.balances.iter().filter(|b| known.get(&key(b)) != Some(b)).collect();
    Ok(vec![write_file(day, second_day_file(), &fresh)?])
}

fn key(balance: &Balance) -> (&str, NaiveDate) {
    (&balance.account, balance.month_end)
}

/// The file of the second day.
pub(super) fn second_day_file() -> String {
    format!("sources/finance/balances_{}.csv", super::second_day())
}

fn write_file(day: &Day<'_>, file: String, balances: &[&Balance]) -> Result<SourceReport> {
    const HEADINGS: [&str; 5] = ["account", "customer_no", "month_end", "balance", "credit_limit"];
    let mut dice = day.dice(&file);
    let mut text = TextFile::new("balance", file, ',', &HEADINGS);
    for (place, balance) in balances.iter().enumerate() {
        let row = row(balance, &mut dice);
        text.row(&row);
        match place % 600 {
            70 => text.duplicate(&row),
            200 => spoil(&mut text, row, &mut dice),
            _ => {}
        }
    }
    text.finish(day, utf8)
}

fn row(balance: &Balance, dice: &mut Dice) -> Vec<String> {
    vec![
        dirt::cased(&balance.account, dice),
        balance.customer.number.to_string(),
        dirt::day(balance.month_end, dice),
        localised(balance.balance, ',', '.'),
        localised(balance.credit_limit, ',', '.'),
    ]
}

fn spoil(text: &mut TextFile, mut row: Vec<String>, dice: &mut Dice) {
    match dice.below(3) {
        0 => {
            row[2] = dirt::impossible_day(dice);
            text.bad_row(&row, ("month_end", "impossible date"));
        }
        1 => {
            row[3] = "#REF!".to_owned();
            text.bad_row(&row, ("balance", "not a number"));
        }
        _ => {
            row.truncate(3);
            text.broken_row(&row, "too few fields");
        }
    }
}
