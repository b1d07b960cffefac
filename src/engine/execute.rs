//! Running a planned question: its stream, its schema kept, its errors named, its end logged.

use super::answers::{self, Answer, Asked};
use super::erased::erased;
use super::errors::{from_datafusion, to_datafusion};
use super::log::LogEntry;
use super::operators::Running;
use super::parsed::Parsed;
use super::progress::Progress;
use super::ready::Ready;
use super::{Query, Session, damage, explain, shadow, state, wire};
use crate::error::{Error, Result};
use crate::query::Demand;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{StreamExt, stream};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// What [`Query`] shares among its clones.
#[derive(Debug)]
pub(crate) struct Inner {
    session: Session,
    parsed: Parsed,
    ready: Ready,
    text: String,
    planning: Duration,
}

impl Query {
    pub(crate) fn new(
        session: Session,
        parsed: Parsed,
        ready: Ready,
        text: String,
        planning: Duration,
    ) -> Self {
        Self(erased(Inner { session, parsed, ready, text, planning }))
    }

    pub(crate) fn session(&self) -> &Session {
        &self.0.session
    }

    pub(crate) fn parsed(&self) -> &Parsed {
        &self.0.parsed
    }

    pub(crate) fn ready(&self) -> &Ready {
        &self.0.ready
    }

    /// The same question, planned otherwise.
    pub(crate) fn with(&self, parsed: Parsed, ready: Ready) -> Self {
        let inner = &self.0;
        Self::new(inner.session.clone(), parsed, ready, inner.text.clone(), inner.planning)
    }

    /// The answer's schema, exactly as its batches will have it. While parameters have no values
    /// it is as near as planning could come.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.ready.schema)
    }

    /// The parameters `$1`, `$2` ... as fields in their order. A parameter whose type planning
    /// could not tell is text, which SQL converts where it is used.
    ///
    /// # Errors
    /// User errors where the use of a parameter contradicts itself.
    pub fn parameters(&self) -> Result<Schema> {
        let plan = &self.0.parsed.plan;
        let counted = row_counts(plan)?;
        let mut fields: Vec<(usize, Field)> = plan
            .get_parameter_fields()
            .map_err(from_datafusion)?
            .into_iter()
            .map(|(name, field)| {
                let ty = match field {
                    Some(field) => parameter_type(field.data_type()),
                    None if counted.contains(&name) => DataType::Int64,
                    None => DataType::Utf8,
                };
                let number = name.trim_start_matches('$').parse().unwrap_or(usize::MAX);
                (number, Field::new(name, ty, true))
            })
            .collect();
        fields.sort_by_key(|(number, _)| *number);
        Ok(Schema::new(fields.into_iter().map(|(_, field)| field).collect::<Vec<_>>()))
    }

    /// The same query with values for its parameters.
    ///
    /// # Errors
    /// User errors where there are more or fewer values than parameters, or one does not fit.
    pub fn bind(&self, values: Vec<ScalarValue>) -> Result<Self> {
        self.rebound(values)
    }

    /// Whether its rows come in an order that it asks for.
    pub fn is_ordered(&self) -> bool {
        let mut plan = &self.0.parsed.plan;
        loop {
            plan = match plan {
                LogicalPlan::Sort(_) => return true,
                LogicalPlan::Projection(projection) => &projection.input,
                LogicalPlan::SubqueryAlias(alias) => &alias.input,
                LogicalPlan::Limit(limit) => &limit.input,
                _ => return false,
            }
        }
    }

    /// Which aggregates answer, or why none does.
    pub fn routing(&self) -> &[String] {
        &self.0.ready.routing.sentences
    }

    /// What the parts of the question need of whatever answers them.
    pub fn demands(&self) -> &[Demand] {
        &self.0.ready.routing.demands
    }

    /// Whether the plan is shown instead of run.
    pub fn is_explained(&self) -> bool {
        self.0.ready.explain
    }

    /// Whether it asks about Starhouse itself (its system tables, the information schema, a plan), and
    /// so is hardly any work.
    pub fn is_inward(&self) -> bool {
        self.0.ready.inward
    }

    /// What it reads, in words: which aggregates answer its parts, or why none does; then the tables of
    /// a cube query, with their files and rows.
    ///
    /// # Errors
    /// Internal where its plan cannot be walked.
    pub fn in_words(&self) -> Result<Vec<String>> {
        let (release, plan) = (self.session().release().id, &self.parsed().plan);
        explain::in_words(release, self.routing(), plan)
    }

    /// Whether to begin it is hardly any work: it ran before, and its operators are kept.
    pub fn begins_at_once(&self) -> bool {
        self.ready().operators.are_kept()
    }

    /// Runs it. Dropping the stream cancels it; errors in the stream are ours
    /// ([`error_of`](super::error_of) tells).
    ///
    /// # Errors
    /// User errors where parameters have no values; whatever planning and reading may fail with.
    pub async fn execute(&self) -> Result<SendableRecordBatchStream> {
        Ok(self.begin().await?.0)
    }

    /// The same, and how far it is while it runs.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn begin(&self) -> Result<(SendableRecordBatchStream, Progress)> {
        match shadow::is_distrusted(self) {
            // Planned before one of its aggregates was seen to be wrong.
            true => shadow::from_base(self).await?.begin_as_planned().await,
            false => self.begin_as_planned().await,
        }
    }

    async fn begin_as_planned(&self) -> Result<(SendableRecordBatchStream, Progress)> {
        let mut log = self.session().log(&self.0.text, self.0.planning);
        let asked = self.asked();
        if let Some(asked) = &asked
            && let Some(answer) = self.session().catalog().answers().get(asked)
        {
            return Ok((self.again(&answer, log), Progress::done()));
        }
        if let Some(log) = &mut log {
            log.routed(self.routing());
            log.runs();
        }
        match self.start().await {
            Ok((plan, answer)) => {
                shadow::look_again(self);
                let progress = Progress::of(&plan);
                Ok((self.watched(plan, answer, log, asked), progress))
            }
            Err(error) => {
                if let Some(log) = &mut log {
                    log.end(Some(error.to_string()));
                }
                Err(error)
            }
        }
    }

    /// What its answer is kept by, where it may be.
    fn asked(&self) -> Option<Asked> {
        let ready = self.ready();
        let keeps = ready.repeats && self.session().catalog().answers().largest() > ready.weight;
        let principal = self.session().principal();
        keeps.then(|| Asked {
            plan: ready.plan.clone(),
            principal: principal.clone(),
            time_zone: self.session().time_zone(),
        })
    }

    /// An answer given before.
    fn again(&self, answer: &Answer, log: Option<LogEntry>) -> SendableRecordBatchStream {
        if let Some(mut log) = log {
            let again = ["the same was asked of this release before".to_owned()];
            log.routed(&[again.as_slice(), self.routing()].concat());
            log.count(answer.iter().map(RecordBatch::num_rows).sum());
            log.end(None);
        }
        // It may have been asked otherwise, and say other things of itself.
        let (schema, answer) = (self.schema(), Arc::clone(answer));
        let batches = (0..answer.len())
            .map(move |index| wire::batch(&schema, &answer[index]).map_err(to_datafusion));
        Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream::iter(batches)))
    }

    /// Runs it beside the query log and the answers that are kept.
    pub(super) async fn unwatched(&self) -> Result<SendableRecordBatchStream> {
        Ok(self.start().await?.1)
    }

    /// What was asked.
    pub(super) fn text(&self) -> &str {
        &self.0.text
    }

    async fn start(&self) -> Result<(Arc<dyn ExecutionPlan>, SendableRecordBatchStream)> {
        let ready = &self.0.ready;
        if ready.unbound {
            return Err(Error::user("the query's parameters have no values")
                .hint("bind a value for each of them"));
        }
        let (operators, context) =
            operators(ready, self.parsed()).await.map_err(from_datafusion)?;
        let answer = execute_stream(Arc::clone(&operators), context).map_err(from_datafusion)?;
        Ok((operators, answer))
    }

    /// The answer in its promised schema, watched to its end.
    fn watched(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        answer: SendableRecordBatchStream,
        log: Option<LogEntry>,
        asked: Option<Asked>,
    ) -> SendableRecordBatchStream {
        let query = self.clone();
        let keeping = asked.map(|asked| (asked, Vec::new()));
        let state = Watched { query, plan, answer, log, keeping, started: false, ended: false };
        let batches = stream::unfold(state, Watched::next);
        Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches.boxed()))
    }
}

/// The operators that answer a question once, and what they run in.
async fn operators(ready: &Ready, parsed: &Parsed) -> DataFusionResult<Running> {
    if let Some(running) = ready.operators.again()? {
        return Ok(running);
    }
    let state = state::for_run(parsed.state(), ready);
    let operators = state.query_planner().create_physical_plan(&ready.plan, state.as_ref()).await?;
    let running = (operators, state.task_ctx());
    if ready.repeats {
        ready.operators.keep(&running)?;
    }
    Ok(running)
}

/// The type that a client is asked to send for a parameter: of integers always the widest, for
/// drivers cut a value down to the type announced without a word.
fn parameter_type(inside: &DataType) -> DataType {
    match inside {
        DataType::Int8 | DataType::Int16 | DataType::Int32 => DataType::Int64,
        other => wire::data_type(other),
    }
}

/// The parameters that say how many rows: those of LIMIT and OFFSET.
fn row_counts(plan: &LogicalPlan) -> Result<HashSet<String>> {
    let mut counts = HashSet::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(limit) = node {
            for expr in limit.skip.iter().chain(&limit.fetch) {
                if let Expr::Placeholder(placeholder) = expr.as_ref() {
                    counts.insert(placeholder.id.clone());
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map_err(from_datafusion)?;
    Ok(counts)
}

/// An answer under way. Dropping it drops the operators, which cancels them, and the log entry,
/// which then says so.
struct Watched {
    query: Query,
    plan: Arc<dyn ExecutionPlan>,
    answer: SendableRecordBatchStream,
    log: Option<LogEntry>,
    /// What there is of an answer that may be kept.
    keeping: Option<(Asked, Vec<RecordBatch>)>,
    started: bool,
    ended: bool,
}

impl Watched {
    async fn next(mut self) -> Option<(Result<RecordBatch, DataFusionError>, Self)> {
        if self.ended {
            return None;
        }
        let batch = match self.first() {
            Some(batch) => batch,
            None => match self.answer.next().await {
                Some(Ok(batch)) => wire::batch(&self.query.0.ready.schema, &batch),
                Some(Err(error)) => {
                    let named = named(&self.query, &self.plan, from_datafusion(error));
                    Err(named.await)
                }
                None => {
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
        let first = !std::mem::replace(&mut self.started, true);
        let inner = &self.query.0;
        (first && inner.ready.explain).then(|| {
            let release = inner.session.release().id;
            let others = inner.parsed.catalogs.others();
            let Ready { schema, routing, reads, .. } = &inner.ready;
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

/// The error with the damaged file's name, if it is a file's fault.
async fn named(query: &Query, plan: &Arc<dyn ExecutionPlan>, error: Error) -> Error {
    let inner = &query.0;
    let store = inner.session.warehouse().object_store();
    damage::name(error, plan, &inner.parsed.catalogs, store.as_ref()).await
}
