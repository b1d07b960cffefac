//! Execution: the only place that builds a DataFusion session.
//!
//! A [`Session`] is bound to a principal and one release. SQL and cube queries both become a
//! [`Query`]: planned and authorised once, executed once or more.

use crate::clock::Clock;
use crate::error::Result;
use crate::model::Model;
use crate::policy::Principal;
use crate::query::CubeQuery;
use crate::store::{Release, TableState, Warehouse};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// Bounds on what queries may use.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Memory for all queries together; operators that can, spill beyond it.
    pub memory_limit_bytes: usize,
    /// Partitions a query runs on.
    pub threads: usize,
    /// Where operators spill.
    pub spill_dir: std::path::PathBuf,
    /// Rows a batch.
    pub batch_size: usize,
}

/// Plans and runs questions over one warehouse and model; clones share it.
#[derive(Debug, Clone)]
pub struct Engine {}

/// A principal's view of one release.
#[derive(Debug, Clone)]
pub struct Session {}

/// A planned question.
#[derive(Debug, Clone)]
pub struct Query {}

impl Engine {
    /// An engine over a warehouse; the clock dates the query log and is SQL's `now()`.
    pub fn new(
        _warehouse: Warehouse,
        _model: Arc<Model>,
        _settings: EngineSettings,
        _clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        todo!()
    }
    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        todo!()
    }
    /// The warehouse.
    pub fn warehouse(&self) -> &Warehouse {
        todo!()
    }
    /// A session on a release.
    pub fn session(&self, _principal: Principal, _release: Arc<Release>) -> Session {
        todo!()
    }
    /// A session for a load: staged tables are seen under their bare names, the release's (a
    /// preview's) under `warehouse`.
    pub fn load_session(
        &self,
        _principal: Principal,
        _preview: Arc<Release>,
        _staged: Vec<(String, TableState)>,
    ) -> Session {
        todo!()
    }
}

impl Session {
    /// The release.
    pub fn release(&self) -> &Arc<Release> {
        todo!()
    }
    /// The principal.
    pub fn principal(&self) -> &Principal {
        todo!()
    }
    /// The same session with aggregates on or off.
    #[must_use]
    pub fn with_aggregates(&self, _on: bool) -> Self {
        todo!()
    }
    /// Plans one SQL statement.
    pub async fn plan_sql(&self, _sql: &str) -> Result<Query> {
        todo!()
    }
    /// Plans a cube query.
    pub async fn plan_cube_query(&self, _query: &CubeQuery) -> Result<Query> {
        todo!()
    }
    /// The tables of the session: schema, name, type (`TABLE`, `VIEW`, `SYSTEM TABLE`), Arrow
    /// schema, description.
    pub fn tables(&self) -> Result<Vec<TableInfo>> {
        todo!()
    }
}

/// A table as clients list it.
#[derive(Debug, Clone)]
pub struct TableInfo {
    /// SQL schema.
    pub schema_name: String,
    /// Name.
    pub name: String,
    /// `TABLE`, `VIEW` (cubes) or `SYSTEM TABLE`.
    pub table_type: &'static str,
    /// Columns, as they go over the wire.
    pub schema: SchemaRef,
    /// What it holds, in words.
    pub description: String,
}

impl Query {
    /// The answer's schema, exactly as its batches will have it.
    pub fn schema(&self) -> SchemaRef {
        todo!()
    }
    /// The parameters `$1`, `$2` ... as fields; their types as far as planning could tell.
    pub fn parameters(&self) -> Result<Schema> {
        todo!()
    }
    /// The same query with values for its parameters.
    pub fn bind(&self, _values: Vec<ScalarValue>) -> Result<Self> {
        todo!()
    }
    /// Which aggregates answer, or why none does.
    pub fn routing(&self) -> &[String] {
        todo!()
    }
    /// Runs it.
    pub async fn execute(&self) -> Result<SendableRecordBatchStream> {
        todo!()
    }
}
