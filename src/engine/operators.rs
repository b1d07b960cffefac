//! The operators of a question, kept for when it is asked again: where little is read, making them
//! takes as long as running them.
//!
//! What is kept never runs. A run gets operators of its own, made of what is kept by
//! [`reset_plan_states`], which says what it cannot do: operators that filter by what others find
//! while they run are made anew each time.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::DynamicFilterPhysicalExpr;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::scalar_subquery::ScalarSubqueryExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, work_table::WorkTableExec};
use std::sync::{Arc, OnceLock};

/// Operators, and what they run in.
pub(super) type Running = (Arc<dyn ExecutionPlan>, Arc<TaskContext>);

/// The operators of a question, as soon as it ran once; none where they cannot be used again. What they
/// run in says who asks and what of, which are the same for all that share a plan, and knows no catalog.
#[derive(Debug, Default)]
pub(crate) struct Operators(OnceLock<Option<Running>>);

impl Operators {
    /// Those for one more run, if there are any.
    pub(super) fn again(&self) -> Result<Option<Running>> {
        let Some((kept, context)) = self.0.get().and_then(Option::as_ref) else { return Ok(None) };
        Ok(Some((reset_plan_states(Arc::clone(kept))?, Arc::clone(context))))
    }

    /// Whether there are any for one more run.
    pub(super) fn are_kept(&self) -> bool {
        self.0.get().is_some_and(Option::is_some)
    }

    /// Keeps those of the first run, before they run, if they can be used again.
    pub(super) fn keep(&self, (plan, context): &Running) -> Result<()> {
        if self.0.get().is_none() {
            let kept = match runs_again(plan)? {
                true => Some((reset_plan_states(Arc::clone(plan))?, Arc::clone(context))),
                false => None,
            };
            self.0.get_or_init(|| kept);
        }
        Ok(())
    }
}

/// Whether operators whose state is reset are as good as new ones. The filter that a sort makes
/// while it runs is reset with it; but whoever else reads such a filter keeps the old one, and so do
/// those who read what a scalar subquery found.
fn runs_again(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut again = true;
    plan.apply(|node| {
        let is_read_by_others = node.is::<ScalarSubqueryExec>()
            || node.is::<RecursiveQueryExec>()
            || node.is::<WorkTableExec>();
        if is_read_by_others {
            again = false;
        } else if !node.is::<SortExec>() {
            node.apply_expressions(&mut |expr| {
                again &= !changes_while_it_runs(expr)?;
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(if again { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(again)
}

fn changes_while_it_runs(expr: &Arc<dyn PhysicalExpr>) -> Result<bool> {
    expr.exists(|part| Ok(part.is::<DynamicFilterPhysicalExpr>()))
}
