//! Catalogs, schemas, tables and their columns.

use super::CATALOG;
use crate::engine::{SANDBOX, Session, TableInfo};
use crate::error::Result;
use crate::server::flight_sql::columns;
use crate::server::status;
use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::sql::{CommandGetCatalogs, CommandGetDbSchemas, CommandGetTables};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The types of tables there may be, sorted.
const TABLE_TYPES: [&str; 4] = ["LOCAL TEMPORARY", "SYSTEM TABLE", "TABLE", "VIEW"];

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

pub(super) fn tables(command: CommandGetTables, tables: &[TableInfo]) -> Result<RecordBatch> {
    let mut builder = command.into_builder();
    for table in tables {
        let TableInfo { schema_name, name, table_type, .. } = table;
        let columns = columns::of_table(table);
        builder.append(CATALOG, schema_name, name, table_type, &columns).map_err(status::flight)?;
    }
    builder.build().map_err(status::flight)
}

pub(super) fn table_types() -> Result<RecordBatch> {
    let schema = Schema::new(vec![Field::new("table_type", DataType::Utf8, false)]);
    let types = StringArray::from_iter_values(TABLE_TYPES);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(types)]).map_err(status::encoding)
}
