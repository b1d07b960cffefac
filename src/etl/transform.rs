//! Transformation: a job's SQL over its staged sources and the warehouse as loaded so far.

mod one_a_key;

use super::job::Job;
use super::rows;
use crate::engine::{Engine, Query, Session};
use crate::error::{Error, Result};
use crate::policy::Principal;
use crate::store::{Release, TableState};
use std::sync::Arc;

/// A session over the warehouse as this run has loaded it so far, with staged tables beside it.
pub(crate) fn session(
    engine: &Engine,
    preview: Arc<Release>,
    staged: Vec<(String, TableState)>,
) -> Session {
    engine.load_session(Principal::pipeline(), preview, staged, None)
}

/// Plans a job's transformation. `marks` are more columns to compute over its rows: SQL
/// expressions with their names; `condition` is one that its rows must meet.
///
/// # Errors
/// User errors where the SQL does not plan.
pub(crate) async fn plan(
    session: &Session,
    job: &Job,
    marks: &[(&str, &str)],
    condition: Option<&str>,
) -> Result<Query> {
    let place = |error: Error| error.with("job", &job.job);
    let written = match &job.deduplicate {
        Some(spec) => {
            let sql = written(job);
            let yielded = session.plan_sql(&sql).await.map_err(place)?.schema();
            let columns: Vec<&str> = yielded.fields().iter().map(|f| f.name().as_str()).collect();
            Some(one_a_key::one_a_key(spec, &sql, &columns).map_err(place)?)
        }
        None => job.transform.as_ref().map(|_| written(job)),
    };
    let rows = rows_of(job, written, marks);
    let sql = match condition {
        Some(condition) => {
            format!("SELECT * FROM (\n{rows}\n) AS rows_within WHERE {condition}")
        }
        None => rows,
    };
    session.plan_sql(&sql).await.map_err(place)
}

/// How many rows of a job have the key of another, which stays in their place.
///
/// # Errors
/// User errors where the SQL does not plan.
pub(crate) async fn duplicates(session: &Session, job: &Job) -> Result<u64> {
    let Some(spec) = &job.deduplicate else { return Ok(0) };
    let counts = rows::counts(session, &one_a_key::others(spec, &written(job))).await;
    Ok(counts.map_err(|error| error.with("job", &job.job))?.first().copied().unwrap_or_default())
}

/// The job's SQL as somebody has written it; its only source where nobody has.
fn written(job: &Job) -> String {
    match &job.transform {
        Some(sql) => sql.trim().trim_end_matches(';').to_owned(),
        None => format!("SELECT * FROM \"{}\"", only_source(job)),
    }
}

fn only_source(job: &Job) -> &str {
    job.sources.first().map(|source| source.name.as_str()).unwrap_or_default()
}

fn rows_of(job: &Job, written: Option<String>, marks: &[(&str, &str)]) -> String {
    if marks.is_empty() {
        return written.unwrap_or_else(|| self::written(job));
    }
    let marks: Vec<String> =
        marks.iter().map(|(name, expression)| format!("({expression}) AS \"{name}\"")).collect();
    let rows = match written {
        // On lines of its own: the text may end in a comment.
        Some(sql) => format!("(\n{sql}\n) AS rows_of_the_job"),
        None => format!("\"{}\"", only_source(job)),
    };
    format!("SELECT *, {} FROM {rows}", marks.join(", "))
}
