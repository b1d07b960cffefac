//! What SQLite can answer too, it answers alike: `tests/olap/trade/others.slt` is run by both. In SQLite
//! the cube is a table of its facts' rows, made with joins; what asks with `MEASURE` stands there once
//! more, as one would write it without a cube.

use super::cubes::traps::data;
use super::reference::{Data, Row, Value};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};
use std::collections::BTreeSet;
use std::path::Path;

/// The rows of the cube: what rows of a fact show, and zero or nothing of the other's.
pub(crate) const CUBE: &str = "
CREATE TABLE cubes.trade AS
SELECT d.date AS date_date, d.month AS date_month, d.quarter AS date_quarter, d.year AS date_year,
       c.customer_id, c.segment, s.store_id, s.country, s.region, f.receipt_no,
       f.net_amount AS revenue, f.cost AS expense, f.quantity AS pieces, 1 AS lines, 0 AS snapshots
FROM warehouse.fact_sales f
JOIN warehouse.dim_date d ON d.date_key = f.date_key
JOIN warehouse.dim_customer c ON c.customer_key = f.customer_key
JOIN warehouse.dim_store s ON s.store_key = f.store_key
UNION ALL
SELECT d.date, d.month, d.quarter, d.year, c.customer_id, c.segment, s.store_id, s.country,
       s.region, NULL, NULL, NULL, NULL, 0, 1
FROM warehouse.fact_accounts f
JOIN warehouse.dim_date d ON d.date_key = f.date_key
JOIN warehouse.dim_customer c ON c.customer_key = f.customer_key
JOIN warehouse.dim_store s ON s.store_key = f.store_key";

/// The stored tables of a world, and its cube as a table.
fn sqlite(data: &Data) -> Connection {
    let database = Connection::open_in_memory().unwrap();
    database.execute_batch("ATTACH ':memory:' AS warehouse; ATTACH ':memory:' AS cubes").unwrap();
    let tables = |kind: &str, rows: &std::collections::BTreeMap<String, Vec<Row>>| {
        for (name, rows) in rows {
            table(&database, &format!("{kind}_{name}"), rows);
        }
    };
    tables("dim", &data.dimensions);
    tables("fact", &data.facts);
    tables("bridge", &data.bridges);
    database.execute_batch(CUBE).unwrap();
    database
}

fn table(database: &Connection, name: &str, rows: &[Row]) {
    let columns: BTreeSet<&String> = rows.iter().flat_map(Row::keys).collect();
    let names: Vec<&str> = columns.iter().map(|name| name.as_str()).collect();
    database.execute(&format!("CREATE TABLE warehouse.{name} ({})", names.join(", ")), []).unwrap();
    for row in rows {
        let values: Vec<String> =
            columns.iter().map(|name| literal(row.get(*name).unwrap_or(&Value::Null))).collect();
        let insert = format!("INSERT INTO warehouse.{name} VALUES ({})", values.join(", "));
        database.execute(&insert, []).unwrap();
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Date(day) => format!("'{day}'"),
        Value::Bool(flag) => i32::from(*flag).to_string(),
        other => other.to_string(),
    }
}

struct Sqlite(Connection);

impl DB for Sqlite {
    type Error = rusqlite::Error;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, rusqlite::Error> {
        let mut statement = self.0.prepare(sql)?;
        let columns = statement.column_count();
        let mut answer = statement.query([])?;
        let mut rows = Vec::new();
        while let Some(row) = answer.next()? {
            let cells = (0..columns).map(|column| row.get_ref(column).map(cell));
            rows.push(cells.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows })
    }

    fn engine_name(&self) -> &str {
        "sqlite"
    }
}

/// Numbers with a point are money here, to the cent.
fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => format!("{number:.2}"),
        ValueRef::Text([]) => "(empty)".to_owned(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(_) => panic!("no table holds bytes"),
    }
}

#[test]
fn sqlite_answers_as_written() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/olap/trade/others.slt");
    let mut runner = Runner::new(|| async { Ok(Sqlite(sqlite(&data()))) });
    runner.add_label("tables");
    if let Err(error) = runner.run_file(file) {
        panic!("{error}");
    }
}
