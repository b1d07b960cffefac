//! A job's rows with their surrogate keys, staged in one pass: transformed, fitted, looked up.

use super::fact_sql::{self, DELETE, EVENT, KEYED, ROWS};
use super::fact_table::{check_rows, stored_columns};
use super::grain::Grain;
use super::{Loading, fact_table, junk};
use crate::engine::Streamed;
use crate::error::{Error, Result, counted};
use crate::etl::fit::Fitting;
use crate::etl::job::{FactLoad, FactMode};
use crate::etl::{rows, transform};
use crate::model::{Column, ColumnType, Fact, FactRole, Model};
use crate::store::{Rows, TableState};
use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows that a transformation without sources yields, as a guess.
const ABOUT_ROWS: u64 = 1_000_000;

/// A job's rows with their surrogate keys.
pub(super) struct Keyed {
    /// The fact's columns; then natural keys, as far as they tell rows apart or may be inferred
    /// members' or are flags; then, for an upsert, [`DELETE`]. Clustered by the fact's partition column.
    pub(super) table: TableState,
    /// Whether a key may have come twice.
    pub(super) may_repeat: bool,
    /// What a person should know.
    pub(super) notes: Vec<String>,
}

/// What passes by on the way.
struct Passing {
    rows: u64,
    without_event: u64,
    grain: Grain,
}

/// Transforms a job's rows, fits them and looks their surrogate keys up.
pub(super) async fn stage(
    loading: &Loading<'_>,
    incoming: Option<Streamed>,
    job: &FactLoad,
    fact: &Fact,
    model: &Model,
) -> Result<Keyed> {
    let delete: Vec<(&str, &str)> =
        job.delete_when.iter().map(|condition| (DELETE, condition.as_str())).collect();
    let sources = loading.sources.iter().map(|(_, table)| table.rows()).reduce(u64::saturating_add);
    let about_rows = incoming.as_ref().map(Streamed::about_rows).or(sources);
    let session = match incoming {
        Some(incoming) => loading.session_over(incoming),
        None => loading.session(&[]),
    };
    let within = loading.window.map(|window| fact_sql::within(&job.event_at, window));
    let query = transform::plan(&session, loading.job, &delete, within.as_deref()).await?;
    let wanted = fact_sql::staged_columns(fact, job, model)?;
    let fitting = Fitting::new(&query.schema(), &wanted)?;
    let fitted = fitting.columns().to_vec();
    let natural = fact_sql::natural_key(fact, model)?;
    let grain = Grain::new(&fitted, &natural, loading.engine.reserve("keys of a load's rows"))?;
    let passing = Arc::new(Mutex::new(Passing { rows: 0, without_event: 0, grain }));
    let rows = observed(rows::fitted_views(&query, fitting).await?, Arc::clone(&passing));

    let (more, columns) = columns(job, fact, &fitted, &kept(fact, model, natural));
    let sql = fact_sql::look_up(fact, model, &more)?;
    let about_rows = about_rows.unwrap_or(ABOUT_ROWS);
    let session = loading.session_over(Streamed::new(ROWS, fitted, about_rows, rows));
    let rows = rows::stream_views(&session, &sql, &columns).await?;
    let partition = fact.partition_column();
    let table = loading.load.write_clustered(KEYED, columns, partition, rows).await?;
    drop(session);
    let passed = Arc::into_inner(passing).and_then(|passed| passed.into_inner().ok());
    let passed = passed.ok_or_else(|| Error::internal("rows still pass by after the last"))?;
    check_rows(fact, passed.rows, table.rows())?;
    let notes = missing_events(fact, model, passed.without_event);
    let may_repeat = tokio::task::spawn_blocking(move || passed.grain.may_repeat()).await;
    let may_repeat =
        may_repeat.map_err(|error| Error::internal("keys are not told apart").caused_by(error))?;
    Ok(Keyed { table, may_repeat, notes })
}

/// The columns that are kept beside the fact's own: natural keys that tell rows apart, those of
/// members that may be inferred, and flags.
fn kept(fact: &Fact, model: &Model, mut columns: Vec<String>) -> Vec<String> {
    for role in fact_table::inferred_roles(fact, model) {
        let keys = model.dimension(&role.dimension).map_or(0, |d| d.natural_key.len());
        let keys = (0..keys).map(|position| fact_sql::key_name(role, position));
        columns.extend(keys.chain([EVENT.to_owned()]));
    }
    columns.extend(junk::kept(fact, model));
    let mut once = Vec::new();
    columns.retain(|column| {
        let first = !once.contains(column);
        once.push(column.clone());
        first
    });
    columns
}

/// Columns beside the fact's own, as SQL, and all columns that are staged.
fn columns(
    job: &FactLoad,
    fact: &Fact,
    fitted: &[Column],
    natural: &[String],
) -> (Vec<String>, Vec<Column>) {
    let mut columns = stored_columns(fact);
    let own = columns.len();
    let is_own = |name: &String| columns[..own].iter().any(|column| column.name == *name);
    let more: Vec<Column> = natural
        .iter()
        .filter(|name| !is_own(name))
        .filter_map(|name| fitted.iter().find(|column| column.name == **name).cloned())
        .collect();
    let mut sql: Vec<String> =
        more.iter().map(|column| format!("r.{}", fact_sql::quoted(&column.name))).collect();
    columns.extend(more);
    if job.mode == FactMode::Upsert {
        sql.push(match job.delete_when {
            Some(_) => format!("coalesce(r.{DELETE}, false) AS {DELETE}"),
            None => format!("false AS {DELETE}"),
        });
        columns.push(Column::new(DELETE, ColumnType::Boolean, false));
    }
    (sql, columns)
}

/// Rows, counted and their keys remembered as they pass by.
fn observed(rows: Rows, passing: Arc<Mutex<Passing>>) -> Rows {
    let observe = move |batch: Result<RecordBatch>| {
        let batch = batch?;
        let mut passing = passing.lock().unwrap_or_else(PoisonError::into_inner);
        passing.rows += batch.num_rows() as u64;
        let without = batch.column_by_name(EVENT).map_or(0, |events| events.null_count());
        passing.without_event += without as u64;
        passing.grain.observe(&batch)?;
        Ok(batch)
    };
    rows.map(observe).boxed()
}

/// Rows without an event's moment find no version of any member; that is said.
fn missing_events(fact: &Fact, model: &Model, count: u64) -> Vec<String> {
    let with_history = |role: &FactRole| {
        let dimension = model.dimension(&role.dimension);
        role.of.is_some() || dimension.is_some_and(|dimension| dimension.keeps_history())
    };
    if count == 0 || !fact.roles.iter().any(with_history) {
        return Vec::new();
    }
    let rows = counted(count, "row has", "rows have");
    vec![format!("{rows} no event time, and so unknown members")]
}

/// The keyed rows (`k`) again, with keys that were not there when they were looked up: for a key's
/// column `key` gives the expression by which it is found now, over what `joins` bring.
pub(super) async fn with_keys(
    loading: &Loading<'_>,
    fact: &Fact,
    keyed: &TableState,
    key: impl Fn(&str) -> Option<String>,
    joins: &[String],
) -> Result<TableState> {
    let column = |column: &Column| {
        let name = fact_sql::quoted(&column.name);
        match key(&column.name) {
            Some(found) => format!("coalesce({found}, k.{name}) AS {name}"),
            None => format!("k.{name}"),
        }
    };
    let columns: Vec<String> = keyed.columns.iter().map(column).collect();
    let sql = format!("SELECT {} FROM {KEYED} AS k {}", columns.join(", "), joins.join(" "));
    let session = loading.session(&[(KEYED, keyed)]);
    let rows = rows::stream_views(&session, &sql, &keyed.columns).await?;
    let partition = fact.partition_column();
    let staged =
        loading.load.write_clustered(KEYED, keyed.columns.clone(), partition, rows).await?;
    check_rows(fact, keyed.rows(), staged.rows())?;
    Ok(staged)
}
