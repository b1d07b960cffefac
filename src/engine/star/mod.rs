//! The star scan: a fact joined to its dimensions, and aggregated, by one operator.
//!
//! ```text
//! logical plan:   Aggregate(Join(Join(fact, dimension), dimension))
//!                 -> Aggregate(StarJoin(StarJoin, StarJoin))         shape, found, sides, unique, node
//! physical plan:  AggregateExec(Partial) over StarJoinExec
//!                 -> StarAggregateExec                               fuse, exec, aggregate
//! asked:          the fact, its dimensions, predicates                joined, asked, expr
//! running:        dimensions into arrays by key                      prepare, members, key_set
//!                 files, row groups and pages whose keys stay        prepare, own, facts, prune
//!                 rows whose keys stay, most selective first         scan, row_group, rows
//!                 (what partitions share: once)
//!                 codes of labels -> slots -> states                 running, grouping, groups
//!                 texts by their codes                               texts
//! between queries: decoded columns, within a budget                 hot, narrow
//! ```
//!
//! The ideas are the invisible join's (Abadi, Madden and Hachem, 2008): predicates on dimensions
//! become predicates on the fact's keys, keys index arrays, and what is not needed is not decoded.
//! Surrogate keys are dense and given in hierarchy order, so that a member of a level is a range of
//! keys, and such a range is found in statistics before anything is read.
//!
//! A fact that is joined to nothing is a star as well, if it has few groups; and so is, to whoever looks its members up, a
//! dimension's table, so that its columns too are read and kept in memory in that way.
//!
//! Whatever is no star is left to DataFusion, and so is the final aggregation.

mod aggregate;
mod asked;
mod exec;
mod expr;
mod facts;
mod found;
mod fuse;
mod grouping;
mod groups;
mod hot;
mod joined;
mod key_set;
mod members;
mod metrics;
mod narrow;
mod node;
mod once;
mod own;
mod prepare;
mod prune;
mod row_group;
mod rows;
mod running;
mod scan;
mod shape;
mod sides;
mod texts;
mod unique;

pub(super) use fuse::FuseStars;
pub(super) use hot::{HotColumns, HotColumnsYield};
pub(super) use node::{plan_extension, told};
pub(super) use unique::{holds_fact, likely_unique, plain_column, stored_table};

use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;
use std::sync::Arc;

/// Whether sessions look for stars.
#[derive(Debug, Clone, Copy)]
pub(super) struct StarScan(pub(super) bool);

/// Whether a session looks for stars.
pub(super) fn is_sought(session: &dyn Session) -> bool {
    session.config().get_extension::<StarScan>().is_some_and(|scan| scan.0)
}

/// The same settings, but for looking for stars.
pub(super) fn unsought(config: SessionConfig) -> SessionConfig {
    config.with_extension(Arc::new(StarScan(false)))
}

/// Whether a plan below an aggregation is a fact joined to dimensions.
pub(super) fn is_star(plan: &LogicalPlan) -> bool {
    shape::is_joined(plan)
}

/// Finds the stars below the aggregations of an optimised plan.
pub(super) fn find(plan: LogicalPlan, session: &dyn Session) -> Result<LogicalPlan> {
    if !is_sought(session) {
        return Ok(plan);
    }
    let found = plan.transform_down_with_subqueries(|node| match node {
        LogicalPlan::Aggregate(mut aggregate) => {
            let input = shape::below(&aggregate)?;
            Ok(input.update_data(|input| {
                aggregate.input = Arc::new(input);
                LogicalPlan::Aggregate(aggregate)
            }))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(found.data)
}

/// The files that an operator reads by itself, if it is a star scan.
pub(super) fn files(plan: &Arc<dyn ExecutionPlan>) -> &[PartitionedFile] {
    let join = plan.downcast_ref::<exec::StarJoinExec>().map(|exec| &exec.joined);
    let aggregate = plan.downcast_ref::<aggregate::StarAggregateExec>().map(|exec| exec.joined());
    join.or(aggregate).map_or(&[], |joined| joined.facts.files.as_slice())
}
