//! `system.rejects`: rows in quarantine, with what was wrong.

use super::arrays::{column, count, optional, optional_count, optional_text, text};
use super::{SystemSource, SystemTable};
use crate::error::Result;
use crate::model::{Column, ColumnType};
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Rejects;

#[async_trait]
impl SystemTable for Rejects {
    fn name(&self) -> &'static str {
        "rejects"
    }

    fn description(&self) -> &'static str {
        "one row a source row in quarantine"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("run", ColumnType::Text, "the run that refused it"),
            column("job", ColumnType::Text, "the job"),
            column("source", ColumnType::Text, "the job's source"),
            column("file", ColumnType::Text, "the file, or the database table"),
            column("line", ColumnType::Int64, "line or row, 1 is the first"),
            optional("offset", ColumnType::Int64, "byte offset in the file"),
            optional("column", ColumnType::Text, "the column at fault"),
            column("rule", ColumnType::Text, "the rule that refused it"),
            column("reason", ColumnType::Text, "why"),
            column("raw", ColumnType::Text, "the row as it stood, bytes that are no text as \\xNN"),
            column("rules", ColumnType::Text, "fingerprint of the rules the source had then"),
            optional(
                "mended_in",
                ColumnType::Text,
                "the file it was last written to, to be mended",
            ),
            optional(
                "settled_by",
                ColumnType::Text,
                "the run that loaded that file; none while open",
            ),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let rejects = source.warehouse.rejects(None).await?;
        Ok(vec![
            text(rejects.iter().map(|r| &r.run.0)),
            text(rejects.iter().map(|r| &r.job)),
            text(rejects.iter().map(|r| &r.source)),
            text(rejects.iter().map(|r| &r.file)),
            count(rejects.iter().map(|r| r.line)),
            optional_count(rejects.iter().map(|r| r.offset)),
            optional_text(rejects.iter().map(|r| r.column.as_deref())),
            text(rejects.iter().map(|r| &r.rule)),
            text(rejects.iter().map(|r| &r.reason)),
            text(rejects.iter().map(|r| &r.raw)),
            text(rejects.iter().map(|r| &r.rules)),
            optional_text(rejects.iter().map(|r| r.mended_in.as_deref())),
            optional_text(rejects.iter().map(|r| r.settled_by.as_ref().map(|run| run.0.as_str()))),
        ])
    }
}
