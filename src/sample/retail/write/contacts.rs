//! The marketing system's contacts and responses: plain CSV.

use super::report::SourceReport;
use super::text::{TextFile, utf8};
use super::{Day, Dice, dirt};
use crate::error::Result;
use crate::sample::retail::money::plain;
use crate::sample::retail::world::Contact;
use chrono::Datelike;
use std::collections::HashMap;

const HEADINGS: [&str; 8] = [
    "contact",
    "campaign",
    "channel",
    "member_system",
    "customer_no",
    "contacted_at",
    "responded_at",
    "response_revenue",
];

/// Writes a file a year on the first day; on the second one with what is new or answered since.
pub(crate) fn write(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let Some(before) = day.before else {
        return (2023..=2025)
            .map(|year| {
                let of_year = |contact: &&Contact| contact.contacted_at.year() == year;
                let contacts: Vec<_> = day.now.contacts.iter().filter(of_year).collect();
                write_file(day, format!("sources/marketing/contacts_{year}.csv"), &contacts)
            })
            .collect();
    };
    let known: HashMap<u32, &Contact> =
        before.contacts.iter().map(|contact| (contact.number, contact)).collect();
    let fresh: Vec<_> =
        day.now.contacts.iter().filter(|c| known.get(&c.number) != Some(c)).collect();
    Ok(vec![write_file(day, second_day_file(), &fresh)?])
}

/// The file of the second day.
pub(super) fn second_day_file() -> String {
    format!("sources/marketing/contacts_{}.csv", super::second_day())
}

fn write_file(day: &Day<'_>, file: String, contacts: &[&Contact]) -> Result<SourceReport> {
    let mut dice = day.dice(&file);
    let mut text = TextFile::new("contact", file, ',', &HEADINGS);
    for (place, contact) in contacts.iter().enumerate() {
        let row = row(contact, &mut dice);
        text.row(&row);
        match place % 200 {
            40 => spoil(&mut text, row, &mut dice),
            70 | 90 => text.duplicate(&row),
            _ => {}
        }
    }
    text.finish(day, utf8)
}

fn row(contact: &Contact, dice: &mut Dice) -> Vec<String> {
    let revenue = (contact.response_revenue != 0).then(|| plain(contact.response_revenue));
    vec![
        contact.number.to_string(),
        dirt::cased(&contact.campaign, dice),
        dirt::cased(contact.channel, dice),
        dirt::cased(contact.customer.system.code(), dice),
        dirt::spaced(&contact.customer.number.to_string(), dice),
        dirt::moment(contact.contacted_at),
        dirt::or_nothing(contact.responded_at.map(dirt::moment), dice),
        dirt::or_nothing(revenue, dice),
    ]
}

fn spoil(text: &mut TextFile, mut row: Vec<String>, dice: &mut Dice) {
    match dice.below(3) {
        0 => {
            row[5] = dirt::impossible_moment(dice);
            text.bad_row(&row, ("contacted_at", "impossible date"));
        }
        1 => {
            row[2] = "FAX".to_owned();
            text.bad_row(&row, ("channel_code", "unknown code"));
        }
        _ => {
            row[0] = "none".to_owned();
            text.bad_row(&row, ("contact_no", "not a number"));
        }
    }
}
