//! A stored table of a release as DataFusion sees it.

use super::errors::to_datafusion;
use super::scan::{Scan, ScanRequest};
use super::scope::QueryScope;
use super::statistics::Keys;
use crate::error::Result;
use crate::ids::ReleaseId;
use crate::model::{FactRole, Model, plan_schema};
use crate::store::TableState;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Constraint, Constraints, Statistics};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::collections::BTreeMap;
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
    place: Place,
    constraints: Constraints,
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
        let (place, constraints) = (Place::default(), Constraints::default());
        Self {
            schema_name,
            name,
            release,
            description,
            schema,
            state,
            keys,
            place,
            constraints,
            scan,
        }
    }

    /// The same table at its place in a star.
    ///
    /// That a dimension has one row a surrogate key is also told to DataFusion: it then drops outer
    /// joins of which nothing is used, and turns such inner joins into semi joins.
    pub(crate) fn at(self, place: Place) -> Self {
        let key = match &place {
            Place::Dimension { unique, .. } => unique.first().filter(|key| key.len() == 1),
            Place::Fact { .. } | Place::Aggregate | Place::Other => None,
        };
        let key = key.and_then(|key| self.schema.index_of(&key[0]).ok());
        let constraints = key.map(|key| Constraint::PrimaryKey(vec![key])).into_iter().collect();
        Self { place, constraints: Constraints::new_unverified(constraints), ..self }
    }

    /// Whether it is a fact's table, or an aggregate's of one.
    pub(crate) fn has_measures(&self) -> bool {
        matches!(self.place, Place::Fact { .. } | Place::Aggregate)
    }

    /// Whether it is an aggregate's table.
    pub(crate) fn is_aggregate(&self) -> bool {
        self.place == Place::Aggregate
    }

    /// Whether it is a dimension's table.
    pub(crate) fn is_dimension(&self) -> bool {
        matches!(self.place, Place::Dimension { .. })
    }

    /// Sets of its columns of which no two rows have the same values.
    pub(crate) fn unique(&self) -> &[Vec<String>] {
        match &self.place {
            Place::Dimension { unique, .. } => unique,
            Place::Fact { .. } | Place::Aggregate | Place::Other => &[],
        }
    }

    /// The columns that identify a row of a fact, as it declares them; none where it does not.
    pub(crate) fn grain(&self) -> &[String] {
        match &self.place {
            Place::Fact { grain, .. } => grain,
            Place::Aggregate | Place::Dimension { .. } | Place::Other => &[],
        }
    }

    /// The table of the dimension whose members a fact's column refers to, every row to one.
    pub(crate) fn referred(&self, column: &str) -> Option<&str> {
        match &self.place {
            Place::Fact { roles, .. } => roles.get(column).map(String::as_str),
            Place::Aggregate | Place::Dimension { .. } | Place::Other => None,
        }
    }

    /// A column of which no two rows have the same value where the other, a boolean one, is true.
    pub(crate) fn unique_where(&self) -> Option<(&String, &String)> {
        match &self.place {
            Place::Dimension { current, .. } => current.as_ref().map(|(of, is)| (of, is)),
            Place::Fact { .. } | Place::Aggregate | Place::Other => None,
        }
    }

    /// Whether a column holds the surrogate keys of a dimension.
    pub(crate) fn is_surrogate_key(&self, column: &str) -> bool {
        self.keys.contains_key(column)
    }

    /// Its release.
    pub(crate) fn release(&self) -> ReleaseId {
        self.release
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

    /// The units of its columns, where they have one.
    pub(crate) fn units(&self) -> Vec<Option<String>> {
        self.state.columns.iter().map(|column| column.unit.clone()).collect()
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
    pub(crate) fn prepared(&self) -> Result<Arc<Scan>> {
        if let Some(scan) = self.scan.get() {
            return Ok(Arc::clone(scan));
        }
        let scan = Arc::new(Scan::prepare(&self.name, &self.state, &self.keys)?);
        Ok(Arc::clone(self.scan.get_or_init(|| scan)))
    }
}

/// What a table is in a star.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// A fact's table, and the tables of its dimensions by the columns that hold their keys.
    Fact {
        /// By column.
        roles: BTreeMap<String, String>,
        /// The columns that identify a row.
        grain: Vec<String>,
    },
    /// The table of a cube's aggregate.
    Aggregate,
    /// A dimension's, and the sets of columns that say which of its rows is meant.
    Dimension {
        /// Each by itself.
        unique: Vec<Vec<String>>,
        /// Where it has versions, the durable key and what is true of the current ones.
        current: Option<(String, String)>,
    },
    /// A staged one, one that the model no longer knows.
    #[default]
    Other,
}

impl Place {
    /// The place of a stored table of that name.
    pub(crate) fn of(model: &Model, table: &str) -> Self {
        if let Some(fact) = model.facts.iter().find(|fact| fact.table() == table) {
            let referred = |role: &FactRole| {
                Some((role.key_column(), model.dimension(&role.dimension)?.table()))
            };
            let roles = fact.roles.iter().filter_map(referred).collect();
            return Self::Fact { roles, grain: fact.key.clone() };
        }
        if model.cubes.iter().any(|cube| cube.aggregate_in(table).is_some()) {
            return Self::Aggregate;
        }
        let dimension = model.dimensions.iter().find(|dimension| dimension.table() == table);
        dimension.map_or(Self::Other, |dimension| {
            let mut unique = vec![vec![dimension.key_column()]];
            if !dimension.is_versioned() && !dimension.is_combined() {
                let natural = dimension.natural_key.iter().map(|column| column.name.clone());
                unique.push(natural.collect());
            }
            let current = || (dimension.durable_key_column(), "is_current".to_owned());
            let current = dimension.is_versioned().then(current);
            Self::Dimension { unique, current }
        })
    }
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.constraints)
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
