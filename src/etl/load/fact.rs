//! A job's rows into a fact: surrogate keys at event time, then append, upsert or replace.
//!
//! Facts never vanish: what was transformed is counted, and every row of it is written, found
//! unchanged, or deletes another; a difference stops the load.

use super::clustered::{self, Clustered};
use super::grain::{self, WRITTEN};
use super::keyed::{self, KEYED};
use super::{Loaded, Loading, fact_sql, stage, upsert};
use crate::error::{Error, Result};
use crate::etl::job::{FactLoad, FactMode};
use crate::etl::rows;
use crate::ids::SurrogateKey;
use crate::model::{Column, Fact, FactRole};
use crate::store::{Change, DataFile, TableSpec, TableState};
use std::sync::Arc;

/// Loads a job's rows into a fact.
///
/// # Errors
/// User errors where the transformation does not yield the fact's columns, data errors for keys
/// that come twice, internal errors where rows would be lost.
pub(super) async fn load(loading: &mut Loading<'_>, spec: &FactLoad) -> Result<Loaded> {
    let model = Arc::clone(loading.engine.model());
    let unknown = || Error::internal("the job's fact is not in the model");
    let fact = model.fact(&spec.fact).ok_or_else(unknown)?;
    check_dimensions(loading, fact)?;
    let incoming = loading.incoming.take();
    let keyed = keyed::stage(loading, incoming, spec, fact, &model).await?;
    loading.progress.loading(&loading.job.job, &fact.table());
    grain::check(loading, fact, &keyed).await?;
    let mut loaded = match spec.mode {
        FactMode::Append | FactMode::Replace => whole(loading, spec, fact, &keyed.table).await?,
        FactMode::Upsert => upsert::load(loading, fact, &keyed.table).await?,
    };
    loaded.rows_in = keyed.table.rows();
    loaded.notes.splice(0..0, keyed.notes);
    Ok(loaded)
}

/// The table as it is to be written.
pub(crate) fn spec(fact: &Fact) -> TableSpec {
    TableSpec {
        name: fact.table(),
        description: fact.description.clone(),
        columns: stored_columns(fact),
        partition_by: fact.partition_column().map(str::to_owned),
        sort_by: fact.sort_by.clone(),
    }
}

/// The fact's columns; those that identify a row are never NULL.
pub(super) fn stored_columns(fact: &Fact) -> Vec<Column> {
    let mut columns = fact.table_columns();
    for column in &mut columns {
        column.nullable &= !fact.key.contains(&column.name);
    }
    columns
}

/// Every dimension must have been loaded, or all its members would be unknown without a word.
fn check_dimensions(loading: &Loading<'_>, fact: &Fact) -> Result<()> {
    let preview = loading.load.preview();
    for role in &fact.roles {
        let table = format!("dim_{}", role.dimension);
        if !preview.tables.contains_key(&table) {
            let message = format!("the dimension `{}` was never loaded", role.dimension);
            return Err(Error::user(message)
                .with("role", &role.role)
                .hint("run the job that loads it first, or all jobs"));
        }
    }
    Ok(())
}

/// Append or replace: all rows are written as they come.
async fn whole(
    loading: &mut Loading<'_>,
    job: &FactLoad,
    fact: &Fact,
    keyed: &TableState,
) -> Result<Loaded> {
    let (spec, mode) = (spec(fact), job.mode);
    let before = loading.load.preview().tables.get(&spec.name).cloned();
    let rows_before = before.as_ref().map_or(0, TableState::rows);
    if mode == FactMode::Replace && keyed.rows() == 0 && rows_before > 0 && !job.may_be_empty {
        let message = format!("{rows_before} rows would be replaced by none");
        return Err(Error::data(message).with("fact", &fact.name).hint(
            "look whether the sources are complete; `may_be_empty: true` in the job allows it",
        ));
    }
    if let Some(before) = before.as_ref().filter(|_| mode == FactMode::Append) {
        stage::check_partitions(before, &spec)?;
    }
    let files = files_of(loading, fact, keyed).await?;
    check_rows(fact, keyed.rows(), count(&files))?;
    let changed = match mode {
        FactMode::Append if files.is_empty() && before.is_some() => false,
        FactMode::Append => {
            loading.load.stage(spec.clone(), Change::Append(files.clone()))?;
            true
        }
        _ => stage::replace(loading.load, spec.clone(), files.clone())?,
    };
    let Some(table) = loading.load.preview().tables.get(&spec.name).cloned() else {
        return Err(
            Error::internal("a staged table is not in the preview").with("table", &spec.name)
        );
    };
    let written = stage::only(&table, &files);
    if let Some(before) = before.as_ref().filter(|_| mode == FactMode::Append) {
        grain::check_new(loading, fact, before, &written).await?;
    }
    Ok(Loaded {
        rows_written: if changed { count(&files) } else { 0 },
        notes: unknown_members(loading, fact, &written).await?,
        ..Loaded::default()
    })
}

/// Writes staged rows as the fact's files.
async fn files_of(loading: &Loading<'_>, fact: &Fact, keyed: &TableState) -> Result<Vec<DataFile>> {
    let columns = stored_columns(fact).into_iter().map(|column| column.name);
    let columns = fact_sql::list("", &columns.collect::<Vec<_>>());
    let rows = |partition| {
        let condition = fact_sql::in_partition(fact, "", partition);
        format!("SELECT {columns} FROM {KEYED} WHERE {condition}")
    };
    let tables = [(KEYED, keyed)];
    let partitions = clustered::partitions(&loading.session(&tables), fact, KEYED).await?;
    let (engine, load) = (loading.engine, &*loading.load);
    Clustered { engine, load, fact, tables: &tables, rows }.write(partitions).await
}

/// Rows in files.
pub(crate) fn count(files: &[DataFile]) -> u64 {
    files.iter().map(|file| file.rows).sum()
}

/// Stops a load that would lose or multiply rows.
pub(crate) fn check_rows(fact: &Fact, expected: u64, found: u64) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let message = format!("{expected} rows would have become {found}");
    Err(Error::internal(message).with("fact", &fact.name))
}

/// How many of the rows have an unknown member, by role.
pub(super) async fn unknown_members(
    loading: &Loading<'_>,
    fact: &Fact,
    table: &TableState,
) -> Result<Vec<String>> {
    let may_be_unknown = |role: &&FactRole| !known(&role.key_column(), &table.files);
    let roles: Vec<&FactRole> = fact.roles.iter().filter(may_be_unknown).collect();
    if roles.is_empty() {
        return Ok(Vec::new());
    }
    let unknown = SurrogateKey::UNKNOWN.0;
    let counts = roles.iter().map(|role| {
        let key = fact_sql::quoted(&role.key_column());
        format!("count(CASE WHEN {key} = {unknown} THEN 1 END)")
    });
    let counts: Vec<String> = counts.collect();
    let session = loading.session(&[(WRITTEN, table)]);
    let sql = format!("SELECT {} FROM {WRITTEN}", counts.join(", "));
    let counts = rows::counts(&session, &sql).await?;
    let pairs = roles.iter().zip(counts).filter(|(_, count)| *count > 0);
    Ok(pairs.map(|(role, count)| format!("{count} rows have an unknown {}", role.role)).collect())
}

/// Whether the files' statistics say that all members of a role are known.
fn known(key: &str, files: &[DataFile]) -> bool {
    let least = |file: &DataFile| file.statistics.get(key)?.min.as_ref()?.parse::<i32>().ok();
    files.iter().all(|file| least(file).is_some_and(|least| least >= 0))
}
