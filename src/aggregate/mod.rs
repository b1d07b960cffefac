//! Aggregates: cuboids declared in the model, kept as tables, refreshed in the release that changes
//! what they are computed from. So they are never stale: they belong to their release.
//!
//! * what must be computed anew, and how much of it: `stale`
//! * computing and staging it: `refresh`
//! * which are worth their bytes: [`advise`]

pub mod advise;
mod refresh;
mod stale;

pub use refresh::{Refreshed, refresh};
pub use stale::{Extent, Stale, stale, why_whole};

use crate::error::Result;
use crate::model::Model;
use crate::store::{Change, Load, TableSpec};
use std::collections::BTreeSet;

/// Drops the tables of aggregates that the model does not declare any more; returns their names.
///
/// # Errors
/// Internal errors of the store.
pub fn drop_undeclared(load: &mut Load, model: &Model) -> Result<Vec<String>> {
    let declared: BTreeSet<String> = model
        .cubes
        .iter()
        .flat_map(|cube| cube.aggregates.iter().map(|aggregate| cube.aggregate_table(aggregate)))
        .collect();
    let preview = load.preview();
    let tables = preview.tables.iter();
    let gone = tables.filter(|(name, _)| name.starts_with("agg_") && !declared.contains(*name));
    let mut dropped = Vec::new();
    for (name, table) in gone {
        let spec = TableSpec {
            name: name.clone(),
            description: String::new(),
            columns: table.columns.clone(),
            partition_by: table.partition_by.clone(),
            sort_by: table.sort_by.clone(),
        };
        load.stage(spec, Change::Drop)?;
        dropped.push(name.clone());
    }
    Ok(dropped)
}
