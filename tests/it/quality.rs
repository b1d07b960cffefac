//! Expectations: met or not, said or stopping, and in `system.quality` either way.

use crate::etl_project::{CUSTOMER_HEAD, CUSTOMERS_DATED, Project, SALES_HEAD, sales_job};
use starhouse::error::ErrorKind;

const CUSTOMERS: &str = "crm,1,Ada,Rome,2024-01-01\ncrm,2,Bob,Bonn,2024-01-01\n";
const SALES: &str = "R1,1,2024-02-10,crm,1,1,10.00,false\nR2,1,2024-03-10,crm,2,1,20.00,false\n\
                     R3,1,2024-03-20,crm,9,1,40.00,false\nR4,1,2024-05-31,crm,1,,70.00,false\n";

/// A project that expects something of its sales.
fn project(expect: &str) -> Project {
    let mut project = Project::new(&[CUSTOMERS_DATED, &sales_job("full", "replace", "")]);
    project.edit_schemas(
        "partition_by_month_of",
        &format!("expect: [{expect}]\npartition_by_month_of"),
    );
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}{CUSTOMERS}"));
    project.write("sales.csv", &format!("{SALES_HEAD}{SALES}"));
    project
}

const QUALITY: &str =
    "SELECT expectation, outcome, found FROM system.quality ORDER BY run, expectation";

/// What is expected, and what is found: nothing where it is met.
#[tokio::test]
async fn each_check_finds_what_is_wrong() {
    let cases = [
        ("{unique: [receipt_no]}", None),
        ("{unique: [customer_key]}", Some("1 of 4 rows, such as (customer_key = 2)")),
        ("{unique: [customer_key], at_most: 0.25}", None),
        ("{not_null: [net_amount, line_no]}", None),
        ("{not_null: [net_amount, quantity]}", Some("1 of 4 rows, such as (date_key = 20240531")),
        ("{accepted: {column: receipt_no, values: [R1, R2, R3, R4]}}", None),
        ("{accepted: {column: receipt_no, values: [R1, R2, R3]}}", Some("1 of 4 rows")),
        ("{known: customer}", Some("1 of 4 rows")),
        ("{known: customer, at_most: 0.3}", None),
        ("{fresh: {column: noon, within_hours: 13}}", None),
        ("{fresh: {column: noon, within_hours: 11}}", Some("12 h before 2024-06-01")),
        ("{holds: 'net_amount > 5'}", None),
        ("{holds: 'net_amount > 15'}", Some("1 of 4 rows")),
        (
            "{query: 'SELECT receipt_no FROM warehouse.fact_sales WHERE net_amount > 60;'}",
            Some("1 of 4 rows, such as (receipt_no = R4)"),
        ),
    ];
    for (expect, wrong) in cases {
        let mut project = project(expect);
        project.edit_schemas(
            "  - {name: quantity,",
            "  - {name: noon, type: timestamp, description: moment}\n  - {name: quantity,",
        );
        project.edit_jobs(
            "load:\n  fact:",
            "transform: SELECT *, CAST(sold_on AS TIMESTAMP) + INTERVAL '12' HOUR AS noon FROM line\nload:\n  fact:",
        );
        let outcome = project.run("2024-06-01").await;
        let quality = project.sql(QUALITY).await;
        assert_eq!(quality.len(), 1, "{expect}");
        match wrong {
            None => {
                assert!(outcome.is_ok(), "{expect}: {outcome:?}");
                assert!(quality[0].contains("|passed|"), "{quality:?}");
            }
            Some(found) => {
                let error = outcome.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Data);
                assert!(error.message().contains(found), "{expect}: {error}");
                assert!(quality[0].contains("|failed|"), "{quality:?}");
                assert_eq!(project.latest().await.id.0, 0, "nothing is published");
            }
        }
    }
}

#[tokio::test]
async fn drift_is_measured_against_the_last_release_and_may_only_be_said() {
    let project = project(
        "{row_drift: 0.2}, {sum_drift: {column: net_amount, share: 0.5}, on_fail: warn, description: money}",
    );
    let summary = project.run("2024-06-01").await.unwrap();
    assert!(summary.notes.is_empty(), "{:?}", summary.notes);
    // The same number of rows, half as much again and more of money.
    let rows = SALES.replace("70.00", "170.00");
    project.write("sales.csv", &format!("{SALES_HEAD}{rows}"));
    let summary = project.run("2024-06-02").await.unwrap();
    assert!(summary.notes[0].contains("240 after 140, a change of 71.4 %"), "{:?}", summary.notes);
    // Half of the rows are gone.
    let rows: String = SALES.lines().take(2).map(|line| format!("{line}\n")).collect();
    project.write("sales.csv", &format!("{SALES_HEAD}{rows}"));
    let error = project.run("2024-06-03").await.unwrap_err();
    assert!(error.message().contains("2 after 4, a change of 50.0 %"), "{error}");
    assert_eq!(project.sql("SELECT count(*) FROM fact_sales").await, ["4"]);
    let outcomes: Vec<String> =
        project.sql("SELECT outcome FROM system.quality ORDER BY run, expectation").await;
    assert_eq!(outcomes, ["passed", "passed", "passed", "warned", "failed", "warned"]);
    // A table that no run has touched is not looked at again.
    project.write("sales.csv", &format!("{SALES_HEAD}{}", SALES.replace("70.00", "170.00")));
    project.run("2024-06-04").await.unwrap();
    assert_eq!(project.sql("SELECT count(*) FROM system.quality").await, ["6"]);
}

#[tokio::test]
async fn what_is_expected_of_a_dimension_is_of_its_present_members() {
    let mut project = project("{unique: [receipt_no]}");
    project.edit_schemas(
        "hierarchies:\n  - {name: place",
        "expect:\n  - {unique: [source_system, customer_id]}\n  - {not_null: [city]}\nhierarchies:\n  - {name: place",
    );
    let rows = format!("{CUSTOMERS}crm,1,Ada,Oslo,2024-02-01\n");
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}{rows}"));
    project.run("2024-06-01").await.unwrap();
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}{rows}crm,2,Bob,,2024-03-01\n"));
    let error = project.run("2024-06-02").await.unwrap_err();
    assert!(error.message().contains("dim_customer not_null: city: 1 of 2 rows"), "{error}");
}
