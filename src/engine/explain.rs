//! `EXPLAIN` says first what Starhouse decided: the release, and which aggregates answer.

use super::errors::from_datafusion;
use super::sql::catalog_of;
use crate::error::Result;
use crate::ids::ReleaseId;
use arrow::array::{ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::LogicalPlan;
use std::sync::Arc;

/// A plan without the `EXPLAIN` around it.
pub(crate) struct Explained {
    /// The question itself.
    pub(crate) question: LogicalPlan,
    frame: Option<LogicalPlan>,
}

impl Explained {
    /// Takes a plan apart.
    pub(crate) fn split(plan: LogicalPlan) -> Self {
        let question = match &plan {
            LogicalPlan::Explain(explain) => explain.plan.as_ref().clone(),
            LogicalPlan::Analyze(analyze) => analyze.input.as_ref().clone(),
            _ => return Self { question: plan, frame: None },
        };
        Self { question, frame: Some(plan) }
    }

    /// Whether it was explained.
    pub(crate) fn is_explain(&self) -> bool {
        self.frame.is_some()
    }

    /// The same frame around another plan for the question.
    pub(crate) fn wrap(self, question: LogicalPlan) -> LogicalPlan {
        match self.frame {
            Some(LogicalPlan::Explain(mut explain)) => {
                explain.plan = Arc::new(question);
                LogicalPlan::Explain(explain)
            }
            Some(LogicalPlan::Analyze(mut analyze)) => {
                analyze.input = Arc::new(question);
                LogicalPlan::Analyze(analyze)
            }
            _ => question,
        }
    }
}

/// The row that stands before DataFusion's plans.
pub(crate) fn first_row(
    schema: &SchemaRef,
    release: ReleaseId,
    others: impl Iterator<Item = ReleaseId>,
    routing: &[String],
) -> Result<RecordBatch> {
    let mut lines = vec![format!("release {release}")];
    lines.extend(others.map(|other| format!("{} is release {other}", catalog_of(other))));
    lines.extend(routing.iter().cloned());
    let texts = ["starhouse".to_owned(), lines.join("\n")];
    let arrays: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .zip(texts)
        .map(|(field, text)| {
            let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
            cast(&array, field.data_type())
        })
        .collect::<Result<_, _>>()
        .map_err(|error| from_datafusion(error.into()))?;
    RecordBatch::try_new(Arc::clone(schema), arrays).map_err(|error| from_datafusion(error.into()))
}
