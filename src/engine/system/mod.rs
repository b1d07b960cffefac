//! The schema `system`: what Starhouse knows about itself, as tables. One table a file; the
//! smallest, [`measures`], is the template.

mod aggregates;
mod arrays;
mod captions;
mod catalog;
mod lineage;
mod measures;
mod quality;
mod queries;
mod rejects;
mod releases;
mod running;
mod runs;
mod steps;
mod tables;

use super::distrusted::Distrusted;
use super::errors::to_datafusion;
use super::scope::QueryScope;
use crate::error::{Error, Result};
use crate::model::{Column, Model, plan_schema};
use crate::query::Lattice;
use crate::store::{Release, Warehouse};
use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::fmt::Debug;
use std::sync::Arc;

/// What system tables are made from.
#[derive(Debug)]
pub(crate) struct SystemSource {
    /// Aggregates that were seen to be wrong.
    pub(crate) distrusted: Arc<Distrusted>,
    /// The warehouse, for releases and the operational log.
    pub(crate) warehouse: Warehouse,
    /// The model.
    pub(crate) model: Arc<Model>,
    /// Its aggregates.
    pub(crate) lattice: Arc<Lattice>,
    /// The session's release.
    pub(crate) release: Arc<Release>,
}

/// A table of the schema `system`.
#[async_trait]
pub(crate) trait SystemTable: Debug + Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// What a row is, in words.
    fn description(&self) -> &'static str;
    /// Its columns.
    fn columns(&self) -> Vec<Column>;
    /// Its rows, an array a column.
    async fn rows(&self, source: &SystemSource) -> Result<Vec<ArrayRef>>;
}

/// All of them, by name.
pub(crate) fn all() -> Vec<Arc<dyn SystemTable>> {
    vec![
        Arc::new(aggregates::Aggregates),
        Arc::new(captions::Captions),
        Arc::new(catalog::Catalog),
        Arc::new(lineage::Lineage),
        Arc::new(measures::Measures),
        Arc::new(quality::Quality),
        Arc::new(queries::Queries),
        Arc::new(rejects::Rejects),
        Arc::new(releases::Releases),
        Arc::new(running::Running),
        Arc::new(runs::Runs),
        Arc::new(steps::Steps),
        Arc::new(tables::Tables),
    ]
}

/// A system table as DataFusion scans it.
#[derive(Debug)]
pub(crate) struct SystemProvider {
    table: Arc<dyn SystemTable>,
    source: Arc<SystemSource>,
    schema: SchemaRef,
}

impl SystemProvider {
    pub(crate) fn new(table: Arc<dyn SystemTable>, source: Arc<SystemSource>) -> Self {
        let schema = plan_schema(&table.columns());
        Self { table, source, schema }
    }

    /// What each of its columns means, in words.
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.table.columns().into_iter().map(|column| column.description).collect()
    }

    /// What a row is, in words.
    pub(crate) fn description(&self) -> &'static str {
        self.table.description()
    }

    async fn batch(&self) -> Result<RecordBatch> {
        let arrays = self.table.rows(&self.source).await?;
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(|error| {
            Error::internal("a system table does not fit its columns")
                .with("table", self.table.name())
                .caused_by(error)
        })
    }
}

#[async_trait]
impl TableProvider for SystemProvider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        QueryScope::admit(session, self.table.name(), self.source.release.id)
            .map_err(to_datafusion)?;
        let batch = self.batch().await.map_err(to_datafusion)?;
        let schema = Arc::clone(&self.schema);
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], schema, projection.cloned())?)
    }
}
