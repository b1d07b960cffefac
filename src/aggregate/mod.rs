//! Aggregates: cuboids declared in the model, kept as tables, refreshed in the release that changes
//! what they are computed from. So they are never stale: they belong to their release.
//!
//! * what must be computed anew, and how much of it: `stale`
//! * computing and staging it: `refresh`
//! * which are worth their bytes: [`advise`]
//! * keeping those, and no others, within a budget: [`automatic`]

pub mod advise;
pub mod automatic;
mod refresh;
mod stale;

pub use refresh::{Refreshed, refresh};
pub use stale::{Extent, Stale, stale, why_whole};

use crate::engine::Engine;
use crate::error::Result;
use crate::model::AUTOMATIC_AGGREGATES;
use crate::store::{Change, Load, TableSpec};
use std::collections::BTreeSet;

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
    if engine.automatic().is_none() && preview.cursors.contains_key(AUTOMATIC_AGGREGATES) {
        automatic::forget(load)?;
    }
    Ok(gone)
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
