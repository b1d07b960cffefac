//! A job's rows into a fact: surrogate keys at event time, then append, upsert or replace.
//!
//! Facts never vanish: what was transformed is counted, and every row of it is written, found
//! unchanged, or deletes another; a difference stops the load.

use super::clustered::{self, Clustered};
use super::fact_sql::{self, KEYED};
use super::fact_table::{check_rows, count, spec, stored_columns, unknown_members};
use super::{Loaded, Loading, grain, infer, junk, keyed, new_roles, stage, upsert};
use crate::error::{Error, Result, counted};
use crate::etl::job::{FactLoad, FactMode};
use crate::model::Fact;
use crate::store::{Change, DataFile, TableState};
use std::collections::BTreeSet;
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
    junk::prepare(loading, fact, &model).await?;
    check_dimensions(loading, fact)?;
    let filled = match spec.mode {
        FactMode::Replace => None,
        _ => new_roles::fill(loading, fact).await?,
    };
    let incoming = loading.incoming.take();
    let keyed = keyed::stage(loading, incoming, spec, fact, &model).await?;
    let keyed = infer::infer(loading, fact, &model, keyed).await?;
    let keyed = junk::combine(loading, fact, &model, keyed).await?;
    loading.progress.loading(&loading.job.job, &fact.table());
    grain::check(loading, fact, &keyed.table, keyed.may_repeat).await?;
    let mut loaded = match spec.mode {
        FactMode::Append | FactMode::Replace => whole(loading, spec, fact, &keyed.table).await?,
        FactMode::OverwritePartitions => overwrite(loading, fact, &keyed.table).await?,
        FactMode::Upsert => upsert::load(loading, fact, &keyed.table).await?,
    };
    loaded.rows_in = keyed.table.rows();
    loaded.notes.splice(0..0, filled.into_iter().chain(keyed.notes));
    Ok(loaded)
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
        let message = format!("{} would be replaced by none", counted(rows_before, "row", "rows"));
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

/// All rows are written as they come, each partition in place of the one that was there. A partition
/// that becomes what it was is left as it is.
async fn overwrite(loading: &mut Loading<'_>, fact: &Fact, keyed: &TableState) -> Result<Loaded> {
    let spec = spec(fact);
    let before = loading.load.preview().tables.get(&spec.name).cloned();
    if let Some(before) = &before {
        stage::check_partitions(before, &spec)?;
        stage::check_columns(before, &spec)?;
    }
    let files = files_of(loading, fact, keyed).await?;
    check_rows(fact, keyed.rows(), count(&files))?;
    let written: BTreeSet<Option<i32>> = files.iter().map(|file| file.partition).collect();
    let old = before.iter().flat_map(|before| &before.files);
    let (gone, kept): (Vec<DataFile>, Vec<DataFile>) =
        old.cloned().partition(|file| written.contains(&file.partition));
    let (gone, add) = stage::without_same(gone, files.clone());
    let mut loaded = Loaded { rows_written: count(&add), ..Loaded::default() };
    if gone.is_empty() && add.is_empty() && before.is_some() {
        return Ok(loaded);
    }
    let change = match gone.is_empty() {
        true => Change::Append(add),
        false => Change::Exchange { remove: gone.into_iter().map(|file| file.path).collect(), add },
    };
    loading.load.stage(spec.clone(), change)?;
    let Some(table) = loading.load.preview().tables.get(&spec.name).cloned() else {
        return Err(
            Error::internal("a staged table is not in the preview").with("table", &spec.name)
        );
    };
    let in_table = |file: &&DataFile| table.files.iter().any(|own| own.path == file.path);
    let written: Vec<DataFile> = files.iter().filter(in_table).cloned().collect();
    let written = stage::only(&table, &written);
    grain::check_new(loading, fact, &stage::only(&table, &kept), &written).await?;
    loaded.notes = unknown_members(loading, fact, &written).await?;
    Ok(loaded)
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
