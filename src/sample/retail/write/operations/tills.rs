//! The tills' lines, of all stores.

use super::super::report::{Fault, SourceReport};
use super::super::{Day, Dice, dirt};
use super::table::{Row, Table};
use crate::sample::retail::money::plain;
use crate::sample::retail::world::SaleLine;
use rusqlite::Transaction;
use std::collections::HashSet;

const COLUMNS: [&str; 13] = [
    "receipt_no TEXT",
    "line_no INTEGER",
    "sold_at TEXT",
    "store_no TEXT",
    "member_system TEXT",
    "customer_no TEXT",
    "sku TEXT",
    "campaign_code TEXT",
    "quantity INTEGER",
    "currency TEXT",
    "amount TEXT",
    "cost TEXT",
    "voided INTEGER",
];

/// Writes every line, those withdrawn since the day before among them and marked as voided.
pub(crate) fn write(
    transaction: &Transaction<'_>,
    day: &Day<'_>,
) -> rusqlite::Result<SourceReport> {
    let mut dice = day.dice("sale_line");
    let mut table = Table::create(transaction, "sale_line", &COLUMNS)?;
    for sale in day.now.sales.iter().filter(|sale| !sale.is_web()) {
        let row = row(sale, false, &mut dice);
        if dice.per_mille(4) {
            table.duplicate(&row)?;
        }
        table.row(&row)?;
        if dice.per_mille(3) {
            let (row, fault) = spoiled(row, &mut dice);
            table.bad_row(&row, fault)?;
        }
    }
    for sale in withdrawn(day).into_iter().filter(|sale| !sale.is_web()) {
        table.row(&row(sale, true, &mut dice))?;
    }
    Ok(table.finish())
}

/// Lines that were there the day before and are no more.
pub(crate) fn withdrawn<'a>(day: &Day<'a>) -> Vec<&'a SaleLine> {
    let now: HashSet<_> = day.now.sales.iter().map(SaleLine::key).collect();
    let before = day.before.into_iter().flat_map(|world| &world.sales);
    before.filter(|sale| !now.contains(&sale.key())).collect()
}

fn row(sale: &SaleLine, voided: bool, dice: &mut Dice) -> Row {
    let customer = sale.customer;
    vec![
        Some(sale.receipt.clone()),
        Some(sale.line.to_string()),
        Some(dirt::moment(sale.sold_at)),
        sale.store.as_ref().map(|store| dirt::cased(store, dice)),
        customer.map(|key| dirt::cased(key.system.code(), dice)),
        Some(dirt::or_nothing(customer.map(|key| key.number.to_string()), dice)),
        Some(dirt::cased(&sale.sku, dice)),
        Some(dirt::or_nothing(sale.campaign.clone(), dice)),
        Some(sale.quantity.to_string()),
        Some(dirt::cased(sale.currency.code(), dice)),
        Some(plain(sale.amount)),
        Some(plain(sale.cost)),
        Some(u8::from(voided).to_string()),
    ]
}

fn spoiled(mut row: Row, dice: &mut Dice) -> (Row, Fault) {
    let (place, value, fault): (usize, Option<String>, Fault) = match dice.below(5) {
        0 => (2, Some(dirt::impossible_moment(dice)), ("sold_at", "impossible date")),
        1 => (8, Some("99999".to_owned()), ("quantity", "out of range")),
        // ISO 4217's code where no currency is involved: well-formed, and none that the shops take.
        2 => (9, Some("XXX".to_owned()), ("currency", "unknown code")),
        3 => (0, None, ("receipt_no", "no number")),
        _ => (10, Some("twelve".to_owned()), ("amount", "not a number")),
    };
    row[place] = value;
    (row, fault)
}
