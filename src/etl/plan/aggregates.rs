//! Which aggregates a run would compute, as far as that is known before it.

use super::JobPlan;
use crate::aggregate::{Stale, left_out, why_whole};
use crate::engine::Engine;
use crate::error::Result;
use crate::query::aggregate_sources;
use serde::Serialize;
use std::collections::BTreeSet;

/// What a run would do with an aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AggregatePlan {
    /// The cube that declares it.
    pub cube: String,
    /// Its table.
    pub table: String,
    /// Whether all of it would be computed, whatever is loaded; else what changes of its sources.
    pub whole: bool,
    /// Why it would be computed.
    pub why: String,
}

/// The aggregates that a run of planned jobs would compute, or look at, where it writes generated tables
/// anew.
///
/// # Errors
/// What stops the reading of the latest release.
pub async fn aggregates(
    engine: &Engine,
    planned: &[JobPlan],
    generated: &[String],
) -> Result<Vec<AggregatePlan>> {
    let release = engine.warehouse().latest().await?;
    let engine = &engine.of(&release);
    let model = engine.model();
    let runs = planned.iter().filter(|job| !job.reasons.is_empty());
    // Several jobs may load one table.
    let loaded = runs.map(|job| job.table.as_str());
    let loaded: BTreeSet<&str> = loaded.chain(generated.iter().map(String::as_str)).collect();
    let mut computed = Vec::new();
    for cube in &model.cubes {
        for aggregate in &cube.aggregates {
            let sources = aggregate_sources(cube, aggregate, model);
            let one = Stale { cube, aggregate };
            let there = |table: &String| {
                release.tables.contains_key(table) || loaded.contains(table.as_str())
            };
            let whole = why_whole(&release, &one, engine.lattice());
            let changing: Vec<&str> =
                loaded.iter().copied().filter(|table| sources.contains(*table)).collect();
            let why = match (whole, changing.as_slice()) {
                _ if !sources.iter().all(there) => continue,
                // Of the same rows it cannot be computed again.
                (Some(_), []) if left_out(&release, &one, engine.lattice()).is_some() => continue,
                (Some(why), _) => why.to_owned(),
                (None, []) => continue,
                (None, tables) => format!("what changes of {}", tables.join(", ")),
            };
            let (cube, table) = (cube.name.clone(), one.table());
            computed.push(AggregatePlan { cube, table, whole: whole.is_some(), why });
        }
    }
    Ok(computed)
}
