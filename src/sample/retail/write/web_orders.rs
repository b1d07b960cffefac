//! The web shop's orders: semicolons, a byte order mark, German numbers and dates, and remarks
//! that run over several lines.

use super::operations::withdrawn;
use super::report::SourceReport;
use super::text::{TextFile, utf8_with_mark};
use super::{Day, Dice, dirt};
use crate::error::Result;
use crate::sample::retail::money::localised;
use crate::sample::retail::world::SaleLine;
use chrono::Datelike;
use std::collections::HashMap;

const HEADINGS: [&str; 14] = [
    "Bestellnummer",
    "Position",
    "Zeitpunkt",
    "Kanal",
    "Mandant",
    "Kundennummer",
    "Artikel",
    "Kampagne",
    "Menge",
    "Währung",
    "Betrag",
    "Einstand",
    "Storno",
    "Bemerkung",
];
const REMARKS: [&str; 4] = [
    "Bitte klingeln;\nHinterhaus, 3. Stock",
    "Geschenk: \"Alles Gute!\"\n\nohne Rechnung",
    "Paketkasten; Code 4711",
    "Nachbar \"Müller\"",
];

/// Writes a file a year on the first day; on the second one with what is new, changed or
/// withdrawn.
pub(crate) fn write(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let web = day.now.sales.iter().filter(|sale| sale.is_web());
    let Some(before) = day.before else {
        let all: Vec<&SaleLine> = web.collect();
        return (2023..=2025)
            .map(|year| {
                let of_year = |sale: &&&SaleLine| sale.sold_at.year() == year;
                let sales: Vec<_> = all.iter().filter(of_year).map(|sale| (*sale, false)).collect();
                write_file(day, format!("sources/webshop/orders_{year}.csv"), &sales)
            })
            .collect();
    };
    let known: HashMap<_, _> = before.sales.iter().map(|sale| (sale.key(), sale)).collect();
    let fresh = web.filter(|sale| known.get(&sale.key()) != Some(sale));
    let gone = withdrawn(day).into_iter().filter(|sale| sale.is_web());
    let sales: Vec<_> =
        fresh.map(|sale| (sale, false)).chain(gone.map(|sale| (sale, true))).collect();
    Ok(vec![write_file(day, second_day_file(), &sales)?])
}

/// The file of the second day.
pub(super) fn second_day_file() -> String {
    format!("sources/webshop/orders_{}.csv", super::second_day())
}

fn write_file(day: &Day<'_>, file: String, sales: &[(&SaleLine, bool)]) -> Result<SourceReport> {
    let mut dice = day.dice(&file);
    let mut text = TextFile::new("web_order", file, ';', &HEADINGS);
    for (place, (sale, cancelled)) in sales.iter().enumerate() {
        let row = row(sale, *cancelled, &mut dice);
        text.row(&row);
        match place % 150 {
            40 | 120 => spoil(&mut text, row, &mut dice),
            70 => text.duplicate(&row),
            _ => {}
        }
    }
    text.finish(day, utf8_with_mark)
}

fn row(sale: &SaleLine, cancelled: bool, dice: &mut Dice) -> Vec<String> {
    let remark = if dice.per_mille(40) { dice.pick(&REMARKS) } else { "" };
    vec![
        sale.receipt.clone(),
        sale.line.to_string(),
        sale.sold_at.format("%d.%m.%Y %H:%M").to_string(),
        dirt::cased(sale.channel, dice),
        dirt::or_nothing(sale.customer.map(|key| key.system.code().to_owned()), dice),
        dirt::or_nothing(sale.customer.map(|key| key.number.to_string()), dice),
        dirt::cased(&sale.sku, dice),
        dirt::or_nothing(sale.campaign.clone(), dice),
        sale.quantity.to_string(),
        sale.currency.code().to_owned(),
        localised(sale.amount, '.', ','),
        localised(sale.cost, '.', ','),
        (if cancelled { "J" } else { "N" }).to_owned(),
        remark.to_owned(),
    ]
}

fn spoil(text: &mut TextFile, mut row: Vec<String>, dice: &mut Dice) {
    match dice.below(6) {
        0 => {
            row.truncate(9);
            text.broken_row(&row, "too few fields");
        }
        1 => {
            row.push("?".to_owned());
            text.broken_row(&row, "too many fields");
        }
        2 => {
            row[2] = "30.02.2025 10:15".to_owned();
            text.bad_row(&row, ("sold_at", "impossible date"));
        }
        3 => {
            row[3] = "FAX".to_owned();
            text.bad_row(&row, ("channel_code", "unknown code"));
        }
        4 => {
            row[10] = "12,5x".to_owned();
            text.bad_row(&row, ("amount", "not a number"));
        }
        _ => {
            row[0] = " ".to_owned();
            text.bad_row(&row, ("receipt_no", "no number"));
        }
    }
}
