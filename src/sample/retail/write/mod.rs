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
mod report;
mod text;
mod tickets;
mod web_orders;

pub use report::{KnownReject, SourceReport};

use super::Retail;
use super::dice::Dice;
use super::world::World;
use crate::error::Result;
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
    /// says what they hold. Files that are there are replaced.
    ///
    /// # Errors
    /// Unavailable where a file cannot be written.
    pub fn write_day_one(&self, folder: &Path) -> Result<Vec<SourceReport>> {
        let day = Day { folder, before: None, now: &self.day_one, seed: self.seed() };
        let mut reports = finance::write_rates(&day)?;
        reports.extend(finance::write_channels(&day)?);
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
