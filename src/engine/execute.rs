//! Running a planned question: its stream, its schema kept, its errors named, its end logged.

use super::answers::{Answer, Asked};
use super::erased::erased;
use super::errors::{from_datafusion, to_datafusion};
use super::log::LogEntry;
use super::operators::Running;
use super::parsed::Parsed;
use super::progress::Progress;
use super::ready::Ready;
use super::watched::{Started, Watched};
use super::{Query, Session, explain, shadow, state, wire};
use crate::error::{Error, Result};
use crate::query::Demand;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, ScalarValue};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
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

    /// The same question, whose texts come as the plan has them, in views: for rows that go on into another
    /// plan or a file, where copying them would be in vain.
    #[must_use]
    pub(crate) fn in_views(&self) -> Self {
        let ready = self.ready();
        let schema = Arc::new(wire::in_views(&ready.schema));
        self.with(self.parsed().clone(), Ready { schema, ..ready.clone() })
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

    /// Whether it is much work: every run was, that came to its end; where there was none, whether it reads so
    /// much that it may be. It is not where its answer is kept.
    pub fn is_long(&self) -> bool {
        let ready = self.ready();
        let is_much = ready.work.is_much().unwrap_or(!ready.is_small);
        let answers = self.session().catalog().answers();
        is_much && !self.asked().is_some_and(|asked| answers.has(&asked))
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
            Ok(started) => {
                shadow::look_again(self);
                let progress = Progress::of(&started.operators);
                Ok((self.watched(started, progress.clone(), log, asked), progress))
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
        Ok(self.start().await?.batches)
    }

    /// What was asked.
    pub(super) fn text(&self) -> &str {
        &self.0.text
    }

    async fn start(&self) -> Result<Started> {
        let ready = &self.0.ready;
        if ready.unbound {
            return Err(Error::user("the query's parameters have no values")
                .hint("bind a value for each of them"));
        }
        operators(ready, self.parsed()).await.and_then(Started::new).map_err(from_datafusion)
    }

    /// The answer in its promised schema, watched to its end.
    fn watched(
        &self,
        started: Started,
        progress: Progress,
        log: Option<LogEntry>,
        asked: Option<Asked>,
    ) -> SendableRecordBatchStream {
        let watched = Watched::new(self.clone(), started, progress, log, asked);
        let batches = stream::unfold(watched, Watched::next);
        Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches.boxed()))
    }
}

/// The operators that answer a question once, and what they run in.
pub(super) async fn operators(ready: &Ready, parsed: &Parsed) -> DataFusionResult<Running> {
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
