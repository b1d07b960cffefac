//! What planning yields.

use super::operators::Operators;
use super::work::Work;
use crate::query::Routing;
use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::LogicalPlan;
use std::sync::Arc;

/// A question ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// The optimised plan; only resolved while parameters are not bound.
    pub(crate) plan: LogicalPlan,
    /// The schema of the answer.
    pub(crate) schema: SchemaRef,
    /// Which aggregates answer, or why none does, and what the question needs of one.
    pub(crate) routing: Routing,
    /// Where the plan is shown: the tables it reads, in words.
    pub(crate) reads: Vec<String>,
    /// Whether the plan is shown instead of run.
    pub(crate) explain: bool,
    /// Whether parameters have no values yet.
    pub(crate) unbound: bool,
    /// Whether the answer depends on when it is asked (`now()`, `current_date` ...).
    pub(crate) asks_the_time: bool,
    /// Whether the answer is the same whenever it is asked of the release: it comes from stored
    /// tables alone, by functions that always give the same.
    pub(crate) repeats: bool,
    /// Whether it asks about Starhouse itself, and so is hardly any work.
    pub(crate) inward: bool,
    /// About how many bytes the plan takes to keep.
    pub(crate) weight: usize,
    /// Whether one partition is enough for it.
    pub(crate) is_small: bool,
    /// Its operators, where it repeats, for whoever runs it again.
    pub(crate) operators: Arc<Operators>,
    /// How much work it is.
    pub(crate) work: Arc<Work>,
    /// Bytes of the texts written in the plan, or made of what is written.
    pub(crate) literal_bytes: usize,
}
