//! MariaDB, which speaks MySQL's protocol: types, moments, connections that break.

mod server;

pub(crate) use server::Database;

use super::servers::{PASSWORD, error_of};
use super::{Project, causes, row, spec};
use starhouse::error::ErrorKind;
use starhouse::etl::extract;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn source(project: &Project, what: &str, columns: &str) -> String {
    format!("name: t\nfrom: {}\ncolumns: [{columns}]", project.mysql().from(what))
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn every_type_arrives_exactly() {
    let project = Project::new().await;
    project.mysql().execute(&[
        "SET time_zone = '+02:00'",
        "CREATE TABLE types (n INT, tiny TINYINT UNSIGNED, big BIGINT UNSIGNED, low BIGINT, \
         money DECIMAL(12,2), wide DECIMAL(40,10), f4 FLOAT, f8 DOUBLE, day DATE, at TIMESTAMP(6) NULL, \
         local DATETIME(6), t TIME(1), y YEAR, flag BOOLEAN, b BIT(12), e ENUM('a', 'so, so'), \
         s SET('x','y'), j JSON, words TEXT, cyr VARCHAR(9) CHARACTER SET cp1251, raw VARBINARY(9), \
         pic BLOB, c CHAR(5))",
        "INSERT INTO types VALUES (1, 255, 18446744073709551615, -9223372036854775808, \
         -1234567890.12, 123456789012345678901234567890.0123456789, 19.99, 0.1, '2024-02-29', \
         '2024-02-29 23:59:59.123456', '2024-02-29 23:59:59.123456', '-25:00:00.5', 2024, TRUE, \
         b'100000000001', 'so, so', 'x,y', '{\"a\": 1.10}', 'Zoë 客户', 'Жук', x'00ff41', x'80', 'ab')",
        "INSERT INTO types (n) VALUES (2)",
    ]);
    let columns = [
        ("tiny", "int16", "255"),
        ("big", "decimal(20,0)", "18446744073709551615"),
        ("low", "int64", "-9223372036854775808"),
        ("money", "decimal(12,2)", "-1234567890.12"),
        ("wide", "text", "123456789012345678901234567890.0123456789"),
        ("f4", "decimal(6,2)", "19.99"),
        ("f8", "float64", "0.1"),
        ("day", "date", "2024-02-29"),
        ("at", "timestamp", "2024-02-29T21:59:59.123456Z"),
        ("local", "timestamp", "2024-02-29T23:59:59.123456Z"),
        ("t", "text", "-25:00:00.500000"),
        ("y", "int16", "2024"),
        ("flag", "boolean", "true"),
        ("b", "int16", "2049"),
        ("e", "text", "so, so"),
        ("s", "text", "x,y"),
        ("j", "text", "{\"a\": 1.10}"),
        ("words", "text", "Zoë 客户"),
        ("cyr", "text", "Жук"),
        ("raw", "text", "\\x00ff41"),
        ("pic", "text", "\\x80"),
        ("c", "text", "ab"),
    ];
    let declared: Vec<String> =
        columns.iter().map(|(name, ty, _)| format!("{{name: {name}, type: \"{ty}\"}}")).collect();
    for what in ["table: types", "query: SELECT * FROM types ORDER BY n; "] {
        let spec = spec(&source(&project, what, &declared.join(", ")));
        let outcome = project.extract(&spec).await.unwrap();
        let expected: Vec<&str> = columns.iter().map(|(_, _, value)| *value).collect();
        assert_eq!(outcome.rows, vec![row(&expected), row(&vec!["~"; columns.len()])], "{what}");
    }
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn zero_dates_and_numbers_too_large_are_refused_or_unknown_as_declared() {
    let project = Project::new().await;
    project.mysql().execute(&[
        "CREATE TABLE odd (n INT PRIMARY KEY, day DATE, at DATETIME, big BIGINT UNSIGNED)",
        "INSERT INTO odd VALUES (1, '2024-01-01', '2024-01-01', 1), (2, '0000-00-00', '2024-01-01', 1), \
         (3, '2024-01-01', '0000-00-00', 1), (4, '2024-00-10', '2024-01-01', 1), \
         (5, '2024-01-01', '2024-01-01', 9223372036854775808)",
    ]);
    let columns = "{name: n, type: int32}, {name: day, type: date}, {name: at, type: timestamp},
        {name: big, type: int64}";
    let outcome = project.extract(&spec(&source(&project, "table: odd", columns))).await.unwrap();
    assert_eq!(outcome.rows, vec![row(&["1", "2024-01-01", "2024-01-01T00:00:00Z", "1"])]);
    let expected = [
        (2, "type", Some("day")),
        (3, "type", Some("at")),
        (4, "type", Some("day")),
        (5, "type", Some("big")),
    ];
    assert_eq!(causes(&outcome.rejects), expected);
    assert!(outcome.rejects[0].reason.contains("0000-00-00"), "{:?}", outcome.rejects[0]);
    let unknown =
        columns.replace("type: timestamp", "type: timestamp, clean: [{null_if: ['0000-00-00']}]");
    let outcome = project.extract(&spec(&source(&project, "table: odd", &unknown))).await.unwrap();
    assert_eq!(outcome.rows[1], row(&["3", "2024-01-01", "~", "1"]));
}

/// A million rows; money may move between them.
const LEDGER: [&str; 2] = [
    "CREATE TABLE ledger (id INT PRIMARY KEY, amount DECIMAL(12,2), note VARCHAR(40)) ENGINE = InnoDB",
    "INSERT INTO ledger SELECT seq, 1, REPEAT('x', seq % 20) FROM seq_1_to_1000000",
];
const LEDGER_COLUMNS: &str = "{name: id, type: int32}, {name: amount, type: \"decimal(12,2)\"}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MariaDB"]
async fn what_is_read_is_of_one_moment_whatever_is_written_meanwhile() {
    let project = Project::new().await;
    let database = project.mysql();
    database.execute(&LEDGER);
    let yaml = source(&project, "table: ledger", LEDGER_COLUMNS);
    let ended = AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut moved = 0;
            while !ended.load(Ordering::Relaxed) {
                let (from, to) = (1 + moved * 7_919 % 1_000_000, 1 + moved * 104_729 % 1_000_000);
                let update = |by: &str, id| {
                    format!("UPDATE ledger SET amount = amount {by} 1 WHERE id = {id}")
                };
                database.execute(&["BEGIN", &update("-", from), &update("+", to), "COMMIT"]);
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
    let sum: f64 =
        outcome.rows.iter().map(|row| row[1].as_ref().unwrap().parse::<f64>().unwrap()).sum();
    assert_eq!((outcome.rows.len(), sum), (1_000_000, 1_000_000.0));
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_second_run_knows_whether_anything_has_changed() {
    let project = Project::new().await;
    let database = project.mysql();
    database.execute(&[
        "CREATE TABLE a (id INT, x FLOAT, y TEXT)",
        "INSERT INTO a VALUES (1, 1.0000001, NULL), (2, 2, ''), (3, 3, 'z')",
    ]);
    for what in ["table: a", "query: 'SELECT id, x, y FROM a'"] {
        let columns = "{name: id, type: int32}, {name: x, type: float64}, {name: y, type: text}";
        let spec = spec(&source(&project, what, columns));
        let seen = project.extract(&spec).await.unwrap().extracted.extent.inputs;
        let is_unchanged = async || {
            extract::plan(project.path(), &spec, Some(&seen)).await.unwrap().is_unchanged()
        };
        assert!(is_unchanged().await, "{what}");
        // a digit that text would not show; NULL and empty text; values that change places
        for (there, back) in [
            ("UPDATE a SET x = 1.0000002 WHERE id = 1", "UPDATE a SET x = 1.0000001 WHERE id = 1"),
            ("UPDATE a SET y = '' WHERE id = 1", "UPDATE a SET y = NULL WHERE id = 1"),
            ("UPDATE a SET id = 5 - id WHERE id > 1", "UPDATE a SET id = 5 - id WHERE id > 1"),
            ("INSERT INTO a VALUES (3, 3, 'z')", "DELETE FROM a WHERE id = 3 LIMIT 1"),
        ] {
            database.execute(&[there]);
            assert!(!is_unchanged().await, "{what}: {there}");
            database.execute(&[back]);
            assert!(is_unchanged().await, "{what}: {back}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MariaDB"]
async fn a_connection_that_is_cut_loses_nothing_silently() {
    let project = Project::new().await;
    let database = project.mysql();
    database.execute(&LEDGER);
    let spec = spec(&source(&project, "table: ledger", LEDGER_COLUMNS));
    let plan = extract::plan(project.path(), &spec, None).await.unwrap();
    let load = project.load().await;
    let cut = {
        let (database, done) = (database.clone(), AtomicBool::new(false));
        move |progress: extract::Progress| {
            if progress.rows > 100_000 && !done.swap(true, Ordering::Relaxed) {
                for id in database.running("SELECT `id`%") {
                    database.execute(&[&format!("KILL CONNECTION {id}")]);
                }
            }
        }
    };
    let cut = extract::extract(&plan, "job", &load, project.warehouse(), Arc::new(cut)).await;
    let error = error_of(cut);
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.is_retryable() && !error.to_string().contains(PASSWORD), "{error}");
    load.abandon().await.unwrap();
    assert_eq!(project.count(&spec).await.unwrap().staged, 1_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MariaDB"]
async fn a_run_that_is_cancelled_leaves_the_server_in_peace() {
    let project = Project::new().await;
    let database = project.mysql();
    database.execute(&LEDGER);
    let spec = spec(&source(&project, "table: ledger", LEDGER_COLUMNS));
    let plan = extract::plan(project.path(), &spec, None).await.unwrap();
    let load = project.load().await;
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
    while !database.running("SELECT `id`%").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(10), "the server still reads");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    load.abandon().await.unwrap();
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn what_is_wrong_is_said_with_what_to_do_and_without_secrets() {
    let project = Project::new().await;
    let database = project.mysql();
    let clerk = format!("GRANT SELECT ON {}.orders TO clerk@127.0.0.1", database.name);
    database.execute(&[
        "CREATE TABLE orders (id INT)",
        "CREATE TABLE hidden (id INT)",
        "CREATE OR REPLACE USER clerk@127.0.0.1 IDENTIFIED BY 'other'",
        &clerk,
    ]);
    project.write("wrong", "hunter2");
    let good = database.from("table: orders");
    let url = database.url();
    let id = "{name: id, type: int32}";
    let fails = async |from: String, says: &str| {
        let yaml = format!("name: t\nfrom: {from}\ncolumns: [{id}]");
        let error = error_of(project.extract(&spec(&yaml)).await).to_string();
        assert!(error.contains(says), "{from}\n{error}");
        assert!(!error.contains("hunter2") && !error.contains(PASSWORD), "{error}");
    };
    for (from, says) in [
        (good.replace("orders", "ordres"), "did you mean `orders`? the user sees hidden, orders"),
        (good.replace("file: password", "file: wrong"), "does not let the user in"),
        (good.replace(&database.name, "nowhere"), "no such database"),
        (good.replace(&format!(":{}", database.port()), ":1"), "does it listen on that port?"),
        (good.replace("table: orders", "tls: verify, table: orders"), "say `tls: off`"),
        (good.replace("table: orders", "query: SELEC 1"), "the query of the source is wrong"),
        (good.replace("table: orders", "query: SELECT idd FROM orders"), "is wrong"),
        (good.replace("table: orders", "query: 'INSERT INTO orders VALUES (1)'"), "is wrong"),
        (good.replace("table: orders", "query: SELECT 1, table: x"), "either `table` or `query`"),
        (good.replace(&url, "postgresql://a@b/c"), "expected mysql://user@host:3306/database"),
        (good.replace("test@", "test:hunter2@"), "a password is not written into a job"),
    ] {
        fails(from, says).await;
    }
    project.write("wrong", "other\n");
    let clerk = good.replace("test@", "clerk@").replace("file: password", "file: wrong");
    fails(clerk.replace("orders", "hidden"), "grant SELECT on it to the user").await;
    let yaml = format!("name: t\nfrom: {clerk}\ncolumns: [{id}]");
    assert_eq!(project.extract(&spec(&yaml)).await.unwrap().rows.len(), 0);
}
