//! Rows on their way through a load, as a table that can be read once.
//!
//! What a job yields is looked up, checked and staged in one pass: staged first and read back, it
//! would go through the disk once more.

use super::errors::to_datafusion;
use crate::error::Error;
use crate::model::{Column, plan_schema};
use crate::store::Rows;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows that come once, under a name.
pub struct Streamed {
    name: String,
    columns: Vec<Column>,
    about_rows: u64,
    rows: Once,
}

/// The rows, until they are taken.
type Once = Arc<Mutex<Option<Rows>>>;

impl Streamed {
    /// Rows as a table of that name and those columns; joins are arranged by about how many rows
    /// there will be.
    pub fn new(name: &str, columns: Vec<Column>, about_rows: u64, rows: Rows) -> Self {
        let (name, rows) = (name.to_owned(), Arc::new(Mutex::new(Some(rows))));
        Self { name, columns, about_rows, rows }
    }

    /// What the table is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// About how many rows there will be.
    pub(crate) fn about_rows(&self) -> u64 {
        self.about_rows
    }
}

/// The table.
pub(super) struct StreamedTable {
    schema: SchemaRef,
    about_rows: usize,
    rows: Once,
}

impl StreamedTable {
    pub(super) fn new(streamed: Streamed) -> Self {
        Self {
            schema: plan_schema(&streamed.columns),
            about_rows: usize::try_from(streamed.about_rows).unwrap_or(usize::MAX),
            rows: streamed.rows,
        }
    }
}

impl Debug for StreamedTable {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamedTable").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for StreamedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    fn statistics(&self) -> Option<Statistics> {
        let statistics = Statistics::new_unknown(&self.schema);
        Some(statistics.with_num_rows(Precision::Inexact(self.about_rows)))
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.schema.fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        let schema = Arc::new(self.schema.project(&projection)?);
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        let (about_rows, rows) = (self.about_rows, Arc::clone(&self.rows));
        Ok(Arc::new(StreamedExec { about_rows, projection, properties, rows }))
    }
}

/// Whether an operator reads rows that come once.
pub(super) fn comes_once(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<StreamedExec>()
}

/// Reads the table, once.
struct StreamedExec {
    about_rows: usize,
    projection: Vec<usize>,
    properties: Arc<PlanProperties>,
    rows: Once,
}

impl Debug for StreamedExec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamedExec").field("schema", &self.schema()).finish_non_exhaustive()
    }
}

impl DisplayAs for StreamedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "StreamedExec: about_rows={}", self.about_rows)
    }
}

impl ExecutionPlan for StreamedExec {
    fn name(&self) -> &'static str {
        "StreamedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("streamed rows have no inputs") }
    }

    fn execute(
        &self,
        _partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(rows) = rows else {
            return internal_err!("rows that come once were asked for twice");
        };
        let (projection, schema) = (self.projection.clone(), self.schema());
        let batches = rows.map(move |batch| {
            let batch = batch.map_err(|error: Error| to_datafusion(error))?;
            let batch = batch.project(&projection)?;
            // Texts come plain; in plans they are views.
            let columns = batch.columns().iter().zip(schema.fields());
            let columns = columns.map(|(column, field)| cast(column, field.data_type()));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn partition_statistics(&self, _partition: Option<usize>) -> Result<Arc<Statistics>> {
        let statistics = Statistics::new_unknown(&self.schema());
        Ok(Arc::new(statistics.with_num_rows(Precision::Inexact(self.about_rows))))
    }
}
