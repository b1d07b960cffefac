//! Questions about Starhouse itself: what it knows, and what it would do.
//!
//! They are hardly any work, and who asks them wants to know why others take so long: so a server that
//! is full answers them all the same.

use super::errors::from_datafusion;
use super::system::SystemProvider;
use crate::error::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{LogicalPlan, TableScan};

/// The schema in which SQL's standard keeps what there is.
const INFORMATION_SCHEMA: &str = "information_schema";

/// Whether a plan is shown instead of run, describes a table, or reads nothing but what Starhouse knows
/// of itself. What reads nothing at all may still be much work, so it is none of these.
///
/// # Errors
/// Internal where the plan cannot be walked.
pub(super) fn is_asked(plan: &LogicalPlan) -> Result<bool> {
    if matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::DescribeTable(_)) {
        return Ok(true);
    }
    let (mut reads, mut only) = (false, true);
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => {
                reads = true;
                only &= is_own(scan)?;
            }
            // They make rows of nothing, as many as somebody writes.
            LogicalPlan::Unnest(_) | LogicalPlan::RecursiveQuery(_) | LogicalPlan::Analyze(_) => {
                only = false;
            }
            _ => {}
        }
        Ok(if only { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })
    .map_err(from_datafusion)?;
    Ok(reads && only)
}

fn is_own(scan: &TableScan) -> datafusion::common::Result<bool> {
    let provider = source_as_provider(&scan.source)?;
    Ok(provider.is::<SystemProvider>() || scan.table_name.schema() == Some(INFORMATION_SCHEMA))
}
