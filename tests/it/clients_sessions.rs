//! Options of a session in SQL, and the prompt that asks a server.

use crate::clients::{ask, connect, status};
use crate::clients_guarded::{PASSWORD, with_tls};
use crate::support::{ServeProcess, TinyProject, starhouse, starhouse_output};
use arrow::array::AsArray;
use arrow::util::display::array_value_to_string;
use tonic::Code;

fn texts(batch: &arrow::array::RecordBatch, column: usize) -> Vec<String> {
    (0..batch.num_rows())
        .map(|row| array_value_to_string(batch.column(column), row).unwrap())
        .collect()
}

#[tokio::test]
async fn options_are_set_and_shown_in_sql() {
    let project = TinyProject::new().await;
    project.publish_day_two().await;
    let server = ServeProcess::start(project.path());
    let (mut one, mut other) = (connect(&server).await, connect(&server).await);
    let rows = "SELECT count(*) FROM warehouse.fact_sales";
    // As a question, as an update, and prepared: the ways that drivers send it.
    ask(&mut one, "SET release = 1").await.unwrap();
    assert_eq!(texts(&ask(&mut one, rows).await.unwrap(), 0), ["4"]);
    assert_eq!(texts(&ask(&mut other, rows).await.unwrap(), 0), ["5"]);
    assert_eq!(one.execute_update("RESET release".to_owned(), None).await.unwrap(), 0);
    assert_eq!(texts(&ask(&mut one, rows).await.unwrap(), 0), ["5"]);
    let mut prepared = one.prepare("SET schema TO cubes".to_owned(), None).await.unwrap();
    assert_eq!(prepared.execute_update().await.unwrap(), 0);
    assert_eq!(ask(&mut one, "SELECT MEASURE(revenue) FROM sales").await.unwrap().num_rows(), 1);

    let shown = ask(&mut one, "SHOW ALL").await.unwrap();
    let named: Vec<_> = texts(&shown, 0).into_iter().zip(texts(&shown, 1)).collect();
    for (name, value) in [("schema", "cubes"), ("release", "2"), ("time_zone", "UTC")] {
        assert!(named.contains(&(name.to_owned(), value.to_owned())), "{named:?}");
    }
    assert_eq!(texts(&ask(&mut one, "SHOW schema").await.unwrap(), 0), ["cubes"]);
    for (sql, code, words) in [
        ("SET relase = 1", Code::NotFound, "did you mean `release`?"),
        ("SET release = 99", Code::NotFound, "99"),
        ("SET schema = nowhere", Code::NotFound, "nowhere"),
        ("SET aggregates = maybe", Code::InvalidArgument, "`on` or `off`"),
        ("SET language = 'fr'", Code::Unimplemented, "a session has no language"),
        ("SET time_zone = 'Europe/Belin'", Code::InvalidArgument, "Europe/Berlin"),
        ("SET TRANSACTION READ ONLY", Code::Unimplemented, "SET name = value"),
    ] {
        let refused = status(ask(&mut one, sql).await.unwrap_err());
        assert_eq!(refused.code(), code, "{sql}: {refused}");
        assert!(refused.message().contains(words), "{sql}: {refused}");
    }
    assert_eq!(texts(&ask(&mut one, "SHOW release").await.unwrap(), 0), ["2"], "nothing was set");
}

/// Half past three at night is another day's or hour's elsewhere: as the rules of each zone say.
#[tokio::test]
async fn moments_are_those_of_the_zone() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    let sql = "SELECT receipt_no, sold_at, date_trunc('day', sold_at) AS day, \
               EXTRACT(hour FROM sold_at) AS hour, CAST(CAST(sold_at AS DATE) AS VARCHAR) AS date \
               FROM fact_sales WHERE line_no = 1 AND sold_at >= TIMESTAMP '2024-01-01 00:00:00' \
               ORDER BY receipt_no";
    let utc = ask(&mut client, sql).await.unwrap();
    ask(&mut client, "SET time_zone = 'Asia/Kolkata'").await.unwrap();
    let kolkata = ask(&mut client, sql).await.unwrap();
    assert_eq!(
        texts(&kolkata, 1),
        [
            "2025-01-31T15:45:30.123456+05:30",
            "2024-03-01T05:29:59.999999+05:30",
            "2025-12-31T05:30:00+05:30"
        ]
    );
    assert_eq!(
        texts(&kolkata, 2),
        ["2025-01-31T00:00:00+05:30", "2024-03-01T00:00:00+05:30", "2025-12-31T00:00:00+05:30"]
    );
    assert_eq!(texts(&kolkata, 3), ["15", "5", "5"]);
    assert_eq!(texts(&kolkata, 4), ["2025-01-31", "2024-03-01", "2025-12-31"]);
    assert_eq!(texts(&utc, 3), ["10", "23", "0"]);
    // The same moments.
    let micros = |batch: &arrow::array::RecordBatch| {
        let column = batch.column(1).as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
        column.values().to_vec()
    };
    assert_eq!(micros(&utc), micros(&kolkata));

    // A day of 23 hours: at two the clocks went on to three.
    ask(&mut client, "SET TIME ZONE 'Europe/Berlin'").await.unwrap();
    let spring = "SELECT t AS moment, date_trunc('day', t) AS day FROM \
                  (SELECT to_timestamp('2024-03-31T01:30:00Z') AS t)";
    let berlin = ask(&mut client, spring).await.unwrap();
    assert_eq!(texts(&berlin, 0), ["2024-03-31T03:30:00+02:00"]);
    assert_eq!(texts(&berlin, 1), ["2024-03-31T00:00:00+01:00"]);
    let now = ask(&mut client, "SELECT now(), current_date").await.unwrap();
    assert!(texts(&now, 0)[0].ends_with("+01:00") || texts(&now, 0)[0].ends_with("+02:00"));
    // A cube's moments too, and the tables as they are listed stay in UTC.
    let cube =
        ask(&mut client, "SELECT max(sold_at) FROM fact_sales VERSION AS OF 1").await.unwrap();
    assert_eq!(texts(&cube, 0), ["2025-12-31T01:00:00+01:00"]);
    ask(&mut client, "RESET ALL").await.unwrap();
    assert_eq!(texts(&ask(&mut client, sql).await.unwrap(), 1), texts(&utc, 1));
}

#[tokio::test]
async fn questions_are_logged_with_their_tag() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let mut client = connect(&server).await;
    ask(&mut client, "SET query_tag = 'report 7'").await.unwrap();
    ask(&mut client, "SELECT 41 + 1").await.unwrap();
    ask(&mut client, "SET query_tag = ''").await.unwrap();
    ask(&mut client, "SELECT 42 + 1").await.unwrap();
    let tags = "SELECT text, tag FROM system.queries WHERE text LIKE 'SELECT 4_ + 1' ORDER BY text";
    let tags = ask(&mut client, tags).await.unwrap();
    assert_eq!(texts(&tags, 0), ["SELECT 41 + 1", "SELECT 42 + 1"]);
    assert_eq!(texts(&tags, 1), ["report 7", ""]);
}

#[tokio::test]
async fn the_command_line_asks_a_server_as_it_asks_a_project() {
    let project = TinyProject::new().await;
    let server = ServeProcess::start(project.path());
    let (folder, address) = (project.path().to_str().unwrap(), server.address.to_string());
    let elsewhere = tempfile::tempdir().unwrap();
    let elsewhere = elsewhere.path().to_str().unwrap();
    let there = |rest: &[&str]| {
        let connect = ["sql", "--project", elsewhere, "--connect", &address];
        connect.iter().chain(rest).map(|part| (*part).to_owned()).collect::<Vec<String>>()
    };
    let asked = |rest: &[&str]| {
        let arguments = there(rest);
        starhouse_output(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let sql = "SELECT s.store_name, f.* FROM fact_sales f JOIN dim_store s USING (store_key) \
               ORDER BY receipt_no, line_no";
    for format in ["table", "csv", "json", "arrow"] {
        let here = starhouse_output(&["sql", "--project", folder, "--format", format, sql]);
        let remote = asked(&["--format", format, sql]);
        assert_eq!(remote.stdout, here.stdout, "{format}");
    }
    let several = asked(&[
        "CREATE TABLE sandbox.t AS SELECT 1 AS a; SET schema = sandbox; SELECT a FROM t; SHOW schema",
    ]);
    let (out, err) =
        (String::from_utf8_lossy(&several.stdout), String::from_utf8_lossy(&several.stderr));
    assert!(several.status.success(), "{err}");
    assert!(out.contains("sandbox") && out.contains('1') && err.contains("1 row"), "{out}{err}");

    let wrong = asked(&["SELECT store_nam FROM dim_store"]);
    let err = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(err.contains("did you mean `store_name`?"), "{err}");
    let nobody =
        starhouse_output(&["sql", "--project", elsewhere, "--connect", "127.0.0.1:1", "SELECT 1"]);
    let err = String::from_utf8_lossy(&nobody.stderr);
    assert!(err.contains("cannot be reached") && err.contains("127.0.0.1:1"), "{err}");
    let both = asked(&["--release", "1", "SELECT 1"]);
    assert_eq!(both.status.code(), Some(2));
    // Here the same options are set.
    let here = starhouse(&[
        "sql",
        "--project",
        folder,
        "SET time_zone = 'Asia/Tokyo'; SELECT max(sold_at) AS m FROM fact_sales",
    ]);
    assert!(here.contains("2025-12-31T09:00:00+09:00"), "{here}");
}

#[tokio::test]
async fn the_command_line_signs_in_over_tls() {
    let project = TinyProject::new().await;
    with_tls(project.path());
    let server = ServeProcess::start(project.path());
    let address = format!("localhost:{}", server.address.port());
    let folder = project.path().to_str().unwrap();
    let sql = "SELECT count(*) AS n FROM fact_sales";
    // The settings here say how the server is known.
    let counted =
        starhouse(&["sql", "--project", folder, "--connect", &address, "--format", "csv", sql]);
    assert_eq!(counted, "n\n4\n");
    let elsewhere = tempfile::tempdir().unwrap();
    let elsewhere = elsewhere.path().to_str().unwrap();
    let certificate = project.path().join("server.crt");
    let asked = |password: &str, more: &[&str]| {
        let arguments = ["sql", "--project", elsewhere, "--connect", &address, sql];
        std::process::Command::new(env!("CARGO_BIN_EXE_starhouse"))
            .args(arguments.iter().chain(more))
            .env("STARHOUSE_PASSWORD", password)
            .output()
            .unwrap()
    };
    let trusting = ["--ca", certificate.to_str().unwrap()];
    let good = asked(PASSWORD, &trusting);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let wrong = asked("wrong", &trusting);
    let err = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && err.contains("not right"), "{err}");
    let plain = asked(PASSWORD, &[]);
    assert!(!plain.status.success(), "plain text is not spoken");
}
