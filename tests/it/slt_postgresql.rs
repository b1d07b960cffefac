//! What PostgreSQL can answer too, it answers alike: `tests/olap/trade/others.slt`, as in `slt_sqlite.rs`.

use super::cubes::traps::data;
use super::extract::postgresql::Database;
use super::reference::{Data, Row, Value};
use super::slt_sqlite::CUBE;
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// The stored tables of a world, and its cube as a table.
fn statements(data: &Data) -> String {
    let mut sql = "CREATE SCHEMA warehouse; CREATE SCHEMA cubes;".to_owned();
    let mut tables = |kind: &str, rows: &BTreeMap<String, Vec<Row>>| {
        for (name, rows) in rows {
            table(&mut sql, &format!("warehouse.{kind}_{name}"), rows);
        }
    };
    tables("dim", &data.dimensions);
    tables("fact", &data.facts);
    tables("bridge", &data.bridges);
    sql + CUBE
}

fn table(sql: &mut String, name: &str, rows: &[Row]) {
    let columns: BTreeSet<&String> = rows.iter().flat_map(Row::keys).collect();
    let value = |row: &Row, column: &str| row.get(column).cloned().unwrap_or(Value::Null);
    let declared = columns.iter().map(|column| {
        let known = rows.iter().map(|row| value(row, column)).find(|value| !value.is_null());
        format!("{column} {}", type_of(known.as_ref()))
    });
    write!(sql, "CREATE TABLE {name} ({});", declared.collect::<Vec<_>>().join(", ")).unwrap();
    for row in rows {
        let values: Vec<String> =
            columns.iter().map(|column| literal(&value(row, column))).collect();
        write!(sql, "INSERT INTO {name} VALUES ({});", values.join(", ")).unwrap();
    }
}

fn type_of(value: Option<&Value>) -> String {
    match value {
        Some(Value::Exact { scale: 0, .. }) => "bigint".to_owned(),
        Some(Value::Exact { scale, .. }) => format!("numeric(38,{scale})"),
        Some(Value::Float(_)) => "double precision".to_owned(),
        Some(Value::Bool(_)) => "boolean".to_owned(),
        Some(Value::Date(_)) => "date".to_owned(),
        Some(Value::Text(_) | Value::Null) | None => "text".to_owned(),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        other => format!("'{}'", other.to_string().replace('\'', "''")),
    }
}

struct Postgresql(Database);

#[derive(Debug)]
struct Failed(String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl DB for Postgresql {
    type Error = Failed;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failed> {
        let rows = self.0.texts(sql).map_err(Failed)?;
        let columns = rows.first().map_or(0, Vec::len);
        let shown = |cell: Option<String>| cell.unwrap_or_else(|| "NULL".to_owned());
        let rows = rows.into_iter().map(|row| row.into_iter().map(shown).collect()).collect();
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows })
    }

    fn engine_name(&self) -> &str {
        "postgresql"
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn postgresql_answers_as_written() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/olap/trade/others.slt");
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new(folder.path());
    database.execute(&statements(&data()));
    let mut runner = Runner::new(|| async { Ok(Postgresql(database.clone())) });
    runner.add_label("tables");
    if let Err(error) = runner.run_file(file) {
        panic!("{error}");
    }
}
