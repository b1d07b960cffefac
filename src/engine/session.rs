//! A principal's session on one release: plans questions, lists tables.

use super::catalog::{CATALOG, CUBES, Catalogs, ReleaseCatalog, STAGING, WAREHOUSE};
use super::log::LogEntry;
use super::parsed::Parsed;
use super::plan_cache::{Form, Question};
use super::ready::Ready;
use super::sql::{Setting, Whose};
use super::{Engine, Query, SessionOptions, TableInfo, Temporary, plan, sql, substrait, zoned};
use crate::error::{Error, Result};
use crate::ids::ReleaseId;
use crate::model::{Aggregate, Cube, Model};
use crate::policy::{Access, Policy, Principal};
use crate::query::{Building, CubeQuery, Lattice};
use crate::store::{Release, Warehouse};
use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use datafusion::execution::SessionState;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A principal's view of one release.
#[derive(Debug, Clone)]
pub struct Session {
    engine: Engine,
    principal: Principal,
    catalog: Arc<ReleaseCatalog>,
    default_schema: &'static str,
    aggregates: bool,
    time_zone: Option<Tz>,
    currency: Option<Arc<str>>,
    query_tag: Option<Arc<str>>,
    trace_parent: Option<Arc<str>>,
    temporary: Temporary,
    logged: bool,
}

impl Session {
    pub(crate) fn new(engine: Engine, principal: Principal, catalog: Arc<ReleaseCatalog>) -> Self {
        let (default_schema, aggregates, logged) = (WAREHOUSE, true, true);
        let (time_zone, currency, query_tag) = (None, None, None);
        let temporary = Temporary::default();
        Self {
            engine,
            principal,
            catalog,
            default_schema,
            aggregates,
            time_zone,
            currency,
            query_tag,
            trace_parent: None,
            temporary,
            logged,
        }
    }

    /// Bare names are staged tables, and nothing is logged. No aggregate answers: those of a load's
    /// preview are what they were before it, until they are refreshed at its end.
    pub(crate) fn for_load(
        engine: Engine,
        principal: Principal,
        catalog: Arc<ReleaseCatalog>,
    ) -> Self {
        let session = Self::new(engine, principal, catalog);
        Self { default_schema: STAGING, aggregates: false, logged: false, ..session }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

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

    /// The same session, whose measures are in a currency where they let it be chosen; in the model's
    /// where none is.
    #[must_use]
    pub fn in_currency(&self, currency: Option<&str>) -> Self {
        Self { currency: currency.map(Arc::from), ..self.clone() }
    }

    pub(super) fn currency(&self) -> Option<&str> {
        self.currency.as_deref()
    }

    /// The same session as its options want it, but for its release.
    ///
    /// # Errors
    /// As [`in_schema`](Self::in_schema).
    pub(crate) fn with_options(&self, options: &SessionOptions) -> Result<Self> {
        let session = Self {
            aggregates: options.aggregates,
            time_zone: options.time_zone,
            currency: options.currency.clone(),
            query_tag: options.query_tag.clone(),
            temporary: options.temporary.clone(),
            ..self.clone()
        };
        match &options.schema {
            Some(schema) => session.in_schema(schema),
            None => Ok(session),
        }
    }

    /// The same session, whose questions are part of its client's trace: a `traceparent` after W3C Trace
    /// Context, as it was sent.
    #[must_use]
    pub fn traced(&self, parent: Option<Arc<str>>) -> Self {
        Self { trace_parent: parent, ..self.clone() }
    }

    /// The same session, whose questions are not logged.
    #[must_use]
    pub fn unlogged(&self) -> Self {
        Self { logged: false, ..self.clone() }
    }

    /// The same session, where bare names are tables of that schema.
    ///
    /// # Errors
    /// Not found where there is no such schema.
    pub fn in_schema(&self, name: &str) -> Result<Self> {
        match self.catalog.schema_names().find(|schema| *schema == name) {
            Some(default_schema) => Ok(Self { default_schema, ..self.clone() }),
            None => {
                let known: Vec<&str> = self.catalog.schema_names().collect();
                Err(Error::not_found(format!("there is no schema `{name}`"))
                    .hint(format!("there are {}", known.join(", "))))
            }
        }
    }

    /// The same principal's session on another release.
    pub(crate) fn on(&self, release: &Arc<Release>) -> Self {
        Self { catalog: self.engine.catalog(release), ..self.clone() }
    }

    /// The same principal's session on a release as it would be if a load ended now.
    pub(crate) fn on_preview(&self, preview: &Arc<Release>) -> Self {
        Self { catalog: self.engine.catalog_to_be(preview), ..self.clone() }
    }

    /// The same session with other temporary tables.
    pub(crate) fn with_temporary(&self, temporary: &Temporary) -> Self {
        Self { temporary: temporary.clone(), ..self.clone() }
    }

    /// What a statement that changes a table asks for; none where it is a question.
    ///
    /// # Errors
    /// User where it does not parse, unsupported where it has clauses that nobody plans.
    pub(crate) fn change(&self, sql: &str) -> Result<Option<sql::Change>> {
        if sql::may_change(sql) { sql::change(&sql::parse(sql)?) } else { Ok(None) }
    }

    /// What a statement that sets or shows an option asks for; none where it is another.
    ///
    /// # Errors
    /// User where it does not parse, not found where there is no such option.
    pub(crate) fn setting(&self, sql: &str) -> Result<Option<Setting>> {
        if sql::may_set(sql) { sql::setting(&sql::parse(sql)?) } else { Ok(None) }
    }

    /// The session's temporary tables.
    pub fn temporary(&self) -> &Temporary {
        &self.temporary
    }

    /// Plans one SQL statement.
    ///
    /// # Errors
    /// User errors say what is wrong with the statement, not found what it names in vain, denied
    /// what may not be asked here.
    pub async fn plan_sql(&self, sql: &str) -> Result<Query> {
        let started = Instant::now();
        let planned = plan::sql(self, sql).await;
        self.planned(planned, sql.to_owned(), started).await
    }

    /// What [`plan_sql`](Self::plan_sql) would give, where it is known because the same was asked before:
    /// finding it is hardly any work.
    pub(crate) fn planned_before(&self, sql: &str) -> Option<Query> {
        let started = Instant::now();
        let (parsed, ready) = plan::known_sql(self, sql)?;
        Some(Query::new(self.clone(), parsed, ready, sql.to_owned(), started.elapsed()))
    }

    /// Plans what a Substrait plan asks.
    ///
    /// # Errors
    /// As [`plan_sql`](Self::plan_sql); unsupported where Starhouse was built without.
    pub async fn plan_substrait(&self, bytes: &[u8]) -> Result<Query> {
        let started = Instant::now();
        let parsed = substrait::parse(self, bytes).await;
        let text = match &parsed {
            Ok(parsed) => format!("Substrait plan\n{}", parsed.plan.display_indent()),
            Err(_) => format!("Substrait plan of {} bytes", bytes.len()),
        };
        let planned = parsed.and_then(|parsed| {
            let ready = plan::ready(self, &parsed)?;
            Ok((parsed, ready))
        });
        self.planned(planned, text, started).await
    }

    /// Plans a cube query.
    ///
    /// # Errors
    /// As [`plan_sql`](Self::plan_sql).
    pub async fn plan_cube_query(&self, query: &CubeQuery) -> Result<Query> {
        let started = Instant::now();
        let text = serde_json::to_string(query).unwrap_or_else(|_| format!("{query:?}"));
        let planned = plan::cube_query(self, query, &text).await;
        self.planned(planned, text, started).await
    }

    /// Plans the query that fills an aggregate's table, from stored tables.
    ///
    /// # Errors
    /// User errors where the aggregate keeps what does not add up, not found where the release
    /// lacks its fact or a dimension.
    pub async fn plan_aggregate(
        &self,
        cube: &Cube,
        aggregate: &Aggregate,
        building: &Building<'_>,
    ) -> Result<Query> {
        let started = Instant::now();
        let text = format!("aggregate {} of cube {}", aggregate.name, cube.name);
        let planned = plan::aggregate(self, cube, aggregate, building).await;
        self.planned(planned, text, started).await
    }

    async fn planned(
        &self,
        planned: Result<(Parsed, Ready)>,
        text: String,
        started: Instant,
    ) -> Result<Query> {
        match planned {
            Ok((parsed, ready)) => {
                Ok(Query::new(self.clone(), parsed, ready, text, started.elapsed()))
            }
            Err(error) => {
                if let Some(mut log) = self.log(&text, started.elapsed()) {
                    log.end(Some(error.to_string()));
                }
                Err(error)
            }
        }
    }

    /// The tables of the session: schema, name, type (`TABLE`, `VIEW`, `LOCAL TEMPORARY`, `SYSTEM
    /// TABLE`), Arrow schema, description; in order of schema and name.
    ///
    /// Those that the policy denies are not there.
    ///
    /// # Errors
    /// None today.
    pub fn tables(&self) -> Result<Vec<TableInfo>> {
        let mut listed = self.catalog.listed();
        listed.extend(self.temporary.listed());
        listed.sort_by(|a, b| (&a.schema_name, &a.name).cmp(&(&b.schema_name, &b.name)));
        listed.retain(|info| {
            let access = Access { schema: info.schema_name.clone(), table: info.name.clone() };
            self.policy().authorize(&self.principal, &[access]).is_ok()
        });
        Ok(listed)
    }

    /// The same, each with the schema that all of it comes with in this session: which measures of a
    /// cube are never NULL is known once it is planned, and moments are the session's.
    ///
    /// # Errors
    /// As [`tables`](Self::tables).
    pub async fn tables_as_sent(&self) -> Result<Vec<TableInfo>> {
        let mut tables = self.tables()?;
        for table in &mut tables {
            if table.schema_name == CUBES {
                // What cannot be asked, for its facts are not there yet, promises nothing.
                if let Ok(schema) = self.cube_as_sent(&table.name).await {
                    table.schema = schema;
                }
            } else if let Some(zone) = self.time_zone() {
                table.schema = zoned::schema(&table.schema, &zone);
            }
        }
        Ok(tables)
    }

    /// The schema that all of a cube comes with.
    ///
    /// # Errors
    /// As for a question about it: user errors where its facts are not there yet, among others.
    pub(crate) async fn cube_as_sent(&self, cube: &str) -> Result<SchemaRef> {
        let all = format!("SELECT * FROM {CUBES}.{}", sql::quoted(cube));
        let (_, ready) = plan::sql(self, &all).await?;
        Ok(ready.schema)
    }

    /// All that the plan of a text depends on in this session's release.
    pub(crate) fn question(&self, form: Form, text: &str) -> Question {
        Question {
            form,
            text: text.to_owned(),
            principal: self.principal.clone(),
            default_schema: self.default_schema,
            aggregates: self.aggregates,
            time_zone: self.time_zone,
            currency: self.currency.clone(),
            distrusted: self.engine.distrusted().found(),
        }
    }

    pub(crate) fn catalog(&self) -> &Arc<ReleaseCatalog> {
        &self.catalog
    }

    pub(crate) fn warehouse(&self) -> &Warehouse {
        self.engine.warehouse()
    }

    pub(crate) fn model(&self) -> &Model {
        self.catalog.model()
    }

    pub(crate) fn lattice(&self) -> &Lattice {
        self.catalog.lattice()
    }

    pub(crate) fn policy(&self) -> &Policy {
        self.engine.policy()
    }

    pub(crate) fn template(&self) -> &SessionState {
        self.engine.template()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.engine.clock().now()
    }

    pub(crate) fn default_schema(&self) -> &'static str {
        self.default_schema
    }

    /// What SQL may ask of the session itself.
    pub(crate) fn whose(&self) -> Whose<'_> {
        Whose { user: self.principal.name(), schema: self.default_schema, catalog: CATALOG }
    }

    pub(crate) fn uses_aggregates(&self) -> bool {
        self.aggregates
    }

    /// The zone in which moments are shown and cut, if another than UTC.
    pub(crate) fn time_zone(&self) -> Option<Arc<str>> {
        self.time_zone.map(|zone| Arc::from(zone.name()))
    }

    /// The catalogs of a plan that also reads other releases.
    pub(crate) async fn catalogs(&self, releases: BTreeSet<ReleaseId>) -> Result<Arc<Catalogs>> {
        let mut others = BTreeMap::new();
        for id in releases {
            let release = self.warehouse().release(id).await?;
            others.insert(sql::catalog_of(id), self.engine.catalog(&release));
        }
        let own = Arc::clone(&self.catalog);
        Ok(Arc::new(Catalogs::new(own, others, self.time_zone()).with(self.temporary.now())))
    }

    /// A log entry for a question, where this session's questions are logged.
    pub(crate) fn log(&self, text: &str, planning: Duration) -> Option<LogEntry> {
        let (warehouse, release) = (self.warehouse(), self.release());
        self.logged.then(|| {
            let entry =
                LogEntry::begin(warehouse, &self.principal, release, text, self.now(), planning);
            entry.tagged(self.query_tag.as_deref()).traced(self.trace_parent.clone())
        })
    }
}
