//! Aggregates: cuboids declared in the model, kept as tables, refreshed in the release that changes
//! what they are computed from. So they are never stale: they belong to their release.
//!
//! * what must be computed anew, and how much of it: `stale`
//! * computing and staging it: `refresh`; the files of those that know months: `months`
//! * which are worth their bytes: [`advise`]
//! * keeping those, and no others, within a budget: [`automatic`]

pub mod advise;
pub mod automatic;
mod months;
mod refresh;
mod stale;

pub use refresh::{Refreshed, refresh};
pub use stale::{Extent, Stale, left_out, stale, why_whole};

use crate::engine::Engine;
use crate::error::Result;
use crate::model::AUTOMATIC_AGGREGATES;
use crate::query::AGGREGATE_LEFT_OUT;
use crate::store::{Change, Input, Load, TableSpec};
use std::collections::{BTreeMap, BTreeSet};

/// Drops the tables of aggregates that the model does not know any more; returns their names.
///
/// # Errors
/// Internal errors of the store.
pub fn drop_undeclared(load: &mut Load, engine: &Engine) -> Result<Vec<String>> {
    let cubes = engine.model().cubes.iter();
    let declared: BTreeSet<String> = cubes
        .flat_map(|cube| cube.aggregates.iter().map(|aggregate| cube.aggregate_table(aggregate)))
        .collect();
    let preview = load.preview();
    let is_gone = |name: &&String| name.starts_with("agg_") && !declared.contains(*name);
    let gone: Vec<String> = preview.tables.keys().filter(is_gone).cloned().collect();
    gone.iter().try_for_each(|table| drop_table(load, table))?;
    let is_left_out = |(name, known): &(&String, &BTreeMap<String, Vec<Input>>)| {
        !declared.contains(*name)
            && known.get(AGGREGATE_LEFT_OUT).is_some_and(|why| !why.is_empty())
    };
    for (table, _) in preview.inputs.iter().filter(is_left_out) {
        // Declared again, it is tried again.
        load.set_inputs(table, AGGREGATE_LEFT_OUT, Vec::new());
    }
    if engine.automatic().is_none() && preview.cursors.contains_key(AUTOMATIC_AGGREGATES) {
        automatic::forget(load)?;
    }
    Ok(gone)
}

/// That a release does without an aggregate, and why.
pub fn told_left_out(table: &str, why: &str) -> String {
    format!("{table} is left out of this release, questions are answered from base rows: {why}")
}

fn drop_table(load: &mut Load, name: &str) -> Result<()> {
    let preview = load.preview();
    let Some(table) = preview.tables.get(name) else { return Ok(()) };
    let spec = TableSpec {
        name: name.to_owned(),
        description: String::new(),
        columns: table.columns.clone(),
        partition_by: table.partition_by.clone(),
        sort_by: table.sort_by.clone(),
    };
    load.stage(spec, Change::Drop)
}
