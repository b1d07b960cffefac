//! Reads a Substrait plan against the catalog of a session.
//!
//! The library's own reading is kept but for what it would let through: tables are found as SQL finds
//! them, files are refused, and what a read filters is a filter of the plan, not a hint to a scan.

use super::limits::{Counts, check_expression, malformed};
use crate::engine::catalog::{CUBES, Catalogs};
use crate::engine::errors::{from_datafusion, to_datafusion};
use crate::engine::names::check_table;
use crate::engine::{Session, TEMPORARY};
use crate::error::{Error, ErrorKind, Result};
use crate::policy::Access;
use async_trait::async_trait;
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, DFSchema, Result as DataFusionResult, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::builder::project;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion_substrait::extensions::Extensions;
use datafusion_substrait::logical_plan::consumer::{
    DefaultSubstraitConsumer, SubstraitConsumer, from_field_reference, from_read_rel,
    from_scalar_function, from_substrait_named_struct, from_substrait_plan_with_consumer,
    from_substrait_rel,
};
use datafusion_substrait::substrait::proto::expression::field_reference::{
    ReferenceType, RootType,
};
use datafusion_substrait::substrait::proto::expression::mask_expression::StructSelect;
use datafusion_substrait::substrait::proto::expression::reference_segment::ReferenceType as Segment;
use datafusion_substrait::substrait::proto::expression::{FieldReference, ScalarFunction};
use datafusion_substrait::substrait::proto::read_rel::ReadType;
use datafusion_substrait::substrait::proto::{Plan, ReadRel, Rel, Type};
use std::sync::Arc;

/// The plan, not authorised as a whole yet: only the tables that it names are.
pub(super) async fn read(
    session: &Session,
    state: &SessionState,
    catalogs: &Catalogs,
    plan: &Plan,
) -> Result<LogicalPlan> {
    let extensions = Extensions::try_from(&plan.extensions).map_err(from_datafusion)?;
    if !extensions.type_variations.is_empty() {
        return Err(Error::unsupported("Substrait's type variations are not supported"));
    }
    let library = DefaultSubstraitConsumer::new(&extensions, state);
    let consumer = Consumer { session, catalogs, library, counts: Counts::default() };
    from_substrait_plan_with_consumer(&consumer, plan).await.map_err(from_datafusion)
}

struct Consumer<'a> {
    session: &'a Session,
    catalogs: &'a Catalogs,
    library: DefaultSubstraitConsumer<'a>,
    counts: Counts,
}

#[async_trait]
impl SubstraitConsumer for Consumer<'_> {
    async fn resolve_table_ref(
        &self,
        table: &TableReference,
    ) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        self.library.resolve_table_ref(table).await
    }

    fn get_extensions(&self) -> &Extensions {
        self.library.get_extensions()
    }

    fn get_function_registry(&self) -> &impl FunctionRegistry {
        self.library.get_function_registry()
    }

    async fn consume_rel(&self, rel: &Rel) -> DataFusionResult<LogicalPlan> {
        self.counts.enter(rel).map_err(to_datafusion)?;
        let plan = from_substrait_rel(self, rel).await?;
        self.counts.leave(plan).map_err(to_datafusion)
    }

    async fn consume_read(&self, rel: &ReadRel) -> DataFusionResult<LogicalPlan> {
        let mut plan = match &rel.read_type {
            Some(ReadType::NamedTable(table)) => self.table(rel, &table.names).await?,
            Some(ReadType::VirtualTable(_)) => {
                let rows = ReadRel { filter: None, projection: None, ..rel.clone() };
                from_read_rel(self, &rows).await?
            }
            Some(ReadType::LocalFiles(_) | ReadType::IcebergTable(_)) => {
                let denied = Error::new(ErrorKind::Denied, "a Substrait plan reads no files here");
                let hint = "name a table of the warehouse, the cubes or the sandbox";
                return Err(to_datafusion(denied.hint(hint)));
            }
            Some(ReadType::ExtensionTable(_)) => {
                let text = "Substrait's extension tables are not supported";
                return Err(to_datafusion(Error::unsupported(text)));
            }
            None => return Err(to_datafusion(malformed("a read says not what it reads"))),
        };
        if let Some(filter) = &rel.filter {
            let filter = self.consume_expression(filter, plan.schema()).await?;
            plan = LogicalPlanBuilder::from(plan).filter(filter)?.build()?;
        }
        match rel.projection.as_ref().and_then(|mask| mask.select.as_ref()) {
            Some(select) => masked(plan, select),
            None => Ok(plan),
        }
    }

    async fn consume_field_reference(
        &self,
        reference: &FieldReference,
        input: &DFSchema,
    ) -> DataFusionResult<Expr> {
        if let Some(ReferenceType::DirectReference(segment)) = &reference.reference_type
            && let Some(Segment::StructField(place)) = &segment.reference_type
        {
            let columns = match &reference.root_type {
                Some(RootType::OuterReference(outer)) => {
                    let steps = usize::try_from(outer.steps_out).unwrap_or(usize::MAX);
                    self.get_outer_schema(steps).map(|outer| outer.fields().len())
                }
                Some(RootType::RootReference(_)) | None => Some(input.fields().len()),
                Some(_) => None,
            };
            if let Some(columns) = columns {
                check_place(place.field, columns)?;
            }
        }
        from_field_reference(self, reference, input).await
    }

    async fn consume_scalar_function(
        &self,
        call: &ScalarFunction,
        input: &DFSchema,
    ) -> DataFusionResult<Expr> {
        let expr = from_scalar_function(self, call, input).await?;
        check_expression(&expr).map_err(to_datafusion)?;
        Ok(expr)
    }

    fn push_outer_schema(&self, schema: Arc<DFSchema>) {
        self.library.push_outer_schema(schema);
    }

    fn pop_outer_schema(&self) {
        self.library.pop_outer_schema();
    }

    fn get_outer_schema(&self, steps_out: usize) -> Option<Arc<DFSchema>> {
        self.library.get_outer_schema(steps_out)
    }

    fn push_lambda_parameters(
        &self,
        parameters: &[Type],
        input: &DFSchema,
    ) -> DataFusionResult<Vec<String>> {
        self.library.push_lambda_parameters(parameters, input)
    }

    fn pop_lambda_parameters(&self) {
        self.library.pop_lambda_parameters();
    }

    fn lambda_variable(&self, steps_out: usize, place: usize) -> DataFusionResult<Expr> {
        self.library.lambda_variable(steps_out, place)
    }
}

impl Consumer<'_> {
    /// The columns of a table that a read says it has, in its order.
    async fn table(&self, rel: &ReadRel, names: &[String]) -> DataFusionResult<LogicalPlan> {
        let table = self.named(names).map_err(to_datafusion)?;
        let no_schema = || to_datafusion(malformed("a read has no schema"));
        let schema = rel.base_schema.as_ref().ok_or_else(no_schema)?;
        let expected = from_substrait_named_struct(self, schema)?;
        let missing = || to_datafusion(Error::not_found(format!("there is no table `{table}`")));
        let provider = self.resolve_table_ref(&table).await?.ok_or_else(missing)?;
        let scan = LogicalPlanBuilder::scan(table.clone(), provider_as_source(provider), None)?;
        let scan = scan.build()?;
        let listed = self.listed(&table).await?;
        let mut columns = Vec::new();
        for expected in expected.fields() {
            let found = scan.schema().qualified_field_with_unqualified_name(expected.name())?;
            let listed =
                listed.as_ref().and_then(|listed| listed.field_with_name(expected.name()).ok());
            check_field(listed.unwrap_or(found.1), expected)?;
            columns.push(Column::from(found));
        }
        if columns == scan.schema().columns() {
            return Ok(scan);
        }
        project(scan, columns.into_iter().map(Expr::Column))
    }

    /// The schema that clients are told of a cube, whose table does not know what is never NULL.
    async fn listed(&self, table: &TableReference) -> DataFusionResult<Option<SchemaRef>> {
        if table.schema() != Some(CUBES) {
            return Ok(None);
        }
        // Boxed, for it plans within the planning of a plan.
        let schema = Box::pin(self.session.cube_as_sent(table.table())).await;
        schema.map(Some).map_err(to_datafusion)
    }

    /// The table that is named, as SQL would find it, if the principal may read it.
    fn named(&self, names: &[String]) -> Result<TableReference> {
        let mine = |name: &String| self.catalogs.temporary().any(|own| own == name);
        let table = match names {
            [table] if mine(table) => TableReference::partial(TEMPORARY, table.as_str()),
            [table] => TableReference::partial(self.session.default_schema(), table.as_str()),
            [schema, table] => TableReference::partial(schema.as_str(), table.as_str()),
            [catalog, schema, table] => {
                TableReference::full(catalog.as_str(), schema.as_str(), table.as_str())
            }
            _ => return Err(Error::user("a table's name is a table, or a schema and a table")),
        };
        check_table(&table, self.catalogs, self.session.default_schema())?;
        let schema = table.schema().unwrap_or(self.session.default_schema()).to_owned();
        let access = Access { schema, table: table.table().to_owned() };
        self.session.policy().authorize(self.session.principal(), &[access])?;
        Ok(table)
    }
}

/// Refuses a column of another type than the plan was made for, or with NULLs that it did not expect.
fn check_field(found: &Field, expected: &Field) -> DataFusionResult<()> {
    let (found_type, expected_type) = (found.data_type(), expected.data_type());
    let name = expected.name();
    if !DFSchema::datatype_is_logically_equal(found_type, expected_type) {
        let text =
            format!("column `{name}` is {found_type}, not {expected_type} as the plan has it");
        return Err(to_datafusion(Error::user(text).hint("make the plan from the table's schema")));
    }
    if found.is_nullable() && !expected.is_nullable() {
        let text = format!("column `{name}` may be NULL, but the plan was made as if it were not");
        return Err(to_datafusion(Error::user(text).hint("make the plan from the table's schema")));
    }
    Ok(())
}

fn check_place(place: i32, columns: usize) -> DataFusionResult<usize> {
    match usize::try_from(place) {
        Ok(place) if place < columns => Ok(place),
        _ => {
            let text = format!("it points to column {place} of {columns}");
            Err(to_datafusion(malformed(&text)))
        }
    }
}

/// Some of a plan's columns.
fn masked(plan: LogicalPlan, select: &StructSelect) -> DataFusionResult<LogicalPlan> {
    let mut columns = Vec::new();
    for item in &select.struct_items {
        if item.child.is_some() {
            let text = "a Substrait read shows whole columns, not parts of them";
            return Err(to_datafusion(Error::unsupported(text)));
        }
        let place = check_place(item.field, plan.schema().fields().len())?;
        columns.push(Expr::Column(Column::from(plan.schema().qualified_field(place))));
    }
    project(plan, columns)
}
