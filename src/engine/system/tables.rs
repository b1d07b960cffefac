//! `system.tables`: the stored tables of the session's release.

use super::arrays::{column, count, optional, optional_count, optional_text, text};
use super::{SystemSource, SystemTable};
use crate::engine::describe;
use crate::error::Result;
use crate::model::{Column, ColumnType};
use crate::store::TableState;
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Tables;

#[async_trait]
impl SystemTable for Tables {
    fn name(&self) -> &'static str {
        "tables"
    }

    fn description(&self) -> &'static str {
        "one row a stored table of the session's release"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("table_name", ColumnType::Text, "its name in the schema warehouse"),
            column("kind", ColumnType::Text, "dimension, fact or aggregate"),
            column("rows", ColumnType::Int64, "its rows"),
            column("files", ColumnType::Int64, "its Parquet files"),
            column("size_bytes", ColumnType::Int64, "bytes of its files"),
            optional("delta_version", ColumnType::Int64, "the Delta version with these files"),
            optional("partition_by", ColumnType::Text, "the column that its files are split by"),
            column("sort_by", ColumnType::Text, "the columns by which each file is sorted"),
            column("location", ColumnType::Text, "its folder in the warehouse"),
            column("description", ColumnType::Text, "what it holds"),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let tables: Vec<(&str, &TableState)> =
            source.release.tables.iter().map(|(name, state)| (name.as_str(), state)).collect();
        let states = || tables.iter().map(|(_, state)| *state);
        Ok(vec![
            text(tables.iter().map(|(name, _)| name)),
            text(tables.iter().map(|(name, _)| describe::kind(name))),
            count(states().map(TableState::rows)),
            count(states().map(|state| state.files.len() as u64)),
            count(states().map(TableState::size_bytes)),
            optional_count(states().map(|state| state.delta_version)),
            optional_text(states().map(|state| state.partition_by.as_deref())),
            text(states().map(|state| state.sort_by.join(", "))),
            text(states().map(|state| &state.location)),
            text(tables.iter().map(|(name, _)| describe::table(&source.model, name))),
        ])
    }
}
