//! Schedules: when jobs run by themselves.
//!
//! A schedule is a YAML document of `schedules/`. It runs by the clock (`cron` in a time zone) or
//! when others have succeeded (`after`). What is due is decided by plain functions ([`due`]) on what
//! is remembered of each schedule, so a server that is started again goes on where it was; the
//! effects are in [`run`].

pub mod due;
pub mod news;
pub mod run;
pub mod webhook;

use super::job::{Secret, Setting};
use super::jobs::Jobs;
use crate::yaml::{Document, Fault, Faults, Located};
use chrono::Duration;
use chrono_tz::Tz;
use croner::Cron;
use news::News;
use serde::Deserialize;
use std::str::FromStr;
use webhook::Webhook;

/// When jobs run by themselves.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What makes it due.
    pub when: When,
    /// The jobs it runs; all where empty.
    pub jobs: Vec<String>,
    /// What becomes of runs that were due while nobody ran schedules.
    pub missed: Missed,
    /// How often a run that failed for something that may pass is tried again.
    pub retries: u32,
    /// How long after the first failure; twice as long after each further one.
    pub retry_after: Duration,
    /// How long a run may take.
    pub timeout: Option<Duration>,
    /// How long ago its last success may be, before it is late.
    pub fresh_within: Option<Duration>,
    /// Who is told what becomes of it.
    pub webhooks: Vec<Webhook>,
}

/// What makes a schedule due.
#[derive(Debug, Clone)]
pub enum When {
    /// The clock, in a time zone.
    Clock(Box<Cron>, Tz),
    /// That all of these have succeeded since it last began.
    After(Vec<String>),
}

/// What becomes of runs that were due while nobody ran schedules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// They are made up for by one run.
    #[default]
    RunOnce,
    /// They are left out.
    Skip,
}

/// A schedule as it is written.
#[derive(Debug, Deserialize)]
struct Written {
    /// Its name.
    schedule: Located<String>,
    /// What it is for.
    description: Option<Located<String>>,
    /// Minute, hour, day, month, weekday; seconds before them if need be.
    cron: Option<Located<String>>,
    /// Where the clock stands; UTC where left out.
    time_zone: Option<Located<String>>,
    /// The schedules that come before.
    after: Option<Located<Vec<Located<String>>>>,
    /// The jobs; all where left out.
    #[serde(default)]
    jobs: Vec<Located<String>>,
    /// What becomes of missed runs.
    #[serde(default)]
    missed: Missed,
    /// How often a failed run is tried again; twice where left out.
    retries: Option<u32>,
    /// Minutes until then; one where left out.
    retry_after_minutes: Option<u32>,
    /// Minutes that a run may take; as long as it takes where left out.
    timeout_minutes: Option<Located<u32>>,
    /// Minutes since the last success after which it is late.
    fresh_within_minutes: Option<Located<u32>>,
    /// Who is told what becomes of it.
    #[serde(default)]
    webhooks: Vec<WrittenWebhook>,
}

/// A webhook as it is written.
#[derive(Debug, Deserialize)]
struct WrittenWebhook {
    /// The address, or where it is kept.
    url: Located<Setting>,
    /// What goes into the header `Authorization`.
    authorization: Option<Secret>,
    /// What is told; everything where left out.
    on: Option<Vec<News>>,
}

/// Reads the documents of `schedules/`: each a file's name and its text.
///
/// # Errors
/// Every fault with its place: what is not of a schedule's form, unknown jobs, schedules that wait
/// for each other.
pub fn load<F: AsRef<str>, T: AsRef<str>>(
    files: &[(F, T)],
    jobs: &Jobs,
) -> Result<Vec<Schedule>, Faults> {
    let mut faults = Faults::default();
    let mut read: Vec<(&str, Written)> = Vec::new();
    for (file, text) in files {
        let document = Document::read(file.as_ref(), text.as_ref());
        let written = document.and_then(|document| document.parse::<Written>());
        read.extend(faults.take(written).map(|written| (file.as_ref(), written)));
    }
    let names: Vec<String> = read.iter().map(|(_, w)| w.schedule.value.clone()).collect();
    let mut schedules: Vec<Schedule> = Vec::new();
    for (file, written) in &read {
        let schedule = schedule(file, written, &names, jobs, &mut faults);
        if schedules.iter().any(|known| known.name == written.schedule.value) {
            let message = format!("the schedule `{}` is declared already", written.schedule.value);
            faults.push(Fault::new(*file, written.schedule.place, message));
        }
        schedules.extend(schedule);
    }
    for (file, written) in &read {
        if waits_for_itself(&written.schedule.value, &schedules) {
            let message = format!("the schedule `{}` waits for itself", written.schedule.value);
            faults.push(Fault::new(*file, written.schedule.place, message));
        }
    }
    schedules.sort_by(|a, b| a.name.cmp(&b.name));
    faults.or(schedules)
}

fn schedule(
    file: &str,
    written: &Written,
    names: &[String],
    jobs: &Jobs,
    faults: &mut Faults,
) -> Option<Schedule> {
    let name = &written.schedule;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.value.is_empty() || !name.value.chars().all(plain) {
        let message = format!(
            "`{}` is no name for a schedule, expected lower-case letters, digits and _",
            name.value
        );
        faults.push(Fault::new(file, name.place, message));
    }
    for job in &written.jobs {
        let known = || jobs.iter().map(|job| job.job.as_str());
        if !known().any(|known| known == job.value) {
            let message = format!("there is no job `{}`", job.value);
            faults.push(Fault::new(file, job.place, message).suggest(&job.value, known()));
        }
    }
    if let Some(minutes) = written.timeout_minutes.filter(|minutes| minutes.value == 0) {
        faults.push(Fault::new(file, minutes.place, "a run cannot end in no time"));
    }
    if let Some(minutes) = written.fresh_within_minutes.filter(|minutes| minutes.value == 0) {
        faults.push(Fault::new(file, minutes.place, "nothing is that fresh: expected 1 or more"));
    }
    let minutes = |minutes: u32| Duration::minutes(i64::from(minutes));
    Some(Schedule {
        name: name.value.clone(),
        description: written.description.as_ref().map(|t| t.value.clone()).unwrap_or_default(),
        when: when(file, written, names, faults)?,
        jobs: written.jobs.iter().map(|job| job.value.clone()).collect(),
        missed: written.missed,
        retries: written.retries.unwrap_or(2),
        retry_after: minutes(written.retry_after_minutes.unwrap_or(1)),
        timeout: written.timeout_minutes.map(|timeout| minutes(timeout.value)),
        fresh_within: written.fresh_within_minutes.map(|fresh| minutes(fresh.value)),
        webhooks: written.webhooks.iter().map(|hook| webhook(file, hook, faults)).collect(),
    })
}

fn webhook(file: &str, written: &WrittenWebhook, faults: &mut Faults) -> Webhook {
    let url = &written.url;
    if let Setting::Here(text) = &url.value
        && !(text.starts_with("https://") || text.starts_with("http://"))
    {
        // What was written may be a secret all the same: it is not repeated.
        let fault =
            Fault::new(file, url.place, "a webhook's `url` begins with https:// or http://");
        faults.push(fault.hint("or say where it is kept: `url: {env: NAME}`, `url: {file: PATH}`"));
    }
    Webhook {
        url: url.value.clone(),
        authorization: written.authorization.clone(),
        on: written.on.clone().unwrap_or_else(|| News::ALL.to_vec()),
    }
}

fn when(file: &str, written: &Written, names: &[String], faults: &mut Faults) -> Option<When> {
    match (&written.cron, &written.after) {
        (Some(cron), None) => {
            let zone = zone(file, written.time_zone.as_ref(), faults);
            match Cron::from_str(cron.trim()) {
                Ok(cron) => zone.map(|zone| When::Clock(Box::new(cron), zone)),
                Err(error) => {
                    let message = format!("`{}` is no cron pattern: {error}", cron.value);
                    let hint = "minute, hour, day, month, weekday: `15 2 * * *` is 02:15 every day";
                    faults.push(Fault::new(file, cron.place, message).hint(hint));
                    None
                }
            }
        }
        (None, Some(after)) => {
            for name in after.value.iter().filter(|name| !names.contains(&name.value)) {
                let message = format!("there is no schedule `{}`", name.value);
                let known = names.iter().map(String::as_str);
                faults.push(Fault::new(file, name.place, message).suggest(&name.value, known));
            }
            Some(When::After(after.value.iter().map(|name| name.value.clone()).collect()))
        }
        _ => {
            let message =
                format!("the schedule `{}` needs either `cron` or `after`", written.schedule.value);
            faults.push(Fault::new(file, written.schedule.place, message));
            None
        }
    }
}

fn zone(file: &str, written: Option<&Located<String>>, faults: &mut Faults) -> Option<Tz> {
    let Some(written) = written else { return Some(Tz::UTC) };
    let zone = written.trim().parse::<Tz>();
    if zone.is_err() {
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let message =
            format!("unknown time zone `{}`, expected such as Europe/Berlin", written.value);
        faults.push(Fault::new(file, written.place, message).suggest(&written.value, names));
    }
    zone.ok()
}

fn waits_for_itself(name: &str, schedules: &[Schedule]) -> bool {
    let before = |name: &str| -> Vec<String> {
        let found = schedules.iter().find(|schedule| schedule.name == name);
        match found.map(|schedule| &schedule.when) {
            Some(When::After(names)) => names.clone(),
            _ => Vec::new(),
        }
    };
    let (mut seen, mut left) = (Vec::new(), before(name));
    while let Some(next) = left.pop() {
        if next == name {
            return true;
        }
        if !seen.contains(&next) {
            left.extend(before(&next));
            seen.push(next);
        }
    }
    false
}

#[cfg(test)]
mod tests;
