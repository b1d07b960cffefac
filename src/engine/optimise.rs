//! All that is done with a logical plan before it becomes operators: DataFusion's rules, then our own, which need
//! what those have brought into its last form.

use super::errors::from_datafusion;
use super::{finest, grouping_sets, join_order, partitions, set_by_set, sides, star};
use crate::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;

/// A plan as it is run.
pub(super) struct Optimised {
    pub(super) plan: LogicalPlan,
    /// Whether it reads so little that one partition is enough.
    pub(super) is_small: bool,
}

/// Optimises a question whose parameters have values.
///
/// # Errors
/// Those of DataFusion's rules: what is asked makes no sense.
pub(super) fn question(plan: LogicalPlan, state: &SessionState) -> Result<Optimised> {
    let plan = state
        .optimize(&plan)
        .and_then(|plan| join_order::arrange(plan, state))
        .and_then(finest::derive)
        .and_then(|plan| set_by_set::part(plan, state))
        .map_err(from_datafusion)?;
    let is_small = partitions::one_is_enough(&plan, state)?;
    let plan = star::find(plan, state)
        .and_then(sides::tell)
        .and_then(grouping_sets::forget_order)
        .map_err(from_datafusion)?;
    Ok(Optimised { plan, is_small })
}
