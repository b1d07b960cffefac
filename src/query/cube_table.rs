//! A cube as SQL sees it: one table whose columns are levels, named sets and measures.

use super::measure::{Asked, Expansion};
use super::{defect, named_set};
use crate::error::{Error, Result};
use crate::model::{Cube, Model};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, plan_err};
use datafusion::logical_expr::{Expr, ExprSchemable, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// The schema of a cube. Planning replaces every scan of it (see
/// [`resolve_cubes`](super::resolve_cubes)); it has no rows of its own.
#[derive(Debug)]
pub struct CubeTable {
    name: String,
    schema: SchemaRef,
    remarks: Vec<String>,
    units: Vec<Option<String>>,
}

impl CubeTable {
    /// The table of a cube: its columns, its sets, each a column that is true for its members, then its
    /// measures, all nullable.
    ///
    /// # Errors
    /// User errors where the expression of a measure or a set does not hold.
    pub fn new(cube: &Cube, model: &Model) -> Result<Self> {
        let mut fields: Vec<Field> = cube
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.column.ty.plan_type(), true))
            .collect();
        let levels = DFSchema::try_from(Schema::new(fields.clone())).map_err(defect)?;
        for set in &cube.sets {
            let unsound = |error| {
                let message = format!("set `{}` of cube {} is no condition", set.name, cube.name);
                Error::user(message).caused_by(error)
            };
            named_set::is_of(set, cube)?.get_type(&levels).map_err(unsound)?;
            fields.push(Field::new(&set.name, DataType::Boolean, true));
        }
        for measure in &cube.measures {
            let expansion = Expansion::new(cube, model, &[Asked::here(&measure.name)])?;
            fields.push(Field::new(&measure.name, expansion.formulas[0].ty.clone(), true));
        }
        let columns = cube.columns.iter().map(|column| column.column.description.clone());
        let sets = cube.sets.iter().map(|set| set.description.clone());
        let measures = cube.measures.iter().map(|measure| measure.description.clone());
        let remarks = columns.chain(sets).chain(measures).collect();
        let columns = cube.columns.iter().map(|column| column.column.unit.clone());
        let measures = cube.measures.iter().map(|measure| measure.unit.clone());
        let units = columns.chain(cube.sets.iter().map(|_| None)).chain(measures).collect();
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { name: cube.name.clone(), schema, remarks, units })
    }

    /// What each of its columns means, in words.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The unit of each of its columns, where it has one.
    pub fn units(&self) -> &[Option<String>] {
        &self.units
    }

    /// The cube's name.
    pub fn cube(&self) -> &str {
        &self.name
    }
}

#[async_trait]
impl TableProvider for CubeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        plan_err!("cube {} was not resolved before execution", self.name)
    }
}
