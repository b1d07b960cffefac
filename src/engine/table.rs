//! A stored table of a release as DataFusion sees it.

use super::errors::to_datafusion;
use super::scan::{Scan, ScanRequest};
use super::scope::QueryScope;
use super::statistics::Keys;
use crate::error::Result;
use crate::ids::ReleaseId;
use crate::model::plan_schema;
use crate::store::TableState;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Statistics;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::{Arc, OnceLock};

/// A table of one release: exactly the files the release lists.
#[derive(Debug)]
pub(crate) struct StoredTable {
    schema_name: &'static str,
    name: String,
    release: ReleaseId,
    description: String,
    schema: SchemaRef,
    state: TableState,
    keys: Keys,
    scan: OnceLock<Arc<Scan>>,
}

impl StoredTable {
    pub(crate) fn new(
        schema_name: &'static str,
        name: &str,
        description: String,
        release: ReleaseId,
        state: TableState,
    ) -> Self {
        let schema = plan_schema(&state.columns);
        let (name, keys, scan) = (name.to_owned(), Keys::new(), OnceLock::new());
        Self { schema_name, name, release, description, schema, state, keys, scan }
    }

    /// The same table, knowing how many values its surrogate keys have.
    pub(crate) fn with_keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// The SQL schema it is in.
    pub(crate) fn schema_name(&self) -> &'static str {
        self.schema_name
    }

    /// Its name, without a schema.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What each of its columns means, in words.
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.state.columns.iter().map(|column| column.description.clone()).collect()
    }

    /// What it holds, in words.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }

    /// Its columns and files.
    pub(crate) fn state(&self) -> &TableState {
        &self.state
    }

    /// What every scan of it starts from, worked out once.
    fn prepared(&self) -> Result<Arc<Scan>> {
        if let Some(scan) = self.scan.get() {
            return Ok(Arc::clone(scan));
        }
        let scan = Arc::new(Scan::prepare(&self.name, &self.state, &self.keys)?);
        Ok(Arc::clone(self.scan.get_or_init(|| scan)))
    }
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Every filter helps to skip files, row groups and pages; none is applied row by row for sure.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> datafusion::error::Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        QueryScope::admit(session, &self.name, self.release).map_err(to_datafusion)?;
        let scan = self.prepared().map_err(to_datafusion)?;
        scan.plan(session, &ScanRequest { projection, filters, limit })
    }

    fn statistics(&self) -> Option<Statistics> {
        self.prepared().ok().map(|scan| scan.statistics().clone())
    }
}
