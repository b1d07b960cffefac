//! Runs `tests/olap/*.slt`: SQL and its answers, as a person reads them (see sqllogictest).

use super::cubes::traps::world;
use super::engine_fixture::{Fixture, answer, rows};
use async_trait::async_trait;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};
use starhouse::engine::Session;
use starhouse::error::Error;
use std::path::Path;

struct Connection(Session);

#[async_trait]
impl AsyncDB for Connection {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let query = self.0.plan_sql(sql).await?;
        let types = query
            .schema()
            .fields()
            .iter()
            .map(|field| match field.data_type() {
                ty if ty.is_integer() => DefaultColumnType::Integer,
                ty if ty.is_numeric() => DefaultColumnType::FloatingPoint,
                _ => DefaultColumnType::Text,
            })
            .collect();
        let mut rows = rows(&answer(&query).await?);
        for value in rows.iter_mut().flatten().filter(|value| value.is_empty()) {
            "(empty)".clone_into(value);
        }
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "starhouse"
    }
}

/// Runs the files of a folder.
async fn run(folder: &Path, session: &Session) {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let mut runner = Runner::new(|| async { Ok(Connection(session.clone())) });
        if let Err(error) = runner.run_file_async(&file).await {
            panic!("{error}");
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_answers_as_written() {
    let fixture = Fixture::new().await;
    run(&root().join("tests/olap"), &fixture.session().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_supported_and_refused_is_as_documented() {
    let (_at, session) = world().await;
    run(&root().join("tests/olap/trade"), &session).await;
    run(&root().join("tests/olap/trade"), &session.with_aggregates(false)).await;
}

/// The first cells of the tables of docs/cubes-in-sql.md stand as comments above their statements.
#[test]
fn every_row_of_the_support_matrix_has_a_statement() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (page, matrix) = (read("docs/cubes-in-sql.md"), read("tests/olap/trade/matrix.slt"));
    let (_, tables) = page.split_once("## What is supported").unwrap();
    let rows = tables.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| SQL"));
    let cells: Vec<&str> = rows.map(|row| row.split('|').nth(1).unwrap().trim()).collect();
    assert!(cells.len() > 25, "{cells:?}");
    for cell in cells {
        let begins = format!("\n# {cell}\n");
        let (_, block) = matrix.split_once(&begins).unwrap_or_else(|| panic!("no test of: {cell}"));
        let first = block.trim_start().lines().next().unwrap();
        assert!(first.starts_with("query") || first.starts_with("statement"), "{cell}: {first}");
    }
}
