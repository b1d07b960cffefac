//! A question that did not fit into memory, asked once more in a way that takes less.
//!
//! Star scans keep the members of dimensions, and hash joins their smaller side; neither can write them
//! to disk. Joins that sort both sides can, and take longer. So a question is first asked in the fast
//! way, and only if that runs out of memory before anything of the answer is out, in the other.

use super::errors::from_datafusion;
use super::execute::operators;
use super::ready::Ready;
use super::watched::Started;
use super::{Query, plan, star};
use crate::error::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;
use std::sync::Arc;

/// What the query log says of it.
pub(super) const SAID: &str =
    "joined by sorting, which spills: what would be kept for looking up did not fit into memory";

/// Whether an error says that memory ran out, and less may be needed.
pub(super) fn may_fit(error: &DataFusionError, operators: &Arc<dyn ExecutionPlan>) -> bool {
    let keeps = |node: &Arc<dyn ExecutionPlan>| node.is::<HashJoinExec>() || star::looks_up(node);
    let mut found = false;
    // The closure fails never.
    let _ = operators.apply(|node| {
        found |= keeps(node);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found && matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}

/// The same question with joins that spill, begun.
///
/// # Errors
/// Those of planning it again.
pub(super) async fn started(query: &Query) -> Result<Started> {
    let parsed = query.parsed();
    let parsed = parsed.in_state(spilling(parsed.state()));
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
