//! `system.lineage`: which column comes from which, as the last run that published found it.

use super::arrays::{column, text};
use super::{SystemSource, SystemTable};
use crate::error::Result;
use crate::model::{Column, ColumnType};
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Lineage;

#[async_trait]
impl SystemTable for Lineage {
    fn name(&self) -> &'static str {
        "lineage"
    }

    fn description(&self) -> &'static str {
        "one row a pair of columns of which one comes from the other"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("made_by", ColumnType::Text, "the job, or the cube"),
            column("comes_from", ColumnType::Text, "the column, with its source or table"),
            column(
                "column_name",
                ColumnType::Text,
                "what comes from it: a column, the rows (*) of a table, a measure",
            ),
            column(
                "how",
                ColumnType::Text,
                "value, key, moment, filter, join, group, order or rows",
            ),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let edges = source.warehouse.lineage().await?;
        Ok(vec![
            text(edges.iter().map(|edge| &edge.by)),
            text(edges.iter().map(|edge| &edge.from)),
            text(edges.iter().map(|edge| &edge.to)),
            text(edges.iter().map(|edge| &edge.how)),
        ])
    }
}
