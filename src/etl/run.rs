//! A run: every job in order, then the aggregates, then one release.
//!
//! ```text
//! begin on the latest release
//!   -> generated dimensions
//!   -> what there is to read, of all jobs
//!   -> each job, several at once: skip | extract and clean -> transform -> load
//!   -> facts follow late changes of their dimensions (before others read them, too)
//!   -> what is expected of the tables that changed
//!   -> the aggregates of what changed
//!   -> publish once, or nothing where nothing changed
//!   -> aggregates that are kept by themselves: looked at again, in a release of their own
//! ```
//!
//! A job that fails for something that may pass is tried again. A failure publishes nothing and
//! says why in the operational log; what was done by then is kept aside, and [`resume`] goes on
//! from there. A run that lost against another begins again on what the other published.

mod automatic;
mod effects;
mod job;
mod late;
mod memory;
mod record;
mod rejected;
mod summarise;
pub(crate) mod summary;
mod together;
mod trial;
mod tries;

pub use super::load::Window;
pub(crate) use effects::Effects;
pub(crate) use job::{plans, reasons};
pub use late::RepointSummary;
pub(crate) use record::{Record, since};
pub use summarise::Summarising;
pub use summary::{AggregateSummary, JobSummary, RunSummary, SourceSummary};
pub use trial::{Trial, trial};

use super::job::{FactMode, Job, LoadSpec};
use super::jobs::Jobs;
use super::lineage;
use super::progress::{Progress, Quiet};
use super::quality;
use super::replay::Replay;
use crate::aggregate;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{ReleaseId, RunId};
use crate::store::{Load, PUBLISHED_RELEASE, QualityOutcome, QualityRecord, Savepoint};
use chrono::{DateTime, Utc};
use late::Followed;
use memory::Memory;
use std::path::Path;
use std::sync::Arc;

/// How many jobs run at once where nothing is said.
pub const AT_ONCE: usize = 4;

/// How often a run begins again where another was first.
const ATTEMPTS: usize = 4;

/// What a run needs.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The project's folder: sources are found from there.
    pub project: &'a Path,
    /// The warehouse and its model.
    pub engine: &'a Engine,
    /// The project's jobs.
    pub jobs: &'a Jobs,
    /// The jobs to run, by name; all where empty.
    pub only: &'a [String],
    /// The business time of the run: since when changes hold where rows do not say so.
    pub as_of: DateTime<Utc>,
    /// Mended rows that one source reads in place of its own.
    pub replay: Option<Replay>,
    /// How many jobs run at once, where they leave each other alone.
    pub at_once: usize,
    /// Dates the run.
    pub clock: Arc<dyn Clock>,
    /// Hears how it goes on.
    pub progress: Arc<dyn Progress>,
}

impl<'a> Request<'a> {
    /// All jobs, now, without a word.
    pub fn new(
        project: &'a Path,
        engine: &'a Engine,
        jobs: &'a Jobs,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            project,
            engine,
            jobs,
            only: &[],
            as_of: clock.now(),
            replay: None,
            at_once: AT_ONCE,
            clock,
            progress: Arc::new(Quiet),
        }
    }
}

/// Runs jobs and publishes what they load as one release.
///
/// # Errors
/// Whatever stopped it: nothing is published then, and the operational log says why.
pub async fn run(request: &Request<'_>) -> Result<RunSummary> {
    request.jobs.select(request.only)?;
    retried(|| attempt(request, None, None)).await
}

/// Goes on where the last run left off that did not end well: with its jobs, as of its time. What
/// it has done is not done again.
///
/// # Errors
/// Not found where there is no such run, or others have published since; user errors where
/// something that it has done would be done otherwise now; as [`run`].
pub async fn resume(request: &Request<'_>) -> Result<RunSummary> {
    let savepoint = memory::last(request.engine.warehouse()).await?;
    let memory = Memory::of(&savepoint)?;
    let request = &Request { only: &memory.only, as_of: memory.as_of, ..request.clone() };
    attempt(request, None, Some((&savepoint, memory.clone()))).await
}

/// Goes on where the last run of the same jobs left off, if there is one and it can; else runs them
/// anew.
///
/// # Errors
/// As [`run`].
pub async fn resume_or_run(request: &Request<'_>) -> Result<RunSummary> {
    let savepoint = memory::last(request.engine.warehouse()).await;
    let memory = savepoint.as_ref().ok().and_then(|savepoint| Memory::of(savepoint).ok());
    if memory.is_none_or(|memory| memory.only != request.only) {
        return run(request).await;
    }
    match resume(request).await {
        // What it has done would be done otherwise now.
        Err(error) if error.kind() == ErrorKind::User => run(request).await,
        outcome => outcome,
    }
}

/// Loads rows of a span of event time anew: jobs read all their sources hold, read before or not,
/// and upsert the rows of that span. What else there is to read stays for the next run.
///
/// # Errors
/// As [`run`]; user errors for jobs that do not upsert a fact.
pub async fn backfill(request: &Request<'_>, window: Window) -> Result<RunSummary> {
    let upserts =
        |job: &Job| matches!(&job.load, LoadSpec::Fact(load) if load.mode == FactMode::Upsert);
    let jobs = request.jobs.select(request.only)?;
    if let Some(job) = jobs.iter().find(|job| !request.only.is_empty() && !upserts(job)) {
        return Err(Error::user(format!("the job `{}` upserts no fact", job.job)).hint(
            "a backfill finds the rows that it replaces by their key; other jobs are run as a whole",
        ));
    }
    let names: Vec<String> =
        jobs.into_iter().filter(|job| upserts(job)).map(|job| job.job.clone()).collect();
    if names.is_empty() {
        return Err(Error::user("no job upserts a fact: there is nothing to load anew"));
    }
    if window.from >= window.to {
        return Err(Error::new(ErrorKind::Usage, "the span of time ends before it begins"));
    }
    let request = &Request { only: &names, ..request.clone() };
    retried(|| attempt(request, Some(window), None)).await
}

/// Does something again, a few times, where another run was first.
pub(crate) async fn retried<T, Doing>(attempt: impl Fn() -> Doing) -> Result<T>
where
    Doing: Future<Output = Result<T>>,
{
    let mut attempts = 1;
    loop {
        match attempt().await {
            Err(error)
                if error.kind() == ErrorKind::Conflict
                    && error.is_retryable()
                    && attempts < ATTEMPTS =>
            {
                attempts += 1;
            }
            outcome => return outcome,
        }
    }
}

/// One attempt, from the latest release or from another run's savepoint.
async fn attempt(
    request: &Request<'_>,
    window: Option<Window>,
    from: Option<(&Savepoint, Memory)>,
) -> Result<RunSummary> {
    let warehouse = request.engine.warehouse();
    let mut record = Record::begin(warehouse, &request.clock, Some(request.as_of)).await?;
    let mut done = Done::default();
    let savepoint = from.as_ref().map(|(savepoint, _)| *savepoint);
    let outcome = begin_and_work(request, window, from, record.run(), &mut done).await;
    if let (Ok(_), Some(savepoint)) = (&outcome, savepoint) {
        // What it has kept is published: vacuum finds it, if nobody else does.
        let _ = warehouse.forget_savepoint(&savepoint.run).await;
    }
    if matches!(outcome, Ok(Some(_))) {
        let told = remember_lineage(request).await;
        // Nothing that was loaded depends on it.
        done.notes.extend(told.err().map(|error| format!("lineage is not known: {error}")));
    }
    let steps = record::steps(&done.jobs, &done.repointed, &done.aggregates);
    record.looked_at(std::mem::take(&mut done.quality));
    if let Err(error) = record.end(&outcome, steps).await {
        // What was published stands, and why a run failed is worth more than the log's complaint.
        done.notes.push(format!("how the run ended is not in the operational log: {error}"));
    }
    let mut summary = RunSummary {
        run: record.run().clone(),
        release: outcome?,
        jobs: done.jobs,
        repointed: done.repointed,
        aggregates: done.aggregates,
        notes: done.notes,
        elapsed_ms: record.elapsed_ms(),
    };
    if summary.release.is_some() {
        automatic::look_again(request, &mut summary).await;
    }
    Ok(summary)
}

async fn remember_lineage(request: &Request<'_>) -> Result<()> {
    let edges = lineage::edges(request.engine, request.jobs).await?;
    request.engine.warehouse().record_lineage(edges).await
}

/// What a run has done so far.
#[derive(Debug, Default)]
struct Done {
    jobs: Vec<JobSummary>,
    repointed: Vec<RepointSummary>,
    quality: Vec<QualityRecord>,
    aggregates: Vec<AggregateSummary>,
    notes: Vec<String>,
}

impl Done {
    fn follow(&mut self, followed: Followed) {
        self.repointed.extend(followed.repointed);
        self.notes.extend(followed.notes);
    }
}

async fn begin_and_work(
    request: &Request<'_>,
    window: Option<Window>,
    from: Option<(&Savepoint, Memory)>,
    run: &RunId,
    done: &mut Done,
) -> Result<Option<ReleaseId>> {
    let (warehouse, is_resumed) = (request.engine.warehouse(), from.is_some());
    let (mut load, mut memory) = match from {
        None => {
            let base = warehouse.latest().await?;
            (warehouse.begin(run.clone(), base), Memory::new(request))
        }
        Some((savepoint, memory)) => {
            let load = warehouse.resume(run.clone(), savepoint).await?;
            done.jobs = memory.taken_over(request, &load, savepoint).await?;
            (load, memory)
        }
    };
    match work(request, window, &mut load, &mut memory, done).await {
        Ok(()) => finish(request, load, done).await,
        Err(error) => {
            let is_saved = !memory.done.is_empty()
                && (load.is_saved() || is_resumed)
                && error.kind() != ErrorKind::Conflict;
            // Why the run failed is worth more than that its files could not be deleted, too.
            let _ = load.abandon().await;
            Err(match is_saved {
                true => error.with("resume", memory.in_words(request)?),
                false => error,
            })
        }
    }
}

async fn work(
    request: &Request<'_>,
    window: Option<Window>,
    load: &mut Load,
    memory: &mut Memory,
    done: &mut Done,
) -> Result<()> {
    super::load::generated::load(load, request.engine.model(), request.project).await?;
    let mut jobs = request.jobs.select(request.only)?;
    jobs.retain(|job| !memory.done.iter().any(|done| done.job() == job.job));
    // All sources are looked at before any is read: a missing file is told at once.
    let mut planned = Vec::with_capacity(jobs.len());
    for job in jobs {
        planned.push(together::planned(request, job, load, window).await?);
    }
    let late = together::run(request, &planned, window, load, memory, done).await?;
    done.follow(late.follow(request, load).await?);
    expectations(request, load, done).await?;
    aggregate::drop_undeclared(load, &request.engine.of(load.base()))?;
    let Request { engine, clock, progress, .. } = request;
    Summarising { engine, clock, progress }.refresh(load, &mut done.aggregates).await
}

/// Looks at what is expected of the tables that have changed.
async fn expectations(request: &Request<'_>, load: &Load, done: &mut Done) -> Result<()> {
    if request.engine.model().expectations.is_empty() {
        return Ok(());
    }
    let against = quality::Against {
        engine: request.engine,
        now: load.preview(),
        before: Arc::clone(load.base()),
        as_of: request.as_of,
    };
    done.quality = quality::check(&against).await?;
    let warned = done.quality.iter().filter(|record| record.outcome == QualityOutcome::Warned);
    done.notes.extend(warned.map(|record| format!("expected of {}", quality::in_words(record))));
    quality::stops(&done.quality).map_or(Ok(()), Err)
}

/// Publishes what there is to publish.
async fn finish(request: &Request<'_>, load: Load, done: &mut Done) -> Result<Option<ReleaseId>> {
    if !load.has_changes() {
        load.abandon().await?;
        return Ok(None);
    }
    request.progress.publishing();
    let summary = summary::in_words(&done.jobs, &done.repointed, &done.aggregates);
    publish(load, summary, &mut done.notes).await.map(Some)
}

/// Publishes; that a release stands whose tidying failed is a note.
pub(crate) async fn publish(
    load: Load,
    summary: String,
    notes: &mut Vec<String>,
) -> Result<ReleaseId> {
    match load.publish(summary).await {
        Ok(release) => Ok(release.id),
        Err(error) => {
            // The release file is the commit: what went wrong after it does not undo it.
            let stands = error.context(PUBLISHED_RELEASE).and_then(|id| id.parse().ok());
            let Some(id) = stands else { return Err(error) };
            notes.push(format!("release {id} stands, but is not tidied up yet: {error}"));
            Ok(ReleaseId(id))
        }
    }
}

/// A run's number: the moment it began, and a count where several began at once.
pub(crate) async fn run_id(
    warehouse: &crate::store::Warehouse,
    now: DateTime<Utc>,
) -> Result<RunId> {
    let moment = now.format("%Y%m%dT%H%M%S%6fZ").to_string();
    let mut id = RunId(moment.clone());
    let mut count = 1;
    while warehouse.knows_run(&id).await? {
        count += 1;
        id = RunId(format!("{moment}-{count}"));
    }
    Ok(id)
}
