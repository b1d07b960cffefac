//! Extraction: a source's rows, read, cleaned and staged.
//!
//! Two steps, so that a run can decide before it writes anything:
//!
//! 1. [`plan()`] looks at what there is and compares it with what published runs have read. If
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
mod plan;
mod reader;
mod watermark;

pub use faults::{Part, faults};
pub(crate) use plan::plan_within;
pub use plan::{Plan, plan, plan_from};
pub use reader::{Counts, Progress};

use crate::error::{Error, ErrorKind, Result};
use crate::etl::quarantine::{Origin, RejectSummary, fingerprint};
use crate::model::Column;
use crate::store::{Input, Load, Reject, Rows, TableState, Warehouse};
use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use reader::{Read, Reader};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Batches that may wait for the writer: enough to go on while it ends a row group.
const QUEUED_BATCHES: usize = 8;
/// Rejected rows written to the operational log at a time.
const REJECTS_A_WRITE: usize = 1_000;

/// Told now and then how far an extraction is.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

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
    /// Lines of the rejected rows: behind a quote that is never closed there are many.
    pub rejected_lines: u64,
    /// The rejected rows by cause.
    pub rejects: Vec<RejectSummary>,
    /// How far the source is read by now, where its strategy asks: the watermark, or the rows of
    /// the snapshot.
    pub cursor: Option<String>,
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
            rejected_lines: read.rejected_lines,
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
