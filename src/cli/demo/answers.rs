//! A sample's questions, asked as cube queries and in SQL.

use crate::cli::failure::Failure;
use crate::cli::output::failed;
use crate::cli::project::{At, Project};
use crate::cli::table::AnswerTable;
use crate::engine::{Query, Session};
use crate::error::{Error, Result};
use crate::query::CubeQuery;
use crate::sample::project::Sample;
use crate::sample::questions::Question;
use arrow::array::RecordBatch;
use futures::TryStreamExt;
use std::io::Write;
use std::time::{Duration, Instant};

/// An answer and how long it took, planning included.
struct Answer {
    /// As it is printed.
    table: String,
    /// All of it.
    all: String,
    elapsed: Duration,
    routing: Vec<String>,
}

/// The most rows of an answer that are printed.
const SHOWN: usize = 40;

/// Asks and prints all questions of a sample.
pub(super) async fn all(
    project: &Project,
    sample: Sample,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let session = project.session(&At::default()).await?;
    let mut different = Vec::new();
    for (number, question) in (1..).zip(sample.questions()?) {
        if !one(&session, number, &question, out).await? {
            different.push(number.to_string());
        }
    }
    if different.is_empty() {
        return Ok(());
    }
    Err(Error::internal("SQL answers otherwise than the cube query")
        .with("questions", different.join(", "))
        .into())
}

/// Asks and prints one question; whether both ways of asking give the same rows.
async fn one(
    session: &Session,
    number: usize,
    question: &Question,
    out: &mut impl Write,
) -> Result<bool, Failure> {
    let cube = ask_cube(session, question).await?;
    let sql = ask_sql(session, question).await?;
    writeln!(out, "{number}. {}\n", question.title)?;
    writeln!(out, "{}", indented(question.cube_query))?;
    writeln!(out, "{}", indented(question.sql))?;
    writeln!(out, "{}", cube.table)?;
    let (cube_ms, sql_ms) = (cube.elapsed.as_millis(), sql.elapsed.as_millis());
    writeln!(out, "cube query {cube_ms} ms, SQL {sql_ms} ms")?;
    for route in &cube.routing {
        writeln!(out, "{route}")?;
    }
    let same = cube.all == sql.all;
    if !same {
        writeln!(out, "SQL answers differently:\n{}", sql.table)?;
    }
    writeln!(out)?;
    Ok(same)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

async fn ask_cube(session: &Session, question: &Question) -> Result<Answer> {
    let started = Instant::now();
    let asked: CubeQuery = serde_saphyr::from_str(question.cube_query).map_err(|error| {
        Error::internal("a question of the sample is no cube query")
            .with("question", question.name)
            .caused_by(error)
    })?;
    answer(&session.plan_cube_query(&asked).await?, started).await
}

async fn ask_sql(session: &Session, question: &Question) -> Result<Answer> {
    let started = Instant::now();
    answer(&session.plan_sql(question.sql).await?, started).await
}

async fn answer(query: &Query, started: Instant) -> Result<Answer> {
    let batches: Vec<RecordBatch> = query.execute().await?.try_collect().await.map_err(failed)?;
    let elapsed = started.elapsed();
    let render = |rows: usize| {
        let mut table = AnswerTable::new(&query.schema(), rows);
        batches.iter().try_for_each(|batch| table.add(batch)).map(|()| table.render())
    };
    let (table, all) = (render(SHOWN)?, render(0)?);
    Ok(Answer { table, all, elapsed, routing: query.routing().to_vec() })
}
