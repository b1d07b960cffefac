//! `EXPLAIN` says first what Starhouse decided: the release, which aggregates answer, what is read.

use super::errors::from_datafusion;
use super::sql::catalog_of;
use super::table::StoredTable;
use crate::error::Result;
use crate::ids::ReleaseId;
use arrow::array::{ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use std::any::Any;
use std::collections::BTreeMap;
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

/// What a question's plan reads, in words: for each of its parts the aggregate taken, or why none is,
/// and then the tables, with their files and rows.
///
/// # Errors
/// Internal where a plan cannot be walked.
pub(crate) fn in_words(
    release: ReleaseId,
    routing: &[String],
    plan: &LogicalPlan,
) -> Result<Vec<String>> {
    let mut lines = vec![format!("release {release}")];
    lines.extend(routing.iter().cloned());
    lines.extend(reads(plan)?);
    Ok(lines)
}

/// The tables that a plan reads before anything is left out, with their files and rows.
///
/// # Errors
/// Internal where the plan cannot be walked.
pub(crate) fn reads(plan: &LogicalPlan) -> Result<Vec<String>> {
    let mut read: BTreeMap<String, (usize, BTreeMap<String, u64>)> = BTreeMap::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && let Some(table) = (provider.as_ref() as &dyn Any).downcast_ref::<StoredTable>()
        {
            let name = format!("{}.{}", table.schema_name(), table.name());
            let known = read.entry(name).or_default();
            known.0 += 1;
            known.1.extend(table.state().files.iter().map(|file| (file.path.clone(), file.rows)));
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map_err(from_datafusion)?;
    let said = read.into_iter().map(|(name, (times, files))| {
        let (rows, files): (u64, usize) = (files.values().sum(), files.len());
        let times = if times == 1 { String::new() } else { format!(", {times} times") };
        let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        format!("reads {name}: {rows} rows in {files} at most{times}")
    });
    Ok(said.collect())
}

/// The row that stands before DataFusion's plans.
pub(crate) fn first_row(
    schema: &SchemaRef,
    release: ReleaseId,
    others: impl Iterator<Item = ReleaseId>,
    routing: &[String],
    reads: &[String],
) -> Result<RecordBatch> {
    let mut lines = vec![format!("release {release}")];
    lines.extend(others.map(|other| format!("{} is release {other}", catalog_of(other))));
    lines.extend(routing.iter().chain(reads).cloned());
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
