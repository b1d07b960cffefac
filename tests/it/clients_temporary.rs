//! Temporary tables over Flight SQL: a session's own, gone with it.

use crate::clients::{Client, ask, connect, status};
use crate::support::{ServeProcess, TinyProject};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use proptest::prelude::*;
use std::time::{Duration, Instant};
use tonic::Code;

async fn count(client: &mut Client, sql: &str) -> i64 {
    ask(client, sql).await.unwrap().column(0).as_primitive::<Int64Type>().value(0)
}

async fn refused(client: &mut Client, sql: &str) -> (Code, String) {
    let status = status(ask(client, sql).await.expect_err(sql));
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn a_temporary_table_is_its_sessions_own() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let (mut one, mut other) = (connect(&server).await, connect(&server).await);
    let made = "CREATE TEMPORARY TABLE own AS SELECT receipt_no, net_amount FROM fact_sales";
    assert_eq!(count(&mut one, made).await, 4);
    assert_eq!(count(&mut one, "SELECT count(*) FROM own").await, 4);
    assert_eq!(count(&mut one, "SELECT count(*) FROM temporary.own AS o, own").await, 16);
    // Beside the warehouse's, and in no release.
    let joined = "SELECT count(*) FROM own JOIN fact_sales f USING (receipt_no, net_amount)";
    assert_eq!(count(&mut one, joined).await, 4);
    let before = count(&mut one, "SELECT max(release) FROM system.releases").await;
    for (sql, changed) in [
        ("INSERT INTO own VALUES ('R9', 1.5), ('R8', NULL)", 2),
        ("UPDATE own SET net_amount = 2 WHERE receipt_no = 'R9'", 1),
        ("DELETE FROM own WHERE net_amount IS NULL", 1),
        ("CREATE TEMP TABLE IF NOT EXISTS own AS SELECT 1 AS a", 0),
        ("CREATE TEMP TABLE empty (a INT NOT NULL, b TEXT)", 0),
        ("INSERT INTO empty (a) SELECT line_no FROM fact_sales", 4),
        ("TRUNCATE TABLE empty", 4),
    ] {
        assert_eq!(count(&mut one, sql).await, changed, "{sql}");
    }
    assert_eq!(count(&mut one, "SELECT count(*) FROM own WHERE net_amount = 2").await, 1);
    assert_eq!(count(&mut one, "SELECT max(release) FROM system.releases").await, before);

    for sql in ["SELECT * FROM own", "INSERT INTO own VALUES ('x', 1)", "DROP TABLE temporary.own"]
    {
        let (code, _) = refused(&mut other, sql).await;
        assert!(matches!(code, Code::NotFound | Code::PermissionDenied), "{sql}: {code}");
    }
    // The other's own of the same name is another.
    count(&mut other, "CREATE TEMPORARY TABLE own AS SELECT 1 AS a").await;
    assert_eq!(count(&mut other, "SELECT count(*) FROM own").await, 1);
    assert_eq!(count(&mut one, "SELECT count(*) FROM own").await, 5);
    // It goes before a table of the warehouse, until it is dropped.
    count(&mut other, "CREATE TEMPORARY TABLE fact_sales AS SELECT 1 AS a").await;
    assert_eq!(count(&mut other, "SELECT count(*) FROM fact_sales").await, 1);
    assert_eq!(count(&mut other, "SELECT count(*) FROM warehouse.fact_sales").await, 4);
    assert_eq!(count(&mut one, "SELECT count(*) FROM fact_sales").await, 4);
    count(&mut other, "DROP TABLE fact_sales").await;
    assert_eq!(count(&mut other, "SELECT count(*) FROM fact_sales").await, 4);
    // Options that are taken back leave it.
    count(&mut one, "SET query_tag = 'x'").await;
    count(&mut one, "RESET ALL").await;
    assert_eq!(count(&mut one, "SELECT count(*) FROM own").await, 5);
}

#[tokio::test]
async fn what_is_wrong_with_a_temporary_table_is_told() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    count(&mut client, "CREATE TEMPORARY TABLE wanted AS SELECT 1 AS a").await;
    for (sql, code, words) in [
        ("CREATE TEMPORARY TABLE wanted (a INT)", Code::InvalidArgument, "already"),
        ("CREATE TEMPORARY TABLE sandbox.t (a INT)", Code::InvalidArgument, "in no schema"),
        ("SELECT * FROM temporary.wantd", Code::NotFound, "did you mean `wanted`?"),
        ("DROP TABLE temporary.wantd", Code::NotFound, "did you mean `wanted`?"),
        ("INSERT INTO wanted (b) VALUES (1)", Code::NotFound, "no column `b`"),
        ("INSERT INTO wanted VALUES ('x')", Code::InvalidArgument, "x"),
        ("UPDATE wanted SET a = 'y'", Code::InvalidArgument, "y"),
    ] {
        let (found, message) = refused(&mut client, sql).await;
        assert_eq!(found, code, "{sql}: {message}");
        assert!(message.contains(words), "{sql}: {message}");
    }
    assert_eq!(count(&mut client, "SELECT sum(a) FROM wanted").await, 1);
}

#[tokio::test]
async fn temporary_tables_are_bounded_and_their_memory_comes_back() {
    let project = TinyProject::new().await;
    let settings = [("STARHOUSE_MEMORY_LIMIT", "256 MiB")];
    let server = ServeProcess::start_with(project.path(), &[], &settings);
    let mut client = connect(&server).await;
    let large = |table: &str, rows: u32| {
        format!(
            "CREATE TEMPORARY TABLE {table} AS SELECT n, repeat('x', 1000) AS x FROM generate_series(1, {rows}) AS t(n)"
        )
    };
    let (code, message) = refused(&mut client, &large("huge", 1_000_000)).await;
    assert_eq!(code, Code::ResourceExhausted, "{message}");
    assert!(message.contains("a temporary table finds no more memory"), "{message}");
    // 40 of the 64 MiB that there are: twice does not fit, until the first is gone.
    for gone in ["DROP TABLE one", "CREATE OR REPLACE TEMPORARY TABLE one AS SELECT 1 AS a"] {
        count(&mut client, &large("one", 40_000)).await;
        assert_eq!(refused(&mut client, &large("two", 40_000)).await.0, Code::ResourceExhausted);
        count(&mut client, gone).await;
        count(&mut client, "DROP TABLE IF EXISTS temporary.one").await;
    }
    // A session that ends gives its own back.
    let mut short = connect(&server).await;
    count(&mut short, &large("one", 40_000)).await;
    drop(short);
    let started = Instant::now();
    while ask(&mut client, &large("two", 40_000)).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "its memory never came back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A statement over a small table, as SQL that both engines read.
fn statement() -> impl Strategy<Value = String> {
    let value = || prop_oneof![(-3..6).prop_map(|n: i32| n.to_string()), Just("NULL".to_owned())];
    prop_oneof![
        3 => (value(), value()).prop_map(|(a, b)| format!("INSERT INTO t VALUES ({a}, {b})")),
        1 => value().prop_map(|v| format!("INSERT INTO t (b, a) SELECT a, b FROM t WHERE a > {v}")),
        2 => value().prop_map(|v| format!("DELETE FROM t WHERE a + b > {v}")),
        2 => value().prop_map(|v| format!("UPDATE t SET a = b, b = a + {v} WHERE a IS NOT NULL")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn temporary_tables_change_as_in_sqlite(statements in prop::collection::vec(statement(), 1..15)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let project = TinyProject::new().await;
            let server = ServeProcess::start(project.path());
            let mut client = connect(&server).await;
            let sqlite = rusqlite::Connection::open_in_memory().unwrap();
            let made = "CREATE TEMPORARY TABLE t (a BIGINT, b BIGINT)";
            count(&mut client, made).await;
            sqlite.execute_batch(made).unwrap();
            for sql in &statements {
                let changed = sqlite.execute(sql, []).unwrap();
                assert_eq!(count(&mut client, sql).await, changed as i64, "{sql}");
            }
            let all = "SELECT a, b FROM t ORDER BY a NULLS LAST, b NULLS LAST";
            let mut query = sqlite.prepare(all).unwrap();
            let expected = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            let expected: Vec<(Option<i64>, Option<i64>)> = expected.map(Result::unwrap).collect();
            let found = ask(&mut client, all).await.unwrap();
            let column = |at: usize| found.column(at).as_primitive::<Int64Type>().iter();
            assert_eq!(column(0).zip(column(1)).collect::<Vec<_>>(), expected, "{statements:?}");
        });
    }
}
