//! `starhouse schedules`: when jobs run by themselves, and how the last runs went.

use super::failure::Failure;
use super::project::{Project, jobs, schedules};
use super::table::headed;
use crate::etl::schedule::due::{late_by, next};
use crate::etl::schedule::{Schedule, When};
use crate::store::{ScheduleOutcome, ScheduleState};
use chrono::{DateTime, Utc};
use comfy_table::Cell;
use std::io::{self, Write};
use std::path::Path;

/// When jobs run by themselves, and how the last runs went
///
/// `starhouse serve` runs the schedules.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  starhouse schedules\n  starhouse schedules --project shop")]
pub(super) struct Args {}

/// Lists them.
pub(super) async fn run(project: &Path) -> Result<(), Failure> {
    let project = Project::open(project).await?;
    let schedules = schedules(&project.declared, &jobs(&project.declared)?)?;
    let mut out = io::stdout();
    if schedules.is_empty() {
        writeln!(out, "there are no schedules; a YAML document in schedules/ is one")?;
        return Ok(());
    }
    let states = project.warehouse.schedules().await?;
    let now = project.clock.now();
    let mut list = headed(["schedule", "runs", "jobs", "last", "outcome", "next", "late by"]);
    for schedule in &schedules {
        let state = states.iter().find(|state| state.name == schedule.name);
        list.add_row(row(schedule, state, now).map(Cell::new));
    }
    writeln!(out, "{list}")?;
    Ok(())
}

fn row(schedule: &Schedule, state: Option<&ScheduleState>, now: DateTime<Utc>) -> [String; 7] {
    let moment = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
    let jobs = match schedule.jobs.as_slice() {
        [] => "all".to_owned(),
        jobs => jobs.join(", "),
    };
    let runs = match &schedule.when {
        When::Clock(cron, zone) => format!("{} {zone}", cron.as_str()),
        When::After(names) => format!("after {}", names.join(", ")),
    };
    let last = state.and_then(|state| state.started_at).map(moment);
    let outcome = state.map_or("never", |state| word(state.outcome));
    let outcome = match state.and_then(|state| state.error.as_deref()) {
        Some(error) => format!("{outcome}: {error}"),
        None => outcome.to_owned(),
    };
    let retry = state.and_then(|state| state.retry_at);
    let next = retry.or_else(|| next(schedule, now)).map(moment);
    let late = state.and_then(|state| late_by(schedule, state, now));
    let late = late.map(|late| format!("{} min", late.num_minutes()));
    [
        schedule.name.clone(),
        runs,
        jobs,
        last.unwrap_or_default(),
        outcome,
        next.unwrap_or_default(),
        late.unwrap_or_default(),
    ]
}

fn word(outcome: ScheduleOutcome) -> &'static str {
    match outcome {
        ScheduleOutcome::Never => "never",
        ScheduleOutcome::Running => "running",
        ScheduleOutcome::Succeeded => "succeeded",
        ScheduleOutcome::Failed => "failed",
        ScheduleOutcome::Interrupted => "interrupted",
    }
}
