//! PostgreSQL: types, moments, connections that break, secrets that stay secret.

mod server;

pub(crate) use server::Database;

use super::servers::{PASSWORD, error_of};
use super::{Project, causes, row, spec};
use server::tls_folder;
use starhouse::error::ErrorKind;
use starhouse::etl::extract;
use starhouse::ids::RunId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn source(project: &Project, what: &str, columns: &str) -> String {
    format!("name: t\nfrom: {}\ncolumns: [{columns}]", project.postgresql().from(what))
}

const TYPES: &str = r#"
CREATE TYPE mood AS ENUM ('sad', 'so, so', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN price AS numeric(12,4) CHECK (VALUE >= 0);
CREATE TABLE types (
  n int, small smallint, big bigint, money numeric(12,2), free numeric, f4 real, f8 double precision,
  day date, at timestamptz, local timestamp, flag boolean, id uuid, bytes bytea, j json, jb jsonb,
  words text[], numbers numeric[], m mood, p pair, d price, c char(5), v varchar(9), t time, i interval,
  o oid, net inet, cash money, r int4range);
INSERT INTO types VALUES
  (1, -32768, -9223372036854775808, -1234567890.12, 123456789012345678901234567890.000000000001,
   19.99, 0.1, '2024-02-29', '2024-02-29 23:59:59.123456+01', '2024-02-29 23:59:59.123456', true,
   'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\x00ff41', '{"a": 1.10}', '{"b":2,"a":[1]}',
   '{a,"b,c",NULL}', '{1.10,2}', 'so, so', (7,'x'), 3.5, 'ab', 'Zoë', '10:00:00.5',
   '1 day 02:03:04', 4294967295, '10.0.0.1/8', 12.34, '[1,5)'),
  (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
"#;

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn every_type_arrives_exactly() {
    let project = Project::new().await;
    project.postgresql().execute(TYPES);
    let columns = [
        ("small", "int16", "-32768"),
        ("big", "int64", "-9223372036854775808"),
        ("money", "decimal(12,2)", "-1234567890.12"),
        ("free", "text", "123456789012345678901234567890.000000000001"),
        ("f4", "decimal(6,2)", "19.99"),
        ("f8", "float64", "0.1"),
        ("day", "date", "2024-02-29"),
        ("at", "timestamp", "2024-02-29T22:59:59.123456Z"),
        ("local", "timestamp", "2024-02-29T23:59:59.123456Z"),
        ("flag", "boolean", "true"),
        ("id", "text", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("bytes", "text", "\\x00ff41"),
        ("j", "text", r#"{"a": 1.10}"#),
        ("jb", "text", r#"{"a": [1], "b": 2}"#),
        ("words", "text", r#"["a","b,c",null]"#),
        ("numbers", "text", "[1.10,2]"),
        ("m", "text", "so, so"),
        ("p", "text", r#"{"a":7,"b":"x"}"#),
        ("d", "decimal(12,4)", "3.5000"),
        ("c", "text", "ab"),
        ("v", "text", "Zoë"),
        ("t", "text", "10:00:00.5"),
        ("i", "text", "P1DT2H3M4S"),
        ("o", "int64", "4294967295"),
        ("net", "text", "10.0.0.1/8"),
        ("cash", "decimal(6,2)", "12.34"),
        ("r", "text", "[1,5)"),
    ];
    let declared: Vec<String> =
        columns.iter().map(|(name, ty, _)| format!("{{name: {name}, type: \"{ty}\"}}")).collect();
    let declared = declared.join(", ");
    // with a rule that changes nothing, values go the way of text
    let ruled = declared.replace("\"}", "\", clean: [{null_if: [nothing]}]}");
    for columns_yaml in [&declared, &ruled] {
        for what in
            ["table: types", "query: SELECT * FROM types ORDER BY n;", "query: TABLE types -- all"]
        {
            let spec = spec(&source(&project, what, columns_yaml));
            let outcome = project.extract(&spec).await.unwrap();
            let expected: Vec<&str> = columns.iter().map(|(_, _, value)| *value).collect();
            assert_eq!(
                outcome.rows,
                vec![row(&expected), row(&vec!["~"; columns.len()])],
                "{what}"
            );
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_has_no_place_in_a_type_is_refused_alone_and_said() {
    let project = Project::new().await;
    project.postgresql().execute(
        "CREATE TABLE odd (n int, day date, at timestamptz, money numeric, ratio float8);
         INSERT INTO odd VALUES
           (1, '2024-01-01', '2024-01-01 00:00:00Z', 1.5, 0.5),
           (2, 'infinity', '2024-01-01 00:00:00Z', 1.5, 0.5),
           (3, '2024-01-01', '-infinity', 1.5, 0.5),
           (4, '2024-01-01', '2024-01-01 00:00:00Z', 'NaN', 0.5),
           (5, '2024-01-01', '2024-01-01 00:00:00Z', 1.5, 'Infinity'),
           (6, '2024-01-01', '2024-01-01 00:00:00Z', 1.005, 0.5),
           (7, '0044-03-15 BC', '2024-01-01 00:00:00Z', 1.5, 0.5),
           (8, '10000-01-01', '2024-01-01 00:00:00Z', 1.5, 0.5),
           (9, '0001-01-01', '9999-12-31 23:59:59.999999Z', -99999999.99, 1e308);",
    );
    let columns = "{name: n, type: int32}, {name: day, type: date}, {name: at, type: timestamp},
        {name: money, type: \"decimal(10,2)\"}, {name: ratio, type: float64}";
    let outcome = project.extract(&spec(&source(&project, "table: odd", columns))).await.unwrap();
    let ids: Vec<_> = outcome.rows.iter().map(|row| row[0].clone().unwrap()).collect();
    assert_eq!(ids, ["1", "9"]);
    assert_eq!(
        outcome.rows[1][1..4],
        row(&["0001-01-01", "9999-12-31T23:59:59.999999Z", "-99999999.99"])
    );
    let expected = ["day", "at", "money", "ratio", "money", "day", "day"];
    let expected: Vec<_> =
        (2..).zip(expected).map(|(line, column)| (line, "type", Some(column))).collect();
    assert_eq!(causes(&outcome.rejects), expected);
    assert!(outcome.rejects[0].reason.contains("infinity"), "{:?}", outcome.rejects[0]);
    assert!(outcome.rejects[5].raw.contains("0044-03-15 BC"), "{:?}", outcome.rejects[5]);
    // what is infinite may be declared to be unknown
    let open = columns.replace("type: date", "type: date, clean: [{null_if: [infinity]}]");
    let outcome = project.extract(&spec(&source(&project, "table: odd", &open))).await.unwrap();
    assert_eq!(outcome.rows[1][..2], row(&["2", "~"]));
}

/// Three tables of one kind: many pages, partitions, and none.
const LEDGER: &str = "
CREATE TABLE ledger (id int, amount numeric(12,2), note text) PARTITION BY RANGE (id);
CREATE TABLE ledger_1 PARTITION OF ledger FOR VALUES FROM (0) TO (600000);
CREATE TABLE ledger_2 PARTITION OF ledger FOR VALUES FROM (600000) TO (1200000);
CREATE TABLE ledger_3 PARTITION OF ledger FOR VALUES FROM (1200000) TO (2000000);
INSERT INTO ledger SELECT n, 1, repeat('x', n % 20) FROM generate_series(1, 1200000 - 1) n;
CREATE INDEX ON ledger (id);";

const LEDGER_COLUMNS: &str = "{name: id, type: int32}, {name: amount, type: \"decimal(12,2)\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn what_is_read_is_of_one_moment_whatever_is_written_meanwhile() {
    let project = Project::new().await;
    let database = project.postgresql();
    database.execute(LEDGER);
    let yaml = source(&project, "table: ledger, connections: 3", LEDGER_COLUMNS);
    let ended = AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        // Money moves between rows, and rows move between partitions: sum and count stay.
        scope.spawn(|| {
            let mut moved = 0;
            while !ended.load(Ordering::Relaxed) {
                let (from, to) = (1 + moved * 7_919 % 1_000_000, 1 + moved * 104_729 % 1_000_000);
                database.execute(&format!(
                    "BEGIN; UPDATE ledger SET amount = amount - 1 WHERE id = {from};
                     UPDATE ledger SET amount = amount + 1 WHERE id = {to}; COMMIT"
                ));
                moved += 1;
            }
            assert!(moved > 5, "{moved}");
        });
        let handle = tokio::runtime::Handle::current();
        let deduplicated = format!("{yaml}\ndeduplicate: {{key: [id]}}");
        let outcome =
            tokio::task::block_in_place(|| handle.block_on(project.extract(&spec(&deduplicated))));
        ended.store(true, Ordering::Relaxed);
        outcome.unwrap()
    });
    assert_eq!(outcome.rows.len(), 1_199_999);
    let ids: std::collections::HashSet<&str> =
        outcome.rows.iter().map(|row| row[0].as_deref().unwrap()).collect();
    let sum: f64 =
        outcome.rows.iter().map(|row| row[1].as_ref().unwrap().parse::<f64>().unwrap()).sum();
    // an id whose row was updated is there once
    assert_eq!((ids.len(), sum), (1_199_999, 1_199_999.0));
    assert_eq!(outcome.extracted.extent.counts.duplicates, 0);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_second_run_knows_whether_anything_has_changed() {
    let project = Project::new().await;
    let database = project.postgresql();
    database.execute(
        "CREATE TABLE a (id int, x text); INSERT INTO a VALUES (1, 'x'), (2, 'y');
         CREATE TABLE b (id int); CREATE VIEW v AS SELECT * FROM a",
    );
    for what in ["table: a", "table: v", "query: SELECT id FROM a"] {
        let spec = spec(&source(&project, what, "{name: id, type: int32}"));
        let seen = project.extract(&spec).await.unwrap().extracted.extent.inputs;
        let is_unchanged = async || {
            extract::plan(project.path(), &spec, Some(&seen)).await.unwrap().is_unchanged()
        };
        assert!(is_unchanged().await, "{what}");
        database.execute("INSERT INTO b VALUES (1)");
        assert!(is_unchanged().await, "{what}: another table's rows are nothing new");
        database.execute("UPDATE a SET id = 3 WHERE id = 2");
        assert!(!is_unchanged().await, "{what}");
        database.execute("UPDATE a SET id = 2 WHERE id = 3");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn a_connection_that_is_cut_loses_nothing_silently() {
    let project = Project::new().await;
    let database = project.postgresql();
    database.execute(LEDGER);
    for what in ["table: ledger, connections: 2", "query: SELECT * FROM ledger"] {
        let yaml = source(&project, what, LEDGER_COLUMNS);
        let spec = spec(&yaml);
        let plan = extract::plan(project.path(), &spec, None).await.unwrap();
        let load = project.load().await;
        let cut = {
            let (database, done) = (database.clone(), AtomicBool::new(false));
            move |progress: extract::Progress| {
                if progress.rows > 200_000 && !done.swap(true, Ordering::Relaxed) {
                    database.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                         WHERE datname = current_database() AND query LIKE 'COPY%'",
                    );
                }
            }
        };
        let error = error_of(
            extract::extract(&plan, "job", &load, project.warehouse(), Arc::new(cut)).await,
        );
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.is_retryable());
        let said = error.to_string();
        assert!(said.contains("terminating") || said.contains("connection closed"), "{said}");
        assert!(!error.to_string().contains(PASSWORD), "{error}");
        load.abandon().await.unwrap();
        // and again, undisturbed
        assert_eq!(project.count(&spec).await.unwrap().staged, 1_199_999);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL"]
async fn a_run_that_is_cancelled_leaves_the_server_in_peace() {
    let project = Project::new().await;
    let database = project.postgresql();
    // a query that says nothing for a long time
    let yaml =
        source(&project, "query: 'SELECT 1 AS id FROM pg_sleep(600)'", "{name: id, type: int32}");
    let spec = spec(&yaml);
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()";
    let source = starhouse::etl::extract::plan(project.path(), &spec, None);
    // even looking at it takes as long: there is nothing to plan with
    let planned = tokio::time::timeout(Duration::from_secs(2), source).await;
    assert!(planned.is_err());
    database.execute(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' \
         AND pid <> pg_backend_pid() AND datname = current_database()",
    );
    database.execute(LEDGER);
    let yaml = self::source(&project, "table: ledger", LEDGER_COLUMNS);
    let spec = super::spec(&yaml);
    let plan = extract::plan(project.path(), &spec, None).await.unwrap();
    let load = project.warehouse().begin(RunId("cancelled".into()), project.latest().await);
    let begun = Arc::new(AtomicBool::new(false));
    let hears = Arc::clone(&begun);
    let progress: extract::OnProgress = Arc::new(move |_| hears.store(true, Ordering::Relaxed));
    {
        let extracting = extract::extract(&plan, "job", &load, project.warehouse(), progress);
        let until_begun = async {
            while !begun.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            _ = extracting => panic!("it ended before it was stopped"),
            () = until_begun => {}
        }
    }
    let began = Instant::now();
    while database.number(&busy.replace("pg_sleep", "COPY")) > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "the server still reads");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    load.abandon().await.unwrap();
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_is_wrong_is_said_with_what_to_do_and_without_secrets() {
    let project = Project::new().await;
    let database = project.postgresql();
    database.execute(
        "CREATE TABLE orders (id int); CREATE SCHEMA sales; CREATE TABLE sales.\"Lines\" (id int);
         CREATE TABLE hidden (id int); CREATE TABLE zeros (id int); INSERT INTO zeros VALUES (0);
         DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN PASSWORD 'other'",
    );
    project.write("wrong", "hunter2");
    let good = database.from("table: orders");
    let url = database.url();
    let id = "{name: id, type: int32}";
    for (from, says) in [
        (good.replace("orders", "ordres"), "did you mean `orders`? the user sees"),
        (good.replace("orders", "sales.lines"), "did you mean `sales.Lines`"),
        (good.replace("file: password", "file: wrong"), "does not let the user in"),
        (good.replace("file: password", "file: passwd"), "cannot read the secret's file"),
        (good.replace("file: password", "env: STARHOUSE_NOT_SET"), "STARHOUSE_NOT_SET is not set"),
        (good.replace(&database.name, "nowhere"), "no such database"),
        (good.replace(&format!(":{}", database.port()), ":1"), "does it listen on that port?"),
        (good.replace("table: orders", "tls: verify, table: orders"), "say `tls: off`"),
        (good.replace("table: orders", "query: SELEC 1"), "the query of the source is wrong"),
        (good.replace("table: orders", "query: 'DELETE FROM orders RETURNING id'"), "is wrong"),
        (
            good.replace("table: orders", "query: 'SELECT nextval(''s'')::int AS id'"),
            "relation \"s\" does not exist",
        ),
        (good.replace("table: orders", "query: SELECT 1/id AS id FROM zeros"), "cannot compute"),
        (good.replace("table: orders", "query: SELECT id FROM orders, table: orders"), "either"),
        (good.replace(&url, "mysql://a@b/c"), "expected postgresql://user@host:5432/database"),
        (good.replace(&url, "postgresql://127.0.0.1/x"), "names no user"),
        (good.replace("test@", "test:hunter2@"), "a password is not written into a job"),
        (good.replace(&url, "postgresql://a@b/c?sslmode=require"), "say `tls: verify`"),
    ] {
        let yaml = format!("name: t\nfrom: {from}\ncolumns: [{id}]");
        let error = error_of(project.extract(&spec(&yaml)).await).to_string();
        assert!(error.contains(says), "{from}\n{error}");
        assert!(!error.contains("hunter2") && !error.contains(PASSWORD), "{error}");
    }
    project.write("wrong", "other\n");
    let clerk = good.replace("test@", "clerk@").replace("file: password", "file: wrong");
    let yaml = format!("name: t\nfrom: {}\ncolumns: [{id}]", clerk.replace("orders", "hidden"));
    let error = error_of(project.extract(&spec(&yaml)).await).to_string();
    assert!(error.contains("grant SELECT on it to the user"), "{error}");
    // quoted names, schemas, and small letters where nothing else fits
    for table in ["sales.Lines", "ORDERS", "'\"sales\".\"Lines\"'"] {
        let from = good.replace("table: orders", &format!("table: {table}"));
        let yaml = format!("name: t\nfrom: {from}\ncolumns: [{id}]");
        assert_eq!(project.extract(&spec(&yaml)).await.unwrap().rows.len(), 0, "{table}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_schema_that_drifts_is_told_or_refused_row_by_row() {
    let project = Project::new().await;
    let database = project.postgresql();
    database.execute("CREATE TABLE a (id int, qty int); INSERT INTO a VALUES (1, 5), (2, 7)");
    let yaml = source(&project, "table: a", "{name: id, type: int32}, {name: qty, type: int16}");
    let spec = spec(&yaml);
    assert_eq!(project.extract(&spec).await.unwrap().rows.len(), 2);
    // wider, and another column: what fits stays
    database.execute(
        "ALTER TABLE a ALTER qty TYPE bigint, ADD more text; UPDATE a SET qty = 70000 WHERE id = 2",
    );
    let outcome = project.extract(&spec).await.unwrap();
    assert_eq!(causes(&outcome.rejects), [(2, "type", Some("qty"))]);
    // text: what reads as a number is one
    database.execute(
        "ALTER TABLE a ALTER qty TYPE text USING qty::text; UPDATE a SET qty = 'many' WHERE id = 2",
    );
    let outcome = project.extract(&spec).await.unwrap();
    assert_eq!((outcome.rows.len(), outcome.rejects.len()), (1, 1));
    // a moment can never be a number
    database.execute("ALTER TABLE a ALTER qty TYPE timestamptz USING now()");
    let error = error_of(project.extract(&spec).await);
    assert_eq!((error.kind(), error.context("column")), (ErrorKind::User, Some("qty")));
    database.execute("ALTER TABLE a RENAME qty TO quty");
    let error = error_of(project.extract(&spec).await).to_string();
    assert!(error.contains("did you mean `quty`"), "{error}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn certificates_are_checked() {
    let project = Project::new().await;
    let database = project.postgresql();
    database.execute("CREATE TABLE a (id int); INSERT INTO a VALUES (1)");
    let authority = tls_folder(&database);
    std::fs::copy(authority, project.path().join("ca.pem")).unwrap();
    let from =
        |more: &str| database.from(&format!("table: a, {more}")).replace("127.0.0.1", "localhost");
    let read = async |from: String| {
        let yaml = format!("name: t\nfrom: {from}\ncolumns: [{{name: id, type: int32}}]");
        project.extract(&spec(&yaml)).await
    };
    assert_eq!(read(from("tls: verify, ca: ca.pem")).await.unwrap().rows.len(), 1);
    let error = error_of(read(from("tls: verify")).await).to_string();
    assert!(error.contains("`ca` names the authority's file"), "{error}");
    let error = error_of(read(from("tls: verify, ca: password")).await).to_string();
    assert!(error.contains("no certificate to trust"), "{error}");
    // the certificate is for another name
    let other = from("tls: verify, ca: ca.pem").replace("localhost", "127.0.0.1");
    assert_eq!(error_of(read(other).await).kind(), ErrorKind::Unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs half a minute: run it to measure"]
async fn five_million_rows_of_a_table() {
    let project = Project::new().await;
    project.postgresql().execute(
        "CREATE TABLE sales AS SELECT n AS id, DATE '2020-01-01' + n % 1500 AS day,
         (ARRAY['store', 'web', 'app'])[n % 3 + 1] AS channel, (n % 50)::smallint AS quantity,
         (n % 100000 / 100.0)::numeric(12,2) AS amount, now() AS at
         FROM generate_series(1, 5000000) n",
    );
    // By itself: not within the transaction of several statements.
    project.postgresql().execute("VACUUM ANALYZE sales");
    let columns = "{name: id, type: int64}, {name: day, type: date}, {name: channel, type: text},
        {name: quantity, type: int16}, {name: amount, type: \"decimal(12,2)\"},
        {name: at, type: timestamp}";
    for connections in [1, 2] {
        let what = format!("table: sales, connections: {connections}");
        let spec = spec(&source(&project, &what, columns));
        let began = Instant::now();
        let counts = project.count(&spec).await.unwrap();
        let seconds = began.elapsed().as_secs_f64();
        assert_eq!(counts.staged, 5_000_000);
        println!("{connections} connections: {:.2} M rows/s, staged", 5.0 / seconds);
    }
}
