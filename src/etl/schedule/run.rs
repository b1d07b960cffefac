//! Running schedules: one run at a time, what became of it remembered before the next.

use super::due::{self, Due, States};
use super::{Schedule, due::first_due};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::jobs::Jobs;
use crate::etl::progress::Quiet;
use crate::etl::run::{Request, RunSummary, run as run_jobs};
use crate::store::ScheduleState;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long to sleep at most: a clock may be set, and a schedule follow another at once.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// How long to sleep at least.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

/// What running schedules needs.
#[derive(Debug, Clone)]
pub struct Scheduler<'a> {
    /// The project's folder.
    pub project: &'a Path,
    /// The warehouse and its model.
    pub engine: &'a Engine,
    /// The project's jobs.
    pub jobs: &'a Jobs,
    /// Its schedules.
    pub schedules: &'a [Schedule],
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How long a run may go on once this was told to stop.
    pub grace: Duration,
}

/// Hears what becomes of scheduled runs.
pub trait Hears: Send + Sync {
    /// A run begins.
    fn began(&self, due: &Due);
    /// A run has ended.
    fn ended(&self, due: &Due, outcome: &Result<RunSummary>);
}

/// Runs schedules until told to stop. One process at a time does so; where another does, this
/// waits until that ends.
///
/// # Errors
/// What keeps the state of schedules from being remembered.
pub async fn run(
    scheduler: &Scheduler<'_>,
    hears: &dyn Hears,
    stop: impl Future<Output = ()> + Send,
) -> Result<()> {
    tokio::pin!(stop);
    let warehouse = scheduler.engine.warehouse();
    let _lock = loop {
        match warehouse.lock_schedules().await? {
            Some(lock) => break lock,
            None => tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(LONGEST_SLEEP) => {}
            },
        }
    };
    let remembered = warehouse.schedules().await?;
    let mut states: States =
        remembered.into_iter().map(|state| (state.name.clone(), state)).collect();
    due::begin(scheduler.schedules, &mut states, scheduler.clock.now());
    for state in states.values() {
        warehouse.record_schedule(state).await?;
    }
    loop {
        let now = scheduler.clock.now();
        let Some(due) = first_due(scheduler.schedules, &states, now) else {
            let next = due::next_moment(scheduler.schedules, &states, now);
            let wait = next.and_then(|next| (next - now).to_std().ok()).unwrap_or(LONGEST_SLEEP);
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)) => continue,
            }
        };
        let known = scheduler.schedules.iter().find(|schedule| schedule.name == due.schedule);
        let (Some(schedule), Some(state)) = (known, states.get_mut(&due.schedule)) else {
            return Err(Error::internal("a schedule is due that is not known"));
        };
        if one(scheduler, schedule, state, &due, hears, &mut stop).await? {
            return Ok(());
        }
    }
}

/// Runs a schedule that is due; whether it was told to stop meanwhile.
async fn one(
    scheduler: &Scheduler<'_>,
    schedule: &Schedule,
    state: &mut ScheduleState,
    due: &Due,
    hears: &dyn Hears,
    stop: &mut (impl Future<Output = ()> + Send + Unpin),
) -> Result<bool> {
    let warehouse = scheduler.engine.warehouse();
    due::started(state, due.planned_at, scheduler.clock.now());
    warehouse.record_schedule(state).await?;
    hears.began(due);
    let now = scheduler.clock.now();
    let request = Request {
        project: scheduler.project,
        engine: scheduler.engine,
        jobs: scheduler.jobs,
        only: &schedule.jobs,
        as_of: now,
        replay: None,
        clock: Arc::clone(&scheduler.clock),
        progress: Arc::new(Quiet),
    };
    let running = limited(schedule, run_jobs(&request));
    tokio::pin!(running);
    let (outcome, stopped) = tokio::select! {
        outcome = &mut running => (outcome, false),
        () = stop => match tokio::time::timeout(scheduler.grace, &mut running).await {
            Ok(outcome) => (outcome, true),
            // Dropped, it leaves nothing; the state says that it was running, so that it is made
            // up for.
            Err(_) => return Ok(true),
        },
    };
    hears.ended(due, &outcome);
    let ended = match &outcome {
        Ok(_) => Ok(()),
        Err(error) => Err((error.to_string(), error.is_retryable())),
    };
    due::finished(state, schedule, ended, scheduler.clock.now());
    warehouse.record_schedule(state).await?;
    Ok(stopped)
}

/// A run that ends in time or not at all.
async fn limited(
    schedule: &Schedule,
    run: impl Future<Output = Result<RunSummary>>,
) -> Result<RunSummary> {
    let Some(timeout) = schedule.timeout.and_then(|timeout| timeout.to_std().ok()) else {
        return run.await;
    };
    tokio::time::timeout(timeout, run).await.unwrap_or_else(|_| {
        let message = format!("the run took longer than {} minutes", timeout.as_secs() / 60);
        Err(Error::new(ErrorKind::Cancelled, message)
            .retryable(true)
            .hint("`timeout_minutes` in the schedule says how long it may take"))
    })
}
