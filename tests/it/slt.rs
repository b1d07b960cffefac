//! Runs `tests/olap/*.slt`: SQL and its answers, as a person reads them (see sqllogictest).

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

#[tokio::test(flavor = "multi_thread")]
async fn every_file_answers_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/olap");
    let fixture = Fixture::new().await;
    let session = fixture.session().await;
    let mut files: Vec<_> = std::fs::read_dir(&folder)
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
