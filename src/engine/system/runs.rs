//! `system.runs`: every run of jobs, failed ones too.

use super::arrays::{
    column, moment, optional, optional_count, optional_moment, optional_text, text,
};
use super::{SystemSource, SystemTable};
use crate::error::Result;
use crate::model::{Column, ColumnType};
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Runs;

#[async_trait]
impl SystemTable for Runs {
    fn name(&self) -> &'static str {
        "runs"
    }

    fn description(&self) -> &'static str {
        "one row a run of jobs, oldest first"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("run", ColumnType::Text, "the run"),
            column("started_at", ColumnType::Timestamp, "when it began"),
            optional("finished_at", ColumnType::Timestamp, "when it ended"),
            column("status", ColumnType::Text, "running, published, nothing_new or failed"),
            optional("release", ColumnType::Int64, "the release it published"),
            optional("error", ColumnType::Text, "why it failed"),
            optional("as_of", ColumnType::Timestamp, "since when what it loaded holds"),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let runs = source.warehouse.runs().await?;
        Ok(vec![
            text(runs.iter().map(|r| &r.run.0)),
            moment(runs.iter().map(|r| r.started_at)),
            optional_moment(runs.iter().map(|r| r.finished_at)),
            text(runs.iter().map(|r| r.status.as_str())),
            optional_count(runs.iter().map(|r| r.release.map(|release| release.0))),
            optional_text(runs.iter().map(|r| r.error.as_deref())),
            optional_moment(runs.iter().map(|r| r.as_of)),
        ])
    }
}
