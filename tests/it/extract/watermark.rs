//! Reading only what is new: from a watermark on, which a release remembers.

use super::mysql::Database as Mysql;
use super::postgresql::Database as Postgresql;
use super::{Project, spec};
use crate::etl_project::{self, CUSTOMER_HEAD, CUSTOMERS_DATED, sales_job};
use starhouse::etl::extract::{self, Extracted};
use starhouse::etl::job::SourceSpec;
use starhouse::store::Input;
use std::sync::Arc;

const COLUMNS: &str =
    "[{name: id, type: int32}, {name: changed, from: changed_at, type: timestamp}]";

/// What a run has read, and where the next goes on.
async fn run(
    project: &Project,
    spec: &SourceSpec,
    before: Option<(&[Input], Option<&str>)>,
) -> Option<(Vec<i32>, Extracted)> {
    let (inputs, cursor) = before.unzip();
    let plan = extract::plan_from(project.path(), spec, inputs, cursor.flatten()).await.unwrap();
    if plan.is_unchanged() {
        return None;
    }
    let load = project.load().await;
    let progress: extract::OnProgress = Arc::new(|_| {});
    let extracted = extract::extract(&plan, "job", &load, project.warehouse(), progress).await;
    let extracted = extracted.unwrap();
    let rows = project.rows(&extracted.staged);
    load.abandon().await.unwrap();
    let mut ids: Vec<i32> =
        rows.iter().map(|row| row[0].as_ref().unwrap().parse().unwrap()).collect();
    ids.sort_unstable();
    Some((ids, extracted))
}

/// Runs one after the other, each after these statements; what each reads.
async fn check(project: &Project, from: &str, execute: impl Fn(&str)) {
    execute("CREATE TABLE orders (id int, changed_at timestamp NULL)");
    let yaml = format!(
        "name: t\nfrom: {from}\nstrategy: {{watermark: {{column: changed, overlap: 1 hour}}}}\ncolumns: {COLUMNS}"
    );
    let spec = spec(&yaml);
    let mut state: Option<Extracted> = None;
    let steps: [(&str, Option<Vec<i32>>, &str); 7] = [
        // a table without rows has no watermark yet
        ("SELECT 1", Some(vec![]), ""),
        (
            "INSERT INTO orders VALUES (1, '2024-03-01 08:00:00'), (2, '2024-03-01 12:00:00'), (3, NULL)",
            Some(vec![1, 2, 3]),
            "2024-03-01T12:00:00.000000Z",
        ),
        // the last ones are read again, once
        ("SELECT 1", Some(vec![2, 3]), "2024-03-01T12:00:00.000000Z"),
        ("SELECT 1", None, ""),
        // the same moment, and one that appears late
        (
            "INSERT INTO orders VALUES (4, '2024-03-01 12:00:00'), (5, '2024-03-01 11:00:00')",
            Some(vec![2, 3, 4, 5]),
            "2024-03-01T12:00:00.000000Z",
        ),
        // what comes later than the overlap forgives is not seen
        ("INSERT INTO orders VALUES (6, '2024-03-01 10:59:59')", None, ""),
        (
            "INSERT INTO orders VALUES (7, '2024-03-02 00:00:00')",
            Some(vec![2, 3, 4, 5, 7]),
            "2024-03-02T00:00:00.000000Z",
        ),
    ];
    for (sql, expected, cursor) in steps {
        execute(sql);
        let before = state
            .as_ref()
            .map(|state| (state.extent.inputs.as_slice(), state.extent.cursor.as_deref()));
        let read = run(project, &spec, before).await;
        assert_eq!(read.as_ref().map(|(ids, _)| ids), expected.as_ref(), "{sql}");
        if let Some((_, extracted)) = read {
            assert_eq!(extracted.extent.cursor.as_deref().unwrap_or_default(), cursor, "{sql}");
            state = Some(extracted);
        }
    }
}

#[tokio::test]
async fn sqlite_is_asked_for_what_is_new() {
    let project = Project::new().await;
    let database = project.path().join("t.db");
    let execute =
        |sql: &str| rusqlite::Connection::open(&database).unwrap().execute_batch(sql).unwrap();
    check(&project, "{sqlite: {path: t.db, table: orders}}", execute).await;
    // other ways to write a moment, and what is none
    execute(
        "DELETE FROM orders; INSERT INTO orders VALUES (1, '2024-03-01T23:59:59+00:00'), \
         (2, '2024-03-02T01:00:00+01:00'), (3, '2024-03-02T01:00:00+02:00'), \
         (4, '2024-03-02 00:00:00.5'), (5, 'yesterday'), (6, 1709337600), (7, '2024-02-30')",
    );
    let query = "SELECT id, changed_at FROM orders ORDER BY id; ";
    let yaml = format!(
        "name: t\nfrom: {{sqlite: {{path: t.db, query: '{query}'}}}}\n\
         strategy: {{watermark: {{column: changed}}}}\ncolumns: {COLUMNS}"
    );
    let spec = spec(&yaml);
    let plan = extract::plan_from(project.path(), &spec, None, Some("2024-03-02T00:00:00Z")).await;
    let load = project.load().await;
    let progress: extract::OnProgress = Arc::new(|_| {});
    let read = extract::extract(&plan.unwrap(), "job", &load, project.warehouse(), progress).await;
    let extracted = read.unwrap();
    let ids: Vec<_> =
        project.rows(&extracted.staged).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(ids, [Some("2".to_owned()), Some("4".to_owned())]);
    // what nobody can compare is looked at each time, and refused
    assert_eq!(extracted.extent.counts.rejected, 3);
    load.abandon().await.unwrap();
    let numbers = yaml.replace("column: changed", "column: id");
    let plan = extract::plan_from(project.path(), &super::spec(&numbers), None, Some("6")).await;
    assert!(plan.is_ok());
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgresql_is_asked_for_what_is_new() {
    let project = Project::new().await;
    let database: Postgresql = project.postgresql();
    check(&project, &database.from("table: orders"), |sql| database.execute(sql)).await;
    database.execute("ALTER TABLE orders ALTER changed_at TYPE text");
    let yaml = format!(
        "name: t\nfrom: {}\nstrategy: {{watermark: {{column: changed}}}}\ncolumns: {COLUMNS}",
        database.from("table: orders")
    );
    let error = project.extract(&spec(&yaml)).await.err().unwrap().to_string();
    assert!(error.contains("is of type text at the server"), "{error}");
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn mariadb_is_asked_for_what_is_new() {
    let project = Project::new().await;
    let database: Mysql = project.mysql();
    check(&project, &database.from("table: orders"), |sql| database.execute(&[sql])).await;
}

/// A log of changes, in whatever pieces it is read, gives the table that it is the log of.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn changes_read_in_pieces_give_what_they_give_at_once() {
    let servers = Project::new().await;
    let database = servers.postgresql();
    database.execute(
        "CREATE TABLE log (seq int, op text, receipt_no text, line_no int, sold_on date, \
         source_system text, customer_id text, quantity int, net_amount numeric(12,2))",
    );
    let job = sales_job(
        "{changes: {key: [receipt_no, line_no], sequence: seq, overlap: '3'}}",
        "upsert",
        "    delete_when: op = 'D'",
    )
    .replace("{csv: {path: \"sales*.csv\"}}", &database.from("table: log"))
    .replace(
        "      - {name: gone, type: boolean}\n",
        "      - {name: seq, type: int32}\n      - {name: op, type: text}\n",
    )
    .replace(", {date_formats: ['%Y-%m-%d']}", "");
    let project = || {
        let project = etl_project::Project::new(&[CUSTOMERS_DATED, &job]);
        let password = project.dir.path().join("password");
        std::fs::copy(servers.path().join("password"), password).unwrap();
        project.write("customers.csv", &format!("{CUSTOMER_HEAD}crm,1,Ada,Rome,2024-01-01\n"));
        project
    };
    const SQL: &str = "SELECT receipt_no, net_amount FROM fact_sales ORDER BY 1";
    let (in_pieces, at_once) = (project(), project());
    let mut expected = std::collections::BTreeMap::new();
    for seq in 1_u32..=60 {
        let receipt = seq * 7 % 5;
        let op = ["I", "U", "D"][((seq + seq / 5) % 3) as usize];
        match op {
            "D" => expected.remove(&receipt),
            _ => expected.insert(receipt, format!("R{receipt}|{seq}.00")),
        };
        database.execute(&format!(
            "INSERT INTO log VALUES ({seq}, '{op}', 'R{receipt}', 1, '2024-03-01', 'crm', '1', 1, {seq})"
        ));
        if seq % 11 == 0 {
            in_pieces.run("2024-06-01").await.unwrap();
        }
    }
    in_pieces.run("2024-06-02").await.unwrap();
    at_once.run("2024-06-02").await.unwrap();
    let expected: Vec<String> = expected.into_values().collect();
    assert!(!expected.is_empty() && expected.len() < 5, "{expected:?}");
    assert_eq!(in_pieces.sql(SQL).await, expected);
    assert_eq!(at_once.sql(SQL).await, expected);
    assert_eq!(in_pieces.latest().await.cursors["sales.line.read"], "60");
}

/// The whole way: rows are upserted, and the watermark goes back with its release.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_release_remembers_how_far_its_sources_are_read() {
    let servers = Project::new().await;
    let database = servers.postgresql();
    database.execute(
        "CREATE TABLE sales (receipt_no text, line_no int, sold_on date, source_system text, \
         customer_id text, quantity int, net_amount numeric(12,2), gone boolean, changed int);
         INSERT INTO sales VALUES ('R1', 1, '2024-02-29', 'crm', '1', 1, 10, false, 1), \
         ('R2', 1, '2024-03-01', 'crm', '2', 1, 4, false, 2)",
    );
    let job = sales_job("{watermark: {column: changed}}", "upsert", "    delete_when: gone")
        .replace("{csv: {path: \"sales*.csv\"}}", &database.from("table: sales"))
        .replace(
            "      - {name: gone, type: boolean}\n",
            "      - {name: gone, type: boolean}\n      - {name: changed, type: int32}\n",
        )
        .replace(", {date_formats: ['%Y-%m-%d']}", "");
    let project = etl_project::Project::new(&[CUSTOMERS_DATED, &job]);
    std::fs::copy(servers.path().join("password"), project.dir.path().join("password")).unwrap();
    let customers = "crm,1,Ada,Rome,2024-01-01\ncrm,2,Bob,Bonn,2024-01-01\n";
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}{customers}"));
    const SQL: &str = "SELECT receipt_no, net_amount FROM fact_sales ORDER BY 1";
    project.run("2024-06-01").await.unwrap();
    assert_eq!(project.sql(SQL).await, ["R1|10.00", "R2|4.00"]);
    assert_eq!(project.latest().await.cursors["sales.line.read"], "2");
    database.execute(
        "UPDATE sales SET net_amount = 5, changed = 3 WHERE receipt_no = 'R2';
         UPDATE sales SET gone = true, changed = 3 WHERE receipt_no = 'R1';
         INSERT INTO sales VALUES ('R3', 1, '2024-03-02', 'crm', '1', 1, 7, false, 4)",
    );
    project.run("2024-06-02").await.unwrap();
    assert_eq!(project.sql(SQL).await, ["R2|5.00", "R3|7.00"]);
    assert_eq!(project.latest().await.cursors["sales.line.read"], "4");
    // the watermark does not go past a row that is refused: mended, it comes in
    database
        .execute("INSERT INTO sales VALUES ('R4', NULL, '2024-03-02', 'crm', '1', 1, 7, false, 9)");
    project.run("2024-06-03").await.unwrap();
    assert_eq!(project.latest().await.cursors["sales.line.read"], "4");
    database.execute("UPDATE sales SET line_no = 1 WHERE receipt_no = 'R4'");
    project.run("2024-06-04").await.unwrap();
    assert_eq!(project.sql(SQL).await, ["R2|5.00", "R3|7.00", "R4|7.00"]);
    assert_eq!(project.latest().await.cursors["sales.line.read"], "9");
}
