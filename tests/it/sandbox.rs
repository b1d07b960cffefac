//! Tables that users write: the same statements give the same tables in SQLite.

use crate::engine_fixture::{Fixture, answer, ask, refusal, text};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::ScalarValue;
use futures::{StreamExt, stream};
use proptest::prelude::*;
use starhouse::engine::Session;
use starhouse::error::{Error, ErrorKind, Result};
use starhouse::etl::sandbox::{Change, IfExists, IfMissing, Sandbox, Statement, Target};
use std::sync::Arc;

struct Desk {
    fixture: Fixture,
    sandbox: Sandbox,
}

impl Desk {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let sandbox = Sandbox::new(fixture.engine.clone());
        Self { fixture, sandbox }
    }

    async fn session(&self) -> Session {
        self.fixture.session().await
    }

    async fn plan(&self, sql: &str) -> Result<Change> {
        match self.sandbox.plan(&self.session().await, sql).await? {
            Statement::Change(change) => Ok(change),
            Statement::Question(_) | Statement::Setting(_) => panic!("{sql} is no change"),
        }
    }

    async fn change(&self, sql: &str) -> Result<u64> {
        self.sandbox.run(&self.plan(sql).await?).await
    }

    async fn ask(&self, sql: &str) -> String {
        ask(&self.session().await, sql).await.unwrap()
    }

    async fn refused(&self, sql: &str) -> Error {
        match self.change(sql).await {
            Ok(rows) => panic!("{sql} changed {rows} rows"),
            Err(error) => error,
        }
    }

    async fn release(&self) -> u64 {
        self.fixture.warehouse.latest().await.unwrap().id.0
    }
}

#[tokio::test]
async fn a_table_is_made_filled_changed_and_dropped() {
    let desk = Desk::new().await;
    let made = "CREATE TABLE sandbox.targets (store_id VARCHAR NOT NULL, month INT, amount DECIMAL(12,2), since DATE)";
    assert_eq!(desk.change(made).await.unwrap(), 0);
    let insert =
        "INSERT INTO sandbox.targets VALUES ('S1', 1, 100, '2025-01-01'), ('S2', 1, 50.5, NULL)";
    assert_eq!(desk.change(insert).await.unwrap(), 2);
    let insert = "INSERT INTO sandbox.targets (amount, store_id) SELECT sum(net_amount), store_id \
                  FROM fact_sales JOIN dim_store USING (store_key) WHERE store_id = 'S3' GROUP BY store_id";
    assert_eq!(desk.change(insert).await.unwrap(), 1);
    let all = "SELECT * FROM sandbox.targets ORDER BY store_id";
    let expected = "S1|1|100.00|2025-01-01\nS2|1|50.50|NULL\nS3|NULL|618.75|NULL";
    assert_eq!(desk.ask(all).await, expected);

    let update =
        "UPDATE sandbox.targets AS t SET amount = t.amount * 2, month = 7 WHERE t.month = 1";
    assert_eq!(desk.change(update).await.unwrap(), 2);
    assert_eq!(desk.change("DELETE FROM sandbox.targets WHERE amount > 150").await.unwrap(), 2);
    assert_eq!(desk.ask(all).await, "S2|7|101.00|NULL");
    assert_eq!(desk.change("TRUNCATE TABLE sandbox.targets").await.unwrap(), 1);
    assert_eq!(desk.ask("SELECT count(*) FROM sandbox.targets").await, "0");
    assert_eq!(desk.change("DROP TABLE sandbox.targets").await.unwrap(), 0);
    assert_eq!(refusal(&desk.session().await, all).await.kind(), ErrorKind::NotFound);

    // Every change is a release: 2 of the fixture, then one each.
    assert_eq!(desk.release().await, 2 + 7);
    assert_eq!(
        desk.ask("SELECT * FROM sandbox.targets VERSION AS OF 5 ORDER BY store_id").await,
        expected
    );
    let runs = "SELECT count(*) FROM system.runs JOIN system.steps USING (run) \
                WHERE target = 'sandbox_targets' AND status = 'published'";
    assert_eq!(desk.ask(runs).await, "7");
}

#[tokio::test]
async fn a_query_becomes_a_table_beside_the_warehouse() {
    let desk = Desk::new().await;
    let made = "CREATE TABLE sandbox.best AS SELECT store_key, sum(quantity) AS pieces FROM fact_sales GROUP BY store_key";
    assert_eq!(desk.change(made).await.unwrap(), 3);
    let joined = "SELECT store_name, pieces FROM sandbox.best JOIN dim_store USING (store_key) ORDER BY pieces DESC";
    assert_eq!(desk.ask(joined).await, "Gamma|495\nBeta|330\nAlpha|165");
    assert_eq!(desk.refused(made).await.kind(), ErrorKind::User);
    assert_eq!(desk.change(&made.replace("TABLE", "TABLE IF NOT EXISTS")).await.unwrap(), 0);
    let release = desk.release().await;
    let again =
        made.replace("CREATE", "CREATE OR REPLACE").replace("sum(quantity)", "-sum(quantity)");
    assert_eq!(desk.change(&again).await.unwrap(), 3);
    assert_eq!(desk.release().await, release + 1);
    assert_eq!(desk.ask("SELECT sum(pieces) FROM sandbox.best").await, "-990");
    let listed = desk.session().await.tables().unwrap();
    assert!(
        listed
            .iter()
            .any(|t| t.schema_name == "sandbox" && t.name == "best" && t.table_type == "TABLE")
    );
    assert!(listed.iter().all(|t| t.schema_name != "warehouse" || t.name != "sandbox_best"));
}

#[tokio::test]
async fn what_does_not_fit_changes_nothing() {
    let desk = Desk::new().await;
    desk.change("CREATE TABLE sandbox.t (a INT NOT NULL, b VARCHAR, d DATE)").await.unwrap();
    desk.change("INSERT INTO sandbox.t VALUES (1, 'x', NULL)").await.unwrap();
    let release = desk.release().await;
    let cases = [
        (
            "INSERT INTO warehouse.dim_store VALUES (1)",
            ErrorKind::Denied,
            "not for clients to change",
        ),
        ("DROP TABLE fact_sales", ErrorKind::Denied, "sandbox.fact_sales"),
        ("CREATE TABLE t AS SELECT 1 AS a", ErrorKind::Denied, "sandbox.t"),
        (
            "INSERT INTO sandbox.tt VALUES (1, 'x', NULL)",
            ErrorKind::NotFound,
            "did you mean `sandbox.t`?",
        ),
        ("INSERT INTO sandbox.t (a, bb) VALUES (1, 'x')", ErrorKind::NotFound, "did you mean `b`?"),
        ("INSERT INTO sandbox.t (a, a) VALUES (1, 2)", ErrorKind::User, "named twice"),
        ("INSERT INTO sandbox.t VALUES (1, 'x')", ErrorKind::User, "2 values for 3 columns"),
        ("INSERT INTO sandbox.t VALUES (NULL, 'x', NULL)", ErrorKind::Data, "a"),
        ("INSERT INTO sandbox.t (b) VALUES ('x')", ErrorKind::Data, "a"),
        ("INSERT INTO sandbox.t VALUES (2.5, 'x', NULL)", ErrorKind::Data, "2.5"),
        ("INSERT INTO sandbox.t VALUES ('two', 'x', NULL)", ErrorKind::Data, "column a"),
        ("INSERT INTO sandbox.t VALUES (1, 'x', '2025-13-01')", ErrorKind::Data, "column d"),
        ("INSERT INTO sandbox.t VALUES (?, 'x', NULL)", ErrorKind::User, "parameters"),
        ("UPDATE sandbox.t SET a = NULL", ErrorKind::Data, "NULL"),
        ("UPDATE sandbox.t SET a = 1, a = 2", ErrorKind::User, "set twice"),
        ("UPDATE sandbox.t SET c = 1", ErrorKind::NotFound, "no column `c`"),
        ("DELETE FROM sandbox.t WHERE nope = 1", ErrorKind::User, "nope"),
        (
            "CREATE TABLE sandbox.u AS SELECT count(*) FROM fact_sales",
            ErrorKind::User,
            "name it with AS",
        ),
        ("CREATE TABLE sandbox.u AS SELECT [1, 2] AS a", ErrorKind::Unsupported, "cannot keep"),
        ("CREATE TABLE sandbox.\"a/../b\" AS SELECT 1 AS a", ErrorKind::User, "letters, digits"),
        ("DROP TABLE sandbox.u", ErrorKind::NotFound, "sandbox.u"),
    ];
    for (sql, kind, words) in cases {
        let error = desk.refused(sql).await;
        assert!(error.to_string().contains(words), "{sql}: {error}");
        assert_eq!(error.kind(), kind, "{sql}: {error}");
    }
    assert_eq!(desk.change("DROP TABLE IF EXISTS sandbox.u").await.unwrap(), 0);
    assert_eq!(desk.change("DELETE FROM sandbox.t WHERE a = 2").await.unwrap(), 0);
    assert_eq!(desk.ask("SELECT * FROM sandbox.t").await, "1|x|NULL");
    // Only the DELETE that met no row wrote the table anew.
    assert_eq!(desk.release().await, release + 1);
}

#[tokio::test]
async fn moments_are_kept_to_the_microsecond() {
    let desk = Desk::new().await;
    desk.change("CREATE TABLE sandbox.m (n INT, at TIMESTAMP, there TIMESTAMPTZ)").await.unwrap();
    for values in
        ["1, '2024-01-02 03:04:05.123456789', '2024-01-02T03:04:05Z'", "2, to_timestamp(0), NULL"]
    {
        let insert = format!("INSERT INTO sandbox.m VALUES ({values})");
        assert_eq!(desk.change(&insert).await.unwrap(), 1);
    }
    let told = "SELECT n, CAST(at AS VARCHAR), CAST(there AS VARCHAR) FROM sandbox.m ORDER BY n";
    let expected =
        "1|2024-01-02T03:04:05.123456Z|2024-01-02T03:04:05Z\n2|1970-01-01T00:00:00Z|NULL";
    assert_eq!(desk.ask(told).await, expected);
    desk.change("CREATE TABLE sandbox.k AS SELECT now() AS at").await.unwrap();
    assert_eq!(desk.ask("SELECT count(*) FROM sandbox.k WHERE at > '2020-01-01'").await, "1");
}

#[tokio::test]
async fn rows_of_values_are_one_change() {
    let desk = Desk::new().await;
    desk.change("CREATE TABLE sandbox.t (a BIGINT, b VARCHAR)").await.unwrap();
    let insert = desk.plan("INSERT INTO sandbox.t VALUES (?, ?)").await.unwrap();
    assert_eq!(insert.parameters().unwrap().fields().len(), 2);
    let row = |a: i64, b: Option<&str>| {
        vec![ScalarValue::Int64(Some(a)), ScalarValue::Utf8(b.map(str::to_owned))]
    };
    let release = desk.release().await;
    let rows = insert.bind(vec![row(1, Some("x")), row(2, None), row(3, Some("it's"))]);
    assert_eq!(desk.sandbox.run(&rows).await.unwrap(), 3);
    assert_eq!(desk.sandbox.run(&rows).await.unwrap(), 3, "once a run");
    assert_eq!(desk.release().await, release + 2);
    assert_eq!(desk.sandbox.run(&insert.bind(Vec::new())).await.unwrap(), 0);
    let delete = desk.plan("DELETE FROM sandbox.t WHERE a = $1").await.unwrap();
    let one = delete.bind(vec![vec![ScalarValue::Int64(Some(2))]]);
    assert_eq!(desk.sandbox.run(&one).await.unwrap(), 2);
    assert_eq!(desk.ask("SELECT * FROM sandbox.t ORDER BY a").await, "1|x\n1|x\n3|it's\n3|it's");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_the_same_time_all_count() {
    let desk = Arc::new(Desk::new().await);
    desk.change("CREATE TABLE sandbox.t (a INT)").await.unwrap();
    let insert = |who: i32| {
        let desk = Arc::clone(&desk);
        // Half of them as another process would, without the others' turn.
        let other = Sandbox::new(desk.fixture.engine.clone());
        tokio::spawn(async move {
            for number in 0..4 {
                let sql = format!("INSERT INTO sandbox.t VALUES ({})", who * 4 + number);
                let Ok(Statement::Change(change)) = other.plan(&desk.session().await, &sql).await
                else {
                    panic!()
                };
                let sandbox = if who == 0 { &other } else { &desk.sandbox };
                sandbox.run(&change).await.unwrap();
            }
        })
    };
    for running in (0..6).map(insert).collect::<Vec<_>>() {
        running.await.unwrap();
    }
    let counted = "SELECT count(*), count(DISTINCT a), sum(a) FROM sandbox.t";
    assert_eq!(desk.ask(counted).await, "24|24|276");
}

fn rows(from: i64, count: i64) -> RecordBatch {
    let a: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + count));
    let b: ArrayRef =
        Arc::new(StringArray::from_iter_values((from..from + count).map(|n| format!("n{n}"))));
    RecordBatch::try_from_iter([("a", a), ("b", b)]).unwrap()
}

#[tokio::test]
async fn rows_of_a_client_come_in_whole_or_not_at_all() {
    let desk = Desk::new().await;
    let target = |if_missing, if_exists| Target {
        temporary: false,
        schema: None,
        table: "t".to_owned(),
        if_missing,
        if_exists,
    };
    let create = target(IfMissing::Create, IfExists::Fail);
    let append = target(IfMissing::Fail, IfExists::Append);
    let replace = target(IfMissing::Create, IfExists::Replace);
    let ingest = async |target: &Target, batches: Vec<Result<RecordBatch>>, schema: &Schema| {
        let session = desk.session().await;
        desk.sandbox.ingest(&session, target, schema, stream::iter(batches).boxed()).await
    };
    let schema = rows(0, 1).schema();
    let of = |batches: Vec<RecordBatch>| batches.into_iter().map(Ok).collect::<Vec<_>>();

    let error = ingest(&append, of(vec![rows(0, 5)]), &schema).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(ingest(&create, of(vec![rows(0, 5), rows(5, 5)]), &schema).await.unwrap(), 10);
    let error = ingest(&create, of(vec![rows(0, 5)]), &schema).await.unwrap_err();
    assert!(error.to_string().contains("already"), "{error}");
    assert_eq!(ingest(&append, of(vec![rows(10, 5)]), &schema).await.unwrap(), 5);
    let summed = "SELECT count(*), sum(a), count(DISTINCT b) FROM sandbox.t";
    assert_eq!(desk.ask(summed).await, "15|105|15");

    // What breaks in the middle, or does not fit, leaves the table as it was.
    let broken = vec![Ok(rows(0, 5)), Err(Error::user("the client is gone"))];
    let error = ingest(&append, broken, &schema).await.unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
    let other = Schema::new(vec![Field::new("aa", DataType::Int64, true)]);
    let error = ingest(&append, Vec::new(), &other).await.unwrap_err();
    assert!(error.to_string().contains("did you mean `a`?"), "{error}");
    assert_eq!(desk.ask(summed).await, "15|105|15");

    // A column that the rows lack is NULL in them.
    let part = rows(20, 2).project(&[1]).unwrap();
    assert_eq!(ingest(&append, of(vec![part.clone()]), &part.schema()).await.unwrap(), 2);
    assert_eq!(desk.ask(summed).await, "17|105|17");
    assert_eq!(ingest(&replace, of(vec![rows(1, 2)]), &schema).await.unwrap(), 2);
    assert_eq!(desk.ask("SELECT * FROM sandbox.t ORDER BY a").await, "1|n1\n2|n2");
    assert_eq!(ingest(&replace, Vec::new(), &schema).await.unwrap(), 0);
    assert_eq!(desk.ask(summed).await, "0|NULL|0");

    let elsewhere = Target { schema: Some("warehouse".to_owned()), ..replace };
    let error = ingest(&elsewhere, Vec::new(), &schema).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
}

/// A statement over a small table, as SQL that both engines read.
fn statement() -> impl Strategy<Value = String> {
    let value = || prop_oneof![(-3..6).prop_map(|n: i32| n.to_string()), Just("NULL".to_owned())];
    let condition = || {
        prop_oneof![
            (value(), prop::sample::select(vec!["<", ">=", "=", "<>"]))
                .prop_map(|(v, op)| format!("a {op} {v}")),
            value().prop_map(|v| format!("a + b > {v} OR b IS NULL")),
            Just("c IN ('x', 'zz') AND NOT a > b".to_owned()),
        ]
    };
    let text = || prop::sample::select(vec!["'x'", "'it''s'", "NULL", "''", "'zz'"]);
    prop_oneof![
        3 => prop::collection::vec((value(), value(), text()), 1..4).prop_map(|rows| {
            let rows: Vec<String> = rows.iter().map(|(a, b, c)| format!("({a}, {b}, {c})")).collect();
            format!("INSERT INTO sandbox.t VALUES {}", rows.join(", "))
        }),
        1 => (text(), value()).prop_map(|(c, a)| format!("INSERT INTO sandbox.t (c, a) VALUES ({c}, {a})")),
        1 => condition().prop_map(|w| format!("INSERT INTO sandbox.t SELECT b, a, c FROM sandbox.t WHERE {w}")),
        2 => condition().prop_map(|w| format!("DELETE FROM sandbox.t WHERE {w}")),
        2 => (value(), condition()).prop_map(|(v, w)| format!("UPDATE sandbox.t SET a = b, b = a + {v} WHERE {w}")),
        1 => text().prop_map(|c| format!("UPDATE sandbox.t SET c = {c}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    #[test]
    fn statements_do_what_they_do_in_sqlite(statements in prop::collection::vec(statement(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let desk = Desk::new().await;
            let sqlite = rusqlite::Connection::open_in_memory().unwrap();
            sqlite.execute_batch("ATTACH ':memory:' AS sandbox").unwrap();
            let made = "CREATE TABLE sandbox.t (a BIGINT, b BIGINT, c VARCHAR)";
            desk.change(made).await.unwrap();
            sqlite.execute_batch(made).unwrap();
            for sql in &statements {
                let changed = sqlite.execute(sql, []).unwrap();
                assert_eq!(desk.change(sql).await.unwrap(), changed as u64, "{sql}");
            }
            let all = "SELECT a, b, c FROM sandbox.t ORDER BY a NULLS LAST, b NULLS LAST, c NULLS LAST";
            let mut expected = Vec::new();
            let mut query = sqlite.prepare(all).unwrap();
            let mut found = query.query([]).unwrap();
            while let Some(row) = found.next().unwrap() {
                let number = |at| row.get::<_, Option<i64>>(at).unwrap().map_or("NULL".to_owned(), |n| n.to_string());
                let text = row.get::<_, Option<String>>(2).unwrap().unwrap_or("NULL".to_owned());
                expected.push(format!("{}|{}|{text}", number(0), number(1)));
            }
            let query = desk.session().await.plan_sql(all).await.unwrap();
            assert_eq!(text(&answer(&query).await.unwrap()), expected.join("\n"), "{statements:?}");
        });
    }
}
