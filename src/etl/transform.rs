//! Transformation: a job's SQL over its staged sources and the warehouse as loaded so far.

use super::job::Job;
use crate::engine::{Engine, Query, Session};
use crate::error::Result;
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
    let sql = match condition {
        Some(condition) => {
            format!("SELECT * FROM (\n{}\n) AS rows_within WHERE {condition}", sql(job, marks))
        }
        None => sql(job, marks),
    };
    session.plan_sql(&sql).await.map_err(|error| error.with("job", &job.job))
}

fn sql(job: &Job, marks: &[(&str, &str)]) -> String {
    let written = job.transform.as_deref().map(|sql| sql.trim().trim_end_matches(';').to_owned());
    let source = job.sources.first().map(|source| source.name.as_str()).unwrap_or_default();
    if marks.is_empty() {
        return written.unwrap_or_else(|| format!("SELECT * FROM \"{source}\""));
    }
    let marks: Vec<String> =
        marks.iter().map(|(name, expression)| format!("({expression}) AS \"{name}\"")).collect();
    let rows = match written {
        // On lines of its own: the text may end in a comment.
        Some(sql) => format!("(\n{sql}\n) AS rows_of_the_job"),
        None => format!("\"{source}\""),
    };
    format!("SELECT *, {} FROM {rows}", marks.join(", "))
}
