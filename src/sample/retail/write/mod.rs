//! The source systems, written from the truth with dirt that is known.
//!
//! What is written in two days: the operational database, China's members and the campaign costs
//! stand anew each day; the web shop, the service centre, the campaign contacts and the accounts
//! send a file of what is new. Every file is put in place whole.

mod campaign_costs;
mod contacts;
mod dirt;
mod finance;
mod members;
mod operations;
mod opportunities;
mod report;
mod staff;
mod stock;
mod text;
mod themes;
mod tickets;
mod visits;
mod web_orders;

pub use report::{KnownReject, SourceReport};

use super::Retail;
use super::dice::Dice;
use super::world::World;
use crate::error::{Error, ErrorKind, Result};
use std::path::Path;

/// A day's files.
struct Day<'a> {
    /// The project's folder.
    folder: &'a Path,
    /// What the sources have sent before; nothing on the first day.
    before: Option<&'a World>,
    /// What is true at the close of the day.
    now: &'a World,
    /// The seed of the dirt.
    seed: u64,
}

impl Day<'_> {
    /// The chance that a file's dirt comes from.
    fn dice(&self, file: &str) -> Dice {
        let day = if self.before.is_none() { "one" } else { "two" };
        Dice::new(self.seed, &format!("dirt of day {day} in {file}"))
    }
}

impl Retail {
    /// Writes the sources as they are at the close of the first day into a project's folder, and
    /// says what they hold. Files that are there are replaced, those of the second day taken away.
    ///
    /// # Errors
    /// Unavailable where a file cannot be written.
    pub fn write_day_one(&self, folder: &Path) -> Result<Vec<SourceReport>> {
        take_second_day_away(folder)?;
        let day = Day { folder, before: None, now: &self.day_one, seed: self.seed() };
        let mut reports = finance::write_rates(&day)?;
        reports.extend(finance::write_channels(&day)?);
        reports.extend(staff::write_employees(&day)?);
        reports.extend(staff::write_payroll(&day)?);
        reports.extend(staff::write_targets(&day)?);
        reports.extend(staff::write_category_targets(&day)?);
        reports.extend(themes::write(&day)?);
        reports.extend(visits::write(&day)?);
        reports.extend(stock::write(&day)?);
        reports.extend(opportunities::write(&day)?);
        reports.extend(write_daily(&day)?);
        Ok(reports)
    }

    /// Writes what the second day changes in the sources of the first, and says what the new and
    /// the replaced files hold.
    ///
    /// # Errors
    /// Unavailable where a file cannot be written.
    pub fn write_day_two(&self, folder: &Path) -> Result<Vec<SourceReport>> {
        let before = Some(&self.day_one);
        write_daily(&Day { folder, before, now: &self.day_two, seed: self.seed() })
    }
}

/// The second day in the names of its files. Files are read in the order of their names, and the
/// last row of a key counts: `orders_2025_12_31.csv` comes after `orders_2025.csv`, as it must,
/// where `orders_2025-12-31.csv` would come before it.
fn second_day() -> String {
    super::day_two().format("%Y_%m_%d").to_string()
}

/// A file that only the second day brings.
pub(super) fn second_day_file() -> String {
    web_orders::second_day_file()
}

/// A day later the sources stand as they will; on the first day nobody has seen that yet.
fn take_second_day_away(folder: &Path) -> Result<()> {
    let files =
        [web_orders::second_day_file(), contacts::second_day_file(), finance::second_day_file()];
    for file in files.into_iter().chain([tickets::second_day_file()]) {
        match std::fs::remove_file(folder.join(&file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::new(ErrorKind::Unavailable, "cannot take an old file away")
                    .with("file", file)
                    .caused_by(error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn write_daily(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let mut reports = operations::write(day)?;
    reports.extend(members::write(day)?);
    reports.extend(web_orders::write(day)?);
    reports.extend(tickets::write(day)?);
    reports.extend(contacts::write(day)?);
    reports.extend(campaign_costs::write(day)?);
    reports.extend(finance::write_balances(day)?);
    Ok(reports)
}
