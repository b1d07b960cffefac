//! Runs that failed or were killed, taken over from where they were; and what a run would do.

use crate::support::{starhouse, starhouse_output};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The starter project, whose orders are refused if one of their rows is.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    starhouse(&["init", folder.path().to_str().unwrap()]);
    let job = folder.path().join("etl/orders.yaml");
    fs::write(&job, fs::read_to_string(&job).unwrap() + "reject_at_most: 0\n").unwrap();
    folder
}

fn at(folder: &TempDir, arguments: &[&str]) -> std::process::Output {
    let mut all = arguments.to_vec();
    all.extend(["--project", folder.path().to_str().unwrap()]);
    starhouse_output(&all)
}

fn told(folder: &TempDir, arguments: &[&str]) -> Value {
    let output = at(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(folder: &TempDir, arguments: &[&str]) -> String {
    let output = at(folder, arguments);
    assert!(!output.status.success(), "{arguments:?} went well");
    String::from_utf8(output.stderr).unwrap()
}

fn rows(folder: &TempDir, table: &str) -> Vec<String> {
    let sql = format!("SELECT * FROM warehouse.{table} ORDER BY 1, 2, 3");
    let output = at(folder, &["sql", "--format", "csv", &sql]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Mends the row of the starter's orders that is wrong.
fn mend(folder: &TempDir) {
    let orders = folder.path().join("sources/orders_2025_01.csv");
    let text = fs::read_to_string(&orders).unwrap();
    fs::write(&orders, text.replace("2025-01-32", "2025-01-31")).unwrap();
}

fn data_files(folder: &Path) -> BTreeSet<String> {
    fn walk(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            match entry.path().is_dir() {
                true => walk(&entry.path(), found),
                false => drop(found.insert(entry.path().display().to_string())),
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(&folder.join("warehouse/tables"), &mut found);
    found
}

#[test]
fn a_failed_run_is_resumed_and_does_nothing_twice() {
    let (failed, calm) = (project(), project());
    let errors = refused(&failed, &["etl", "run", "--as-of", "2025-06-30"]);
    assert!(errors.contains("1 of 2 jobs are done"), "{errors}");
    assert!(errors.contains("etl run --resume"), "{errors}");
    let kept = data_files(failed.path());
    assert!(kept.iter().any(|file| file.contains("dim_product")), "{kept:?}");
    // Nothing is to be seen of it, and a vacuum leaves it alone.
    assert!(
        refused(&failed, &["sql", "SELECT * FROM warehouse.dim_product"]).contains("dim_product")
    );
    assert!(at(&failed, &["vacuum", "--keep", "1"]).status.success());
    assert_eq!(data_files(failed.path()), kept);
    // Resumed without a change it fails as it did.
    assert!(refused(&failed, &["etl", "run", "--resume"]).contains("1 of 2 jobs are done"));
    mend(&failed);
    let summary = told(&failed, &["etl", "run", "--resume", "--json"]);
    assert_eq!(summary["release"], 1);
    let jobs = summary["jobs"].as_array().unwrap();
    assert_eq!(jobs[0]["job"], "products");
    assert!(jobs[0]["skipped"].as_str().unwrap().starts_with("done by run "), "{}", jobs[0]);
    assert_eq!((&jobs[1]["job"], &jobs[1]["rows_written"]), (&"orders".into(), &9.into()));
    mend(&calm);
    told(&calm, &["etl", "run", "--as-of", "2025-06-30", "--json"]);
    for table in ["dim_product", "fact_orders", "agg_shop_by_month_category"] {
        assert_eq!(rows(&failed, table), rows(&calm, table), "{table}");
    }
    assert!(refused(&failed, &["etl", "run", "--resume"]).contains("there is no run to resume"));
    assert_eq!(told(&failed, &["etl", "run", "--json"])["status"], "nothing_new");
}

#[test]
fn a_killed_run_is_resumed() {
    let folder = project();
    mend(&folder);
    for point in ["savepoint.after_put:1", "savepoint.before_put:2"] {
        let _ = fs::remove_dir_all(folder.path().join("warehouse"));
        let status = Command::new(env!("CARGO_BIN_EXE_starhouse"))
            .args(["etl", "run", "--project"])
            .arg(folder.path())
            .env("STARHOUSE_FAILPOINT", point)
            .status()
            .unwrap();
        assert!(!status.success());
        let summary = told(&folder, &["etl", "run", "--resume", "--json"]);
        assert_eq!(summary["release"], 1);
        let skipped = |job: usize| summary["jobs"][job]["skipped"].is_string();
        assert_eq!((skipped(0), skipped(1)), (true, false), "{point}");
        assert_eq!(rows(&folder, "fact_orders").len(), 10);
    }
}

#[test]
fn a_run_is_not_resumed_where_what_it_did_would_be_done_otherwise() {
    let folder = project();
    assert!(refused(&folder, &["etl", "run", "--resume"]).contains("none has failed half way"));
    refused(&folder, &["etl", "run"]);
    // A source of the job that is done has changed.
    let products = folder.path().join("sources/products.csv");
    let text = fs::read_to_string(&products).unwrap();
    fs::write(&products, format!("{text}N-1,Nut,Food\n")).unwrap();
    let errors = refused(&folder, &["etl", "run", "--resume"]);
    assert!(errors.contains("the source `product` has news"), "{errors}");
    assert!(errors.contains("without --resume"), "{errors}");
    fs::write(&products, text).unwrap();
    // Its definition has.
    let job = folder.path().join("etl/products.yaml");
    let text = fs::read_to_string(&job).unwrap();
    fs::write(&job, text.replace("The shop's catalogue.", "What the shop has.")).unwrap();
    let errors = refused(&folder, &["etl", "run", "--resume"]);
    assert!(errors.contains("has changed since"), "{errors}");
    // How often it is tried does not count.
    fs::write(&job, format!("{text}retries: 5\n")).unwrap();
    assert!(refused(&folder, &["etl", "run", "--resume"]).contains("1 of 2 jobs are done"));
    // Somebody else has published.
    told(&folder, &["etl", "run", "products", "--json"]);
    let errors = refused(&folder, &["etl", "run", "--resume"]);
    assert!(
        errors.contains("there is no run to resume") && errors.contains("latest release 1"),
        "{errors}"
    );
    // Then it is stale, and vacuum takes what it has kept.
    let kept = data_files(folder.path()).len();
    assert!(at(&folder, &["vacuum", "--keep", "1"]).status.success());
    assert!(data_files(folder.path()).len() < kept);
    assert_eq!(fs::read_dir(folder.path().join("warehouse/log/savepoints")).unwrap().count(), 0);
}

#[test]
fn a_trial_tells_what_the_run_then_does_and_leaves_nothing() {
    let folder = project();
    mend(&folder);
    let first = told(&folder, &["etl", "plan", "--rows", "--json"]);
    assert_eq!(first["jobs"][0]["schema"][0]["what"], "table");
    assert_eq!(first["jobs"][1]["after"], serde_json::json!(["products"]));
    assert!(data_files(folder.path()).is_empty(), "a trial leaves files");
    told(&folder, &["etl", "run", "--json"]);
    // A shelf changes, a product is new, an order is refused, two are new.
    let products = folder.path().join("sources/products.csv");
    let text = fs::read_to_string(&products)
        .unwrap()
        .replace("T-01,Green tea,Tea", "T-01,Green tea,Leaves");
    fs::write(&products, text + "N-1,Nut,Food\n").unwrap();
    let orders =
        "order,date,product,quantity,amount\n1,2025-03-01,N-1,1,2.50\n2,2025-03-02,T-01,2,4.00\n";
    fs::write(folder.path().join("sources/orders_2025_03.csv"), orders).unwrap();
    let schema = folder.path().join("schemas/orders.yaml");
    let text = fs::read_to_string(&schema).unwrap();
    let column = "  - {name: note, type: text, description: note}\ncolumns:";
    fs::write(&schema, text.replace("columns:", column)).unwrap();
    let job = folder.path().join("etl/orders.yaml");
    let text = fs::read_to_string(&job).unwrap();
    fs::write(
        &job,
        text.replace(
            "load:\n",
            "transform: SELECT *, CAST(NULL AS VARCHAR) AS note FROM orders\nload:\n",
        ),
    )
    .unwrap();
    let before = data_files(folder.path());
    let plan = told(&folder, &["etl", "plan", "--rows", "--json"]);
    let orders = &plan["jobs"][1];
    assert_eq!(orders["schema"][0]["column"], "note", "{orders}");
    let diff = |table: &str| -> &Value {
        let tables = plan["trial"]["tables"].as_array().unwrap();
        tables.iter().find(|diff| diff["table"] == table).unwrap()
    };
    let counts = |diff: &Value| {
        ["rows_before", "added", "changed", "removed", "rows_after"]
            .map(|key| diff[key].as_u64().unwrap())
    };
    // Five products and two members beside them; the moved one closes a version and opens another.
    assert_eq!(counts(diff("dim_product")), [7, 2, 1, 0, 9], "{}", diff("dim_product"));
    assert_eq!(counts(diff("fact_orders")), [9, 2, 0, 0, 11], "{}", diff("fact_orders"));
    let changed = diff("dim_product")["samples"].as_array().unwrap();
    let changed = changed.iter().find(|row| row["what"] == "changed").unwrap();
    let cells = changed["columns"].as_array().unwrap();
    let valid_to = cells.iter().find(|cell| cell["column"] == "valid_to").unwrap();
    assert!(valid_to["before"].as_str().unwrap().starts_with("9999"), "{valid_to}");
    assert_eq!(data_files(folder.path()), before, "a trial leaves files");
    let words = String::from_utf8(at(&folder, &["etl", "plan", "--rows"]).stdout).unwrap();
    assert!(words.contains("fact_orders: new column note text"), "{words}");
    assert!(words.contains("nothing was published"), "{words}");
    let count = |sql: &str| rows_of(&folder, sql);
    assert_eq!(count("SELECT count(*) FROM system.runs"), "1");
    // The run then does it.
    let summary = told(&folder, &["etl", "run", "--json"]);
    assert_eq!(summary["release"], 2);
    assert_eq!(rows(&folder, "dim_product").len(), 10);
    assert_eq!(rows(&folder, "fact_orders").len(), 12);
    assert!(
        String::from_utf8(at(&folder, &["etl", "plan", "--rows"]).stdout)
            .unwrap()
            .contains("no rows would change")
    );
}

fn rows_of(folder: &TempDir, sql: &str) -> String {
    let output = at(folder, &["sql", "--format", "csv", sql]);
    String::from_utf8(output.stdout).unwrap().lines().nth(1).unwrap().to_owned()
}
