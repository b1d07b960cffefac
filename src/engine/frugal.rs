//! A question that did not fit into memory, asked once more in a way that takes less.
//!
//! Star scans keep the members of dimensions, and hash joins their smaller side; neither can write them
//! to disk. Joins that sort both sides can, and take longer. So a question is first asked in the fast
//! way, and only if that runs out of memory before anything of the answer is out, in the other.

use super::errors::from_datafusion;
use super::execute::operators;
use super::ready::Ready;
use super::scope::QueryScope;
use super::streamed::comes_once;
use super::watched::Started;
use super::{Query, plan, star};
use crate::error::Result;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::TreeNode;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::physical_expr::PhysicalExprRef;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;
use std::sync::Arc;

/// What the query log says of it.
pub(super) const SAID: &str =
    "joined by sorting, which spills: what would be kept for looking up did not fit into memory";

/// What the memory pool calls that which cannot be written to disk.
const KEPT: [&str; 2] = ["HashJoinInput", "StarMembers"];

/// Whether an error says that memory ran out for what joins keep, and operators may be begun anew with joins
/// that sort: their input does not come once only, and their keys are of types that can be compared.
pub(super) fn may_fit(error: &DataFusionError, operators: &Arc<dyn ExecutionPlan>) -> bool {
    let DataFusionError::ResourcesExhausted(why) = error.find_root() else { return false };
    KEPT.iter().any(|kept| why.contains(kept))
        && !operators.exists(|node| Ok(comes_once(node) || !is_sortable(node))).unwrap_or(true)
}

/// Whether an error says that memory ran out.
pub(super) fn ran_out(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

/// Whether a hash join could be one that sorts. DataFusion compares zoned timestamps not at all there, and takes
/// NaN for nothing.
fn is_sortable(node: &Arc<dyn ExecutionPlan>) -> bool {
    use DataType::{Boolean, Date32, Decimal128, Utf8, Utf8View};
    let is_compared = |(key, _): &(PhysicalExprRef, PhysicalExprRef), schema: &Schema| {
        let ty = key.data_type(schema);
        ty.is_ok_and(|ty| {
            ty.is_integer() || matches!(ty, Boolean | Date32 | Decimal128(..) | Utf8 | Utf8View)
        })
    };
    node.downcast_ref::<HashJoinExec>().is_none_or(|join| {
        let schema = join.left().schema();
        join.on().iter().all(|pair| is_compared(pair, &schema))
    })
}

/// The same question with joins that spill, begun.
///
/// # Errors
/// Those of planning it again.
pub(super) async fn started(query: &Query) -> Result<Started> {
    let parsed = query.parsed();
    let mut state = spilling(parsed.state());
    // What was planned over base rows stays so: it may be what fills an aggregate.
    let aggregates = query.ready().routing.uses_aggregates();
    let scope = QueryScope { aggregates, ..QueryScope::of(&state)?.as_ref().clone() };
    state.config_mut().set_extension(Arc::new(scope));
    let parsed = parsed.in_state(state);
    let ready = Ready { is_small: false, ..plan::ready(query.session(), &parsed)? };
    operators(&ready, &parsed).await.and_then(Started::new).map_err(from_datafusion)
}

fn spilling(state: &SessionState) -> SessionState {
    // DataFusion sorts no single partition for a join.
    let partitions = state.config().target_partitions().max(2);
    let mut config = star::unsought(state.config().clone()).with_target_partitions(partitions);
    config.options_mut().optimizer.prefer_hash_join = false;
    // A sort that spills would first copy what it has into one batch, for which there is no memory.
    config.options_mut().execution.sort_in_place_threshold_bytes = 0;
    let mut state = state.clone();
    *state.config_mut() = config;
    state
}
