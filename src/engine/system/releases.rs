//! `system.releases`: every release that can still be asked.

use super::arrays::{column, count, moment, text};
use super::{SystemSource, SystemTable};
use crate::error::Result;
use crate::model::{Column, ColumnType};
use crate::store::TableState;
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Releases;

#[async_trait]
impl SystemTable for Releases {
    fn name(&self) -> &'static str {
        "releases"
    }

    fn description(&self) -> &'static str {
        "one row a retained release of the whole warehouse"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("release", ColumnType::Int64, "its number, as in VERSION AS OF"),
            column("created_at", ColumnType::Timestamp, "when it was published"),
            column("run", ColumnType::Text, "the run that made it"),
            column("summary", ColumnType::Text, "what it brought"),
            column("tables", ColumnType::Int64, "tables in it"),
            column("rows", ColumnType::Int64, "rows in all its tables"),
            column("size_bytes", ColumnType::Int64, "bytes of all its files"),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let releases = source.warehouse.releases().await?;
        Ok(vec![
            count(releases.iter().map(|r| r.id.0)),
            moment(releases.iter().map(|r| r.created_at)),
            text(releases.iter().map(|r| &r.run.0)),
            text(releases.iter().map(|r| &r.summary)),
            count(releases.iter().map(|r| r.tables.len() as u64)),
            count(releases.iter().map(|r| r.tables.values().map(TableState::rows).sum())),
            count(releases.iter().map(|r| r.tables.values().map(TableState::size_bytes).sum())),
        ])
    }
}
