//! What the sellers to firms keep in a sheet, as text.

use super::Day;
use super::report::SourceReport;
use super::text::{TextFile, utf8};
use crate::error::Result;

const FILE: &str = "sources/reference/opportunities.csv";
const HEADINGS: [&str; 9] =
    ["number", "customer", "seller", "opened", "qualified", "offered", "won", "lost", "amount"];

/// Writes the opportunities; every ninetieth stands twice.
pub(crate) fn write(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let mut text = TextFile::new("opportunity", FILE, ';', &HEADINGS);
    for (place, o) in day.now.opportunities.iter().enumerate() {
        let day = |day: Option<chrono::NaiveDate>| {
            day.map(|day| day.format("%d.%m.%Y").to_string()).unwrap_or_default()
        };
        let fields = [
            o.number.clone(),
            o.customer.number.to_string(),
            o.seller.clone(),
            day(Some(o.opened_on)),
            day(o.qualified_on),
            day(o.offered_on),
            day(o.won_on),
            day(o.lost_on),
            format!("{}.{:02}", o.amount / 100, o.amount % 100),
        ];
        text.row(&fields);
        if place % 90 == 45 {
            text.duplicate(&fields);
        }
    }
    Ok(vec![text.finish(day, utf8)?])
}
