//! Tables as a session with a time zone sees them: moments are the same, but their days, hours and
//! texts are the zone's.
//!
//! Stored moments are in UTC. What cuts a moment to its day, or reads its hour, does so in the zone
//! of its type; so in such a session a table with moments is a view that gives them the session's.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::{Column, Result};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast};
use std::sync::Arc;

/// A catalog in a time zone.
#[derive(Debug)]
pub(super) struct ZonedCatalog {
    pub(super) catalog: Arc<dyn CatalogProvider>,
    pub(super) zone: Arc<str>,
}

impl CatalogProvider for ZonedCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.catalog.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let schema = self.catalog.schema(name)?;
        // A cube's levels are the model's: its calendar says whose days they are.
        if name == super::catalog::CUBES {
            return Some(schema);
        }
        Some(Arc::new(ZonedSchema { schema, zone: Arc::clone(&self.zone) }))
    }
}

#[derive(Debug)]
struct ZonedSchema {
    schema: Arc<dyn SchemaProvider>,
    zone: Arc<str>,
}

#[async_trait]
impl SchemaProvider for ZonedSchema {
    fn table_names(&self) -> Vec<String> {
        self.schema.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.schema.table(name).await? {
            Some(table) => zoned(name, table, &self.zone).map(Some),
            None => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.schema.table_exist(name)
    }
}

fn zoned(
    name: &str,
    table: Arc<dyn TableProvider>,
    zone: &Arc<str>,
) -> Result<Arc<dyn TableProvider>> {
    let own = table.schema();
    let wanted = schema(&own, zone);
    if wanted == own {
        return Ok(table);
    }
    let columns = own.fields().iter().zip(wanted.fields()).map(|(own, wanted)| {
        let column = Expr::Column(Column::from_name(own.name()));
        match own == wanted {
            true => column,
            false => cast(column, wanted.data_type().clone()).alias(own.name()),
        }
    });
    let columns: Vec<Expr> = columns.collect();
    let plan = LogicalPlanBuilder::scan(name, provider_as_source(table), None)?;
    Ok(Arc::new(ViewTable::new(plan.project(columns)?.build()?, None)))
}

/// A schema whose moments with a zone have another.
pub(super) fn schema(own: &SchemaRef, zone: &Arc<str>) -> SchemaRef {
    let fields = own.fields().iter().map(|field| match field.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            let ty = DataType::Timestamp(*unit, Some(Arc::clone(zone)));
            Arc::new(Field::new(field.name(), ty, field.is_nullable()))
        }
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), own.metadata().clone()))
}
