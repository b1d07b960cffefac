//! How many partitions a question is worth.

use super::errors::from_datafusion;
use super::table::StoredTable;
use crate::error::Result;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;

/// So many rows are read by one partition as soon as shared out to several: they are a row group.
pub(super) const ROWS_OF_ONE: usize = 256 << 10;

/// How many rows of stored tables a session leaves to one partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct OnePartition(pub(super) usize);

/// Whether a question reads so little that one partition answers it best: stored tables of few rows
/// together, none of them multiplied by another.
pub(super) fn one_is_enough(plan: &LogicalPlan, session: &dyn Session) -> Result<bool> {
    let few = session.config().get_extension::<OnePartition>().map_or(ROWS_OF_ONE, |few| few.0);
    let mut rows: usize = 0;
    plan.apply_with_subqueries(|node| {
        let read = match node {
            LogicalPlan::TableScan(scan) => {
                let provider = source_as_provider(&scan.source)?;
                let stored = provider.downcast_ref::<StoredTable>();
                stored.map_or(usize::MAX, |table| rows_of(table).unwrap_or(usize::MAX))
            }
            LogicalPlan::Join(join) if join.on.is_empty() => usize::MAX,
            LogicalPlan::Unnest(_) | LogicalPlan::RecursiveQuery(_) => usize::MAX,
            _ => 0,
        };
        rows = rows.saturating_add(read);
        let is_much = rows > few;
        Ok(if is_much { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })
    .map_err(from_datafusion)?;
    Ok(rows <= few)
}

fn rows_of(table: &StoredTable) -> Option<usize> {
    let scan = table.prepared().ok()?;
    scan.statistics().num_rows.get_value().copied()
}
