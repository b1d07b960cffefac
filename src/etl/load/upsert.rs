//! Upsert: rows replace those with the same key, and only partitions that held one are rewritten.

use super::fact::{check_rows, count, spec, stored_columns, unknown_members};
use super::fact_sql::{DELETE, ROWS, equal, list, look_up, order_by, quoted};
use super::{Loaded, Loading, stage};
use crate::error::{Error, Result};
use crate::etl::job::FactLoad;
use crate::etl::rows;
use crate::ids::SurrogateKey;
use crate::model::{Column, ColumnType, Fact};
use crate::store::{Change, DataFile, TableSpec, TableState};
use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use std::collections::BTreeSet;

/// The job's rows with surrogate keys.
const KEYED: &str = "rows_keyed";
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
    job: &FactLoad,
    fact: &Fact,
    staged: &TableState,
) -> Result<Loaded> {
    let spec = spec(fact);
    let keyed = keyed(loading, job, fact, staged).await?;
    check_rows(fact, staged.rows(), keyed.rows())?;
    check_days(loading, fact, &keyed).await?;
    let before = loading.load.preview().tables.get(&spec.name).cloned();
    if let Some(before) = &before {
        stage::check_partitions(before, &spec)?;
    }
    let stored = before.clone();
    let before = before.map(|before| stage::as_specified(&before, &spec));
    let changed = changed(loading, fact, &keyed, before.as_ref()).await?;
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
        return Ok(Loaded::default());
    }
    let old = old_files(loading, fact, &changed, before.as_ref(), *found).await?;
    let files = rewrite(loading, fact, &spec, &changed, before.as_ref(), &old).await?;
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
        notes: unknown_members(loading, fact, &changed).await?,
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
                "{count} rows have a day outside the calendar, and the day is part of the key"
            );
            return Err(Error::data(message)
                .with("fact", &fact.name)
                .with("role", &role.role)
                .hint("widen `calendar` of its dimension, or clean such days with `range`"));
        }
    }
    Ok(())
}

/// Looks the rows' surrogate keys up, once.
async fn keyed(
    loading: &Loading<'_>,
    job: &FactLoad,
    fact: &Fact,
    staged: &TableState,
) -> Result<TableState> {
    let delete: &[&str] = if job.delete_when.is_some() { &[DELETE] } else { &[] };
    let sql = look_up(fact, loading.engine.model(), delete)?;
    let names = stored_columns(fact).into_iter().map(|column| column.name).collect::<Vec<_>>();
    let delete = match job.delete_when {
        Some(_) => format!("coalesce({DELETE}, false)"),
        None => "false".to_owned(),
    };
    let sql =
        format!("SELECT {}, {delete} AS {DELETE} FROM ({sql}) AS looked_up", list("", &names));
    let mut columns = stored_columns(fact);
    columns.push(Column::new(DELETE, ColumnType::Boolean, false));
    let session = loading.session(&[(ROWS, staged)]);
    let rows = rows::stream_sql(&session, &sql, &columns).await?;
    loading.load.write_staged(KEYED, columns, rows).await
}

/// The rows that change anything: new, different from the row with their key, or deleting one.
async fn changed(
    loading: &Loading<'_>,
    fact: &Fact,
    keyed: &TableState,
    before: Option<&TableState>,
) -> Result<TableState> {
    let mut columns = keyed.columns.clone();
    columns.push(Column::new(FOUND, ColumnType::Boolean, false));
    columns.push(Column::new(FOUND_IN, ColumnType::Int32, true));
    let sql = match before {
        None => format!(
            "SELECT k.*, false AS {FOUND}, CAST(NULL AS INT) AS {FOUND_IN} FROM {KEYED} AS k \
             WHERE NOT k.{DELETE}"
        ),
        Some(_) => changed_sql(fact),
    };
    let mut tables = vec![(KEYED, keyed)];
    tables.extend(before.map(|before| (OLD, before)));
    let session = loading.session(&tables);
    let rows = rows::stream_sql(&session, &sql, &columns).await?;
    loading.load.write_staged(CHANGED, columns, rows).await
}

fn changed_sql(fact: &Fact) -> String {
    let found = format!("f.{} IS NOT NULL", quoted(fact.key.first().map_or("", String::as_str)));
    let differs = fact.table_columns().into_iter().filter(|c| !fact.key.contains(&c.name));
    let differs = differs.map(|c| format!("(k.{0} IS DISTINCT FROM f.{0})", quoted(&c.name)));
    let differs: Vec<String> = ["false".to_owned()].into_iter().chain(differs).collect();
    let found_in = match fact.partition_column() {
        Some(partition) => format!("f.{}", quoted(partition)),
        None => "CAST(NULL AS INT)".to_owned(),
    };
    format!(
        "SELECT k.*, {found} AS {FOUND}, {found_in} AS {FOUND_IN} FROM {KEYED} AS k \
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
    let answer = rows::answer(&session, &sql).await?;
    let months: BTreeSet<i32> = match answer.column(0).as_primitive_opt::<Int32Type>() {
        Some(months) => months.iter().flatten().collect(),
        None => return Err(Error::internal("partitions are not integers")),
    };
    let affected = |file: &&DataFile| file.partition.is_some_and(|month| months.contains(&month));
    Ok(before.files.iter().filter(affected).cloned().collect())
}

/// Writes the old partitions without the changed keys, and the new rows.
async fn rewrite(
    loading: &Loading<'_>,
    fact: &Fact,
    spec: &TableSpec,
    changed: &TableState,
    before: Option<&TableState>,
    old: &[DataFile],
) -> Result<Vec<DataFile>> {
    let names: Vec<String> = spec.columns.iter().map(|column| column.name.clone()).collect();
    let new = format!("SELECT {} FROM {CHANGED} WHERE NOT {DELETE}", list("", &names));
    let old = before.filter(|_| !old.is_empty()).map(|before| stage::only(before, old));
    let all = match old {
        None => new,
        Some(_) => format!(
            "SELECT {} FROM {OLD} AS f LEFT ANTI JOIN {CHANGED} AS c ON {} UNION ALL {new}",
            list("f.", &names),
            equal("f", "c", &fact.key)
        ),
    };
    let sql = format!("SELECT * FROM ({all}) AS everything ORDER BY {}", order_by(fact));
    let mut tables = vec![(CHANGED, changed)];
    tables.extend(old.as_ref().map(|old| (OLD, old)));
    let session = loading.session(&tables);
    let rows = rows::stream_sql(&session, &sql, &spec.columns).await?;
    loading.load.write(spec, rows).await
}
