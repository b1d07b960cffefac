//! `starhouse demo`, run as people run it.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const TABLES: [&str; 20] = [
    "dim_campaign",
    "dim_channel",
    "dim_customer",
    "dim_date",
    "dim_product",
    "dim_store",
    "fact_account_balance",
    "fact_campaign_contact",
    "fact_campaign_cost",
    "fact_customer_year",
    "fact_exchange_rate",
    "fact_loan",
    "fact_loan_payment",
    "fact_opportunity",
    "fact_sales",
    "fact_service_ticket",
    "fact_stock",
    "fact_web_visit",
    "dim_visit_kind",
    "agg_sales_by_month_store",
];

fn starhouse() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_starhouse"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn demo(folder: &Path) -> Command {
    let mut command = starhouse();
    command.args(["demo", "--no-serve", "--dir"]).arg(folder);
    command
}

fn text(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {errors}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The rows of a table, in a stated order: surrogate keys are part of them.
fn rows(folder: &Path, table: &str) -> Vec<String> {
    let output = starhouse()
        .args(["sql", "--format", "csv", "--project"])
        .arg(folder)
        .arg(format!("SELECT * FROM warehouse.{table}"))
        .output()
        .unwrap();
    let mut rows: Vec<String> = text(&output).lines().map(str::to_owned).collect();
    rows.sort_unstable();
    rows
}

fn releases(folder: &Path) -> Vec<String> {
    let output = starhouse()
        .args(["sql", "--format", "csv", "--project"])
        .arg(folder)
        .arg("SELECT release FROM system.releases ORDER BY release")
        .output()
        .unwrap();
    text(&output).lines().skip(1).map(str::to_owned).collect()
}

/// From the first question on, without the times.
fn answers(output: &str) -> String {
    let from = output.find("1. Which store").unwrap_or_else(|| panic!("no answers in {output}"));
    output[from..].lines().filter(|line| !line.starts_with("cube query ")).collect()
}

/// The demo answers, a second one publishes nothing and answers the same; a demo that is killed
/// again and again ends in the same tables as one that is not.
#[test]
fn a_demo_resumes_and_ends_in_the_same_tables() {
    let (calm, harried) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let started = Instant::now();
    let first = text(&demo(calm.path()).output().unwrap());
    let whole = started.elapsed();
    for expected in ["release 1", "release 2", "one_of", "orders_2023.csv", "10. Which customers"] {
        assert!(first.contains(expected), "`{expected}` is missing in\n{first}");
    }
    assert!(!first.contains("SQL answers differently"), "{first}");
    assert_eq!(releases(calm.path()), ["1", "2"]);
    let tested = starhouse().args(["test", "--project"]).arg(calm.path()).output().unwrap();
    assert!(text(&tested).contains("all right: "), "{tested:?}");

    let second = text(&demo(calm.path()).output().unwrap());
    assert!(second.contains("nothing is published"), "{second}");
    assert_eq!(answers(&first), answers(&second));
    assert_eq!(releases(calm.path()), ["1", "2"]);

    let kills = if std::env::var_os("STARHOUSE_FULL").is_some() { 20 } else { 3 };
    for kill in 1..=kills {
        let mut child = demo(harried.path()).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * kill / (kills + 1) / 2 + Duration::from_millis(50));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let last = text(&demo(harried.path()).output().unwrap());
    assert_eq!(answers(&first), answers(&last));
    for table in TABLES {
        assert!(rows(calm.path(), table) == rows(harried.path(), table), "{table} differs");
    }
}

/// Outsiders read the demo's Delta tables: every type, partitions, rewritten files, histories.
#[test]
#[ignore = "needs Python with deltalake, duckdb 1.5.5 and its delta extension (see .ci/install/programs.sh)"]
fn duckdb_and_deltalake_find_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    text(&demo(folder.path()).output().unwrap());
    let python = std::env::var("STARHOUSE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/delta_tables.py"))
        .arg(env!("CARGO_BIN_EXE_starhouse"))
        .arg(folder.path())
        .args(std::env::var_os("STARHOUSE_DUCKDB_DELTA"))
        .output()
        .unwrap();
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{found}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(found.contains("fact_sales: "), "{found}");
}

/// A file is no folder for a project.
#[test]
fn a_demo_refuses_a_folder_that_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("taken");
    std::fs::write(&file, "x").unwrap();
    let output = demo(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.starts_with("error: ") && errors.lines().count() == 1, "{errors}");
}
