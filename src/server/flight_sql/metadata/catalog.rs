//! Catalogs, schemas, tables and their columns.

use super::CATALOG;
use crate::engine::{SANDBOX, Session, TEMPORARY, TableInfo};
use crate::error::Result;
use crate::server::status;
use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::sql::{CommandGetCatalogs, CommandGetDbSchemas, CommandGetTables};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The types of tables there may be, sorted.
const TABLE_TYPES: [&str; 4] = ["LOCAL TEMPORARY", "SYSTEM TABLE", "TABLE", "VIEW"];

/// Field metadata that JDBC shows as a column's type name and remarks.
const TYPE_NAME: &str = "ARROW:FLIGHT:SQL:TYPE_NAME";
const REMARKS: &str = "ARROW:FLIGHT:SQL:REMARKS";
const IS_READ_ONLY: &str = "ARROW:FLIGHT:SQL:IS_READ_ONLY";

pub(super) fn catalogs(command: CommandGetCatalogs) -> Result<RecordBatch> {
    let mut builder = command.into_builder();
    builder.append(CATALOG);
    builder.build().map_err(status::flight)
}

pub(super) fn schemas(command: CommandGetDbSchemas, session: &Session) -> Result<RecordBatch> {
    let tables = session.tables()?;
    let mut names: BTreeSet<&str> = tables.iter().map(|table| table.schema_name.as_str()).collect();
    // There before its first table, so that clients can make one.
    names.insert(SANDBOX);
    let mut builder = command.into_builder();
    for name in names {
        builder.append(CATALOG, name);
    }
    builder.build().map_err(status::flight)
}

pub(super) fn tables(command: CommandGetTables, session: &Session) -> Result<RecordBatch> {
    let mut builder = command.into_builder();
    for table in session.tables()? {
        let TableInfo { schema_name, name, table_type, .. } = &table;
        let columns = columns(&table);
        builder.append(CATALOG, schema_name, name, table_type, &columns).map_err(status::flight)?;
    }
    builder.build().map_err(status::flight)
}

pub(super) fn table_types() -> Result<RecordBatch> {
    let schema = Schema::new(vec![Field::new("table_type", DataType::Utf8, false)]);
    let types = StringArray::from_iter_values(TABLE_TYPES);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(types)]).map_err(status::encoding)
}

/// A table's columns as clients see them, with what JDBC asks beside the type.
fn columns(table: &TableInfo) -> Schema {
    let fields: Vec<Field> = table
        .schema
        .fields()
        .iter()
        .zip(&table.remarks)
        .map(|(field, remark)| {
            let mut metadata = field.metadata().clone();
            metadata.insert(TYPE_NAME.to_owned(), type_name(field.data_type()));
            let writable = [SANDBOX, TEMPORARY].contains(&table.schema_name.as_str());
            let read_only = if writable { "0" } else { "1" };
            metadata.insert(IS_READ_ONLY.to_owned(), read_only.to_owned());
            metadata.insert(REMARKS.to_owned(), remark.clone());
            field.as_ref().clone().with_metadata(metadata)
        })
        .collect();
    Schema::new(fields)
}

/// The type's name in SQL.
fn type_name(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => "VARCHAR",
        DataType::Boolean => "BOOLEAN",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INTEGER",
        DataType::Int64 => "BIGINT",
        DataType::Float64 => "DOUBLE",
        DataType::Date32 => "DATE",
        DataType::Timestamp(_, _) => "TIMESTAMP",
        DataType::Decimal128(precision, scale) => return format!("DECIMAL({precision},{scale})"),
        other => return other.to_string().to_uppercase(),
    };
    name.to_owned()
}
