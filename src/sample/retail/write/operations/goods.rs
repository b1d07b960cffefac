//! Products, stores and campaigns.

use super::super::report::SourceReport;
use super::super::{Day, dirt};
use super::table::Table;
use crate::sample::retail::money::plain;
use rusqlite::Transaction;

/// Writes the products; duplicates are the same but for case and space.
pub(crate) fn write_products(
    transaction: &Transaction<'_>,
    day: &Day<'_>,
) -> rusqlite::Result<SourceReport> {
    const COLUMNS: [&str; 7] = [
        "sku TEXT",
        "name TEXT",
        "brand TEXT",
        "subcategory TEXT",
        "category TEXT",
        "list_price TEXT",
        "updated_at TEXT",
    ];
    let mut dice = day.dice("product");
    let mut table = Table::create(transaction, "product", &COLUMNS)?;
    for product in &day.now.products {
        let row = vec![
            Some(dirt::cased(&product.sku, &mut dice)),
            Some(dirt::spaced(&product.name, &mut dice)),
            Some(dirt::cased(product.brand, &mut dice)),
            Some(dirt::cased(product.subcategory, &mut dice)),
            Some(dirt::cased(product.category, &mut dice)),
            Some(plain(product.list_price)),
            Some(dirt::moment(product.updated_at)),
        ];
        if dice.per_mille(30) {
            table.duplicate(&row)?;
        }
        table.row(&row)?;
        if dice.per_mille(20) {
            let mut row = row;
            row[5] = Some("on request".to_owned());
            table.bad_row(&row, ("list_price", "not a number"))?;
        }
    }
    Ok(table.finish())
}

/// Writes the stores.
pub(crate) fn write_stores(
    transaction: &Transaction<'_>,
    day: &Day<'_>,
) -> rusqlite::Result<SourceReport> {
    const COLUMNS: [&str; 8] = [
        "store_no TEXT",
        "name TEXT",
        "city TEXT",
        "region TEXT",
        "country TEXT",
        "area_m2 TEXT",
        "opened_on TEXT",
        "updated_at TEXT",
    ];
    let mut dice = day.dice("store");
    let mut table = Table::create(transaction, "store", &COLUMNS)?;
    for (place, store) in day.now.stores.iter().enumerate() {
        let row = vec![
            Some(dirt::cased(&store.number, &mut dice)),
            Some(dirt::spaced(&store.name, &mut dice)),
            Some(dirt::cased(store.city, &mut dice)),
            Some(dirt::spaced(store.region, &mut dice)),
            Some(dirt::cased(store.country, &mut dice)),
            Some(store.area_m2.to_string()),
            Some(dirt::day(store.opened_on, &mut dice)),
            Some(dirt::moment(store.updated_at)),
        ];
        table.row(&row)?;
        if place == 20 {
            let mut row = row;
            row[4] = Some("ZZ".to_owned());
            table.bad_row(&row, ("country", "unknown code"))?;
        }
    }
    Ok(table.finish())
}

/// Writes the campaigns, and one that somebody began to enter.
pub(crate) fn write_campaigns(
    transaction: &Transaction<'_>,
    day: &Day<'_>,
) -> rusqlite::Result<SourceReport> {
    const COLUMNS: [&str; 5] =
        ["code TEXT", "name TEXT", "objective TEXT", "starts_on TEXT", "ends_on TEXT"];
    let mut dice = day.dice("campaign");
    let mut table = Table::create(transaction, "campaign", &COLUMNS)?;
    for campaign in &day.now.campaigns {
        table.row(&[
            Some(dirt::cased(&campaign.code, &mut dice)),
            Some(dirt::spaced(&campaign.name, &mut dice)),
            Some(dirt::spaced(campaign.objective, &mut dice)),
            Some(dirt::day(campaign.starts_on, &mut dice)),
            Some(dirt::day(campaign.ends_on, &mut dice)),
        ])?;
    }
    let unfinished = [None, Some("new campaign".to_owned()), None, None, None];
    table.bad_row(&unfinished, ("campaign_code", "no code"))?;
    Ok(table.finish())
}
