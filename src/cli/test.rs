//! `starhouse test`: a project's own tests of its numbers, and what holds in any project.

mod case;
mod invariants;

use super::failure::Failure;
use super::files;
use super::output::failed;
use super::project::{At, Project};
use crate::engine::{Query, Session};
use crate::error::{Error, Result};
use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use case::Case;
use futures::TryStreamExt;
use invariants::Invariant;
use std::io::{self, Write};
use std::path::Path;

/// Ask the project's tests, and check what must hold in any project
///
/// A test is a YAML file in the folder `tests`: a question, in SQL or as a cube query, and the rows
/// expected. Then, for every cube: the parts of an additive measure add up to its total, a distinct
/// count is at most the sum of its parts, and a period to date is the period at its end.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Only tests whose file or name contains this
    name: Option<String>,
    /// Only the tests in files
    #[arg(long)]
    no_invariants: bool,
    #[command(flatten)]
    at: At,
}

const EXAMPLES: &str = "\
Examples:
  starhouse test
  starhouse test revenue --no-invariants

A test, such as tests/revenue_by_month.yaml:
  test: revenue by month
  sql: SELECT month, MEASURE(revenue) FROM cubes.shop GROUP BY month ORDER BY month
  ordered: true                        # a cube query's rows always are
  expect:
    - [2025-01, 118.40]
    - [2025-02, 97.10]

Or with `query:` and a cube query in place of `sql:`; or with `refuse: some words` in place of
`expect:`, where the question must be refused with an error that has these words.";

/// The value of a cell in words; `None` is NULL.
type Cell = Option<String>;

/// Asks all tests and says how they ended.
pub(super) async fn run(project: &Path, args: Args) -> std::result::Result<(), Failure> {
    let files = files::yaml(project, "tests")?;
    let cases = case::read(&files)?;
    let project = Project::open(project).await?;
    // What is proved is not what is asked: advice on aggregates is taken of the log.
    let session = project.session(&args.at).await?.unlogged();
    let wanted = |name: &str| args.name.as_ref().is_none_or(|part| name.contains(part));
    let (mut tests, mut failures) = (0, 0);
    for case in cases.iter().filter(|case| wanted(&case.title())) {
        tests += 1;
        failures += usize::from(!report(&case.title(), ask(&session, case).await)?);
    }
    if !args.no_invariants {
        for invariant in invariants::of(&project.declared.model) {
            if wanted(&invariant.name) {
                tests += 1;
                failures +=
                    usize::from(!report(&invariant.name, hold(&session, &invariant).await)?);
            }
        }
    }
    match (tests, failures) {
        (0, _) => Err(Error::not_found("there is nothing to test")
            .hint("put tests into the folder `tests`; `starhouse test --help` shows one")
            .into()),
        (tests, 0) => {
            Ok(writeln!(io::stdout(), "all right: {}", super::check::amount(tests, "test"))?)
        }
        (tests, failures) => Err(Error::user(format!("{failures} of {tests} tests failed")).into()),
    }
}

/// Prints how a test ended; whether it went well.
fn report(title: &str, outcome: Result<Vec<String>>) -> io::Result<bool> {
    let mut out = io::stdout();
    let faults = outcome.unwrap_or_else(|error| vec![error.to_string()]);
    let word = if faults.is_empty() { "ok" } else { "FAILED" };
    writeln!(out, "{word:<7} {title}")?;
    for fault in &faults {
        writeln!(out, "        {}", fault.replace('\n', "\n        "))?;
    }
    Ok(faults.is_empty())
}

/// What is wrong with the answer to a test, with aggregates and without.
async fn ask(session: &Session, case: &Case) -> Result<Vec<String>> {
    for aggregates in [true, false] {
        let session = session.with_aggregates(aggregates);
        let planned = match &case.question {
            case::Question::Sql(sql) => session.plan_sql(sql).await,
            case::Question::Cube(query) => session.plan_cube_query(query).await,
        };
        let answer = match planned {
            Ok(planned) => rows(&planned).await,
            Err(error) => Err(error),
        };
        let faults = case.faults(answer)?;
        if !faults.is_empty() {
            return Ok(faults);
        }
    }
    Ok(Vec::new())
}

/// Where an invariant does not hold, with aggregates and without.
async fn hold(session: &Session, invariant: &Invariant) -> Result<Vec<String>> {
    for aggregates in [true, false] {
        let session = session.with_aggregates(aggregates);
        let answer = rows(&session.plan_sql(&invariant.sql).await?).await?;
        let faults = invariant.faults(&answer);
        if !faults.is_empty() {
            return Ok(faults);
        }
    }
    Ok(Vec::new())
}

/// The rows of an answer.
async fn rows(query: &Query) -> Result<Vec<Vec<Cell>>> {
    let batches: Vec<RecordBatch> = query.execute().await?.try_collect().await.map_err(failed)?;
    let mut rows = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| cell(column.as_ref(), row));
            rows.push(cells.collect::<Result<_>>()?);
        }
    }
    Ok(rows)
}

fn cell(column: &dyn Array, row: usize) -> Result<Cell> {
    if column.is_null(row) {
        return Ok(None);
    }
    array_value_to_string(column, row)
        .map(Some)
        .map_err(|error| Error::internal("a value cannot be shown").caused_by(error))
}

/// Whether two cells are equal as answers are: numbers to a relative 1e-9, all else as written.
fn same(a: &Cell, b: &Cell) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a == b };
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => (x - y).abs() <= 1e-9 * x.abs().max(y.abs()),
        _ => a == b,
    }
}

fn shown(cells: &[Cell]) -> String {
    let cells = cells.iter().map(|cell| cell.as_deref().unwrap_or("NULL"));
    cells.collect::<Vec<_>>().join(" | ")
}
