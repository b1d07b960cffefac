//! `starhouse etl test`: jobs on the fixture files of `fixtures/`, each test in a warehouse of its own.

use crate::cli::files;
use crate::cli::project::Declared;
use crate::clock::{Clock, FixedClock};
use crate::engine::{Engine, Session, error_of};
use crate::error::{Error, Result};
use crate::etl::fixtures::{Batch, Expected, Written, load};
use crate::etl::jobs::Jobs;
use crate::etl::run::{Request, run};
use crate::policy::Principal;
use crate::store::Warehouse;
use arrow::array::Array;
use arrow::util::display::array_value_to_string;
use futures::TryStreamExt;
use std::io::Write;
use std::sync::Arc;

/// Runs the tests of a project; of those named, where any are.
///
/// # Errors
/// Data where a test fails, after all of them were run and told of.
pub(super) async fn test(
    declared: &Declared,
    jobs: &Jobs,
    only: &[String],
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let tests = load(&files::yaml(&declared.root, "fixtures")?, jobs)?;
    for name in only {
        if !tests.iter().any(|written| written.test.test.value == *name) {
            let names: Vec<&str> = tests.iter().map(|w| w.test.test.value.as_str()).collect();
            return Err(Error::not_found(format!("there is no test `{name}`"))
                .hint(format!("the tests are {}", names.join(", "))));
        }
    }
    let wanted = |written: &&Written| only.is_empty() || only.contains(&written.test.test.value);
    let (mut passed, mut failed) = (0, 0);
    let broken = |error| Error::internal("tests cannot be told of").caused_by(error);
    for written in tests.iter().filter(wanted) {
        let wrong = one(declared, jobs, written).await?;
        let name = &written.test.test.value;
        match wrong.as_slice() {
            [] => {
                passed += 1;
                writeln!(out, "ok      {name}").map_err(broken)?;
            }
            lines => {
                failed += 1;
                writeln!(out, "failed  {name}").map_err(broken)?;
                for line in lines {
                    writeln!(out, "        {line}").map_err(broken)?;
                }
            }
        }
    }
    writeln!(out, "{passed} passed, {failed} failed").map_err(broken)?;
    match failed {
        0 => Ok(()),
        _ => Err(Error::data(format!("{failed} tests failed"))),
    }
}

/// Runs a test; what is wrong, in lines.
async fn one(declared: &Declared, jobs: &Jobs, written: &Written) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()
        .map_err(|error| Error::internal("a test has no folder").caused_by(error))?;
    let only: Vec<String> = written.test.jobs.iter().map(|job| job.value.clone()).collect();
    let mut wrong = Vec::new();
    for (number, batch) in written.test.batches.iter().enumerate() {
        batch.arrive(&declared.root, folder.path())?;
        let now = batch.moment().unwrap_or_default();
        let clock: Arc<dyn Clock> = Arc::new(FixedClock(now));
        let warehouse =
            Warehouse::open(&folder.path().join("warehouse"), Arc::clone(&clock)).await?;
        let engine = Engine::new(
            warehouse.clone(),
            Arc::clone(&declared.model),
            declared.engine_settings(),
            Arc::clone(&clock),
        )?;
        let request = Request {
            only: &only,
            as_of: now,
            ..Request::new(folder.path(), &engine, jobs, clock)
        };
        let outcome = run(&request).await.map(|_| ());
        let place = |line: u32| format!("{}:{line}", written.file);
        if let Some(line) = unexpected(batch, outcome) {
            let line = format!("{}: batch {}: {line}", place(batch.as_of.place.line), number + 1);
            wrong.push(line);
            // What comes after builds on what did not come about.
            return Ok(wrong);
        }
        let session = engine.session(Principal::local(), warehouse.latest().await?);
        for expected in &batch.expect {
            let lines = match answer(&session, expected).await {
                Ok(found) => expected.differs(&found),
                Err(error) => vec![error.to_string()],
            };
            let place = place(expected.sql.place.line);
            wrong.extend(lines.into_iter().map(|line| format!("{place}: {line}")));
        }
    }
    Ok(wrong)
}

/// What is wrong with how a run ended, if anything is.
fn unexpected(batch: &Batch, outcome: Result<()>) -> Option<String> {
    match (&batch.fails, outcome) {
        (None, Ok(())) => None,
        (None, Err(error)) => Some(format!("the run failed: {error}")),
        (Some(words), Ok(())) => {
            Some(format!("the run succeeded, expected an error with `{}`", words.value))
        }
        (Some(words), Err(error)) => {
            let told = error.to_string();
            (!told.contains(&words.value))
                .then(|| format!("expected an error with `{}`, found: {told}", words.value))
        }
    }
}

async fn answer(session: &Session, expected: &Expected) -> Result<Vec<Vec<Option<String>>>> {
    let query = session.plan_sql(&expected.sql.value).await?;
    let batches: Vec<_> = query.execute().await?.try_collect().await.map_err(error_of)?;
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let cell = |column: &arrow::array::ArrayRef| {
                column.is_valid(row).then(|| array_value_to_string(column, row).unwrap_or_default())
            };
            rows.push(batch.columns().iter().map(cell).collect());
        }
    }
    Ok(rows)
}
