//! The controllers' workbook of campaign costs and targets: a title above the headings, numbers
//! that are text, a total below.

use super::report::SourceReport;
use super::{Day, dirt};
use crate::error::{Error, Result};
use crate::sample::project::write_whole;
use crate::sample::retail::money::{localised, plain};
use crate::sample::retail::world::CampaignCost;
use chrono::Datelike;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

const FILE: &str = "sources/marketing/campaign_costs.xlsx";
const HEADINGS: [&str; 7] =
    ["Campaign", "Channel", "Booked on", "Spend", "Currency", "Target responses", "Target revenue"];
/// The sheet's row, 0 being the first, that holds the headings.
const HEADING_ROW: u32 = 2;

/// Writes the workbook anew.
pub(crate) fn write(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let mut report = SourceReport::new("campaign_cost", FILE);
    let bytes = workbook(day, &mut report).map_err(|error| {
        Error::internal("cannot make the sample's workbook").with("file", FILE).caused_by(error)
    })?;
    write_whole(&day.folder.join(FILE), &bytes)?;
    Ok(vec![report])
}

fn workbook(day: &Day<'_>, report: &mut SourceReport) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    // else the machine's clock would stand in the file
    let made = ExcelDateTime::from_ymd(2025, 12, 30)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
    let sheet = workbook.add_worksheet().set_name("Costs")?;
    sheet.write(0, 0, "Campaign costs and targets")?;
    for (column, heading) in (0..).zip(HEADINGS) {
        sheet.write(HEADING_ROW, column, heading)?;
    }
    let mut dice = day.dice(FILE);
    let mut row = HEADING_ROW + 1;
    for (place, cost) in day.now.campaign_costs.iter().enumerate() {
        write_cost(sheet, row, cost, &mut dice)?;
        row += 1;
        if place % 12 == 5 {
            write_cost(sheet, row, cost, &mut dice)?;
            sheet.write(row, 3, "tbd")?;
            report.reject(u64::from(row) + 1, Some("spend"), "not a number");
            row += 1;
        }
    }
    sheet.write(row, 0, "Total")?;
    let spend: i64 = day.now.campaign_costs.iter().map(|cost| cost.spend).sum();
    sheet.write(row, 3, spend as f64 / 100.0)?;
    report.reject(u64::from(row) + 1, Some("campaign_code"), "a total, not a campaign");
    report.rows = u64::from(row - HEADING_ROW);
    workbook.add_worksheet().set_name("Notes")?.write(0, 0, "Budgets as agreed in autumn")?;
    workbook.save_to_buffer()
}

fn write_cost(
    sheet: &mut Worksheet,
    row: u32,
    cost: &CampaignCost,
    dice: &mut super::Dice,
) -> Result<(), XlsxError> {
    let booked = ExcelDateTime::from_ymd(
        cost.booked_on.year().unsigned_abs() as u16,
        cost.booked_on.month() as u8,
        cost.booked_on.day() as u8,
    )?;
    sheet.write(row, 0, dirt::cased(&cost.campaign, dice))?;
    sheet.write(row, 1, dirt::cased(cost.channel, dice))?;
    match dice.below(5) {
        0 => sheet.write(row, 2, dirt::day(cost.booked_on, dice))?,
        _ => {
            sheet.write_with_format(row, 2, &booked, &Format::new().set_num_format("yyyy-mm-dd"))?
        }
    };
    match dice.below(4) {
        0 => sheet.write(row, 3, localised(cost.spend, ',', '.'))?,
        1 => sheet.write(row, 3, plain(cost.spend))?,
        _ => sheet.write(row, 3, cost.spend as f64 / 100.0)?,
    };
    sheet.write(row, 4, dirt::cased(cost.currency.code(), dice))?;
    sheet.write(row, 5, cost.target_responses)?;
    sheet.write(row, 6, cost.target_revenue as f64 / 100.0)?;
    Ok(())
}
