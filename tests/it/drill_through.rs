//! Drill through: the fact rows behind a value, and where they come from.

use super::cube_support::answer;
use super::cubes::traps::{asks, world};
use super::etl_project::{CUSTOMER_HEAD, CUSTOMERS_DATED, Project, SALES_HEAD, moment, sales_job};
use serde_json::json;
use starhouse::error::ErrorKind;
use starhouse::policy::Principal;

const HEAD: &str = "date_date | delivered_date | customer_id | store_id | receipt_no | line_no | currency | quantity \
                    | net_amount | cost | weight | written_by_run | since_release | read_from";

#[tokio::test]
async fn the_rows_behind_a_value_are_those_that_it_is_made_of() {
    let query =
        json!({"drill_through": "revenue", "slice": {"date.year": 2024, "customer_id": "c0"}});
    let expected = [
        HEAD,
        "2024-02-28 | NULL | c0 | s0 | r2 | 1 | EUR | 1 | 50.00 | 20.00 | NULL | 1 | 1 | NULL",
        "2024-02-29 | NULL | c0 | s0 | r2 | 2 | EUR | 1 | 30.00 | 10.00 | NULL | 1 | 1 | NULL",
    ];
    asks(query, &expected).await;
    // A filtered measure's own rows only; asked columns first.
    let query =
        json!({"drill_through": "big_lines", "rows": ["segment"], "dice": {"country": ["NO"]}});
    let expected = [
        &format!("segment | {HEAD}"),
        "gold | 2024-06-30 | NULL | c1 | s1 | r3 | 3 | NOK | 1 | 200.00 | 150.00 | NULL | 1 | 1 | NULL",
    ];
    asks(query, &expected).await;
}

#[tokio::test]
async fn a_row_of_a_member_in_two_clubs_is_shown_once() {
    let query =
        json!({"drill_through": "revenue", "slice": {"club_kind": "sport", "receipt_no": "r1"}});
    let row =
        "2023-02-28 | NULL | c0 | s0 | r1 | 0 | EUR | 1 | 100.00 | 60.00 | NULL | 1 | 1 | NULL";
    asks(query, &[HEAD, row]).await;
}

#[tokio::test]
async fn pages_follow_each_other_in_the_order_of_the_key_and_are_bounded() {
    let (_at, session) = world().await;
    let mut receipts = Vec::new();
    for offset in [0, 2, 4, 6] {
        let query =
            json!({"cube": "trade", "drill_through": "revenue", "limit": 2, "offset": offset});
        let planned =
            session.plan_cube_query(&serde_json::from_value(query).unwrap()).await.unwrap();
        receipts.extend(answer(&planned).await.unwrap().column("receipt_no"));
    }
    let receipts: Vec<String> = receipts.iter().map(ToString::to_string).collect();
    assert_eq!(receipts, ["r1", "r2", "r2", "r3", "r4", "r5"]);
}

/// What a question reads, in words.
#[tokio::test]
async fn a_question_says_what_answers_each_part_and_what_is_read() {
    let (_at, session) = world().await;
    let query = json!({"cube": "trade", "rows": ["country"], "measures": ["revenue", "buyers"]});
    let query = serde_json::from_value(query).unwrap();
    let told = session.plan_cube_query(&query).await.unwrap().in_words().unwrap();
    assert_eq!(told[0], "release 1");
    assert!(
        told[1].starts_with("fact sales: base rows; by_month_store does not keep buyers"),
        "{told:?}"
    );
    let read: Vec<&str> = told[2..].iter().map(String::as_str).collect();
    let expected = [
        "reads warehouse.dim_customer: 5 rows in 1 file at most",
        "reads warehouse.dim_store: 4 rows in 1 file at most",
        "reads warehouse.fact_sales: 6 rows in 5 files at most",
    ];
    assert_eq!(read, expected);
}

#[tokio::test]
async fn what_rows_cannot_have_is_told() {
    let (_at, session) = world().await;
    for (query, kind, told) in [
        (
            json!({"drill_through": "margin"}),
            ErrorKind::User,
            "computed from revenue, expense; drill through one of revenue, expense",
        ),
        (
            json!({"drill_through": "margin_rate"}),
            ErrorKind::User,
            "computed from margin, revenue; drill through one of revenue, expense",
        ),
        (json!({"drill_through": "revenu"}), ErrorKind::User, "did you mean `revenue`?"),
        (
            json!({"drill_through": "revenue", "totals": "grand"}),
            ErrorKind::User,
            "`totals` means nothing",
        ),
        (
            json!({"drill_through": "revenue", "limit": 10_001}),
            ErrorKind::Limit,
            "10000 rows at most",
        ),
        (
            json!({"drill_through": "revenue", "rows": ["club_name"]}),
            ErrorKind::User,
            "several members of `club`",
        ),
        (
            json!({"drill_through": "snapshots", "rows": ["receipt_no"]}),
            ErrorKind::User,
            "`receipt_no`",
        ),
    ] {
        let mut query = query;
        query["cube"] = json!("trade");
        let query = serde_json::from_value(query).unwrap();
        let error = session.plan_cube_query(&query).await.unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(told), "{told}: {error}");
    }
}

#[tokio::test]
async fn rows_tell_the_run_and_the_file_that_they_came_with() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", "append", "")]);
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}S,1,Ada,Rome,2024-01-01\n"));
    project.write("sales_1.csv", &format!("{SALES_HEAD}r1,1,2024-01-05,S,1,1,10.00,false\n"));
    let first = project.run("2024-02-01").await.unwrap();
    project.write("sales_2.csv", &format!("{SALES_HEAD}r2,1,2024-02-05,S,1,1,20.00,false\n"));
    let second = project.run("2024-03-01").await.unwrap();
    let engine = project.engine(moment("2024-03-02")).await;
    let session = engine.session(Principal::local(), engine.warehouse().latest().await.unwrap());
    let query = json!({"cube": "sales", "drill_through": "revenue"});
    let planned = session.plan_cube_query(&serde_json::from_value(query).unwrap()).await.unwrap();
    let answer = answer(&planned).await.unwrap();
    let told = |name: &str| -> Vec<String> {
        answer.column(name).iter().map(ToString::to_string).collect()
    };
    assert_eq!(told("receipt_no"), ["r1", "r2"]);
    assert_eq!(told("read_from"), ["sales_1.csv", "sales_2.csv"]);
    assert_eq!(told("written_by_run"), [first.run.0, second.run.0]);
    assert_eq!(told("since_release"), ["1", "2"]);
}

/// An upsert writes the rows of a month anew: they may be of either run, and both files are named.
#[tokio::test]
async fn rows_that_were_written_anew_tell_all_files_that_they_can_be_of() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", "upsert", "")]);
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}S,1,Ada,Rome,2024-01-01\n"));
    let rows_1 = "r1,1,2024-01-05,S,1,1,10.00,false\nr2,1,2024-02-05,S,1,1,20.00,false\n\
                  r3,1,2024-02-07,S,1,1,40.00,false\n";
    project.write("sales_1.csv", &format!("{SALES_HEAD}{rows_1}"));
    project.run("2024-02-08").await.unwrap();
    // What was sold in February changes, and its rows are written anew.
    project.write("sales_2.csv", &format!("{SALES_HEAD}r2,1,2024-02-05,S,1,1,25.00,false\n"));
    project.run("2024-03-01").await.unwrap();
    let expected = [
        "r1 | 1 | 1 | sales_1.csv",
        "r2 | 1 | 2 | sales_1.csv, sales_2.csv",
        "r3 | 1 | 2 | sales_1.csv, sales_2.csv",
    ];
    assert_eq!(rows(&project).await, expected);
}

/// Receipt, line, release and files of all sales.
async fn rows(project: &Project) -> Vec<String> {
    let engine = project.engine(moment("2024-03-02")).await;
    let session = engine.session(Principal::local(), engine.warehouse().latest().await.unwrap());
    let query = json!({"cube": "sales", "drill_through": "revenue"});
    let planned = session.plan_cube_query(&serde_json::from_value(query).unwrap()).await.unwrap();
    let answer = answer(&planned).await.unwrap();
    let columns = ["receipt_no", "line_no", "since_release", "read_from"].map(|c| answer.column(c));
    (0..answer.rows.len())
        .map(|row| columns.iter().map(|c| c[row].to_string()).collect::<Vec<_>>().join(" | "))
        .collect()
}
