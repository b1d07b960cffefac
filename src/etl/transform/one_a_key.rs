//! A job's rows, one a key, in SQL: what [`Deduplicate`] says of a source, of all sources together.
//!
//! Windows give each row its place among those of its key, and the value of each column that
//! survives by a rule of its own: sorted, so that memory is bounded whatever the number of rows. Rows
//! of queries have no order of their own; of rows that are as late, the one with the larger values
//! stays, column by column, so that it is always the same one.

use crate::error::{Error, Result, did_you_mean};
use crate::etl::job::{Deduplicate, Survivor};
use crate::etl::load::quoted;

/// A row's place among those of its key; no column of a job has such a name.
const PLACE: &str = "__place";

/// The rows of a query that has these columns, one a key.
///
/// # Errors
/// User where a column is not one of the query's, or is part of the key.
pub(super) fn one_a_key(spec: &Deduplicate, sql: &str, columns: &[&str]) -> Result<String> {
    if spec.key.is_empty() {
        return Err(Error::user("deduplicate needs at least one key column"));
    }
    let latest = spec.latest_by.as_ref();
    let named = spec.key.iter().chain(latest).chain(spec.survivors.keys());
    let mut named = named.chain(spec.survivors.values().filter_map(|survivor| match survivor {
        Survivor::Priority(priority) => Some(&priority.column),
        Survivor::MostRecent | Survivor::MostComplete => None,
    }));
    named.try_for_each(|name| find(name, columns))?;
    if let Some(name) = spec.survivors.keys().find(|name| spec.key.contains(name)) {
        let message = format!("`{name}` is part of the key, and the same in all rows");
        return Err(Error::user(message));
    }
    let order = order(spec, columns);
    let partition = list(spec.key.iter().map(|name| quoted(name)));
    let has_no_key =
        list_by(" OR ", spec.key.iter().map(|name| format!("{} IS NULL", quoted(name))));
    let survives = |name: &str, survivor: &Survivor| {
        let own = quoted(name);
        // a row without a key has no others that it could take a value from
        format!(
            "CASE WHEN {has_no_key} THEN {own} ELSE first_value({own}) OVER (PARTITION BY \
             {partition} ORDER BY {own} IS NULL, {}{order}) END AS {own}",
            worth(&own, survivor)
        )
    };
    let selected = columns.iter().map(|name| match spec.survivors.get(*name) {
        Some(survivor) => survives(name, survivor),
        None => quoted(name),
    });
    Ok(format!(
        "SELECT {all} FROM (\nSELECT {selected}, {has_no_key} OR row_number() OVER (PARTITION BY \
         {partition} ORDER BY {order}) = 1 AS {PLACE} FROM (\n{sql}\n) AS rows_of_the_job\n) AS \
         placed_rows WHERE {PLACE}",
        all = list(columns.iter().map(|name| quoted(name))),
        selected = list(selected),
    ))
}

/// How many rows of a query have the key of another that stays: one number.
pub(super) fn others(spec: &Deduplicate, sql: &str) -> String {
    let key = list(spec.key.iter().map(|name| quoted(name)));
    let has_key = list_by(" AND ", spec.key.iter().map(|n| format!("{} IS NOT NULL", quoted(n))));
    format!(
        "SELECT CAST(coalesce(sum(n - 1), 0) AS BIGINT) FROM (SELECT count(*) AS n FROM (\n{sql}\n) AS \
         rows_of_the_job WHERE {has_key} GROUP BY {key}) AS keys"
    )
}

/// The best row first.
fn order(spec: &Deduplicate, columns: &[&str]) -> String {
    let latest = spec.latest_by.as_deref();
    let others = columns.iter().copied().filter(|name| Some(*name) != latest);
    let others = others.filter(|name| !spec.key.iter().any(|key| key == name));
    let order = latest.into_iter().chain(others);
    let order = list(order.map(|name| format!("{} DESC NULLS LAST", quoted(name))));
    // a key alone: all rows are the same
    if order.is_empty() { quoted(&spec.key[0]) } else { order }
}

/// How good a value is, but for how late its row is; with a comma behind it.
fn worth(own: &str, survivor: &Survivor) -> String {
    match survivor {
        Survivor::MostRecent => String::new(),
        Survivor::MostComplete => {
            format!("character_length(CAST({own} AS VARCHAR)) DESC NULLS LAST, ")
        }
        Survivor::Priority(priority) if priority.order.is_empty() => String::new(),
        Survivor::Priority(priority) => {
            let places =
                priority.order.iter().enumerate().map(|(place, name)| {
                    format!("WHEN '{}' THEN {place}", name.replace('\'', "''"))
                });
            let (column, least) = (quoted(&priority.column), priority.order.len());
            let places = list_by(" ", places);
            format!("CASE CAST({column} AS VARCHAR) {places} ELSE {least} END, ")
        }
    }
}

fn find(name: &str, columns: &[&str]) -> Result<()> {
    if columns.contains(&name) {
        return Ok(());
    }
    let near = did_you_mean(name, columns.iter().copied());
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    Err(Error::user(format!("deduplicate names `{name}`, which the job's rows do not have"))
        .hint(format!("{near}they have {}", columns.join(", "))))
}

fn list(parts: impl Iterator<Item = String>) -> String {
    list_by(", ", parts)
}

fn list_by(between: &str, parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(between)
}
