//! `system.queries`: the query log.

use super::arrays::{column, count, moment, optional, optional_text, text};
use super::{SystemSource, SystemTable};
use crate::error::Result;
use crate::model::{Column, ColumnType};
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Queries;

#[async_trait]
impl SystemTable for Queries {
    fn name(&self) -> &'static str {
        "queries"
    }

    fn description(&self) -> &'static str {
        "one row a query that was answered or refused, oldest first"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("at", ColumnType::Timestamp, "when it was asked"),
            column("principal", ColumnType::Text, "who asked"),
            column("release", ColumnType::Int64, "the release it saw"),
            column("text", ColumnType::Text, "the SQL, or the cube query as JSON"),
            column("elapsed_ms", ColumnType::Int64, "milliseconds it took, planning included"),
            column("rows", ColumnType::Int64, "rows answered"),
            column("routing", ColumnType::Text, "which aggregates answered, or why none did"),
            optional("tag", ColumnType::Text, "what the session tags its questions with"),
            optional("error", ColumnType::Text, "why it was refused or failed"),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let queries = source.warehouse.queries().await?;
        Ok(vec![
            moment(queries.iter().map(|q| q.at)),
            text(queries.iter().map(|q| &q.principal)),
            count(queries.iter().map(|q| q.release.0)),
            text(queries.iter().map(|q| &q.text)),
            count(queries.iter().map(|q| q.elapsed_ms)),
            count(queries.iter().map(|q| q.rows)),
            text(queries.iter().map(|q| q.routing.join("\n"))),
            optional_text(queries.iter().map(|q| q.tag.as_deref())),
            optional_text(queries.iter().map(|q| q.error.as_deref())),
        ])
    }
}
