//! The web shop's visits: hand-made device names, a few rows twice, a few that are none.

use super::Day;
use super::report::SourceReport;
use super::text::{TextFile, utf8};
use crate::error::Result;
use crate::sample::retail::trade::{Step, Visit};

const FILE: &str = "sources/webshop/visits_2025.csv";
const HEADINGS: [&str; 11] = [
    "visit", "at", "system", "customer", "campaign", "device", "came_by", "new", "pages",
    "products", "went_to",
];

/// Writes all visits, on the first day.
pub(crate) fn write(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let mut text = TextFile::new("visit", FILE, ',', &HEADINGS);
    for (place, visit) in day.now.visits.iter().enumerate() {
        let mut fields = fields(visit);
        fields[5] = written(visit.device, place);
        text.row(&fields);
        match place % 700 {
            30 => text.duplicate(&fields),
            60 => {
                fields[0] = format!("X-{place}");
                fields[5] = "toaster".to_owned();
                text.bad_row(&fields, ("device", "no device"));
            }
            90 => {
                fields[0] = format!("X-{place}");
                fields[8] = "many".to_owned();
                text.bad_row(&fields, ("pages", "no number"));
            }
            _ => {}
        }
    }
    Ok(vec![text.finish(day, utf8)?])
}

fn fields(visit: &Visit) -> Vec<String> {
    let customer = visit.customer;
    let went_to = match visit.step {
        Step::Came => "start".to_owned(),
        Step::Looked => "product".to_owned(),
        Step::PutIn => "cart".to_owned(),
        Step::Ordered => visit.order.clone().unwrap_or_default(),
    };
    vec![
        visit.number.clone(),
        visit.visited_at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        customer.map(|key| key.system.code().to_owned()).unwrap_or_default(),
        customer.map(|key| key.number.to_string()).unwrap_or_default(),
        visit.campaign.clone().unwrap_or_default(),
        visit.device.to_owned(),
        visit.came_by.to_owned(),
        if visit.is_new { "yes" } else { "no" }.to_owned(),
        visit.pages.to_string(),
        visit.products.to_string(),
        went_to,
    ]
}

/// As the shop's old and new pages write it.
fn written(device: &str, place: usize) -> String {
    match place % 5 {
        0 => device.to_uppercase(),
        1 => format!(" {device}"),
        _ => device.to_owned(),
    }
}
