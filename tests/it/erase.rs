//! A person erased from every retained release, and nothing else with them.

use crate::support::{starhouse, starhouse_output};
use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use starhouse::clock::FixedClock;
use starhouse::ids::ReleaseId;
use starhouse::store::{Warehouse, failpoint};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// What only the person to be erased has.
const SECRETS: [&str; 5] =
    ["Ada Lovelace", "ada@example.org", "St James Square 12", "for Ada, with love", "R-ADA-77"];

const CUSTOMER: &str = "
dimension: customer
description: who buys
natural_key:
  - {name: source_system, type: text, description: which system}
  - {name: customer_id, type: text, description: number there}
attributes:
  - {name: customer_name, type: text, description: name}
  - {name: email, type: text, description: address}
  - {name: street, type: text, history: 2, description: where}
  - {name: city, type: text, history: 2, description: where}
";

const SALES: &str = "
fact: sales
description: what was sold
grain: one row a receipt
kind: transaction
dimensions:
  - date
  - customer
  - {role: recipient, dimension: customer, description: who gets it}
degenerate:
  - {name: receipt_no, type: text, description: receipt}
  - {name: note, type: text, description: what was written on it}
columns:
  - {name: amount, type: int64, description: paid}
key: [receipt_no]
partition_by_month_of: date
sort_by: [customer_key, date_key]
";

const CUBE: &str = "
cube: sales
description: sales
facts: [sales]
measures:
  - {name: revenue, sum: amount, description: paid}
aggregates:
  - {name: by_customer, columns: [customer_customer_name], measures: [revenue], description: by name}
";

const CUSTOMERS_JOB: &str = "
job: customers
description: customers
sources:
  - name: rows
    from: {csv: {path: customers.csv}}
    columns:
      - {name: source_system, type: text, clean: [required]}
      - {name: customer_id, type: text, clean: [required]}
      - {name: customer_name, type: text}
      - {name: email, type: text}
      - {name: street, type: text}
      - {name: city, type: text}
      - {name: since, type: timestamp, clean: [required, {date_formats: ['%Y-%m-%d']}]}
load: {dimension: {dimension: customer, effective_at: since}}
";

const SALES_JOB: &str = "
job: sales
description: sales
sources:
  - name: rows
    from: {csv: {path: sales.csv}}
    columns:
      - {name: receipt_no, type: text, clean: [required]}
      - {name: day, type: date, clean: [required]}
      - {name: customer_id, type: text}
      - {name: recipient_id, type: text}
      - {name: note, type: text}
      - {name: amount, type: int64, clean: [required]}
transform: SELECT *, 'crm' AS source_system FROM rows
load:
  fact:
    fact: sales
    mode: upsert
    event_at: day
    keys: {date: [day], customer: [source_system, customer_id], recipient: [source_system, recipient_id]}
";

/// A project with three releases: the person moves in the second and buys again in the third.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("starhouse.yaml", "# people\n");
    write(
        "schemas/date.yaml",
        "dimension: date\ndescription: d\ncalendar: {from: 2025-01-01, to: 2025-12-31, fiscal_year_start_month: 1}\n",
    );
    write("schemas/customer.yaml", CUSTOMER);
    write("schemas/sales.yaml", SALES);
    write("schemas/cube.yaml", CUBE);
    write("etl/customers.yaml", CUSTOMERS_JOB);
    write("etl/sales.yaml", SALES_JOB);
    let customers = "source_system,customer_id,customer_name,email,street,city,since\n\
                     crm,4711,Ada Lovelace,ada@example.org,St James Square 12,London,2025-01-01\n\
                     crm,4712,Bob,bob@example.org,Main Street 1,London,2025-01-01\n\
                     crm,4713,Cyd,cyd@example.org,Main Street 1,Bonn,2025-01-01\n";
    let sales = "receipt_no,day,customer_id,recipient_id,note,amount\n\
                 R-1,2025-01-10,4712,4713,for Cyd,10\n\
                 R-ADA-77,2025-01-11,4711,4711,\"for Ada, with love\",20\n\
                 R-2,2025-02-10,4713,4711,thanks,30\n\
                 R-3,2025-02-11,4712,4712,,40\n\
                 R-4,2025-13-11,4711,4711,ada@example.org says the day is wrong,50\n\
                 R-5,2025-13-11,4712,4712,Bob says so too,60\n";
    write("customers.csv", customers);
    write("sales.csv", sales);
    run(&folder, &["etl", "run"]);
    let moved =
        format!("{customers}crm,4711,Ada Lovelace,ada@example.org,Ockham Park,Ockham,2025-02-01\n");
    write("customers.csv", &moved);
    run(&folder, &["etl", "run"]);
    write("sales.csv", &format!("{sales}R-6,2025-03-01,4711,,again,70\n"));
    run(&folder, &["etl", "run"]);
    run(&folder, &["sql", "SELECT * FROM warehouse.dim_customer WHERE email = 'ada@example.org'"]);
    folder
}

fn run(folder: &TempDir, arguments: &[&str]) -> String {
    let mut all = arguments.to_vec();
    all.extend(["--project", folder.path().to_str().unwrap()]);
    starhouse(&all)
}

fn refused(folder: &TempDir, arguments: &[&str]) -> (i32, String) {
    let mut all = arguments.to_vec();
    all.extend(["--project", folder.path().to_str().unwrap()]);
    let output = starhouse_output(&all);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

const ADA: [&str; 4] = ["erase", "customer", "source_system=crm", "customer_id=4711"];

fn erase(folder: &TempDir) -> Value {
    let mut arguments = ADA.to_vec();
    arguments.extend(["--yes", "--json"]);
    serde_json::from_str(&run(folder, &arguments)).unwrap()
}

fn answer(folder: &TempDir, release: u64, sql: &str) -> String {
    let release = release.to_string();
    let lines = run(folder, &["sql", "--format", "csv", "--release", &release, sql]);
    lines.lines().skip(1).collect::<Vec<_>>().join(" ")
}

/// Every secret that any file of the warehouse holds, rows decoded by an outside reader.
fn secrets(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(secrets(&path));
            continue;
        }
        let is_rows = path.extension().is_some_and(|extension| extension == "parquet");
        let text = if is_rows { texts(&path) } else { fs::read_to_string(&path).unwrap() };
        let held = SECRETS.iter().filter(|secret| text.contains(**secret));
        found.extend(held.map(|secret| format!("{}: {secret}", path.display())));
    }
    found
}

fn texts(path: &Path) -> String {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut text = String::new();
    for batch in reader.build().unwrap().map(Result::unwrap) {
        for column in batch.columns() {
            if let Ok(column) = arrow::compute::cast(column, &DataType::Utf8) {
                let column = column.as_string::<i32>();
                text.extend(
                    (0..column.len())
                        .filter(|row| column.is_valid(*row))
                        .map(|row| column.value(row)),
                );
            }
        }
    }
    text
}

const SUMS: &str = "SELECT count(*) || ' ' || sum(amount) || ' ' || count(DISTINCT receipt_no) FROM warehouse.fact_sales";

fn assert_gone(folder: &TempDir) {
    assert_eq!(secrets(&folder.path().join("warehouse")), Vec::<String>::new());
    for (release, sums) in [(1, "4 100 4"), (2, "4 100 4"), (3, "5 170 5"), (4, "5 170 5")] {
        assert_eq!(answer(folder, release, SUMS), sums, "release {release}");
        // Two others, and the two members beside all.
        let members = "SELECT count(*) FROM warehouse.dim_customer";
        assert_eq!(answer(folder, release, members), "4", "release {release}");
        let orphans = "SELECT count(*) FROM warehouse.fact_sales s LEFT JOIN warehouse.dim_customer c \
                       ON c.customer_key = s.customer_key LEFT JOIN warehouse.dim_customer r \
                       ON r.customer_key = s.recipient_key WHERE c.customer_key IS NULL OR r.customer_key IS NULL";
        assert_eq!(answer(folder, release, orphans), "0", "release {release}");
        let by_name = "SELECT customer_customer_name, MEASURE(revenue) AS r FROM cubes.sales GROUP BY 1 ORDER BY 1";
        let ada: u64 = if release < 3 { 20 } else { 90 };
        let told = answer(folder, release, by_name);
        assert_eq!(told, format!("Bob,50 Cyd,30 Unknown,{ada}"), "release {release}");
        // What is not the person's is as it was; who got a present is not known any more.
        let notes = "SELECT receipt_no || ':' || coalesce(note, '-') FROM warehouse.fact_sales WHERE receipt_no LIKE 'R-%' ORDER BY 1";
        assert_eq!(answer(folder, release, notes), "R-1:for Cyd R-3:-", "release {release}");
    }
    let rejects = run(folder, &["sql", "--format", "csv", "SELECT raw FROM system.rejects"]);
    assert!(rejects.contains("Bob says so too") && !rejects.contains("R-4"), "{rejects}");
}

#[test]
fn a_person_leaves_every_release_and_others_stay() {
    let folder = project();
    assert!(!secrets(&folder.path().join("warehouse")).is_empty());
    let backup = tempfile::tempdir().unwrap();
    run(&folder, &["backup", backup.path().to_str().unwrap()]);
    let mut plan = ADA.to_vec();
    plan.push("--plan");
    let words = run(&folder, &plan);
    assert!(words.contains("2 versions of the member") && words.contains("backups"), "{words}");
    assert!(words.contains("changes_customer") && words.contains("fact_sales"), "{words}");
    assert!(!secrets(&folder.path().join("warehouse")).is_empty(), "a plan erases nothing");
    // Nobody is asked where nobody sits.
    let (code, errors) = refused(&folder, &ADA);
    assert!(code == 2 && errors.contains("--yes"), "{errors}");
    let erased = erase(&folder);
    assert_eq!(erased["release"], 4);
    assert_eq!(erased["older_releases"], serde_json::json!([1, 2, 3]));
    assert_eq!(erased["left"], serde_json::json!([]));
    assert!(erased["rejects"].as_u64().unwrap() >= 1);
    assert_gone(&folder);
    assert!(!secrets(backup.path()).is_empty(), "backups are not reached");
    // It is recorded without saying who it was.
    const RECORDED: &str = "SELECT count(*) FROM system.steps WHERE step = 'erase'";
    assert_eq!(answer(&folder, 4, RECORDED), "1");
    // Nobody is there to be erased again, and what was erased does not come back by itself.
    let (code, errors) = refused(&folder, &[&ADA[..], &["--yes"]].concat());
    assert!(code == 1 && errors.contains("no retained release knows"), "{errors}");
    assert!(run(&folder, &["etl", "run"]).contains("nothing new"));
    assert!(run(&folder, &["vacuum", "--keep", "1"]).contains("oldest release kept is 4"));
}

#[test]
fn an_erasure_killed_anywhere_is_completed_by_the_next() {
    let points = failpoint::ERASE.iter().copied();
    for point in points.chain([
        "data_file.after_put",
        "release.before_put",
        "release.after_put",
        "vacuum.before_file",
    ]) {
        let folder = project();
        let mut arguments = ADA.to_vec();
        arguments.extend(["--yes", "--project", folder.path().to_str().unwrap()]);
        let output = Command::new(env!("CARGO_BIN_EXE_starhouse"))
            .args(&arguments)
            .env("STARHOUSE_FAILPOINT", point)
            .output()
            .unwrap();
        assert!(output.status.code().is_none(), "{point} was not met");
        for release in 1..=3 {
            let sums = answer(&folder, release, SUMS);
            assert!(sums == "4 100 4" || sums == "5 170 5", "{point}: release {release}: {sums}");
        }
        let again = starhouse_output(&arguments);
        let errors = String::from_utf8_lossy(&again.stderr);
        // All that was of the person may be gone already.
        let is_done = again.status.success() || errors.contains("no retained release knows");
        assert!(is_done, "{point}: {errors}");
        assert_gone(&folder);
    }
}

#[test]
fn rejected_rows_that_may_be_of_the_person_are_told_and_leave_where_it_is_said() {
    const DAN: [&str; 4] = ["erase", "customer", "source_system=crm", "customer_id=7"];
    let folder = project();
    let add = |file: &str, row: &str| {
        let file = folder.path().join(file);
        let rows = fs::read_to_string(&file).unwrap() + row;
        fs::write(file, rows).unwrap();
    };
    add("customers.csv", "crm,7,Dan,dan@example.org,Side Street 3,Kiel,2025-01-01\n");
    // The 7 is the person's, the 70 is not; the system is what the job adds.
    add("sales.csv", "R-7,2025-13-11,7,4712,,80\nR-8,2025-13-11,4712,4712,,70\n");
    run(&folder, &["etl", "run"]);
    let planned = run(&folder, &[&DAN[..], &["--plan"]].concat());
    assert!(planned.contains("1 rejected rows hold a part of the key as a field"), "{planned}");
    let (code, errors) = refused(&folder, &[&DAN[..], &["--yes"]].concat());
    assert!(code == 1 && errors.contains("--doubtful"), "{errors}");
    let rejects = || run(&folder, &["sql", "--format", "csv", "SELECT raw FROM system.rejects"]);
    assert!(rejects().contains("R-7,"), "{}", rejects());
    let told = run(&folder, &[&DAN[..], &["--yes", "--doubtful"]].concat());
    assert!(told.contains("proof: no table"), "{told}");
    assert!(!rejects().contains("R-7,") && rejects().contains("R-8,"), "{}", rejects());
}

#[tokio::test]
async fn a_release_that_is_read_waits() {
    let folder = project();
    let clock = Arc::new(FixedClock("2026-01-01T00:00:00Z".parse().unwrap()));
    let reader = Warehouse::open(&folder.path().join("warehouse"), clock).await.unwrap();
    let held = reader.release(ReleaseId(2)).await.unwrap();
    let (code, errors) = refused(&folder, &[&ADA[..], &["--yes"]].concat());
    assert!(
        code == 1 && errors.contains("being read") && errors.contains("releases 2"),
        "{errors}"
    );
    // Its reader still has every file.
    for table in held.tables.values() {
        for file in &table.files {
            assert!(
                folder.path().join("warehouse").join(&table.location).join(&file.path).exists()
            );
        }
    }
    drop((held, reader));
    let erased = erase(&folder);
    assert_eq!((&erased["release"], &erased["left"]), (&Value::Null, &serde_json::json!([])));
    assert_gone(&folder);
}

#[test]
fn who_is_to_be_erased_is_named_as_a_whole() {
    let folder = project();
    let (code, errors) = refused(&folder, &["erase", "custmer", "customer_id=1", "--yes"]);
    assert!(code == 2 && errors.contains("did you mean `customer`"), "{errors}");
    let (code, errors) = refused(&folder, &["erase", "customer", "customer_id=4711", "--yes"]);
    assert!(code == 2 && errors.contains("source_system=VALUE customer_id=VALUE"), "{errors}");
    let (code, errors) =
        refused(&folder, &["erase", "customer", "source_system=crm", "customer_id=9", "--yes"]);
    assert!(code == 1 && errors.contains("no retained release knows"), "{errors}");
    assert_eq!(refused(&folder, &["erase", "customer", "4711"]).0, 2);
}
