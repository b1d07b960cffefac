//! The catalog of one release: `warehouse` (stored tables), `sandbox` (those that users wrote),
//! `cubes`, `system`, and, for a load, `staging`.

use super::TableInfo;
use super::answers::Answers;
use super::erased::{Erased, erased};
use super::plan_cache::Plans;
use super::streamed::{Streamed, StreamedTable};
use super::system::{self, SystemProvider, SystemSource};
use super::table::{Place, StoredTable};
use super::temporary::{OwnTables, Temporary};
use super::wire;
use super::zoned::ZonedCatalog;
use super::{describe, statistics};
use crate::error::Result;
use crate::ids::ReleaseId;
use crate::model::Model;
use crate::query::{AGGREGATE_DEFINITION, AGGREGATE_LEFT_OUT, CubeTable, Lattice, StarTables};
use crate::store::{Release, TableState};
use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::TableSource;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The session's own catalog.
pub(crate) const CATALOG: &str = "starhouse";
/// Stored tables.
pub(crate) const WAREHOUSE: &str = "warehouse";
/// Stored tables that users wrote.
pub(crate) const SANDBOX: &str = "sandbox";
/// Cubes.
pub(crate) const CUBES: &str = "cubes";
/// What Starhouse knows about itself.
pub(crate) const SYSTEM: &str = "system";
/// A load's staged tables.
pub(crate) const STAGING: &str = "staging";

/// What the names of the sandbox's tables begin with in a release.
const SANDBOX_PREFIX: &str = "sandbox_";

/// What a table of the sandbox is called in a release.
pub(crate) fn sandbox_table(name: &str) -> String {
    format!("{SANDBOX_PREFIX}{name}")
}

/// The SQL schema and name of a release's table.
fn sql_name(stored: &str) -> (&'static str, &str) {
    match stored.strip_prefix(SANDBOX_PREFIX) {
        Some(name) => (SANDBOX, name),
        None => (WAREHOUSE, stored),
    }
}

/// The cubes' tables and descriptions, by name; the same in every release.
pub(crate) type CubeTables = BTreeMap<String, (Arc<CubeTable>, String)>;

/// Everything SQL can name in one release.
#[derive(Debug)]
pub(crate) struct ReleaseCatalog {
    source: Arc<SystemSource>,
    stored: BTreeMap<String, Arc<StoredTable>>,
    staged: BTreeMap<String, Arc<StoredTable>>,
    streamed: Option<(String, Arc<StreamedTable>)>,
    cubes: Arc<CubeTables>,
    system: BTreeMap<String, Arc<SystemProvider>>,
    schemas: BTreeMap<&'static str, Arc<FixedSchema>>,
    plans: Arc<dyn Erased<Plans>>,
    answers: Arc<dyn Erased<Answers>>,
}

impl ReleaseCatalog {
    /// The catalog of a release, with the staged tables of a load and rows on their way.
    pub(crate) fn new(
        source: SystemSource,
        cubes: &Arc<CubeTables>,
        answers: Answers,
        staged: Vec<(String, TableState)>,
        streamed: Option<Streamed>,
    ) -> Self {
        let source = Arc::new(source);
        let SystemSource { model, release, .. } = source.as_ref();
        let stored = release.tables.iter().map(|(name, state)| {
            let description = describe::table(model, name);
            let (schema, in_sql) = sql_name(name);
            let table = StoredTable::new(schema, in_sql, description, release.id, state.clone());
            let keys = statistics::keys(model, release, name);
            let place = Place::of(model, name);
            (name.clone(), Arc::new(table.with_keys(keys).at(place)))
        });
        let staged = staged.into_iter().map(|(name, state)| {
            let description = "staged rows of a load".to_owned();
            let table = StoredTable::new(STAGING, &name, description, release.id, state);
            (name, Arc::new(table))
        });
        let system = system::all().into_iter().map(|table| {
            (table.name().to_owned(), Arc::new(SystemProvider::new(table, Arc::clone(&source))))
        });
        let mut catalog = Self {
            stored: stored.collect(),
            staged: staged.collect(),
            streamed: streamed.map(|s| (s.name().to_owned(), Arc::new(StreamedTable::new(s)))),
            cubes: Arc::clone(cubes),
            system: system.collect(),
            schemas: BTreeMap::new(),
            plans: erased(Plans::default()),
            answers: erased(answers),
            source: Arc::clone(&source),
        };
        catalog.schemas = catalog.schemas();
        catalog
    }

    /// The plans of questions to it.
    pub(crate) fn plans(&self) -> &Plans {
        &self.plans
    }

    /// The answers to questions to it.
    pub(crate) fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The release.
    pub(crate) fn release(&self) -> &Arc<Release> {
        &self.source.release
    }

    /// The model of the release.
    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.source.model
    }

    /// Its aggregates.
    pub(crate) fn lattice(&self) -> &Lattice {
        &self.source.lattice
    }

    fn schemas(&self) -> BTreeMap<&'static str, Arc<FixedSchema>> {
        let of = |schema: &'static str| {
            let tables = self.stored.values().filter(move |table| table.schema_name() == schema);
            FixedSchema::new(tables.map(|table| (table.name(), as_provider(table))))
        };
        let cubes = FixedSchema::new(self.cubes.iter().map(|(n, (t, _))| (n, as_provider(t))));
        let system = FixedSchema::new(self.system.iter().map(|(n, t)| (n, as_provider(t))));
        let mut schemas = BTreeMap::from([(CUBES, cubes), (SYSTEM, system)]);
        schemas.extend([WAREHOUSE, SANDBOX].map(|schema| (schema, of(schema))));
        let staged = self.staged.iter().map(|(n, t)| (n, as_provider(t)));
        let streamed = self.streamed.iter().map(|(n, t)| (n, as_provider(t)));
        let staging = FixedSchema::new(staged.chain(streamed));
        if !staging.tables.is_empty() {
            schemas.insert(STAGING, staging);
        }
        schemas
    }

    /// Every name in it, as `schema` and `table`.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.schemas
            .iter()
            .flat_map(|(schema, tables)| tables.tables.keys().map(|name| (*schema, name.as_str())))
    }

    /// Whether SQL can name such a table.
    pub(crate) fn has(&self, schema: &str, table: &str) -> bool {
        self.schemas.get(schema).is_some_and(|schema| schema.tables.contains_key(table))
    }

    /// The schemas' names.
    pub(crate) fn schema_names(&self) -> impl Iterator<Item = &'static str> {
        self.schemas.keys().copied()
    }

    /// The tables as clients list them, in order of schema and name.
    pub(crate) fn listed(&self) -> Vec<TableInfo> {
        let info = |schema: &str, name: &str, table_type, table: &dyn TableProvider| TableInfo {
            schema_name: schema.to_owned(),
            name: name.to_owned(),
            table_type,
            schema: wire::schema(&table.schema()),
            remarks: Vec::new(),
            units: vec![None; table.schema().fields().len()],
            description: String::new(),
        };
        let cubes = self.cubes.iter().map(|(name, (table, description))| TableInfo {
            remarks: table.remarks().to_vec(),
            units: table.units().to_vec(),
            description: description.clone(),
            ..info(CUBES, name, "VIEW", table.as_ref())
        });
        let stored = self.staged.values().chain(self.stored.values()).map(|table| TableInfo {
            remarks: table.remarks(),
            units: table.units(),
            description: table.description().to_owned(),
            ..info(table.schema_name(), table.name(), "TABLE", table.as_ref())
        });
        let system = self.system.iter().map(|(name, table)| TableInfo {
            remarks: table.remarks(),
            description: table.description().to_owned(),
            ..info(SYSTEM, name, "SYSTEM TABLE", table.as_ref())
        });
        let mut listed: Vec<TableInfo> = cubes.chain(stored).chain(system).collect();
        listed.sort_by(|a, b| (&a.schema_name, &a.name).cmp(&(&b.schema_name, &b.name)));
        listed
    }
}

/// The tables of a model's cubes.
///
/// # Errors
/// User errors where a measure's expression does not hold.
pub(crate) fn cube_tables(model: &Model) -> Result<CubeTables> {
    let mut tables = BTreeMap::new();
    for cube in &model.cubes {
        let table = Arc::new(CubeTable::new(cube, model)?);
        tables.insert(cube.name.clone(), (table, cube.description.clone()));
    }
    Ok(tables)
}

fn as_provider<T: TableProvider>(table: &Arc<T>) -> Arc<dyn TableProvider> {
    Arc::clone(table) as Arc<dyn TableProvider>
}

impl CatalogProvider for ReleaseCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.schemas.keys().map(|name| (*name).to_owned()).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let schema = self.schemas.get(name)?;
        Some(Arc::clone(schema) as Arc<dyn SchemaProvider>)
    }
}

/// A schema whose tables never change.
#[derive(Debug)]
struct FixedSchema {
    tables: BTreeMap<String, Arc<dyn TableProvider>>,
}

impl FixedSchema {
    fn new<Name: Into<String>>(
        tables: impl Iterator<Item = (Name, Arc<dyn TableProvider>)>,
    ) -> Arc<Self> {
        Arc::new(Self { tables: tables.map(|(name, table)| (name.into(), table)).collect() })
    }
}

#[async_trait]
impl SchemaProvider for FixedSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.tables.get(name).cloned())
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }
}

/// The catalogs of one plan: the session's own release and those asked for with `VERSION AS OF`.
#[derive(Debug)]
pub(crate) struct Catalogs {
    own: Arc<ReleaseCatalog>,
    others: BTreeMap<String, Arc<ReleaseCatalog>>,
    zone: Option<Arc<str>>,
    /// The session's temporary tables.
    temporary: Arc<OwnTables>,
}

impl Catalogs {
    pub(crate) fn new(
        own: Arc<ReleaseCatalog>,
        others: BTreeMap<String, Arc<ReleaseCatalog>>,
        zone: Option<Arc<str>>,
    ) -> Self {
        Self { own, others, zone, temporary: Temporary::default().now() }
    }

    /// The same with temporary tables of the session.
    pub(super) fn with(self, temporary: Arc<OwnTables>) -> Self {
        Self { temporary, ..self }
    }

    /// The names of the session's temporary tables.
    pub(crate) fn temporary(&self) -> impl Iterator<Item = &str> {
        self.temporary.names()
    }

    /// The catalog of that name; `None` names the session's own.
    pub(crate) fn get(&self, catalog: Option<&str>) -> Option<&Arc<ReleaseCatalog>> {
        match catalog {
            None | Some(CATALOG) => Some(&self.own),
            Some(other) => self.others.get(other),
        }
    }

    /// The table of a stored file and the checksum that the file should have.
    pub(crate) fn checksum(&self, path: &str) -> Option<(&str, &str)> {
        let catalogs = std::iter::once(&self.own).chain(self.others.values());
        // Staged files have none: who reads them has just written them.
        let tables = catalogs.flat_map(|catalog| catalog.stored.values());
        tables.into_iter().find_map(|table| {
            let inside = path.strip_prefix(table.state().location.as_str())?.strip_prefix('/')?;
            let file = table.state().files.iter().find(|file| file.path == inside)?;
            Some((table.name(), file.sha256.as_str()))
        })
    }

    /// The releases beside the session's own.
    pub(crate) fn others(&self) -> impl Iterator<Item = ReleaseId> {
        self.others.values().map(|catalog| catalog.release().id)
    }
}

impl CatalogProviderList for Catalogs {
    /// Nothing can be added; the catalog offered is dropped.
    fn register_catalog(
        &self,
        _name: String,
        _catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        std::iter::once(CATALOG.to_owned()).chain(self.others.keys().cloned()).collect()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        let catalog = match name {
            CATALOG => self.temporary.beside(&self.own),
            other => Arc::clone(self.get(Some(other))?) as Arc<dyn CatalogProvider>,
        };
        Some(match &self.zone {
            None => catalog,
            Some(zone) => Arc::new(ZonedCatalog { catalog, zone: Arc::clone(zone) }),
        })
    }
}

impl StarTables for Catalogs {
    fn table(&self, catalog: Option<&str>, name: &str) -> Option<Arc<dyn TableSource>> {
        let table = self.get(catalog)?.stored.get(name)?;
        Some(provider_as_source(as_provider(table)))
    }

    fn built_by(&self, catalog: Option<&str>, name: &str) -> Option<&str> {
        let inputs = self.get(catalog)?.release().inputs.get(name)?;
        Some(&inputs.get(AGGREGATE_DEFINITION)?.first()?.sha256)
    }

    fn left_out(&self, catalog: Option<&str>, name: &str) -> Option<&str> {
        let inputs = self.get(catalog)?.release().inputs.get(name)?;
        Some(&inputs.get(AGGREGATE_LEFT_OUT)?.first()?.name)
    }

    fn is_distrusted(&self, catalog: Option<&str>, name: &str) -> bool {
        let Some(catalog) = self.get(catalog) else { return false };
        let state = catalog.stored.get(name).map(|table| table.state());
        state.is_some_and(|state| catalog.source.distrusted.has(name, state))
    }

    fn largest(&self, catalog: Option<&str>, table: &str, column: &str) -> Option<i64> {
        let table = self.get(catalog)?.stored.get(table)?;
        let place = table.schema().index_of(column).ok()?;
        match &table.statistics()?.column_statistics.get(place)?.max_value {
            Precision::Exact(value) => value.cast_to(&DataType::Int64).ok()?.try_into().ok(),
            _ => None,
        }
    }

    fn rows(&self, catalog: Option<&str>, name: &str) -> Option<u64> {
        Some(self.get(catalog)?.stored.get(name)?.state().rows())
    }
}
