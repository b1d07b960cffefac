//! A dimension's members as a source tells of them, day by day: all of them on day 0, then those that
//! changed, those that are new, and some that are told again though nothing changed.
//!
//! Everything is a function of the member's number and the day, so the truth is known without a
//! database: how many versions there are, how many of them are present, and what they come to.

use super::Outcome;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// What a dimension holds after a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Truth {
    pub(crate) versions: u64,
    pub(crate) current: u64,
    /// Of the credit limits of all versions, in cents.
    pub(crate) cents: i64,
    /// Of those of the present versions.
    pub(crate) current_cents: i64,
}

/// How much data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Members on day 0.
    pub(crate) members: u64,
    /// Days after it.
    pub(crate) days: u64,
    /// The share of the members that a day tells of.
    pub(crate) share: f64,
}

/// The source's file of a day.
pub(crate) fn file(day: u64) -> String {
    format!("day_{day:03}.csv")
}

/// Makes the days' files in `days/`, unless they are there, and says what each day must come to.
pub(crate) fn make(dir: &Path, size: Size) -> Outcome<Vec<Truth>> {
    let days = dir.join("days");
    let done = days.join("truth.json");
    if let Ok(truth) = std::fs::read(&done) {
        let truth: Vec<Truth> = serde_json::from_slice(&truth)?;
        if truth.len() as u64 > size.days {
            return Ok(truth);
        }
    }
    eprintln!("making {} members and {} days in {}", size.members, size.days, dir.display());
    std::fs::create_dir_all(&days)?;
    let mut population = Population { size, members: 0, truth: Truth::default() };
    let truth: Vec<Truth> = (0..=size.days)
        .map(|day| population.tell(day, days.join(file(day))))
        .collect::<Outcome<_>>()?;
    std::fs::write(done, serde_json::to_vec(&truth)?)?;
    Ok(truth)
}

struct Population {
    size: Size,
    members: u64,
    truth: Truth,
}

impl Population {
    /// Writes a day's file; the truth after it.
    fn tell(&mut self, day: u64, path: PathBuf) -> Outcome<Truth> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        writeln!(file, "customer_no,customer_name,city,segment,credit")?;
        for number in 0..self.members {
            let Some(told) = told(number, day, self.size.share) else { continue };
            let before = (1..day).filter(|day| self.changed(number, *day)).count() as u64;
            let changes = u64::from(told == Told::Changed);
            let (was, is) =
                (Member { number, changes: before }, Member { number, changes: before + changes });
            if told == Told::Changed {
                self.truth.versions += 1;
                self.truth.cents += is.cents();
                self.truth.current_cents += is.cents() - was.cents();
            }
            is.write(&mut file)?;
        }
        let new = match day {
            0 => self.size.members,
            _ => (self.size.members as f64 * self.size.share * NEW) as u64,
        };
        for number in self.members..self.members + new {
            let member = Member { number, changes: 0 };
            self.truth.versions += 1;
            self.truth.cents += member.cents();
            self.truth.current_cents += member.cents();
            member.write(&mut file)?;
        }
        self.members += new;
        self.truth.current = self.members;
        file.flush()?;
        Ok(self.truth.clone())
    }

    fn changed(&self, number: u64, day: u64) -> bool {
        // Who was not there yet has not changed.
        let there = self.size.members
            + (day - 1) * (self.size.members as f64 * self.size.share * NEW) as u64;
        number < there && told(number, day, self.size.share) == Some(Told::Changed)
    }
}

/// The part of a day's rows that tells of new members, and that tells nothing new.
const NEW: f64 = 0.1;
const UNCHANGED: f64 = 0.1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Changed,
    Again,
}

/// Whether a day tells of a member that was there before, and what.
fn told(number: u64, day: u64, share: f64) -> Option<Told> {
    let dice = mixed(number ^ day.wrapping_mul(0x9e37_79b9_7f4a_7c15)) as f64 / u64::MAX as f64;
    match dice / share {
        part if part < UNCHANGED => Some(Told::Again),
        part if part < 1.0 - NEW => Some(Told::Changed),
        _ => None,
    }
}

/// A member after so many changes. Each change gives one of its values another, or takes it away.
struct Member {
    number: u64,
    changes: u64,
}

impl Member {
    /// Of a value that changes with every third change: which of `of` it is; none for the first.
    fn choice(&self, turn: u64, of: u64) -> Option<u64> {
        let changed = (self.changes + 2 - turn) / 3;
        Some((mixed(self.number * 4 + turn) + changed) % of).filter(|choice| *choice > 0)
    }

    fn cents(&self) -> i64 {
        self.choice(2, 10_007).map_or(0, |choice| (choice * 100 + self.number % 100) as i64)
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        write!(out, "{0},Customer {0},", self.number)?;
        if let Some(city) = self.choice(0, 251) {
            write!(out, "City {city}")?;
        }
        write!(out, ",")?;
        if let Some(segment) = self.choice(1, 6) {
            write!(out, "SEGMENT {segment}")?;
        }
        write!(out, ",")?;
        if self.choice(2, 10_007).is_some() {
            let cents = self.cents();
            write!(out, "{}.{:02}", cents / 100, cents % 100)?;
        }
        writeln!(out)
    }
}

/// A number that looks like chance (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
