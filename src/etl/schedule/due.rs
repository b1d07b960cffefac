//! What is due: plain functions on schedules, what is remembered of them, and the time.

use super::{Missed, Schedule, When};
use crate::store::{ScheduleOutcome, ScheduleState};
use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use croner::Cron;
use std::collections::BTreeMap;

/// What is remembered, by schedule.
pub type States = BTreeMap<String, ScheduleState>;

/// A run that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The schedule.
    pub schedule: String,
    /// When it was to run.
    pub planned_at: DateTime<Utc>,
}

/// What is remembered when schedules begin to be run: new ones are due from now on, and what was
/// missed of those that leave it out is left out.
pub fn begin(schedules: &[Schedule], states: &mut States, now: DateTime<Utc>) {
    states.retain(|name, _| schedules.iter().any(|schedule| schedule.name == *name));
    for schedule in schedules {
        let state = states
            .entry(schedule.name.clone())
            .or_insert_with(|| ScheduleState::new(&schedule.name, now));
        // Whoever was running it is not there any more.
        if state.outcome == ScheduleOutcome::Running {
            state.outcome = ScheduleOutcome::Interrupted;
            state.finished_at = Some(now);
            state.retry_at = (schedule.missed == Missed::RunOnce).then_some(now);
        }
        if schedule.missed == Missed::Skip {
            state.planned_at = state.planned_at.max(now);
            state.retry_at = None;
        }
    }
}

/// The run that is due first; none where nothing is. Of several occurrences that went by, the last
/// one is made up for.
pub fn first_due(schedules: &[Schedule], states: &States, now: DateTime<Utc>) -> Option<Due> {
    let due = schedules.iter().filter_map(|schedule| {
        let state = states.get(&schedule.name)?;
        let planned_at = match (state.retry_at, &schedule.when) {
            (Some(retry_at), _) if retry_at <= now => state.planned_at,
            (_, When::Clock(cron, zone)) => last_before(cron, *zone, state.planned_at, now)?,
            (_, When::After(names)) => after(names, state, states)?,
        };
        Some(Due { schedule: schedule.name.clone(), planned_at })
    });
    due.min_by(|a, b| (a.planned_at, &a.schedule).cmp(&(b.planned_at, &b.schedule)))
}

/// When something will be due at the latest, as far as the clock says; none where it does not.
pub fn next_moment(
    schedules: &[Schedule],
    states: &States,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let clocks = schedules.iter().filter_map(|schedule| next(schedule, now));
    let retries = states.values().filter_map(|state| state.retry_at);
    clocks.chain(retries).min()
}

/// When a schedule comes next by the clock.
pub fn next(schedule: &Schedule, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let When::Clock(cron, zone) = &schedule.when else { return None };
    let next = cron.find_next_occurrence(&now.with_timezone(zone), false).ok()?;
    Some(next.to_utc())
}

/// What is remembered when a run begins.
pub fn started(state: &mut ScheduleState, planned_at: DateTime<Utc>, now: DateTime<Utc>) {
    state.planned_at = planned_at;
    state.started_at = Some(now);
    state.finished_at = None;
    state.outcome = ScheduleOutcome::Running;
    state.retry_at = None;
}

/// What is remembered when it ends: well, or with an error that may pass or not.
pub fn finished(
    state: &mut ScheduleState,
    schedule: &Schedule,
    outcome: Result<(), (String, bool)>,
    now: DateTime<Utc>,
) {
    state.finished_at = Some(now);
    match outcome {
        Ok(()) => {
            state.outcome = ScheduleOutcome::Succeeded;
            state.succeeded_at = Some(now);
            (state.failures, state.error) = (0, None);
        }
        Err((error, may_pass)) => {
            state.outcome = ScheduleOutcome::Failed;
            state.error = Some(error);
            state.failures += 1;
            let again = may_pass && state.failures <= schedule.retries;
            let doublings = (state.failures - 1).min(10);
            state.retry_at = again.then(|| now + schedule.retry_after * (1 << doublings));
            if !again {
                state.failures = 0;
            }
        }
    }
}

/// The last occurrence after one moment and not after another.
fn last_before(
    cron: &Cron,
    zone: Tz,
    after: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let next = cron.find_next_occurrence(&after.with_timezone(&zone), false).ok()?.to_utc();
    if next > now {
        return None;
    }
    let last = cron.find_previous_occurrence(&now.with_timezone(&zone), true).ok()?.to_utc();
    Some(last.max(next))
}

/// When the last of these succeeded, if all of them have since this one began.
fn after(names: &[String], state: &ScheduleState, states: &States) -> Option<DateTime<Utc>> {
    let ended = names.iter().map(|name| {
        let other = states.get(name)?;
        let ended = other.finished_at.filter(|_| other.outcome == ScheduleOutcome::Succeeded)?;
        // What ended before this one began was there for it already.
        let is_new = state.started_at.map_or(ended >= state.planned_at, |since| ended > since);
        is_new.then_some(ended)
    });
    ended.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// How late a schedule is: since when its last run that was due should have succeeded.
pub fn late_by(schedule: &Schedule, state: &ScheduleState, now: DateTime<Utc>) -> Option<Duration> {
    let failed = matches!(state.outcome, ScheduleOutcome::Failed | ScheduleOutcome::Interrupted);
    let missed = match &schedule.when {
        When::Clock(cron, zone) => last_before(cron, *zone, state.planned_at, now),
        When::After(_) => None,
    };
    let since = if failed { Some(state.planned_at) } else { missed };
    since.map(|since| now - since)
}
