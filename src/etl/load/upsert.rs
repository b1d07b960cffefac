//! Upsert: rows replace those with the same key, and only partitions that held one are rewritten.

use super::clustered::{self, Clustered};
use super::fact_sql::{DELETE, KEYED, equal, in_partition, list, quoted};
use super::fact_table::{check_rows, count, spec, stored_columns, unknown_members};
use super::{Loaded, Loading, since, stage};
use crate::error::{Error, Result, counted};
use crate::etl::rows;
use crate::ids::SurrogateKey;
use crate::model::{Column, ColumnType, Fact};
use crate::store::{Change, DataFile, TableState};
use std::collections::BTreeSet;

/// Those of them that change the fact.
const CHANGED: &str = "rows_changed";
/// The partitions that are rewritten, as they were.
const OLD: &str = "rows_old";
/// Whether a changed row's key is in the fact.
const FOUND: &str = "__found";
/// The partition in which it is.
const FOUND_IN: &str = "__found_in";

/// Loads staged rows into a fact by key.
pub(super) async fn load(
    loading: &mut Loading<'_>,
    fact: &Fact,
    keyed: &TableState,
) -> Result<Loaded> {
    let spec = spec(fact);
    check_days(loading, fact, keyed).await?;
    let before = loading.load.preview().tables.get(&spec.name).cloned();
    if let Some(before) = &before {
        stage::check_partitions(before, &spec)?;
    }
    let stored = before.clone();
    let before = before.map(|before| stage::as_specified(&before, &spec));
    let mut changed = changed(loading, fact, keyed, before.as_ref()).await?;
    let mut notes = Vec::new();
    if let (Some(then), Some(now)) = (&loading.then, &before) {
        let columns = changed.columns.clone();
        let (stay, left_out) =
            since::older_left_out(loading, fact, changed, columns, (now, then)).await?;
        notes.extend(since::told(left_out, &fact.name));
        changed = stay;
    }
    let session = loading.session(&[(CHANGED, &changed)]);
    let sql = format!(
        "SELECT count(*), count(CASE WHEN {DELETE} THEN 1 END), count(CASE WHEN {FOUND} THEN 1 END) \
         FROM {CHANGED}"
    );
    let counts = rows::counts(&session, &sql).await?;
    let [all, deleted, found] = counts.as_slice() else {
        return Err(Error::internal("counting changed rows did not answer"));
    };
    if *all == 0 && before.is_some() {
        if stored.is_some_and(|stored| stored.columns != spec.columns) {
            // No row has anything in the new columns yet, but they can be asked for.
            loading.load.stage(spec, Change::Append(Vec::new()))?;
        }
        return Ok(Loaded { notes, ..Loaded::default() });
    }
    let old = old_files(loading, fact, &changed, before.as_ref(), *found).await?;
    let files = rewrite(loading, fact, &changed, before.as_ref(), &old).await?;
    let expected = (count(&old) + (all - deleted)).saturating_sub(*found);
    check_rows(fact, expected, count(&files))?;
    let change = match old.is_empty() {
        true => Change::Append(files),
        false => Change::Exchange {
            remove: old.iter().map(|file| file.path.clone()).collect(),
            add: files,
        },
    };
    loading.load.stage(spec, change)?;
    Ok(Loaded {
        rows_written: all - deleted,
        rows_deleted: *deleted,
        notes: [notes, unknown_members(loading, fact, &changed).await?].concat(),
        ..Loaded::default()
    })
}

/// A day that identifies rows is in its calendar: all others would be the same unknown day.
async fn check_days(loading: &Loading<'_>, fact: &Fact, keyed: &TableState) -> Result<()> {
    for role in fact.roles.iter().filter(|role| fact.key.contains(&role.key_column())) {
        let session = loading.session(&[(KEYED, keyed)]);
        let unknown = SurrogateKey::UNKNOWN.0;
        let key = quoted(&role.key_column());
        let sql = format!("SELECT count(*) FROM {KEYED} WHERE {key} = {unknown}");
        let Some(count) = rows::counts(&session, &sql).await?.first().copied() else { continue };
        if count > 0 {
            let message = format!(
                "{} a day outside the calendar, and the day is part of the key",
                counted(count, "row has", "rows have")
            );
            return Err(Error::data(message)
                .with("fact", &fact.name)
                .with("role", &role.role)
                .hint("widen `calendar` of its dimension, or clean such days with `range`"));
        }
    }
    Ok(())
}

/// The rows that change anything: new, different from the row with their key, or deleting one.
async fn changed(
    loading: &Loading<'_>,
    fact: &Fact,
    keyed: &TableState,
    before: Option<&TableState>,
) -> Result<TableState> {
    let mut columns = stored_columns(fact);
    columns.push(Column::new(DELETE, ColumnType::Boolean, false));
    let names = list("k.", columns.iter().map(|column| &column.name));
    columns.push(Column::new(FOUND, ColumnType::Boolean, false));
    columns.push(Column::new(FOUND_IN, ColumnType::Int32, true));
    let sql = match before {
        None => format!(
            "SELECT {names}, false AS {FOUND}, CAST(NULL AS INT) AS {FOUND_IN} FROM {KEYED} AS k \
             WHERE NOT k.{DELETE}"
        ),
        Some(_) => changed_sql(fact, &names),
    };
    let mut tables = vec![(KEYED, keyed)];
    tables.extend(before.map(|before| (OLD, before)));
    let session = loading.session(&tables);
    let rows = rows::stream_views(&session, &sql, &columns).await?;
    loading.load.write_clustered(CHANGED, columns, fact.partition_column(), rows).await
}

fn changed_sql(fact: &Fact, names: &str) -> String {
    let found = format!("f.{} IS NOT NULL", quoted(fact.key.first().map_or("", String::as_str)));
    let differs = fact.table_columns().into_iter().filter(|c| !fact.key.contains(&c.name));
    let differs = differs.map(|c| format!("(k.{0} IS DISTINCT FROM f.{0})", quoted(&c.name)));
    let differs: Vec<String> = ["false".to_owned()].into_iter().chain(differs).collect();
    let found_in = match fact.partition_column() {
        Some(partition) => format!("f.{}", quoted(partition)),
        None => "CAST(NULL AS INT)".to_owned(),
    };
    format!(
        "SELECT {names}, {found} AS {FOUND}, {found_in} AS {FOUND_IN} FROM {KEYED} AS k \
         LEFT JOIN {OLD} AS f ON {} \
         WHERE CASE WHEN k.{DELETE} THEN {found} ELSE NOT ({found}) OR {} END",
        equal("k", "f", &fact.key),
        differs.join(" OR "),
    )
}

/// The files of the partitions that hold a changed row's key.
async fn old_files(
    loading: &Loading<'_>,
    fact: &Fact,
    changed: &TableState,
    before: Option<&TableState>,
    found: u64,
) -> Result<Vec<DataFile>> {
    let Some(before) = before.filter(|_| found > 0) else {
        return Ok(Vec::new());
    };
    if fact.partition_column().is_none() {
        return Ok(before.files.clone());
    }
    let session = loading.session(&[(CHANGED, changed)]);
    let sql = format!("SELECT DISTINCT {FOUND_IN} FROM {CHANGED} WHERE {FOUND}");
    let months: BTreeSet<i32> = rows::integers(&session, &sql).await?.into_iter().collect();
    let affected = |file: &&DataFile| file.partition.is_some_and(|month| months.contains(&month));
    Ok(before.files.iter().filter(affected).cloned().collect())
}

/// Writes the old partitions without the changed keys, and the new rows.
async fn rewrite(
    loading: &Loading<'_>,
    fact: &Fact,
    changed: &TableState,
    before: Option<&TableState>,
    old: &[DataFile],
) -> Result<Vec<DataFile>> {
    let names: Vec<String> = stored_columns(fact).into_iter().map(|column| column.name).collect();
    let (new, kept) = (list("", &names), list("f.", &names));
    let same = equal("f", "c", &fact.key);
    let old = before.filter(|_| !old.is_empty()).map(|before| stage::only(before, old));
    let rows = |partition| {
        let here = in_partition(fact, "", partition);
        let new = format!("SELECT {new} FROM {CHANGED} WHERE NOT {DELETE} AND {here}");
        if old.is_none() {
            return new;
        }
        let found = match partition {
            Some(partition) => format!("{FOUND_IN} = {partition}"),
            None => FOUND.to_owned(),
        };
        format!(
            "SELECT {kept} FROM {OLD} AS f \
             LEFT ANTI JOIN (SELECT * FROM {CHANGED} WHERE {found}) AS c ON {same} \
             WHERE {} UNION ALL {new}",
            in_partition(fact, "f.", partition),
        )
    };
    let mut tables = vec![(CHANGED, changed)];
    tables.extend(old.as_ref().map(|old| (OLD, old)));
    let new = format!("{CHANGED} WHERE NOT {DELETE}");
    let mut partitions = clustered::partitions(&loading.session(&tables), fact, &new).await?;
    partitions.extend(old.iter().flat_map(|old| &old.files).map(|file| file.partition));
    let (engine, load) = (loading.engine, &*loading.load);
    Clustered { engine, load, fact, tables: &tables, rows }.write(partitions).await
}
