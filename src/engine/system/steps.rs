//! `system.steps`: what each run did, step by step.

use super::arrays::{column, count, optional, optional_moment, text};
use super::{SystemSource, SystemTable};
use crate::error::Result;
use crate::model::{Column, ColumnType};
use crate::store::StepRecord;
use arrow::array::ArrayRef;
use async_trait::async_trait;

/// The table.
#[derive(Debug)]
pub(super) struct Steps;

#[async_trait]
impl SystemTable for Steps {
    fn name(&self) -> &'static str {
        "steps"
    }

    fn description(&self) -> &'static str {
        "one row a step of a run, in the order they ended"
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            column("run", ColumnType::Text, "the run"),
            column("job", ColumnType::Text, "the job, or the cube for aggregates"),
            column("step", ColumnType::Text, "extract, load or summarise"),
            column("target", ColumnType::Text, "the source or table"),
            column("rows_read", ColumnType::Int64, "rows read"),
            column("rows_written", ColumnType::Int64, "rows written, new and changed"),
            column("rows_rejected", ColumnType::Int64, "rows sent to quarantine"),
            optional("started_at", ColumnType::Timestamp, "when it began"),
            column("elapsed_ms", ColumnType::Int64, "milliseconds it took"),
        ]
    }

    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>> {
        let runs = source.warehouse.runs().await?;
        let steps: Vec<(&str, &StepRecord)> =
            runs.iter().flat_map(|r| r.steps.iter().map(|step| (r.run.0.as_str(), step))).collect();
        let each = || steps.iter().map(|(_, step)| *step);
        Ok(vec![
            text(steps.iter().map(|(run, _)| run)),
            text(each().map(|step| &step.job)),
            text(each().map(|step| &step.step)),
            text(each().map(|step| &step.target)),
            count(each().map(|step| step.rows_read)),
            count(each().map(|step| step.rows_written)),
            count(each().map(|step| step.rows_rejected)),
            optional_moment(each().map(|step| step.started_at)),
            count(each().map(|step| step.elapsed_ms)),
        ])
    }
}
