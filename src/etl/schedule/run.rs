//! Running schedules: one run at a time, what became of it remembered before the next.

use super::due::{self, Due, States};
use super::news;
use super::webhook::Deliveries;
use super::{Schedule, due::first_due};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::jobs::Jobs;
use crate::etl::run::{self, Request, RunSummary};
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
    /// How many jobs run at once.
    pub at_once: usize,
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
    let deliveries = Deliveries::new(scheduler.project)?;
    loop {
        let now = scheduler.clock.now();
        tell(scheduler, &mut states, &deliveries).await?;
        let Some(due) = first_due(scheduler.schedules, &states, now) else {
            let next = due::next_moment(scheduler.schedules, &states, now);
            let wait = next.and_then(|next| (next - now).to_std().ok()).unwrap_or(LONGEST_SLEEP);
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)) => continue,
            }
        };
        if one(scheduler, &mut states, &due, hears, &deliveries, &mut stop).await? {
            return Ok(());
        }
    }
}

/// Tells what there is to tell of all schedules, and remembers that it was told.
async fn tell(
    scheduler: &Scheduler<'_>,
    states: &mut States,
    deliveries: &Deliveries,
) -> Result<()> {
    let now = scheduler.clock.now();
    for schedule in scheduler.schedules {
        let Some(state) = states.get_mut(&schedule.name) else { continue };
        let news = news::news(schedule, state, now);
        if news.is_empty() {
            continue;
        }
        // Remembered first: a restart meanwhile tells nothing twice.
        scheduler.engine.warehouse().record_schedule(state).await?;
        for news in news {
            deliveries.send(schedule, news, &news::body(news, schedule, state, now));
        }
    }
    Ok(())
}

/// Runs a schedule that is due; whether it was told to stop meanwhile.
async fn one(
    scheduler: &Scheduler<'_>,
    states: &mut States,
    due: &Due,
    hears: &dyn Hears,
    deliveries: &Deliveries,
    stop: &mut (impl Future<Output = ()> + Send + Unpin),
) -> Result<bool> {
    let warehouse = scheduler.engine.warehouse();
    let unknown = || Error::internal("a schedule is due that is not known");
    let known = scheduler.schedules.iter().find(|schedule| schedule.name == due.schedule);
    let schedule = known.ok_or_else(unknown)?;
    let state = states.get_mut(&due.schedule).ok_or_else(unknown)?;
    due::started(state, due.planned_at, scheduler.clock.now());
    warehouse.record_schedule(state).await?;
    hears.began(due);
    let is_retry = state.failures > 0;
    let clock = Arc::clone(&scheduler.clock);
    let request = Request {
        only: &schedule.jobs,
        at_once: scheduler.at_once,
        ..Request::new(scheduler.project, scheduler.engine, scheduler.jobs, clock)
    };
    let running = limited(schedule, run_jobs(&request, is_retry));
    tokio::pin!(running);
    let mut looks = tokio::time::interval(LONGEST_SLEEP);
    let (outcome, stopped) = loop {
        tokio::select! {
            outcome = &mut running => break (outcome, false),
            () = &mut *stop => match tokio::time::timeout(scheduler.grace, &mut running).await {
                Ok(outcome) => break (outcome, true),
                // Dropped, it leaves nothing; the state says that it was running, so that it is
                // made up for.
                Err(_) => return Ok(true),
            },
            // A run that hangs is late all the same.
            _ = looks.tick() => tell(scheduler, states, deliveries).await?,
        }
    };
    hears.ended(due, &outcome);
    let ended = match &outcome {
        Ok(_) => Ok(()),
        Err(error) => Err((error.to_string(), error.is_retryable())),
    };
    let state = states.get_mut(&due.schedule).ok_or_else(unknown)?;
    due::finished(state, schedule, ended, scheduler.clock.now());
    warehouse.record_schedule(state).await?;
    tell(scheduler, states, deliveries).await?;
    Ok(stopped)
}

/// Runs jobs; one that failed before goes on where it was, if it can.
async fn run_jobs(request: &Request<'_>, is_retry: bool) -> Result<RunSummary> {
    match is_retry {
        true => run::resume_or_run(request).await,
        false => run::run(request).await,
    }
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
