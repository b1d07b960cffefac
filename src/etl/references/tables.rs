//! Tables of the warehouse that values are looked up in, as the run has loaded them so far.

use super::{Lookup, lookups};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::etl::job::SourceSpec;
use crate::etl::listed::{Listed, Listing, ROWS_AT_MOST};
use crate::etl::load::quoted;
use crate::etl::{rows, transform};
use crate::model::{Column, arrow_schema};
use crate::store::Release;
use futures::StreamExt;
use std::sync::Arc;

/// What memory is taken for.
pub(in crate::etl) const WHAT: &str = "lookups";

/// Fills in what the rules of a source look up in the warehouse.
///
/// # Errors
/// User where a table is not there yet or lacks a column, data where a key stands for two values,
/// limit where memory has no room.
pub(in crate::etl) async fn tables(
    engine: &Engine,
    preview: &Arc<Release>,
    spec: &mut SourceSpec,
) -> Result<()> {
    let source = spec.name.clone();
    for lookup in lookups(spec) {
        let Some(table) = lookup.table.clone() else { continue };
        let read = listed(engine, preview, &table, &lookup).await;
        let read = read.map_err(|error| {
            error.with("table", &table).with(lookup.what, &lookup.name).with("source", &source)
        })?;
        *lookup.listed = Some(Arc::new(read));
    }
    Ok(())
}

async fn listed(
    engine: &Engine,
    preview: &Arc<Release>,
    table: &str,
    lookup: &Lookup<'_>,
) -> Result<Listed> {
    if !preview.tables.contains_key(table) {
        return Err(Error::user(format!(
            "values are looked up in warehouse.{table}, which is empty"
        ))
        .hint("run the job that loads it first"));
    }
    let is_value = lookup.columns.len() > lookup.keys;
    let there = lookup.columns.iter().filter_map(|column| column.from.as_deref());
    let picked = there.enumerate().map(|(at, name)| format!("{} AS column_{at}", quoted(name)));
    let columns: Vec<Column> = lookup
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| Column::new(format!("column_{at}"), column.ty, true))
        .collect();
    let sql = format!(
        "SELECT DISTINCT {} FROM warehouse.{}{}",
        picked.collect::<Vec<_>>().join(", "),
        quoted(table),
        members(engine, table, is_value)
    );
    let session = transform::session(engine, Arc::clone(preview), Vec::new());
    let sql = format!("{sql} LIMIT {}", ROWS_AT_MOST + 1);
    let mut read = rows::stream_sql(&session, &sql, &columns).await?;
    let mut listing = Listing::new(Box::new(engine.reserve(WHAT)));
    while let Some(batch) = read.next().await {
        listing.add(batch?)?;
    }
    listing.by_key(&arrow_schema(&columns), lookup.keys)
}

/// The rows of a dimension that are members, not placeholders; where a value is taken, as they are
/// now.
fn members(engine: &Engine, table: &str, is_value: bool) -> String {
    let model = engine.model();
    let Some(dimension) = model.dimensions.iter().find(|dimension| dimension.table() == table)
    else {
        return String::new();
    };
    let present = if is_value && dimension.is_versioned() { " AND is_current" } else { "" };
    format!(" WHERE {} > 0{present}", quoted(&dimension.key_column()))
}
