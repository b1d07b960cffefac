//! Execution: the only place that builds a DataFusion session.
//!
//! A [`Session`] is bound to a principal and one release. SQL and cube queries both become a
//! [`Query`]: planned and authorised once, executed once or more.
//!
//! * text to statement: [`sql`]; names and plans: [`names`], [`plan`]; what may run: [`guard`]
//! * what SQL can name: [`catalog`], [`system`], [`table`]
//! * reading: [`scan`], [`statistics`], [`reader`], [`object_stores`]; limits: [`memory`]
//! * answers: [`execute`], [`wire`], [`explain`], [`log`], [`errors`], [`damage`]

mod catalog;
mod damage;
mod describe;
mod errors;
mod execute;
mod explain;
mod guard;
mod log;
mod memory;
mod names;
mod object_stores;
mod plan;
mod reader;
mod scan;
mod scope;
mod session;
mod sql;
mod statistics;
mod system;
mod table;
mod wire;

pub use errors::from_datafusion as error_of;

use crate::clock::Clock;
use crate::error::Result;
use crate::ids::ReleaseId;
use crate::model::{Aggregate, Cube, Model};
use crate::policy::{Policy, Principal};
use crate::query::CubeQuery;
use crate::store::{Release, TableState, Warehouse};
use arrow::datatypes::SchemaRef;
use catalog::{Catalogs, CubeTables, ReleaseCatalog, STAGING, WAREHOUSE};
use chrono::{DateTime, Utc};
use datafusion::execution::SessionState;
use log::LogEntry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

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
pub struct Engine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    warehouse: Warehouse,
    model: Arc<Model>,
    cubes: Arc<CubeTables>,
    policy: Policy,
    clock: Arc<dyn Clock>,
    template: SessionState,
}

/// A principal's view of one release.
#[derive(Debug, Clone)]
pub struct Session {
    engine: Engine,
    principal: Principal,
    catalog: Arc<ReleaseCatalog>,
    default_schema: &'static str,
    aggregates: bool,
    logged: bool,
}

/// A planned question.
#[derive(Debug, Clone)]
pub struct Query(Arc<execute::Inner>);

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

impl Engine {
    /// An engine over a warehouse; the clock dates the query log and is SQL's `now()`.
    ///
    /// # Errors
    /// User errors where a measure of the model does not hold; unavailable where the spill folder
    /// cannot be made.
    pub fn new(
        warehouse: Warehouse,
        model: Arc<Model>,
        settings: EngineSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let runtime = memory::runtime(&settings, warehouse.object_store())?;
        let template = session::template(&settings, runtime);
        let cubes = Arc::new(catalog::cube_tables(&model)?);
        let policy = Policy::allow_all();
        Ok(Self(Arc::new(Shared { warehouse, model, cubes, policy, clock, template })))
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.0.model
    }

    /// The warehouse.
    pub fn warehouse(&self) -> &Warehouse {
        &self.0.warehouse
    }

    /// A session on a release.
    pub fn session(&self, principal: Principal, release: Arc<Release>) -> Session {
        Session {
            engine: self.clone(),
            principal,
            catalog: self.catalog(&release, Vec::new()),
            default_schema: WAREHOUSE,
            aggregates: true,
            logged: true,
        }
    }

    /// A session for a load: staged tables are seen under their bare names (and as `staging.name`),
    /// the release's (a preview's) under `warehouse`. Its queries are not logged.
    pub fn load_session(
        &self,
        principal: Principal,
        preview: Arc<Release>,
        staged: Vec<(String, TableState)>,
    ) -> Session {
        Session {
            engine: self.clone(),
            principal,
            catalog: self.catalog(&preview, staged),
            default_schema: STAGING,
            aggregates: true,
            logged: false,
        }
    }

    fn catalog(
        &self,
        release: &Arc<Release>,
        staged: Vec<(String, TableState)>,
    ) -> Arc<ReleaseCatalog> {
        let Shared { warehouse, model, cubes, .. } = self.0.as_ref();
        Arc::new(ReleaseCatalog::new(warehouse, model, cubes, release, staged))
    }
}

impl Session {
    /// The release.
    pub fn release(&self) -> &Arc<Release> {
        self.catalog.release()
    }

    /// The principal.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The same session with aggregates on or off.
    #[must_use]
    pub fn with_aggregates(&self, on: bool) -> Self {
        Self { aggregates: on, ..self.clone() }
    }

    /// Plans one SQL statement.
    ///
    /// # Errors
    /// User errors say what is wrong with the statement, not found what it names in vain, denied
    /// what may not be asked here.
    pub async fn plan_sql(&self, sql: &str) -> Result<Query> {
        let started = Instant::now();
        let planned = match plan::parse(self, sql).await {
            Ok(parsed) => plan::ready(self, &parsed).map(|ready| (parsed, ready)),
            Err(error) => Err(error),
        };
        self.planned(planned, sql.to_owned(), started).await
    }

    /// Plans a cube query.
    ///
    /// # Errors
    /// As [`plan_sql`](Self::plan_sql).
    pub async fn plan_cube_query(&self, query: &CubeQuery) -> Result<Query> {
        let started = Instant::now();
        let text = serde_json::to_string(query).unwrap_or_else(|_| format!("{query:?}"));
        let planned = plan::cube_query(self, query).await;
        self.planned(planned, text, started).await
    }

    /// Plans the query that fills an aggregate's table, from the stored fact and dimensions.
    ///
    /// # Errors
    /// User errors where the aggregate keeps what does not add up, not found where the release
    /// lacks its fact or a dimension.
    pub async fn plan_aggregate(&self, cube: &Cube, aggregate: &Aggregate) -> Result<Query> {
        let started = Instant::now();
        let text = format!("aggregate {} of cube {}", aggregate.name, cube.name);
        let planned = plan::aggregate(self, cube, aggregate).await;
        self.planned(planned, text, started).await
    }

    async fn planned(
        &self,
        planned: Result<(plan::Parsed, plan::Ready)>,
        text: String,
        started: Instant,
    ) -> Result<Query> {
        match planned {
            Ok((parsed, ready)) => {
                Ok(Query::new(self.clone(), parsed, ready, text, started.elapsed()))
            }
            Err(error) => {
                if let Some(mut log) = self.log(&text, started.elapsed()) {
                    log.end(Some(error.to_string())).await;
                }
                Err(error)
            }
        }
    }

    /// The tables of the session: schema, name, type (`TABLE`, `VIEW`, `SYSTEM TABLE`), Arrow
    /// schema, description; in order of schema and name.
    ///
    /// # Errors
    /// None today; listing may have to ask a policy.
    pub fn tables(&self) -> Result<Vec<TableInfo>> {
        Ok(self.catalog.listed())
    }

    fn warehouse(&self) -> &Warehouse {
        self.engine.warehouse()
    }

    fn model(&self) -> &Model {
        self.engine.model()
    }

    fn policy(&self) -> &Policy {
        &self.engine.0.policy
    }

    fn template(&self) -> &SessionState {
        &self.engine.0.template
    }

    fn now(&self) -> DateTime<Utc> {
        self.engine.0.clock.now()
    }

    fn default_schema(&self) -> &'static str {
        self.default_schema
    }

    fn uses_aggregates(&self) -> bool {
        self.aggregates
    }

    /// The catalogs of a plan that also reads other releases.
    async fn catalogs(&self, releases: BTreeSet<ReleaseId>) -> Result<Arc<Catalogs>> {
        let mut others = BTreeMap::new();
        for id in releases {
            let release = self.warehouse().release(id).await?;
            others.insert(sql::catalog_of(id), self.engine.catalog(&release, Vec::new()));
        }
        Ok(Arc::new(Catalogs::new(Arc::clone(&self.catalog), others)))
    }

    /// A log entry for a question, where this session's questions are logged.
    fn log(&self, text: &str, planning: Duration) -> Option<LogEntry> {
        let (warehouse, release) = (self.warehouse(), self.release());
        self.logged.then(|| {
            LogEntry::begin(warehouse, &self.principal, release, text, self.now(), planning)
        })
    }
}
