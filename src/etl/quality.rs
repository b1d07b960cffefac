//! Expectations: looked at when everything is loaded and before anything is published.

use super::load::quoted;
use super::rows;
use crate::engine::{Engine, Session};
use crate::error::{Error, Result, counted};
use crate::model::{Check, ColumnType, Expectation, Model, OnFail};
use crate::policy::Principal;
use crate::store::{QualityOutcome, QualityRecord, Release};
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// Rows at fault that are shown.
const EXAMPLES: usize = 3;

/// What expectations are looked at against.
pub(crate) struct Against<'a> {
    /// Plans and runs SQL.
    pub(crate) engine: &'a Engine,
    /// The warehouse as it would be published.
    pub(crate) now: Arc<Release>,
    /// The last release.
    pub(crate) before: Arc<Release>,
    /// The run's business time.
    pub(crate) as_of: DateTime<Utc>,
}

/// Looks at what is expected of tables that have changed.
///
/// # Errors
/// User errors where an expectation's SQL does not plan.
pub(crate) async fn check(against: &Against<'_>) -> Result<Vec<QualityRecord>> {
    let mut records = Vec::new();
    for (table, expectations) in &against.engine.model().expectations {
        let now = against.now.tables.get(table);
        if now.is_none() || now == against.before.tables.get(table) {
            continue;
        }
        for expectation in expectations {
            let looked = look(against, table, expectation).await;
            let (met, found) = looked.map_err(|error| {
                error.with("table", table).with("expectation", expectation.check.in_words())
            })?;
            records.push(QualityRecord {
                table: table.clone(),
                expectation: expectation.check.in_words(),
                description: expectation.description.clone(),
                outcome: match (met, expectation.on_fail) {
                    (true, _) => QualityOutcome::Passed,
                    (false, OnFail::Warn) => QualityOutcome::Warned,
                    (false, OnFail::Stop) => QualityOutcome::Failed,
                },
                found,
            });
        }
    }
    Ok(records)
}

/// The error of a run whose tables are not what is expected of them; none where they are.
pub(crate) fn stops(records: &[QualityRecord]) -> Option<Error> {
    let failed = records.iter().filter(|record| record.outcome == QualityOutcome::Failed);
    let words: Vec<String> = failed.map(in_words).collect();
    if words.is_empty() {
        return None;
    }
    let message = format!("expectations are not met: {}", words.join("; "));
    Some(Error::data(message).hint(
        "mend the source or the job; `at_most` allows a share of rows, `on_fail: warn` publishes \
         all the same",
    ))
}

/// An expectation that is not met, in words.
pub(crate) fn in_words(record: &QualityRecord) -> String {
    format!("{} {}: {}", record.table, record.expectation, record.found)
}

/// Whether an expectation is met, and what was found.
async fn look(
    against: &Against<'_>,
    table: &str,
    expectation: &Expectation,
) -> Result<(bool, String)> {
    let now = session(against, &against.now);
    let model = against.engine.model();
    let rows = rows_of(model, table);
    match &expectation.check {
        Check::RowDrift(share) => drift(against, &rows, "count(*)", *share).await,
        Check::SumDrift { column, share } => {
            drift(against, &rows, &format!("sum({})", quoted(column)), *share).await
        }
        Check::Fresh { column, within_hours } => {
            fresh(against, &now, &rows, column, *within_hours).await
        }
        check => {
            let at_fault = at_fault(model, table, check, &rows);
            let sql = format!(
                "SELECT (SELECT count(*) FROM ({at_fault}) AS f) AS faults, \
                 (SELECT count(*) FROM {rows} AS r) AS all_rows"
            );
            let counts = rows::counts(&now, &sql).await?;
            let [faults, all] = counts.as_slice() else {
                return Err(Error::internal("rows at fault did not answer with their number"));
            };
            let met = *faults as f64 <= expectation.at_most * *all as f64;
            let mut found = format!("{faults} of {}", counted(*all, "row", "rows"));
            if !met {
                let sql = format!("SELECT * FROM ({at_fault}) AS f LIMIT {EXAMPLES}");
                found += &examples(&rows::answer(&now, &sql).await?);
            }
            Ok((met, found))
        }
    }
}

fn session(against: &Against<'_>, release: &Arc<Release>) -> Session {
    against.engine.load_session(Principal::pipeline(), Arc::clone(release), Vec::new(), None)
}

/// The rows that a table's expectations are about, as SQL.
fn rows_of(model: &Model, table: &str) -> String {
    let own = format!("warehouse.{}", quoted(table));
    match model.dimensions.iter().find(|dimension| dimension.table() == table) {
        Some(dimension) => {
            let current = if dimension.is_versioned() { " AND is_current" } else { "" };
            let key = quoted(&dimension.key_column());
            format!("(SELECT * FROM {own} WHERE {key} >= 0{current})")
        }
        None => own,
    }
}

/// The rows at fault, or the keys of those that come twice, as SQL.
fn at_fault(model: &Model, table: &str, check: &Check, rows: &str) -> String {
    let list = |columns: &[String]| columns.iter().map(|c| quoted(c)).collect::<Vec<_>>();
    match check {
        Check::Unique(columns) => {
            let columns = list(columns).join(", ");
            format!("SELECT {columns} FROM {rows} AS r GROUP BY {columns} HAVING count(*) > 1")
        }
        Check::NotNull(columns) => {
            let nulls = list(columns).into_iter().map(|column| format!("{column} IS NULL"));
            where_(rows, &nulls.collect::<Vec<_>>().join(" OR "))
        }
        Check::Accepted { column, values } => {
            let values = values.iter().map(|value| format!("'{}'", value.replace('\'', "''")));
            let values = values.collect::<Vec<_>>().join(", ");
            where_(rows, &format!("CAST({} AS VARCHAR) NOT IN ({values})", quoted(column)))
        }
        Check::Known(role) => {
            let fact = model.facts.iter().find(|fact| fact.table() == table);
            let role = fact.and_then(|fact| fact.role(role));
            let key = role.map(crate::model::FactRole::key_column).unwrap_or_default();
            let unknown = crate::ids::SurrogateKey::UNKNOWN.0;
            where_(rows, &format!("{} = {unknown}", quoted(&key)))
        }
        Check::Holds(condition) => where_(rows, &format!("NOT ({condition})")),
        Check::Query(query) => query.trim().trim_end_matches(';').to_owned(),
        Check::RowDrift(_) | Check::SumDrift { .. } | Check::Fresh { .. } => where_(rows, "false"),
    }
}

fn where_(rows: &str, condition: &str) -> String {
    format!("SELECT * FROM {rows} AS r WHERE {condition}")
}

/// How far a number is from what it was in the last release; met where there was none.
async fn drift(
    against: &Against<'_>,
    rows: &str,
    number: &str,
    share: f64,
) -> Result<(bool, String)> {
    let sql = format!("SELECT {number} FROM {rows} AS r");
    let now = one_number(&session(against, &against.now), &sql).await?.unwrap_or(0.0);
    let table = rows.contains("warehouse.").then(|| session(against, &against.before));
    let before = match table {
        Some(session) => match session.plan_sql(&sql).await {
            Ok(_) => one_number(&session, &sql).await?,
            // There was no such table, or it had no such column.
            Err(_) => None,
        },
        None => None,
    };
    let Some(before) = before.filter(|before| *before != 0.0) else {
        return Ok((true, format!("{now}, and nothing before")));
    };
    let drift = (now - before).abs() / before.abs();
    Ok((drift <= share, format!("{now} after {before}, a change of {:.1} %", drift * 100.0)))
}

async fn fresh(
    against: &Against<'_>,
    now: &Session,
    rows: &str,
    column: &str,
    within_hours: u32,
) -> Result<(bool, String)> {
    let sql = format!("SELECT max({}) FROM {rows} AS r", quoted(column));
    let answer = rows::answer(now, &sql).await?;
    let newest = cast(answer.column(0), &ColumnType::Timestamp.arrow())
        .and_then(|newest| cast(&newest, &DataType::Int64))
        .map_err(|error| Error::internal("the newest value is no moment").caused_by(error))?;
    let newest = newest.as_primitive::<Int64Type>();
    if newest.is_empty() || newest.is_null(0) {
        return Ok((false, "no value at all".to_owned()));
    }
    let newest = DateTime::<Utc>::from_timestamp_micros(newest.value(0)).unwrap_or_default();
    let age = against.as_of - newest;
    let met = age <= chrono::Duration::hours(i64::from(within_hours));
    Ok((met, format!("the newest is of {newest}, {} h before {}", age.num_hours(), against.as_of)))
}

async fn one_number(session: &Session, sql: &str) -> Result<Option<f64>> {
    let answer = rows::answer(session, sql).await?;
    let number = cast(answer.column(0), &DataType::Float64)
        .map_err(|error| Error::internal("a drift is no number").caused_by(error))?;
    let number = number.as_primitive::<Float64Type>();
    Ok((!number.is_empty() && number.is_valid(0)).then(|| number.value(0)))
}

/// Some rows, in words.
fn examples(rows: &RecordBatch) -> String {
    let schema = rows.schema();
    let row = |row: usize| {
        let cells = schema.fields().iter().zip(rows.columns()).map(|(field, column)| {
            let value = array_value_to_string(column, row).unwrap_or_default();
            let value = if column.is_null(row) { "NULL".to_owned() } else { value };
            format!("{} = {value}", field.name())
        });
        format!("({})", cells.take(6).collect::<Vec<_>>().join(", "))
    };
    let shown: Vec<String> = (0..rows.num_rows()).map(row).collect();
    if shown.is_empty() { String::new() } else { format!(", such as {}", shown.join(", ")) }
}
