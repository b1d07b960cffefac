//! Extraction: a source's rows, read, cleaned and staged.
//!
//! Two steps, so that a run can decide before it writes anything:
//!
//! 1. [`plan`] looks at what there is and compares it with what published runs have read. If
//!    nothing is new for any source of a job, the job can be skipped ([`Plan::is_unchanged`]).
//! 2. [`extract`] reads what the plan says, cleans it, stages the good rows under the source's
//!    name and puts the bad ones in quarantine.
//!
//! One thread reads, others clean what it has read, and the batches go to the writer in the order
//! read: what is staged does not depend on who is first. They are a few batches ahead of the
//! writer: memory does not grow with the source but for what `deduplicate` must remember, a key
//! and a moment for each distinct one. Dropping the future stops the threads.
//!
//! Architecture invariant: no row is lost. Rows read = rows staged + rejected + duplicates.

mod cursor;
mod faults;
mod reader;
mod watermark;

pub use faults::{Part, faults};
pub use reader::{Counts, Progress};

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::{SourceSpec, Strategy};
use crate::etl::quarantine::{Origin, RejectSummary, fingerprint};
use crate::etl::references;
use crate::etl::source::{self, Alive, Found, Source};
use crate::model::Column;
use crate::store::{Input, Load, Reject, Release, Rows, TableState, Warehouse};
use arrow::record_batch::RecordBatch;
use faults::start;
use futures::StreamExt;
use reader::{Read, Reader};
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Batches that may wait for the writer: enough to go on while it ends a row group.
const QUEUED_BATCHES: usize = 8;
/// Rejected rows written to the operational log at a time.
const REJECTS_A_WRITE: usize = 1_000;

/// Told now and then how far an extraction is.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// What there is to read of a source, and whether any of it is new.
#[derive(Clone)]
pub struct Plan {
    spec: SourceSpec,
    source: Arc<dyn Source>,
    found: Vec<Found>,
    unread: Vec<Found>,
    before: Option<Vec<Input>>,
    /// The files that values are looked up in.
    references: Vec<Input>,
    /// How far published runs have read.
    cursor: Option<String>,
    anew: bool,
    keep_refused: bool,
}

/// What an extraction did.
#[derive(Debug, Clone, PartialEq)]
pub struct Extracted {
    /// The good rows, under the source's name.
    pub staged: TableState,
    /// The refused rows that could be read, with NULL for what is wrong in them; none where none
    /// was to be kept ([`Plan::keeping_refused`]).
    pub refused: Option<TableState>,
    /// What was read.
    pub extent: Extent,
}

/// What an extraction has read.
#[derive(Debug, Clone, PartialEq)]
pub struct Extent {
    /// What the source has read by now, for [`Load::set_inputs`].
    pub inputs: Vec<Input>,
    /// Rows by what became of them.
    pub counts: Counts,
    /// The rejected rows by cause.
    pub rejects: Vec<RejectSummary>,
    /// How far the source is read by now, where its strategy asks: the watermark, or the rows of
    /// the snapshot.
    pub cursor: Option<String>,
}

/// Looks at what there is to read; `before` is what published runs have read, if any has.
///
/// # Errors
/// As [`plan_from`].
pub async fn plan(project: &Path, spec: &SourceSpec, before: Option<&[Input]>) -> Result<Plan> {
    plan_from(project, spec, before, None).await
}

/// Looks at what there is to read; `before` is what published runs have read, if any has, and
/// `cursor` how far ([`Extent::cursor`]).
///
/// # Errors
/// Not found where there is nothing and the source is not optional; user where its description
/// is wrong; unavailable where it cannot be read.
pub async fn plan_from(
    project: &Path,
    spec: &SourceSpec,
    before: Option<&[Input]>,
    cursor: Option<&str>,
) -> Result<Plan> {
    let cursor = cursor.map(str::to_owned);
    let (project, spec) = (project.to_owned(), spec.clone());
    let before = before.map(<[Input]>::to_vec);
    // Who waits no longer drops this, and whoever looks meanwhile hears of it.
    let waiting = Arc::new(());
    let awaited = Arc::downgrade(&waiting);
    let mut alive = move || awaited.upgrade().map(drop).ok_or_else(cancelled);
    let planned = tokio::task::spawn_blocking(move || {
        plan_blocking(&project, spec, before, cursor, &mut alive)
    });
    let planned = planned.await.map_err(stopped)?;
    drop(waiting);
    planned
}

fn plan_blocking(
    project: &Path,
    mut spec: SourceSpec,
    before: Option<Vec<Input>>,
    cursor: Option<String>,
    alive: &mut Alive<'_>,
) -> Result<Plan> {
    if let Some((_, fault)) = faults(project, &spec).into_iter().next() {
        return Err(fault.with("source", &spec.name));
    }
    let references = references::read(project, &mut spec);
    let references = references.map_err(|error| error.with("source", &spec.name))?;
    let place = |error: Error| error.with("source", &spec.name);
    let source = source::open(project, &spec)
        .and_then(|source| start(source, &spec, cursor.as_deref()))
        .map_err(place)?;
    let source: Arc<dyn Source> = Arc::from(source);
    let found = source.inputs(alive).map_err(place)?;
    if found.is_empty() && !spec.optional {
        let nothing = source.nothing_found();
        return Err(place(nothing));
    }
    let is_new = |found: &&Found| match spec.strategy {
        Strategy::NewFiles => !before.iter().flatten().any(|input| *input == found.input),
        _ => true,
    };
    let unread = found.iter().filter(is_new).cloned().collect();
    let (anew, keep_refused) = (false, false);
    Ok(Plan { spec, source, found, unread, before, references, cursor, anew, keep_refused })
}

impl Plan {
    /// The same plan, reading all there is, read before or not.
    #[must_use]
    pub fn anew(self) -> Self {
        Self { unread: self.found.clone(), anew: true, ..self }
    }

    /// The same plan, giving back the refused rows that could be read ([`Extracted::refused`]),
    /// for who must know which keys were among them. They are kept in memory meanwhile.
    #[must_use]
    pub fn keeping_refused(self) -> Self {
        Self { keep_refused: true, ..self }
    }

    /// Reads what the source's rules look up in the warehouse, as a run has loaded it so far.
    ///
    /// # Errors
    /// User where a table is not there yet; data where a key stands for two values.
    pub(crate) async fn look_up(&mut self, engine: &Engine, preview: &Arc<Release>) -> Result<()> {
        references::tables(engine, preview, &mut self.spec).await
    }

    /// Whether published runs have read exactly what there is: reading it again changes nothing.
    pub fn is_unchanged(&self) -> bool {
        let Some(before) = &self.before else { return false };
        match self.spec.strategy {
            Strategy::NewFiles => self.unread.is_empty(),
            _ => {
                let found = self.found.iter().map(|found| &found.input);
                let now: HashSet<_> = found.chain(&self.references).map(key).collect();
                now == before.iter().map(key).collect()
            }
        }
    }

    /// How many inputs that are to be read anew are not there any more.
    pub fn gone(&self) -> usize {
        let is_there = |input: &Input| {
            let found = self.found.iter().map(|found| &found.input);
            found.chain(&self.references).any(|found| found.name == input.name)
        };
        let is_gone = |input: &&Input| !is_there(input);
        let before = self.before.iter().flatten();
        if self.anew && self.spec.strategy == Strategy::NewFiles {
            before.filter(is_gone).count()
        } else {
            0
        }
    }

    /// The inputs that extraction would read.
    pub fn to_read(&self) -> impl Iterator<Item = &Input> {
        self.unread.iter().map(|found| &found.input)
    }

    /// The source.
    pub fn spec(&self) -> &SourceSpec {
        &self.spec
    }

    /// What the source will have read once these inputs are.
    fn inputs_after(&self, read: Vec<Input>) -> Vec<Input> {
        let mut inputs = match self.spec.strategy {
            Strategy::NewFiles => self.before.clone().unwrap_or_default(),
            _ => Vec::new(),
        };
        let read: Vec<Input> = read.into_iter().chain(self.references.iter().cloned()).collect();
        // a file with new content takes the place of its old self
        inputs.retain(|input| read.iter().all(|other| other.name != input.name));
        inputs.extend(read);
        inputs.sort_by(|a, b| a.name.cmp(&b.name));
        inputs
    }
}

fn key(input: &Input) -> (&str, &str) {
    (&input.name, &input.sha256)
}

/// Reads, cleans and stages what a plan says. Rejected rows go to the operational log as they
/// come up, whether or not the run is published in the end.
///
/// # Errors
/// User where a wanted column is missing; data where an input is not of its format; unavailable
/// (retryable) where one changed while it was read.
pub async fn extract(
    plan: &Plan,
    job: &str,
    load: &Load,
    warehouse: &Warehouse,
    on_progress: OnProgress,
) -> Result<Extracted> {
    let name = &plan.spec.name;
    let place = |error: Error| error.with("source", name).with("job", job);
    let Extracting { columns, rows, outcome } = begin(plan, job, load, warehouse, on_progress)?;
    let staged = load.write_staged(name, columns.clone(), rows).await.map_err(place)?;
    let Outcome { refused, extent, .. } = outcome.end(plan)?;
    let refused = match refused.is_empty() {
        true => None,
        false => {
            let rows = futures::stream::iter(refused.into_iter().map(Ok)).boxed();
            Some(load.write_staged(name, columns, rows).await.map_err(place)?)
        }
    };
    Ok(Extracted { staged, refused, extent })
}

/// A source being read: its good rows come out of a stream, and when that has ended the rest is
/// known.
pub(crate) struct Extracting {
    /// The columns of the rows.
    pub(crate) columns: Vec<Column>,
    /// The good rows; an error of the source comes last.
    pub(crate) rows: Rows,
    /// What is known once they have ended.
    pub(crate) outcome: Pending,
}

/// Reads and cleans what a plan says while its rows are taken.
///
/// # Errors
/// User where the source's description is wrong; all others come out of the stream.
pub(crate) fn begin(
    plan: &Plan,
    job: &str,
    load: &Load,
    warehouse: &Warehouse,
    on_progress: OnProgress,
) -> Result<Extracting> {
    let (sender, receiver) = mpsc::channel(QUEUED_BATCHES);
    let spec = &plan.spec;
    let origin = Origin {
        run: load.run().clone(),
        job: job.to_owned(),
        source: spec.name.clone(),
        rules: fingerprint(spec),
    };
    let mut reader =
        Reader::new(spec, Arc::clone(&plan.source), &plan.unread, origin, on_progress)?;
    reader.keep_refused(plan.keep_refused);
    let started = Instant::now();
    let thread = tokio::task::spawn_blocking(move || {
        reader.read(&mut |batch, rejects| {
            sender.blocking_send((batch, rejects)).map_err(|_| cancelled())
        })
    });
    let pending = Pending::default();
    let (slot, source, job) = (Arc::clone(&pending.0), spec.name.clone(), job.to_owned());
    let ended = async move {
        let read = thread.await.map_err(stopped).and_then(|read| read);
        let read = match read {
            Ok(read) => read,
            Err(error) => return Some(Err(error.with("source", source).with("job", job))),
        };
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((read, started.elapsed()));
        None
    };
    let ended = futures::stream::once(ended).filter_map(std::future::ready);
    let log = (!load.is_trial()).then(|| warehouse.clone());
    let rows = rows(receiver, log, load.run().clone()).chain(ended).boxed();
    let columns = spec.yields().map(|(name, ty)| Column::new(name, ty, true)).collect();
    Ok(Extracting { columns, rows, outcome: pending })
}

/// What will be known of an extraction once its rows have ended.
#[derive(Default)]
pub(crate) struct Pending(Arc<Mutex<Option<(Read, Duration)>>>);

/// How an extraction ended.
pub(crate) struct Outcome {
    /// The refused rows, where they were to be kept.
    pub(crate) refused: Vec<RecordBatch>,
    /// What was read.
    pub(crate) extent: Extent,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

impl Pending {
    /// The outcome.
    ///
    /// # Errors
    /// Cancelled where not all rows were taken.
    pub(crate) fn end(self, plan: &Plan) -> Result<Outcome> {
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (read, elapsed) = read.ok_or_else(cancelled)?;
        let extent = Extent {
            cursor: plan
                .cursor_after(&read.counts, read.largest)
                .map_err(|error| error.with("source", &plan.spec.name))?,
            inputs: plan.inputs_after(read.inputs),
            counts: read.counts,
            rejects: read.tally.summary(),
        };
        Ok(Outcome { refused: read.refused, extent, elapsed })
    }
}

/// The good rows; on their way, the bad ones go to the log, if there is one.
fn rows(
    receiver: mpsc::Receiver<(RecordBatch, Vec<Reject>)>,
    log: Option<Warehouse>,
    run: crate::ids::RunId,
) -> Rows {
    let batches = futures::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|message| (message, receiver))
    });
    let recorded = batches.then(move |(batch, rejects)| {
        let (log, run) = (log.clone(), run.clone());
        async move {
            if let Some(warehouse) = log {
                for some in rejects.chunks(REJECTS_A_WRITE) {
                    warehouse.record_rejects(&run, some).await?;
                }
            }
            Ok(batch)
        }
    });
    let has_rows =
        |batch: &Result<RecordBatch>| !matches!(batch, Ok(batch) if batch.num_rows() == 0);
    recorded.filter(move |batch| std::future::ready(has_rows(batch))).boxed()
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the extraction was stopped")
}

fn stopped(error: tokio::task::JoinError) -> Error {
    if error.is_cancelled() {
        cancelled()
    } else {
        Error::internal("the extraction's thread broke down").caused_by(error)
    }
}
