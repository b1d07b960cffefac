//! A job's rows into a fact: surrogate keys at event time, then append, upsert or replace.
//!
//! Facts never vanish: what was transformed is counted, and every row of it is written, found
//! unchanged, or deletes another; a difference stops the load.

use super::fact_sql::{self, DELETE, EVENT, ROWS};
use super::{Loaded, Loading, stage, upsert};
use crate::error::{Error, Result};
use crate::etl::fit::Fitting;
use crate::etl::job::{FactLoad, FactMode};
use crate::etl::{rows, transform};
use crate::model::{Column, Fact, Model};
use crate::store::{Change, DataFile, TableSpec, TableState};
use std::sync::Arc;

/// Rows of the job that were written, seen as a table.
const WRITTEN: &str = "rows_written";

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
    let staged = stage_rows(loading, spec, fact, &model).await?;
    check_grain(loading, fact, &staged).await?;
    let notes = missing_events(loading, fact, &model, &staged).await?;
    let mut loaded = match spec.mode {
        FactMode::Append | FactMode::Replace => whole(loading, spec, fact, &staged).await?,
        FactMode::Upsert => upsert::load(loading, spec, fact, &staged).await?,
    };
    loaded.rows_in = staged.rows();
    loaded.notes.splice(0..0, notes);
    Ok(loaded)
}

/// The table as it is to be written.
pub(super) fn spec(fact: &Fact) -> TableSpec {
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

/// Runs the transformation once and keeps its rows: they are read several times from here on.
async fn stage_rows(
    loading: &Loading<'_>,
    spec: &FactLoad,
    fact: &Fact,
    model: &Model,
) -> Result<TableState> {
    let session = loading.session(&[]);
    let delete: Vec<(&str, &str)> =
        spec.delete_when.iter().map(|condition| (DELETE, condition.as_str())).collect();
    let query = transform::plan(&session, loading.job, &delete).await?;
    let wanted = fact_sql::staged_columns(fact, spec, model)?;
    let fitting = Fitting::new(&query.schema(), &wanted)?;
    let columns = fitting.columns().to_vec();
    let rows = rows::fitted(&query, fitting).await?;
    loading.load.write_staged(ROWS, columns, rows).await
}

/// Rows without an event's moment find no version of any member; that is said.
async fn missing_events(
    loading: &Loading<'_>,
    fact: &Fact,
    model: &Model,
    staged: &TableState,
) -> Result<Vec<String>> {
    let with_history = |role: &crate::model::FactRole| {
        model.dimension(&role.dimension).is_some_and(|dimension| dimension.keeps_history())
    };
    if !fact.roles.iter().any(with_history) {
        return Ok(Vec::new());
    }
    let session = loading.session(&[(ROWS, staged)]);
    let sql = format!("SELECT count(*) FROM {ROWS} WHERE {EVENT} IS NULL");
    Ok(match rows::counts(&session, &sql).await?.first() {
        None | Some(0) => Vec::new(),
        Some(count) => {
            vec![format!("{count} rows have no event time, so their members are unknown")]
        }
    })
}

/// Append or replace: all rows are written as they come.
async fn whole(
    loading: &mut Loading<'_>,
    job: &FactLoad,
    fact: &Fact,
    staged: &TableState,
) -> Result<Loaded> {
    let (spec, mode) = (spec(fact), job.mode);
    let before = loading.load.preview().tables.get(&spec.name).cloned();
    let rows_before = before.as_ref().map_or(0, TableState::rows);
    if mode == FactMode::Replace && staged.rows() == 0 && rows_before > 0 && !job.may_be_empty {
        let message = format!("{rows_before} rows would be replaced by none");
        return Err(Error::data(message).with("fact", &fact.name).hint(
            "look whether the sources are complete; `may_be_empty: true` in the job allows it",
        ));
    }
    if let Some(before) = before.as_ref().filter(|_| mode == FactMode::Append) {
        stage::check_partitions(before, &spec)?;
    }
    let session = loading.session(&[(ROWS, staged)]);
    let keyed = fact_sql::look_up(fact, loading.engine.model(), &[])?;
    let sql = format!("SELECT * FROM ({keyed}) AS keyed ORDER BY {}", fact_sql::order_by(fact));
    let rows = rows::stream_sql(&session, &sql, &spec.columns).await?;
    let files = loading.load.write(&spec, rows).await?;
    check_rows(fact, staged.rows(), count(&files))?;
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
        check_new(loading, fact, before, &written).await?;
    }
    Ok(Loaded {
        rows_written: if changed { count(&files) } else { 0 },
        notes: unknown_members(loading, fact, &written).await?,
        ..Loaded::default()
    })
}

/// Rows in files.
pub(super) fn count(files: &[DataFile]) -> u64 {
    files.iter().map(|file| file.rows).sum()
}

/// Stops a load that would lose or multiply rows.
pub(super) fn check_rows(fact: &Fact, expected: u64, found: u64) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let message = format!("{expected} rows would have become {found}");
    Err(Error::internal(message).with("fact", &fact.name))
}

/// No key comes twice among the staged rows.
async fn check_grain(loading: &Loading<'_>, fact: &Fact, staged: &TableState) -> Result<()> {
    if fact.key.is_empty() || staged.files.is_empty() {
        return Ok(());
    }
    let keys = fact_sql::natural_key(fact, loading.engine.model())?;
    let keys = fact_sql::list("", &keys);
    let sql = format!(
        "SELECT {keys} FROM {ROWS} GROUP BY {keys} HAVING count(*) > 1 ORDER BY {keys} LIMIT 3"
    );
    let session = loading.session(&[(ROWS, staged)]);
    let twice = rows::answer(&session, &sql).await?;
    refuse(fact, &twice, "more than once in the rows of this job", |error| {
        error.hint("`deduplicate` in a source says which row stays; or mend the transformation")
    })
}

/// No key is in the fact already. A member whom nobody knows may be another one each time; what is
/// not applicable is the same each time.
async fn check_new(
    loading: &Loading<'_>,
    fact: &Fact,
    before: &TableState,
    written: &TableState,
) -> Result<()> {
    if fact.key.is_empty() || written.files.is_empty() || before.files.is_empty() {
        return Ok(());
    }
    let keys = fact_sql::list("n.", &fact.key);
    let roles = fact.roles.iter().map(crate::model::FactRole::key_column);
    let unknown = crate::ids::SurrogateKey::UNKNOWN.0;
    let known = roles.filter(|key| fact.key.contains(key));
    let known = known.map(|key| format!("n.{} <> {unknown} AND ", fact_sql::quoted(&key)));
    let sql = format!(
        "SELECT {keys} FROM {WRITTEN} AS n JOIN rows_before AS b ON {}{} ORDER BY {keys} LIMIT 3",
        known.collect::<String>(),
        fact_sql::equal("n", "b", &fact.key)
    );
    let session = loading.session(&[(WRITTEN, written), ("rows_before", before)]);
    let known = rows::answer(&session, &sql).await?;
    refuse(fact, &known, "in the fact already", |error| {
        error.hint("with `mode: upsert` rows replace those with the same key")
    })
}

fn refuse(
    fact: &Fact,
    keys: &arrow::record_batch::RecordBatch,
    what: &str,
    hint: fn(Error) -> Error,
) -> Result<()> {
    if keys.num_rows() == 0 {
        return Ok(());
    }
    let shown = (0..keys.num_rows()).map(|row| {
        let values = keys.columns().iter().map(|column| {
            arrow::util::display::array_value_to_string(column, row).unwrap_or_default()
        });
        format!("({})", values.collect::<Vec<_>>().join(", "))
    });
    let shown: Vec<String> = shown.collect();
    let message = format!("keys are {what}: {} = {}", fact.key.join(", "), shown.join(", "));
    Err(hint(Error::data(message).with("fact", &fact.name)))
}

/// How many of the rows have an unknown member, by role.
pub(super) async fn unknown_members(
    loading: &Loading<'_>,
    fact: &Fact,
    table: &TableState,
) -> Result<Vec<String>> {
    if table.files.is_empty() || fact.roles.is_empty() {
        return Ok(Vec::new());
    }
    let counts = fact.roles.iter().map(|role| {
        let key = fact_sql::quoted(&role.key_column());
        format!("count(CASE WHEN {key} = -1 THEN 1 END)")
    });
    let counts: Vec<String> = counts.collect();
    let session = loading.session(&[(WRITTEN, table)]);
    let sql = format!("SELECT {} FROM {WRITTEN}", counts.join(", "));
    let counts = rows::counts(&session, &sql).await?;
    let pairs = fact.roles.iter().zip(counts).filter(|(_, count)| *count > 0);
    Ok(pairs.map(|(role, count)| format!("{count} rows have an unknown {}", role.role)).collect())
}
