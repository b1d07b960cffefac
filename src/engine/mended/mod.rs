//! Rules of DataFusion's optimiser that would change answers, each mended in a file of its own. What a
//! later DataFusion does right itself goes from here; the tests stay (`tests/olap/tables.slt`).

mod as_values;
mod constants;
mod dependencies;
mod in_lists;
mod in_sequence;
mod merged;
mod not_in;
mod of_filtered;
mod set_operations;
mod single_distinct;
mod twins;

pub(super) use as_values::AsValues;
pub(super) use dependencies::Relations;
pub(super) use in_lists::{apart, as_before};
pub(super) use not_in::NotIn;
pub(super) use of_filtered::OfFiltered;
pub(super) use set_operations::CountedSets;

use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use std::sync::Arc;

/// DataFusion's rules for logical plans.
pub(super) fn logical() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let rules = Optimizer::new().rules.into_iter();
    let mended = |rule| {
        let mended = constants::mended(&rule).or_else(|| in_lists::mended(&rule));
        mended.or_else(|| single_distinct::mended(&rule)).unwrap_or(rule)
    };
    dependencies::mended(rules.map(mended).collect())
}

/// DataFusion's rules for physical plans.
pub(super) fn physical() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let rules = PhysicalOptimizer::new().rules.into_iter();
    rules.map(|rule| in_sequence::mended(merged::mended(twins::mended(rule)))).collect()
}
