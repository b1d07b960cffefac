//! Keys, as the model declares them: what BI tools draw joins from.
//!
//! A dimension's primary key is its surrogate key, a fact's the columns of its grain; a fact's
//! role keys are foreign keys to the dimensions. Only tables that the release has are listed.

use super::{CATALOG, WAREHOUSE};
use crate::engine::Session;
use crate::error::Result;
use crate::model::Model;
use crate::server::status;
use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, UInt8Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, UpdateDeleteRules,
};
use std::collections::HashSet;
use std::sync::Arc;

/// A fact's column that refers to a dimension's key.
struct ForeignKey {
    dimension_table: String,
    dimension_column: String,
    fact_table: String,
    fact_column: String,
}

impl ForeignKey {
    /// Sorted by table first, so sorting by name is what the protocol asks for.
    fn name(&self) -> String {
        format!("fk_{}_{}", self.fact_table, self.fact_column)
    }
}

pub(super) fn primary(
    command: &CommandGetPrimaryKeys,
    model: &Model,
    session: &Session,
) -> Result<RecordBatch> {
    let asked = in_warehouse(command.catalog.as_deref(), command.db_schema.as_deref());
    let table = command.table.as_str();
    let columns = match asked && stored_tables(session)?.contains(table) {
        true => primary_key(model, table),
        false => Vec::new(),
    };
    let rows = columns.len();
    let schema = Schema::new(vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("column_name", DataType::Utf8, false),
        Field::new("key_name", DataType::Utf8, true),
        Field::new("key_sequence", DataType::Int32, false),
    ]);
    let arrays = vec![
        repeated(CATALOG, rows),
        repeated(WAREHOUSE, rows),
        repeated(table, rows),
        text(columns),
        repeated(&primary_key_name(table), rows),
        Arc::new(Int32Array::from_iter_values((1..).take(rows))),
    ];
    RecordBatch::try_new(Arc::new(schema), arrays).map_err(status::encoding)
}

/// The keys of other tables that a table refers to.
pub(super) fn imported(
    command: &CommandGetImportedKeys,
    model: &Model,
    session: &Session,
) -> Result<RecordBatch> {
    let asked = in_warehouse(command.catalog.as_deref(), command.db_schema.as_deref());
    let mut keys = foreign_keys(model, session)?;
    keys.retain(|key| asked && key.fact_table == command.table);
    keys.sort_by_key(|key| (key.dimension_table.clone(), key.name()));
    foreign_key_batch(&keys)
}

/// The columns of other tables that refer to a table's key.
pub(super) fn exported(
    command: &CommandGetExportedKeys,
    model: &Model,
    session: &Session,
) -> Result<RecordBatch> {
    let asked = in_warehouse(command.catalog.as_deref(), command.db_schema.as_deref());
    let mut keys = foreign_keys(model, session)?;
    keys.retain(|key| asked && key.dimension_table == command.table);
    keys.sort_by_key(|key| (key.fact_table.clone(), key.name()));
    foreign_key_batch(&keys)
}

/// The columns of one table that refer to another's key.
pub(super) fn cross_reference(
    command: &CommandGetCrossReference,
    model: &Model,
    session: &Session,
) -> Result<RecordBatch> {
    let asked = in_warehouse(command.pk_catalog.as_deref(), command.pk_db_schema.as_deref())
        && in_warehouse(command.fk_catalog.as_deref(), command.fk_db_schema.as_deref());
    let mut keys = foreign_keys(model, session)?;
    keys.retain(|key| {
        asked && key.dimension_table == command.pk_table && key.fact_table == command.fk_table
    });
    keys.sort_by_key(ForeignKey::name);
    foreign_key_batch(&keys)
}

/// A catalog or schema left out means any; given, it is a name and no pattern.
fn in_warehouse(catalog: Option<&str>, schema: Option<&str>) -> bool {
    catalog.is_none_or(|name| name == CATALOG) && schema.is_none_or(|name| name == WAREHOUSE)
}

fn stored_tables(session: &Session) -> Result<HashSet<String>> {
    let tables = session.tables()?.into_iter();
    Ok(tables.filter(|table| table.schema_name == WAREHOUSE).map(|table| table.name).collect())
}

fn primary_key(model: &Model, table: &str) -> Vec<String> {
    let dimension = model.dimensions.iter().find(|dimension| dimension.table() == table);
    let fact = model.facts.iter().find(|fact| fact.table() == table);
    match (dimension, fact) {
        (Some(dimension), _) => vec![dimension.key_column()],
        (None, Some(fact)) => fact.key.clone(),
        (None, None) => Vec::new(),
    }
}

fn primary_key_name(table: &str) -> String {
    format!("pk_{table}")
}

fn foreign_keys(model: &Model, session: &Session) -> Result<Vec<ForeignKey>> {
    let stored = stored_tables(session)?;
    let mut keys = Vec::new();
    for fact in model.facts.iter().filter(|fact| stored.contains(&fact.table())) {
        for role in &fact.roles {
            let Some(dimension) = model.dimension(&role.dimension) else { continue };
            if stored.contains(&dimension.table()) {
                keys.push(ForeignKey {
                    dimension_table: dimension.table(),
                    dimension_column: dimension.key_column(),
                    fact_table: fact.table(),
                    fact_column: role.key_column(),
                });
            }
        }
    }
    Ok(keys)
}

fn foreign_key_batch(keys: &[ForeignKey]) -> Result<RecordBatch> {
    let rows = keys.len();
    let text_of = |value: fn(&ForeignKey) -> String| text(keys.iter().map(value));
    // Loads replace keys and facts together, so no rule ever acts; "restrict" claims the least.
    let rule = || -> ArrayRef {
        Arc::new(UInt8Array::from(vec![UpdateDeleteRules::Restrict as u8; rows]))
    };
    let schema = Schema::new(vec![
        Field::new("pk_catalog_name", DataType::Utf8, true),
        Field::new("pk_db_schema_name", DataType::Utf8, true),
        Field::new("pk_table_name", DataType::Utf8, false),
        Field::new("pk_column_name", DataType::Utf8, false),
        Field::new("fk_catalog_name", DataType::Utf8, true),
        Field::new("fk_db_schema_name", DataType::Utf8, true),
        Field::new("fk_table_name", DataType::Utf8, false),
        Field::new("fk_column_name", DataType::Utf8, false),
        Field::new("key_sequence", DataType::Int32, false),
        Field::new("fk_key_name", DataType::Utf8, true),
        Field::new("pk_key_name", DataType::Utf8, true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ]);
    let arrays = vec![
        repeated(CATALOG, rows),
        repeated(WAREHOUSE, rows),
        text_of(|key| key.dimension_table.clone()),
        text_of(|key| key.dimension_column.clone()),
        repeated(CATALOG, rows),
        repeated(WAREHOUSE, rows),
        text_of(|key| key.fact_table.clone()),
        text_of(|key| key.fact_column.clone()),
        Arc::new(Int32Array::from(vec![1; rows])),
        text_of(ForeignKey::name),
        text_of(|key| primary_key_name(&key.dimension_table)),
        rule(),
        rule(),
    ];
    RecordBatch::try_new(Arc::new(schema), arrays).map_err(status::encoding)
}

fn text(values: impl IntoIterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn repeated(value: &str, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows)))
}
