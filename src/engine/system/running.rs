//! `system.running`: what this process is answering now.

use super::arrays::{column, count, moment, optional, optional_text, text};
use super::{SystemSource, SystemTable};
use crate::error::Result;
use crate::model::{Column, ColumnType};
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Running;

#[async_trait]
impl SystemTable for Running {
    fn name(&self) -> &'static str {
        "running"
    }

    fn description(&self) -> &'static str {
        "one row a query that this server is answering now, this one among them, oldest first"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("at", ColumnType::Timestamp, "when it was asked"),
            column("principal", ColumnType::Text, "who asked"),
            column("release", ColumnType::Int64, "the release it sees"),
            column("text", ColumnType::Text, "the SQL, or the cube query as JSON"),
            column("elapsed_ms", ColumnType::Int64, "milliseconds since it began"),
            column("routing", ColumnType::Text, "which aggregates answer, or why none does"),
            optional("tag", ColumnType::Text, "what the session tags its questions with"),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let queries = source.warehouse.running_queries();
        Ok(vec![
            moment(queries.iter().map(|q| q.at)),
            text(queries.iter().map(|q| &q.principal)),
            count(queries.iter().map(|q| q.release.0)),
            text(queries.iter().map(|q| &q.text)),
            count(queries.iter().map(|q| q.elapsed_ms)),
            text(queries.iter().map(|q| q.routing.join("\n"))),
            optional_text(queries.iter().map(|q| q.tag.as_deref())),
        ])
    }
}
