//! `system.quality`: what runs expected of tables, and what they found.

use super::arrays::{column, text};
use super::{SystemSource, SystemTable};
use crate::error::Result;
use crate::model::{Column, ColumnType};
use crate::store::{QualityOutcome, QualityRecord};
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Quality;

#[async_trait]
impl SystemTable for Quality {
    fn name(&self) -> &'static str {
        "quality"
    }

    fn description(&self) -> &'static str {
        "one row an expectation that a run looked at"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("run", ColumnType::Text, "the run"),
            column("table_name", ColumnType::Text, "the table"),
            column("expectation", ColumnType::Text, "what is expected, as it is written"),
            column("description", ColumnType::Text, "why, in words"),
            column("outcome", ColumnType::Text, "passed, warned or failed"),
            column("found", ColumnType::Text, "what was found, in words"),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let runs = source.warehouse.runs().await?;
        let all: Vec<(&str, &QualityRecord)> =
            runs.iter().flat_map(|r| r.quality.iter().map(|q| (r.run.0.as_str(), q))).collect();
        let each = || all.iter().map(|(_, record)| *record);
        Ok(vec![
            text(all.iter().map(|(run, _)| run)),
            text(each().map(|record| &record.table)),
            text(each().map(|record| &record.expectation)),
            text(each().map(|record| &record.description)),
            text(each().map(|record| outcome(record.outcome))),
            text(each().map(|record| &record.found)),
        ])
    }
}

fn outcome(outcome: QualityOutcome) -> &'static str {
    match outcome {
        QualityOutcome::Passed => "passed",
        QualityOutcome::Warned => "warned",
        QualityOutcome::Failed => "failed",
    }
}
