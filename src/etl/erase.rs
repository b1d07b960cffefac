//! Erasing a person: out of every retained release, the logs and what matching keeps, with the
//! proof that nothing is left.
//!
//! ```text
//! who: the keys of the member in all releases, and the texts nobody else has
//!   -> the operational log is masked, while releases still say what to look for
//!   -> files with rows of the person written anew without them, once for all releases
//!   -> older releases, each in one step; what somebody reads waits
//!   -> a new release with those files in place of the latest one's, its aggregates built anew
//!   -> vacuum: the old files go
//!   -> the proof: every table of every release, every other file, looked at again
//! ```
//!
//! The member leaves its dimension with all versions. Facts stay with their numbers and go to the
//! unknown member; the texts in their rows become NULL or, in a fact's key, names that say nothing.
//! Whoever is killed here begins again: what is done is not there to be done any more.

mod person;
mod rewrite;
mod rules;

pub use person::Who;

use super::progress::Progress;
use super::run::{Record, publish, retried, since};
use crate::aggregate::{self, Refreshed, Stale};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{ReleaseId, RunId};
use crate::store::{Masked, Release, Replaced, StepRecord};
use person::Person;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What erasing needs.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The warehouse and its model.
    pub engine: &'a Engine,
    /// Who is to be erased.
    pub who: &'a Who,
    /// Whether rejected rows leave as well that may be of the person ([`Plan::doubtful`]).
    pub doubtful: bool,
    /// Dates the run.
    pub clock: Arc<dyn Clock>,
    /// Hears how it goes on.
    pub progress: Arc<dyn Progress>,
}

/// What is of a person, and would be erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The member's surrogate keys, of all versions.
    pub keys: Vec<i32>,
    /// Rows, by release and table.
    pub rows: Vec<Rows>,
    /// Rejected rows.
    pub rejects: u64,
    /// Rejected rows that may be of the person: they hold what tells it apart as a field, but that is
    /// too short to say whose they are, or the rest of the key is not there.
    pub doubtful: u64,
    /// Texts that only this person has: looked for in logs and by the proof.
    pub texts: usize,
    /// Tables that may hold such texts, but are not the warehouse's to change, with how often.
    pub told: Vec<Left>,
}

/// Rows of a table in a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// The release.
    pub release: ReleaseId,
    /// The table.
    pub table: String,
    /// Rows of the person.
    pub rows: u64,
    /// Whether they leave; else they stay without what tells whose they are.
    pub leave: bool,
}

/// What was found of a person where nothing should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The release's table and column, or the file.
    pub place: String,
    /// How often.
    pub count: u64,
}

/// What was erased.
#[derive(Debug, Clone, PartialEq)]
pub struct Erased {
    /// The run that did.
    pub run: RunId,
    /// The release without the person; none where the latest one had nothing of it.
    pub release: Option<ReleaseId>,
    /// Data files written anew.
    pub files: usize,
    /// Older releases from which the person is gone.
    pub older: Vec<ReleaseId>,
    /// Older releases that somebody reads: the person is still in them.
    pub held: Vec<ReleaseId>,
    /// What was taken out of the logs.
    pub masked: Masked,
    /// What the proof found; nothing where the person is gone.
    pub left: Vec<Left>,
    /// Rejected rows that stay, and may be of the person.
    pub doubtful: u64,
    /// What a person should know.
    pub notes: Vec<String>,
    /// A fingerprint of the natural key, by which the erasure is recorded.
    pub fingerprint: String,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// What of a person there is.
///
/// # Errors
/// Usage errors where the member is not named as it should be; not found where no retained release
/// knows it.
pub async fn plan(request: &Request<'_>) -> Result<Plan> {
    let releases = releases(request).await?;
    let found = found(request, &releases).await?;
    plan_of(request, &releases, &found).await
}

/// Erases a person.
///
/// # Errors
/// As [`plan`]; conflict where a load is under way.
pub async fn run(request: &Request<'_>) -> Result<Erased> {
    retried(|| attempt(request)).await
}

async fn attempt(request: &Request<'_>) -> Result<Erased> {
    let warehouse = request.engine.warehouse();
    let started = request.clock.now();
    if let Some(run) = warehouse.loading().await?.first() {
        return Err(Error::new(
            ErrorKind::Conflict,
            "a load is under way, and may hold the person",
        )
        .with("run", run)
        .retryable(false)
        .hint("erase when it has ended"));
    }
    let releases = releases(request).await?;
    let person = found(request, &releases).await?;
    if let Err(error) = plan_of(request, &releases, &person).await {
        // One that was killed may have left files that no release names any more.
        warehouse.vacuum(usize::MAX).await?;
        return Err(error);
    }
    let mut record = Record::begin(warehouse, &request.clock, None).await?;
    let outcome = erase(request, releases, &person, &mut record, started).await;
    let published = outcome.as_ref().map(|erased| erased.release);
    let published = published.map_err(|error| Error::new(error.kind(), error.to_string()));
    let steps = outcome.iter().map(|erased| StepRecord {
        job: format!("erase {}", request.who.dimension),
        step: "erase".to_owned(),
        target: erased.fingerprint.clone(),
        rows_read: 0,
        rows_written: erased.files as u64,
        rows_rejected: erased.left.iter().map(|left| left.count).sum(),
        started_at: Some(started),
        elapsed_ms: erased.elapsed_ms,
    });
    record.end(&published, steps.collect()).await?;
    outcome
}

async fn erase(
    request: &Request<'_>,
    releases: Vec<Arc<Release>>,
    person: &Person,
    record: &mut Record,
    started: chrono::DateTime<chrono::Utc>,
) -> Result<Erased> {
    let warehouse = request.engine.warehouse();
    let mut notes = Vec::new();
    // While releases still know what to look for: whoever is killed later need not.
    let masked = mask(request, person).await?;
    let latest = warehouse.latest().await?;
    let older: Vec<ReleaseId> =
        releases.iter().map(|release| release.id).filter(|id| *id != latest.id).collect();
    let mut load = warehouse.begin(record.run().clone(), Arc::clone(&latest));
    let changed = rewrite::files(request, &releases, person, &load).await?;
    load.keep_files();
    let is_in_latest = rewrite::stage(&mut load, &latest, &changed)?;
    let (before, replaced) = (latest.id, Arc::new(changed));
    // Whoever holds a release keeps it from being rewritten.
    drop((releases, latest));
    let (mut done, mut held) = rewritten(request, older, &replaced).await?;
    let mut release = None;
    if is_in_latest {
        let hears = |stale: &Stale<'_>, done: Option<&Refreshed>| match done {
            None => request.progress.summarising(&stale.table()),
            Some(done) => notes
                .extend(done.left_out.iter().map(|why| aggregate::told_left_out(&done.table, why))),
        };
        aggregate::refresh(&request.engine.of(load.base()), &mut load, hears).await?;
        request.progress.publishing();
        let summary = format!("a member of {} was erased", request.who.dimension);
        release = Some(publish(load, summary, &mut notes).await?);
        // The latest is another now: the one before is one of the older ones.
        warehouse.latest().await?;
        let (more, busy) = rewritten(request, vec![before], &replaced).await?;
        done.extend(more);
        held.extend(busy);
    } else {
        load.abandon().await?;
    }
    warehouse.vacuum(usize::MAX).await?;
    let left = proof(request, person).await?;
    let rejects = warehouse.rejects(None).await?;
    let doubtful = rejects.iter().filter(|reject| person::may_be_of(request.who, &reject.raw));
    let doubtful = doubtful.count() as u64;
    Ok(Erased {
        run: record.run().clone(),
        release,
        files: replaced.len(),
        older: done,
        held,
        masked,
        left,
        doubtful,
        notes,
        fingerprint: fingerprint(request.who),
        elapsed_ms: since(&request.clock, started),
    })
}

/// Takes the person out of older releases; those that somebody reads come second.
async fn rewritten(
    request: &Request<'_>,
    older: Vec<ReleaseId>,
    replaced: &Arc<Replaced>,
) -> Result<(Vec<ReleaseId>, Vec<ReleaseId>)> {
    let (mut done, mut held) = (Vec::new(), Vec::new());
    let is_aggregate: fn(&str) -> bool = |table| table.starts_with("agg_");
    for id in older.into_iter().filter(|id| *id != ReleaseId::EMPTY) {
        let warehouse = request.engine.warehouse();
        let mut is_free = false;
        for attempt in 0..ATTEMPTS {
            is_free = warehouse.rewrite_release(id, Arc::clone(replaced), is_aggregate).await?;
            if is_free || attempt + 1 == ATTEMPTS {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        if is_free { done.push(id) } else { held.push(id) }
    }
    Ok((done, held))
}

/// How often a release is tried that somebody reads. Who looked a moment ago, a question of the
/// erasure's own among them, may be about to let go of it.
const ATTEMPTS: usize = 20;
/// How long is waited between.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// All retained releases, held against vacuum.
async fn releases(request: &Request<'_>) -> Result<Vec<Arc<Release>>> {
    let warehouse = request.engine.warehouse();
    let mut held = Vec::new();
    for release in warehouse.releases().await? {
        held.push(warehouse.release(release.id).await?);
    }
    Ok(held)
}

async fn found(request: &Request<'_>, releases: &[Arc<Release>]) -> Result<Person> {
    let dimension = request.who.dimension(request.engine.model())?;
    let mut person = person::find(request.engine, releases, dimension, request.who).await?;
    // A key that could be nothing else is a text as well.
    let long = |text: &&String| text.chars().count() >= 4;
    let keys = request.who.key.iter().map(|(_, value)| value);
    if request.who.key.len() == 1 {
        person.texts.extend(keys.filter(long).cloned());
    }
    Ok(person)
}

fn nobody(who: &Who) -> Error {
    let key = who.key.iter().map(|(name, value)| format!("{name}={value}"));
    let message =
        format!("no retained release knows a member of `{}` with that key", who.dimension);
    Error::not_found(message).with("key", key.collect::<Vec<_>>().join(" "))
}

async fn plan_of(
    request: &Request<'_>,
    releases: &[Arc<Release>],
    person: &Person,
) -> Result<Plan> {
    let is_of = is_of(request, person);
    let all = request.engine.warehouse().rejects(None).await?;
    let (of, others): (Vec<_>, Vec<_>) = all.iter().partition(|reject| is_of(&reject.raw));
    let doubtful = others.iter().filter(|reject| person::may_be_of(request.who, &reject.raw));
    let (rejects, doubtful) = (of.len() as u64, doubtful.count() as u64);
    if person.keys.is_empty() && rejects == 0 {
        return Err(nobody(request.who));
    }
    Ok(Plan {
        keys: person.keys.iter().copied().collect(),
        rows: rewrite::rows(request, releases, person).await?,
        rejects,
        doubtful,
        texts: person.texts.len(),
        told: rewrite::texts(request, releases, person, true).await?,
    })
}

impl Plan {
    /// Whether there is nothing to erase.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.rejects == 0
    }
}

/// Whether a rejected row is of the person: it holds a text that nobody else has, or the whole
/// natural key; or may be, and those leave as well.
fn is_of(request: &Request<'_>, person: &Person) -> impl Fn(&str) -> bool + Send + use<> {
    let texts: Vec<String> = person.texts.iter().cloned().collect();
    let (who, doubtful) = (request.who.clone(), request.doubtful);
    move |raw| {
        texts.iter().any(|text| person::stands_in(text, raw))
            || person::is_key_in(&who, raw)
            || doubtful && person::may_be_of(&who, raw)
    }
}

async fn mask(request: &Request<'_>, person: &Person) -> Result<Masked> {
    let texts = person.texts.iter().cloned().collect();
    request.engine.warehouse().mask_logs(is_of(request, person), texts).await
}

/// Looks at every table of every retained release, and every other file of the warehouse.
async fn proof(request: &Request<'_>, person: &Person) -> Result<Vec<Left>> {
    let releases = releases(request).await?;
    let rows = rewrite::rows(request, &releases, person).await?;
    let mut left: Vec<Left> = rows
        .into_iter()
        .map(|rows| Left {
            place: format!("release {}: {}", rows.release, rows.table),
            count: rows.rows,
        })
        .collect();
    left.extend(rewrite::texts(request, &releases, person, false).await?);
    let texts = person.texts.iter().cloned().collect();
    let files = request.engine.warehouse().find_texts(texts).await?;
    left.extend(files.into_iter().map(|(place, count)| Left { place, count }));
    Ok(left)
}

/// What an erasure is recorded by: it says nothing to who does not know the key.
fn fingerprint(who: &Who) -> String {
    let mut digest = Sha256::new();
    for (name, value) in &who.key {
        digest.update(format!("{name}\0{value}\0").as_bytes());
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The error of an erasure that has left something.
///
/// # Errors
/// Where older releases are being read, or the proof found something.
pub fn complete(erased: &Erased) -> Result<()> {
    if !erased.held.is_empty() {
        let held: Vec<String> = erased.held.iter().map(ToString::to_string).collect();
        return Err(Error::new(
            ErrorKind::Conflict,
            "releases are being read: the person is still in them",
        )
        .with("releases", held.join(", "))
        .hint("erase again when their readers have ended"));
    }
    if erased.left.is_empty() && erased.doubtful > 0 {
        let message = format!(
            "{} rejected rows hold a part of the key as a field, and may be of the person",
            erased.doubtful
        );
        return Err(Error::data(message).hint(
            "look at them in system.rejects; erase again with --doubtful, and they leave as well",
        ));
    }
    if erased.left.is_empty() {
        return Ok(());
    }
    let places: Vec<String> =
        erased.left.iter().map(|left| format!("{} ({})", left.place, left.count)).collect();
    Err(Error::data("something of the person is left")
        .with("where", places.join(", "))
        .hint("what users and other dimensions hold is theirs to change; then erase again"))
}
