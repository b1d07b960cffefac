//! What has come since rows were refused: mended rows that re-enter leave it as it is.
//!
//! A row that was refused is older than what later runs have loaded. What a fact or a dimension has
//! now and had not when the row was refused is newer than the row, and stays; who replays is told.

use super::arrived::Arrived;
use super::fact_sql::{equal, list, quoted};
use super::fact_table::stored_columns;
use super::{Loading, scd};
use crate::error::{Error, Result};
use crate::etl::replay::Then;
use crate::etl::rows;
use crate::model::{Column, Dimension, Fact};
use crate::store::TableState;
use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use std::collections::HashSet;

/// The table as it is.
const NOW: &str = "rows_now";
/// The table as it was when rows were refused.
const THEN: &str = "rows_then";
/// Rows that are about to change the table.
const CHANGES: &str = "rows_to_change";
/// Those of them that may.
const STAYS: &str = "rows_not_older";

/// The keys of rows that are not as they were then: new, changed or gone. `told` says which rows
/// count.
fn newer(key: &[String], same: &[String], compared: &[&Column], told: &str, then: bool) -> String {
    let keys = list("f.", key);
    if !then {
        return format!("SELECT {keys} FROM {NOW} AS f WHERE {told}");
    }
    let is_new = format!("t.{} IS NULL", quoted(same.first().map_or("", String::as_str)));
    let differs =
        compared.iter().map(|c| format!("(f.{0} IS DISTINCT FROM t.{0})", quoted(&c.name)));
    let differs: Vec<String> = [is_new].into_iter().chain(differs).collect();
    format!(
        "SELECT {keys} FROM {NOW} AS f LEFT JOIN {THEN} AS t ON {on} WHERE {told} AND ({differs}) \
         UNION ALL SELECT {gone} FROM {THEN} AS t LEFT ANTI JOIN {NOW} AS f ON {on}",
        on = equal("f", "t", same),
        differs = differs.join(" OR "),
        gone = list("t.", key),
    )
}

/// The changes of a fact without those of keys that later runs have loaded, and how many those are.
pub(super) async fn older_left_out(
    loading: &Loading<'_>,
    fact: &Fact,
    changes: TableState,
    columns: Vec<Column>,
    (now, then): (&TableState, &Then),
) -> Result<(TableState, u64)> {
    let before = then.table(&fact.table());
    let has = |column: &&Column| {
        before.as_ref().is_some_and(|then| then.columns.iter().any(|c| c.name == column.name))
    };
    let stored = stored_columns(fact);
    let compared: Vec<&Column> = stored.iter().filter(has).collect();
    let newer = newer(&fact.key, &fact.key, &compared, "true", before.is_some());
    let sql = format!(
        "SELECT {} FROM {CHANGES} AS k LEFT ANTI JOIN ({newer}) AS n ON {}",
        list("k.", columns.iter().map(|column| &column.name)),
        equal("k", "n", &fact.key),
    );
    let mut tables = vec![(CHANGES, &changes), (NOW, now)];
    tables.extend(before.as_ref().map(|then| (THEN, then)));
    let session = loading.session(&tables);
    let rows = rows::stream_views(&session, &sql, &columns).await?;
    let stay = loading.load.write_clustered(STAYS, columns, fact.partition_column(), rows).await?;
    let left_out = changes.rows().saturating_sub(stay.rows());
    Ok((stay, left_out))
}

/// What has arrived of a dimension's members without those of whom later runs have told, and how
/// many rows those are.
pub(super) async fn untold(
    loading: &Loading<'_>,
    dimension: &Dimension,
    arrived: Arrived,
    then: &Then,
) -> Result<(Arrived, u64)> {
    let preview = loading.load.preview();
    let Some(now) = preview.tables.get(&dimension.table()) else { return Ok((arrived, 0)) };
    let before = then.table(&dimension.table());
    let names = |table: &TableState| -> HashSet<String> {
        table.columns.iter().map(|column| column.name.clone()).collect()
    };
    let known = before.as_ref().map(names).unwrap_or_default();
    let compared: Vec<&Column> =
        now.columns.iter().filter(|column| known.contains(&column.name)).collect();
    let open = |key: &Column| Column { nullable: true, ..key.clone() };
    let columns: Vec<Column> = dimension.natural_key.iter().map(open).collect();
    let key: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let surrogate = dimension.key_column();
    // of whom only facts have told, nothing is known that could be newer
    let of_sources = if dimension.infers_members { " AND NOT f.\"is_inferred\"" } else { "" };
    let told = format!("f.{} > 0{of_sources}", quoted(&surrogate));
    let sql = newer(&key, &[surrogate], &compared, &told, before.is_some());
    let mut tables = vec![(NOW, now)];
    tables.extend(before.as_ref().map(|then| (THEN, then)));
    let session = loading.session(&tables);
    let newer = rows::collect(rows::stream_sql(&session, &sql, &columns).await?, &columns).await?;
    let newer: HashSet<Box<[u8]>> =
        scd::encode(newer.columns())?.iter().map(|key| key.as_ref().into()).collect();
    let pick = |name: &String| {
        let missing = || Error::internal("a member has no key").with("column", name);
        arrived.rows.column_by_name(name).cloned().ok_or_else(missing)
    };
    let keys = scd::encode(&key.iter().map(pick).collect::<Result<Vec<_>>>()?)?;
    let stays: Vec<bool> = keys.iter().map(|key| !newer.contains(key.as_ref())).collect();
    let left_out = stays.iter().filter(|stays| !**stays).count() as u64;
    let kept = |all: Vec<bool>| {
        all.into_iter().zip(&stays).filter(|(_, stays)| **stays).map(|(value, _)| value).collect()
    };
    let rows = filter_record_batch(&arrived.rows, &BooleanArray::from(stays.clone()))
        .map_err(|error| Error::internal("members cannot be left out").caused_by(error))?;
    let deleted = arrived.deleted.map(kept);
    Ok((Arrived { rows, deleted, ..arrived }, left_out))
}

/// What who replays is told of rows that were left out.
pub(super) fn told(left_out: u64, of: &str) -> Option<String> {
    let rows = if left_out == 1 { "row was" } else { "rows were" };
    (left_out > 0).then(|| {
        format!(
            "{left_out} mended {rows} left out of `{of}`: what it has of the same key came after they \
             were refused, and stays; to change it, put them where the source reads them, as a new file"
        )
    })
}
