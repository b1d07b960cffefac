//! An answer under way, watched to its end: its schema kept, its errors named, its end logged.

use super::answers::{self, Asked};
use super::errors::{from_datafusion, to_datafusion};
use super::log::LogEntry;
use super::operators::Running;
use super::progress::Progress;
use super::ready::Ready;
use super::{Query, damage, explain, frugal, wire};
use crate::error::{Error, Result};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::{EmptyRecordBatchStream, ExecutionPlan, execute_stream};
use futures::{StreamExt, future};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long operators have to give their memory back.
const GIVEN_BACK: Duration = Duration::from_millis(20);

/// Operators that run, and what comes of them.
pub(super) struct Started {
    pub(super) operators: Arc<dyn ExecutionPlan>,
    pub(super) batches: SendableRecordBatchStream,
}

impl Started {
    pub(super) fn new((operators, context): Running) -> DataFusionResult<Self> {
        let batches = execute_stream(Arc::clone(&operators), context)?;
        Ok(Self { operators, batches })
    }

    fn nothing(schema: SchemaRef) -> Self {
        let batches = Box::pin(EmptyRecordBatchStream::new(Arc::clone(&schema)));
        Self { operators: Arc::new(EmptyExec::new(schema)), batches }
    }
}

/// An answer under way. Dropping it drops the operators, which cancels them, and the log entry,
/// which then says so.
pub(super) struct Watched {
    query: Query,
    started: Started,
    progress: Progress,
    log: Option<LogEntry>,
    /// What there is of an answer that may be kept.
    keeping: Option<(Asked, Vec<RecordBatch>)>,
    /// Whether `EXPLAIN` has said what it begins with.
    introduced: bool,
    /// Whether no row of the answer is out yet, and it was not asked twice.
    may_ask_again: bool,
    /// How long it was worked on where its rows come out.
    polled: Duration,
    ended: bool,
}

impl Watched {
    pub(super) fn new(
        query: Query,
        started: Started,
        progress: Progress,
        log: Option<LogEntry>,
        asked: Option<Asked>,
    ) -> Self {
        let keeping = asked.map(|asked| (asked, Vec::new()));
        let (introduced, may_ask_again, ended) = (false, true, false);
        let polled = Duration::ZERO;
        Self { query, started, progress, log, keeping, introduced, may_ask_again, polled, ended }
    }

    pub(super) async fn next(mut self) -> Option<(DataFusionResult<RecordBatch>, Self)> {
        if self.ended {
            return None;
        }
        let batch = match self.first() {
            Some(batch) => batch,
            None => match self.answered().await {
                Some(batch) => batch,
                None => {
                    self.query.ready().work.ended(&self.started.operators, self.polled);
                    self.keep();
                    self.end(None);
                    return None;
                }
            },
        };
        match batch {
            Ok(batch) => {
                if let Some(log) = &mut self.log {
                    log.count(batch.num_rows());
                }
                self.remember(&batch);
                Some((Ok(batch), self))
            }
            Err(error) => {
                self.end(Some(error.to_string()));
                Some((Err(to_datafusion(error)), self))
            }
        }
    }

    /// The next batch of the operators. If they find that they do not fit into memory, the question
    /// is asked in another way.
    async fn answered(&mut self) -> Option<Result<RecordBatch>> {
        let mut batch = self.polled().await;
        if let Some(Err(error)) = &batch
            && std::mem::take(&mut self.may_ask_again)
            && frugal::may_fit(error, &self.started.operators)
        {
            match self.ask_again(&error.to_string()).await {
                Some(Err(error)) if !frugal::ran_out(&error) => {
                    tracing::debug!(%error, "it cannot be asked in another way");
                }
                other => batch = other,
            }
        }
        self.may_ask_again = false;
        match batch? {
            Ok(batch) => Some(wire::batch(&self.query.ready().schema, &batch)),
            Err(error) => {
                let named = named(&self.query, &self.started.operators, from_datafusion(error));
                Some(Err(named.await))
            }
        }
    }

    /// What the operators give next; the time that it takes them here is taken down.
    async fn polled(&mut self) -> Option<DataFusionResult<RecordBatch>> {
        let (batches, polled) = (&mut self.started.batches, &mut self.polled);
        future::poll_fn(|context| {
            let began = Instant::now();
            let batch = batches.poll_next_unpin(context);
            *polled += began.elapsed();
            batch
        })
        .await
    }

    /// Begins the question anew, and gives what comes first.
    async fn ask_again(&mut self, why: &str) -> Option<DataFusionResult<RecordBatch>> {
        tracing::info!(
            why,
            "a question does not fit into memory, and is asked with joins that spill"
        );
        // What failed gives its memory back first; its tasks end when they are next looked at.
        self.started = Started::nothing(self.query.schema());
        self.progress.is_of(&self.started.operators);
        tokio::time::sleep(GIVEN_BACK).await;
        self.started = match frugal::started(&self.query).await {
            Ok(started) => started,
            Err(error) => return Some(Err(to_datafusion(error))),
        };
        self.progress.is_of(&self.started.operators);
        if let Some(log) = &mut self.log {
            log.routed(&[self.query.routing(), &[frugal::SAID.to_owned()]].concat());
        }
        self.polled().await
    }

    /// Takes a batch in with the answer, unless that becomes too large.
    fn remember(&mut self, batch: &RecordBatch) {
        let Some((_, batches)) = &mut self.keeping else { return };
        batches.push(batch.clone());
        if answers::size(batches) > self.query.session().catalog().answers().largest() {
            self.keeping = None;
        }
    }

    /// Keeps the whole answer.
    fn keep(&mut self) {
        if let Some((asked, batches)) = self.keeping.take() {
            let plan_bytes = self.query.ready().weight;
            self.query.session().catalog().answers().put(asked, plan_bytes, batches);
        }
    }

    /// What `EXPLAIN` begins with.
    fn first(&mut self) -> Option<Result<RecordBatch>> {
        let first = !std::mem::replace(&mut self.introduced, true);
        let Ready { schema, routing, reads, explain, .. } = self.query.ready();
        (first && *explain).then(|| {
            let release = self.query.session().release().id;
            let others = self.query.parsed().catalogs.others();
            explain::first_row(schema, release, others, &routing.sentences, reads)
        })
    }

    fn end(&mut self, error: Option<String>) {
        self.ended = true;
        if let Some(log) = &mut self.log {
            log.end(error);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.query.ready().work.stopped(self.polled);
    }
}

/// The error with the damaged file's name, if it is a file's fault.
async fn named(query: &Query, plan: &Arc<dyn ExecutionPlan>, error: Error) -> Error {
    let store = query.session().warehouse().object_store();
    damage::name(error, plan, &query.parsed().catalogs, store.as_ref()).await
}
