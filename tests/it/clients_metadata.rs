//! Flight SQL's metadata commands, as BI tools call them.

use crate::clients::{Client, ask, connect, fetch};
use crate::support::{ServeProcess, TinyProject};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int32Type, Schema};
use arrow_flight::IpcMessage;
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetTables, CommandGetXdbcTypeInfo, SqlInfo, XdbcDataType,
};
use bytes::Bytes;

fn texts(batch: &RecordBatch, column: &str) -> Vec<String> {
    let column = batch.column_by_name(column).unwrap().as_string::<i32>();
    column.iter().flatten().map(str::to_owned).collect()
}

async fn tables(client: &mut Client, command: CommandGetTables) -> RecordBatch {
    let info = client.get_tables(command).await.unwrap();
    fetch(client, info).await.unwrap()
}

#[tokio::test]
async fn catalogs_schemas_and_table_types_are_listed() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let info = client.get_catalogs().await.unwrap();
    let catalogs = fetch(&mut client, info).await.unwrap();
    assert_eq!(texts(&catalogs, "catalog_name"), ["starhouse"]);
    let info = client.get_db_schemas(CommandGetDbSchemas::default()).await.unwrap();
    let schemas = texts(&fetch(&mut client, info).await.unwrap(), "db_schema_name");
    for schema in ["cubes", "system", "warehouse"] {
        assert!(schemas.iter().any(|name| name == schema), "{schemas:?}");
    }
    let info = client.get_table_types().await.unwrap();
    let types = fetch(&mut client, info).await.unwrap();
    assert_eq!(texts(&types, "table_type"), ["LOCAL TEMPORARY", "SYSTEM TABLE", "TABLE", "VIEW"]);
}

#[tokio::test]
async fn tables_are_found_by_catalog_pattern_and_type() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let of_type = |table_type: &str| CommandGetTables {
        table_types: vec![table_type.to_owned()],
        ..CommandGetTables::default()
    };
    let stored = tables(&mut client, of_type("TABLE")).await;
    assert_eq!(texts(&stored, "table_name"), ["dim_store", "fact_sales"]);
    assert_eq!(texts(&stored, "catalog_name"), ["starhouse", "starhouse"]);
    let cubes = tables(&mut client, of_type("VIEW")).await;
    assert_eq!(texts(&cubes, "table_name"), ["sales"]);
    let matching = |catalog: Option<&str>, schema: &str, table: &str| CommandGetTables {
        catalog: catalog.map(str::to_owned),
        db_schema_filter_pattern: Some(schema.to_owned()),
        table_name_filter_pattern: Some(table.to_owned()),
        ..CommandGetTables::default()
    };
    let cases = [
        (matching(None, "%", "fact\\_%"), vec!["fact_sales"]),
        (matching(Some("starhouse"), "ware%", "dim_stor_"), vec!["dim_store"]),
        (matching(Some("starhouse"), "cubes", "%"), vec!["sales"]),
        (matching(Some(""), "%", "%"), vec![]),
        (matching(Some("other"), "%", "%"), vec![]),
    ];
    for (command, expected) in cases {
        let found = tables(&mut client, command.clone()).await;
        assert_eq!(texts(&found, "table_name"), expected, "{command:?}");
    }
}

#[tokio::test]
async fn columns_come_with_sql_types() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let command = CommandGetTables {
        table_name_filter_pattern: Some("fact_sales".to_owned()),
        include_schema: true,
        ..CommandGetTables::default()
    };
    let found = tables(&mut client, command).await;
    let schema = found.column_by_name("table_schema").unwrap().as_binary::<i32>().value(0);
    let schema = Schema::try_from(IpcMessage(Bytes::copy_from_slice(schema))).unwrap();
    let column = schema.field_with_name("net_amount").unwrap();
    assert_eq!(column.data_type(), &DataType::Decimal128(12, 2));
    assert_eq!(column.metadata()["ARROW:FLIGHT:SQL:TYPE_NAME"], "DECIMAL");
    assert_eq!(column.metadata()["ARROW:FLIGHT:SQL:PRECISION"], "12");
    assert_eq!(column.metadata()["ARROW:FLIGHT:SQL:SCALE"], "2");
    assert_eq!(column.metadata()["ARROW:FLIGHT:SQL:REMARKS"], "Price paid. (EUR)");
    assert_eq!(column.metadata()["starhouse.unit"], "EUR");
    assert!(!schema.metadata()["starhouse.description"].is_empty());
    assert_eq!(schema.field_with_name("remark").unwrap().data_type(), &DataType::Utf8);
    assert!(!schema.field_with_name("store_key").unwrap().is_nullable());
}

/// What tables are said to be is what comes of them, in a session's time zone too.
#[tokio::test]
async fn columns_are_listed_as_they_are_sent() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    for setting in ["SET query_tag = 'none'", "SET time_zone = 'Europe/Berlin'"] {
        ask(&mut client, setting).await.unwrap();
        let command = CommandGetTables { include_schema: true, ..CommandGetTables::default() };
        let found = tables(&mut client, command).await;
        let schemas = found.column_by_name("table_schema").unwrap().as_binary::<i32>().clone();
        let names = texts(&found, "db_schema_name").into_iter().zip(texts(&found, "table_name"));
        for (row, (schema, table)) in names.enumerate() {
            let said = IpcMessage(Bytes::copy_from_slice(schemas.value(row)));
            let said = Schema::try_from(said).unwrap();
            let sql = format!("SELECT * FROM {schema}.{table} LIMIT 0");
            let sent = ask(&mut client, &sql).await.unwrap().schema();
            assert_eq!(said.fields().len(), sent.fields().len());
            for (said, sent) in said.fields().iter().zip(sent.fields()) {
                assert_eq!(said.data_type(), sent.data_type(), "{schema}.{table}");
                assert_eq!(said.is_nullable(), sent.is_nullable(), "{schema}.{table}.{sent}");
                let name = "ARROW:FLIGHT:SQL:TYPE_NAME";
                assert_eq!(said.metadata()[name], sent.metadata()[name]);
            }
        }
    }
}

#[tokio::test]
async fn keys_are_those_of_the_model() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let (dim, fact) = ("dim_store".to_owned(), "fact_sales".to_owned());
    let command = CommandGetPrimaryKeys { table: fact.clone(), ..CommandGetPrimaryKeys::default() };
    let info = client.get_primary_keys(command).await.unwrap();
    let keys = fetch(&mut client, info).await.unwrap();
    assert_eq!(texts(&keys, "column_name"), ["receipt_no", "line_no"]);
    assert_eq!(keys.column(5).as_primitive::<Int32Type>().values(), &[1, 2]);
    let command = CommandGetPrimaryKeys {
        catalog: Some("starhouse".to_owned()),
        db_schema: Some("warehouse".to_owned()),
        table: dim.clone(),
    };
    let info = client.get_primary_keys(command).await.unwrap();
    assert_eq!(texts(&fetch(&mut client, info).await.unwrap(), "column_name"), ["store_key"]);

    let imported = CommandGetImportedKeys { table: fact.clone(), ..Default::default() };
    let exported = CommandGetExportedKeys { table: dim.clone(), ..Default::default() };
    let cross =
        CommandGetCrossReference { pk_table: dim.clone(), fk_table: fact, ..Default::default() };
    let infos = [
        client.get_imported_keys(imported).await.unwrap(),
        client.get_exported_keys(exported).await.unwrap(),
        client.get_cross_reference(cross).await.unwrap(),
    ];
    for info in infos {
        let keys = fetch(&mut client, info).await.unwrap();
        assert_eq!(texts(&keys, "pk_table_name"), ["dim_store"]);
        assert_eq!(texts(&keys, "pk_column_name"), ["store_key"]);
        assert_eq!(texts(&keys, "fk_table_name"), ["fact_sales"]);
        assert_eq!(texts(&keys, "fk_column_name"), ["store_key"]);
    }
    let imported = CommandGetImportedKeys { table: dim, ..Default::default() };
    let info = client.get_imported_keys(imported).await.unwrap();
    assert_eq!(fetch(&mut client, info).await.unwrap().num_rows(), 0);
}

/// A type's code in `SqlSupportsConvert`, and its name.
const CONVERTED: [(i32, &str); 15] = [
    (0, "BIGINT"),
    (2, "BOOLEAN"),
    (3, "CHAR"),
    (4, "DATE"),
    (5, "DECIMAL(20, 4)"),
    (6, "FLOAT"),
    (7, "INTEGER"),
    (12, "NUMERIC(20, 4)"),
    (13, "REAL"),
    (14, "SMALLINT"),
    (15, "TIME"),
    (16, "TIMESTAMP"),
    (17, "TINYINT"),
    (18, "BYTEA"),
    (19, "VARCHAR"),
];

#[tokio::test]
async fn casts_are_those_that_it_says() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let info = client.get_sql_info(vec![SqlInfo::SqlSupportsConvert]).await.unwrap();
    let told = fetch(&mut client, info).await.unwrap();
    let told = told.column(1).as_union().value(0);
    let told = told.as_map();
    let codes = |array: &dyn Array| array.as_primitive::<Int32Type>().values().to_vec();
    let from = codes(told.keys());
    let to = told.values().as_list::<i32>();
    for (code, name) in CONVERTED {
        let row = from.iter().position(|from| *from == code).unwrap();
        let told = codes(&to.value(row));
        for (other, to) in CONVERTED {
            let sql = format!("SELECT CAST(CAST(NULL AS {name}) AS {to}) AS a");
            let works = client.execute(sql.clone(), None).await.is_ok();
            assert_eq!(works, told.contains(&other), "{sql}");
        }
    }
}

#[tokio::test]
async fn functions_and_clauses_are_there_that_it_says() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let asked = [
        SqlInfo::SqlNumericFunctions,
        SqlInfo::SqlStringFunctions,
        SqlInfo::SqlSystemFunctions,
        SqlInfo::SqlDatetimeFunctions,
    ];
    let calls = "abs(-1) ceil(1.5) exp(1) floor(1.5) ln(2) log(10) log10(10) mod(5,3) power(2,3) random() \
        round(1.5) sign(-2) sqrt(4) trunc(1.5) concat('a','b') left('ab',1) length('ab') lower('A') \
        lpad('a',2) ltrim('a') replace('a','b','c') reverse('ab') right('ab',1) rpad('a',2) rtrim('a') \
        strpos('ab','b') substr('ab',1) upper('a') coalesce(1,2) nullif(1,2) version() current_date() \
        current_time() date_bin('1day'::interval,now()) date_part('year',now()) \
        date_trunc('day',now()) now() to_char(now(),'%Y') to_timestamp('2024-01-01')";
    for code in asked {
        let info = client.get_sql_info(vec![code]).await.unwrap();
        let told = fetch(&mut client, info).await.unwrap().column(1).as_union().value(0);
        let told = told.as_list::<i32>().value(0);
        for name in told.as_string::<i32>().iter().flatten() {
            let call = calls.split_whitespace().find(|call| call.split('(').next() == Some(name));
            let sql = format!("SELECT {}", call.unwrap_or(name));
            ask(&mut client, &sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
    for (sql, expected) in [
        ("SELECT mod(-5, 3) = -2 AND sign(-2.5) = -1", true),
        ("SELECT 'a%b' LIKE 'a!%b' ESCAPE '!'", true),
        ("SELECT 'axb' LIKE 'a!%b' ESCAPE '!'", false),
        (
            "SELECT count(*) = 1 FROM (VALUES (2), (3)) v(b) \
             WHERE b = ANY (SELECT a FROM (VALUES (1), (2)) t(a))",
            true,
        ),
        ("SELECT current_user = session_user AND current_schema = 'warehouse'", true),
        (
            "SELECT count(*) = 4 FROM (SELECT 1, 1, receipt_no FROM fact_sales LIMIT -1 OFFSET 0)",
            true,
        ),
        ("SELECT count(*) = 4 FROM (SELECT * FROM fact_sales LIMIT ALL)", true),
    ] {
        let answer = ask(&mut client, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(answer.column(0).as_boolean().value(0), expected, "{sql}");
    }
    let twice = ask(&mut client, "SELECT count(*), count(*) FROM fact_sales").await.unwrap();
    assert_eq!(twice.column(0), twice.column(1));
    ask(&mut client, "USE cubes").await.unwrap();
    assert_eq!(ask(&mut client, "SELECT city FROM sales").await.unwrap().num_columns(), 1);
}

#[tokio::test]
async fn the_server_describes_itself() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let info = client.get_sql_info(vec![]).await.unwrap();
    let all = fetch(&mut client, info).await.unwrap();
    assert!(all.num_rows() > 80, "an empty list asks for everything");
    let info = client.get_sql_info(vec![SqlInfo::FlightSqlServerName]).await.unwrap();
    let name = fetch(&mut client, info).await.unwrap();
    let value = name.column(1).as_union().value(0);
    assert_eq!(value.as_string::<i32>().value(0), "Starhouse");
    let command = CommandGetXdbcTypeInfo { data_type: Some(XdbcDataType::XdbcDecimal as i32) };
    let info = client.get_xdbc_type_info(command).await.unwrap();
    assert_eq!(texts(&fetch(&mut client, info).await.unwrap(), "type_name"), ["DECIMAL"]);
}
