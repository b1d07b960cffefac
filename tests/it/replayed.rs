//! Rows of databases and sheets that were refused: kept as their cells, mended as lines of JSON.

use crate::etl_project::{
    CUSTOMER_HEAD, CUSTOMERS_DATED, CUSTOMERS_SNAPSHOT, Project, SALES_HEAD, moment, sales_job,
};
use starhouse::etl::job::SourceSpec;
use starhouse::etl::replay::{Replay, ToMend, to_mend};
use starhouse::etl::run::RunSummary;
use starhouse::store::Reject;

const ROWS: &str = "SELECT receipt_no, quantity, net_amount, c.city FROM warehouse.fact_sales s JOIN \
                    warehouse.dim_customer c ON c.customer_key = s.customer_key ORDER BY 1";

/// The refused rows of the job `sales`, as a file to be mended.
async fn refused(project: &Project) -> ToMend {
    let engine = project.engine(moment("2024-03-11")).await;
    let rejects = engine.warehouse().rejects(None).await.unwrap();
    let rejects: Vec<&Reject> = rejects.iter().collect();
    to_mend(project.dir.path(), &source(project), &rejects).unwrap()
}

fn source(project: &Project) -> SourceSpec {
    let jobs = project.declared();
    jobs.iter().find(|job| job.job == "sales").unwrap().sources[0].clone()
}

async fn replay(project: &Project, file: &str) {
    let summary = replay_of(project, "sales", file, "2024-03-10").await;
    assert_eq!(summary.jobs[0].sources.iter().map(|s| s.counts.rejected).sum::<u64>(), 0);
}

/// Loads mended rows as of the run that first refused some.
async fn replay_of(project: &Project, name: &str, file: &str, day: &str) -> RunSummary {
    let jobs = project.declared();
    let job = jobs.iter().find(|job| job.job == name).unwrap();
    let warehouse = project.engine(moment(day)).await.warehouse().clone();
    let rejects = warehouse.rejects(None).await.unwrap();
    let run = rejects.iter().filter(|reject| reject.job == name).map(|r| &r.run).min().unwrap();
    let runs = warehouse.runs().await.unwrap();
    let record = runs.iter().find(|record| record.run == *run).unwrap();
    let replay = Replay::new(job, None, file).unwrap();
    let replay = replay.refused_by(&warehouse, record).await.unwrap();
    project.run_replaying(day, &[name.to_owned()], Some(replay)).await.unwrap()
}

fn customers(project: &Project) {
    project.write("customers1.csv", &format!("{CUSTOMER_HEAD}crm,1,Ann,York,2024-01-01\n"));
}

#[tokio::test]
async fn rows_of_a_database_that_is_read_on() {
    let job = sales_job("{watermark: {column: seq}}", "upsert", "")
        .replace("{csv: {path: \"sales*.csv\"}}", "{sqlite: {path: sales.db, table: lines}}")
        .replace("    columns:\n", "    columns:\n      - {name: seq, type: int64}\n");
    let project = Project::new(&[CUSTOMERS_DATED, &job]);
    customers(&project);
    let database = rusqlite::Connection::open(project.dir.path().join("sales.db")).unwrap();
    let columns =
        "seq, receipt_no, line_no, sold_on, source_system, customer_id, quantity, net_amount, gone";
    database
        .execute_batch(&format!(
            "CREATE TABLE lines ({columns});
             INSERT INTO lines VALUES (1, 'r1', 1, '2024-03-01', 'crm', '1', 1, 1.5, NULL),
             (2, 'r2', 1, '2024-03-01', 'crm', '1', 'two', 2.5, NULL),
             (3, 'r3', 1, '2024-03-01', 'crm', CAST(x'31ff' AS TEXT), 3, 3.5, NULL),
             (4, 'r4', 1, '2024-03-02', 'crm', '1', 4, 4.5, NULL)"
        ))
        .unwrap();
    project.run("2024-03-10").await.unwrap();
    let wanted = ["r1|1|1.50|York", "r4|4|4.50|York"];
    assert_eq!(project.sql(ROWS).await, wanted);

    let mend = refused(&project).await;
    assert_eq!((mend.rows, mend.left), (2, 0));
    let lines: Vec<&str> = mend.text.trim_start_matches('\u{feff}').lines().collect();
    let of_two = r#"{"seq":2,"receipt_no":"r2","line_no":1,"sold_on":"2024-03-01","source_system":"crm","customer_id":"1","quantity":"two","net_amount":2.5,"gone":null}"#;
    assert_eq!(lines[0], of_two);
    assert!(lines[1].contains(r#""customer_id":"1\\xFF""#), "{}", lines[1]);
    project.write("mended.jsonl", &mend.text.replace("\"two\"", "2").replace("1\\\\xFF", "1"));
    replay(&project, "mended.jsonl").await;
    let wanted = ["r1|1|1.50|York", "r2|2|2.50|York", "r3|3|3.50|York", "r4|4|4.50|York"];
    assert_eq!(project.sql(ROWS).await, wanted);
    replay(&project, "mended.jsonl").await;
    assert_eq!(project.sql(ROWS).await, wanted);

    // the source is read on from where it was
    database
        .execute_batch(
            "INSERT INTO lines VALUES (5, 'r5', 1, '2024-03-02', 'crm', '1', 5, 5.5, NULL)",
        )
        .unwrap();
    let summary = project.run("2024-03-12").await.unwrap();
    let sales = summary.jobs.iter().find(|job| job.job == "sales").unwrap();
    assert_eq!((sales.sources[0].counts.read, sales.sources[0].counts.rejected), (2, 0));
    assert_eq!(project.sql(ROWS).await.len(), 5);
}

#[tokio::test]
async fn rows_of_a_sheet() {
    let job = sales_job("new_files", "upsert", "")
        .replace("{csv: {path: \"sales*.csv\"}}", "{excel: {path: \"sales*.xlsx\"}}");
    let project = Project::new(&[CUSTOMERS_DATED, &job]);
    customers(&project);
    let sheet = |file: &str, rows: &[(&str, Result<f64, &str>, f64)]| {
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        let heads = "receipt_no,line_no,sold_on,source_system,customer_id,quantity,net_amount,gone";
        for (at, head) in (0..).zip(heads.split(',')) {
            sheet.write_string(0, at, head).unwrap();
        }
        for (row, (receipt, quantity, amount)) in (1..).zip(rows) {
            sheet.write_string(row, 0, *receipt).unwrap();
            sheet.write_number(row, 1, 1).unwrap();
            sheet.write_string(row, 2, "2024-03-01").unwrap();
            sheet.write_string(row, 3, "crm").unwrap();
            sheet.write_string(row, 4, "1").unwrap();
            match quantity {
                Ok(number) => sheet.write_number(row, 5, *number).unwrap(),
                Err(text) => sheet.write_string(row, 5, *text).unwrap(),
            };
            sheet.write_number(row, 6, *amount).unwrap();
        }
        book.save(project.dir.path().join(file)).unwrap();
    };
    sheet("sales1.xlsx", &[("r1", Ok(1.0), 1.5), ("r2", Err("two"), 2.5), ("r3", Ok(3.5), 3.5)]);
    project.run("2024-03-10").await.unwrap();
    let mend = refused(&project).await;
    assert_eq!(mend.rows, 2);
    let line = r#"{"receipt_no":"r2","line_no":1,"sold_on":"2024-03-01","source_system":"crm","customer_id":"1","quantity":"two","net_amount":2.5,"gone":null}"#;
    assert_eq!(mend.text.trim_start_matches('\u{feff}').lines().next(), Some(line));
    let third = mend.text.lines().nth(1).unwrap().replace("3.5,\"net", "3,\"net");
    project.write("mended.jsonl", &format!("{third}\n"));
    replay(&project, "mended.jsonl").await;
    let wanted = ["r1|1|1.50|York", "r3|3|3.50|York"];
    assert_eq!(project.sql(ROWS).await, wanted);
    // or in a sheet, by who likes it better
    sheet("mended.xlsx", &[("r2", Ok(7.0), 2.5)]);
    replay(&project, "mended.xlsx").await;
    assert_eq!(project.sql(ROWS).await[1], "r2|7|2.50|York");
}

/// Where another change of a row may follow, or all rows come again, the source itself is mended.
#[test]
fn rows_that_come_again_are_mended_where_they_are() {
    for (strategy, mode, says) in [
        ("full", "replace", "read whole by every run"),
        (
            "{changes: {key: [receipt_no], sequence: line_no}}",
            "upsert",
            "another change may follow",
        ),
    ] {
        let job = sales_job(strategy, mode, "")
            .replace("{csv: {path: \"sales*.csv\"}}", "{sqlite: {path: sales.db, table: lines}}");
        let project = Project::new(&[CUSTOMERS_DATED, &job]);
        let jobs = project.declared();
        let job = jobs.iter().find(|job| job.job == "sales").unwrap();
        let told = Replay::new(job, None, "mended.jsonl").unwrap_err().to_string();
        assert!(told.contains(says) && told.contains("mend the rows in the source"), "{told}");
    }
}

/// A refused row is older than what later runs have loaded: that stays.
#[tokio::test]
async fn what_a_fact_has_got_since_stays() {
    let job = sales_job("new_files", "upsert", "    delete_when: gone\n");
    let project = Project::new(&[CUSTOMERS_DATED, &job]);
    customers(&project);
    let sales = |file: &str, rows: &str| project.write(file, &format!("{SALES_HEAD}{rows}"));
    sales(
        "sales1.csv",
        "r1,1,2024-03-01,crm,1,1,1.50,\nr5,1,2024-03-01,crm,1,1,5.50,\nr6,1,2024-03-01,crm,1,1,6.50,\n",
    );
    project.run("2024-03-09").await.unwrap();
    // of r1 a change, r2 and r3 new, r5 a change, all refused; r4 is right
    sales(
        "sales2.csv",
        "r1,1,2024-03-01,crm,1,x,9.50,\nr2,1,2024-03-01,crm,1,x,2.50,\nr3,1,2024-03-01,crm,1,x,3.50,\n\
         r4,1,2024-03-01,crm,1,4,4.50,\nr5,1,2024-03-01,crm,1,x,9.50,\nr6,1,2024-03-01,crm,1,x,9.50,\n",
    );
    project.run("2024-03-10").await.unwrap();
    // later r2 comes, r5 changes, and r6 is gone
    sales(
        "sales3.csv",
        "r2,1,2024-03-01,crm,1,7,7.50,\nr5,1,2024-03-01,crm,1,5,5.75,\nr6,1,,,,,,true\n",
    );
    project.run("2024-03-11").await.unwrap();
    let mend = refused(&project).await;
    project.write("mended.csv", &mend.text.replace(",x,", ",3,"));
    let summary = replay_of(&project, "sales", "mended.csv", "2024-03-10").await;
    let rows = project.sql(ROWS).await;
    let wanted = [
        "r1|3|9.50|York", // nobody has told of it since
        "r2|7|7.50|York",
        "r3|3|3.50|York",
        "r4|4|4.50|York",
        "r5|5|5.75|York",
    ];
    assert_eq!(rows, wanted);
    let told = summary.jobs[0].notes.join("\n");
    assert!(told.contains("3 mended rows were left out of `sales`"), "{told}");
}

const MEMBERS: &str = "SELECT customer_id, customer_name, city FROM dim_customer WHERE customer_key > 0 AND \
                       is_current ORDER BY 1";

/// Rows of members that no row after them tells of re-enter, though the dimension was loaded since.
#[tokio::test]
async fn what_a_dimension_has_got_since_stays() {
    let job = CUSTOMERS_SNAPSHOT
        .replace(", missing: close", "")
        .replace("customers.csv}}", "\"customers*.csv\"}}\n    strategy: new_files")
        .replace(
            "{name: customer_name, type: text, clean: [trim]}",
            "{name: customer_name, type: text, clean: [{one_of: [Ann, Bob, Cyd, Dan, Eve]}]}",
        );
    let project = Project::new(&[&job]);
    let head = "source_system,customer_id,customer_name,city\n";
    let write = |file: &str, rows: &str| project.write(file, &format!("{head}{rows}"));
    write("customers1.csv", "crm,1,Ann,York\ncrm,5,Eve,York\n");
    project.run("2024-03-09").await.unwrap();
    write("customers2.csv", "crm,1,?,Hull\ncrm,2,?,Hull\ncrm,3,?,Hull\ncrm,5,?,Hull\n");
    project.run("2024-03-10").await.unwrap();
    write("customers3.csv", "crm,2,Bob,Bath\ncrm,4,Dan,Bath\ncrm,5,Dan,York\n");
    project.run("2024-03-11").await.unwrap();
    write("mended.csv", "crm,1,Ann,Hull\ncrm,2,Bob,Hull\ncrm,3,Cyd,Hull\ncrm,5,Eve,Hull\n");
    let summary = replay_of(&project, "customers", "mended.csv", "2024-03-10").await;
    let wanted = ["1|Ann|Hull", "2|Bob|Bath", "3|Cyd|Hull", "4|Dan|Bath", "5|Dan|York"];
    assert_eq!(project.sql(MEMBERS).await, wanted);
    let told = summary.jobs[0].notes.join("\n");
    assert!(told.contains("2 mended rows were left out of `customer`"), "{told}");
    // as of then
    let since = "SELECT valid_from FROM dim_customer WHERE customer_id = '1' AND is_current";
    assert!(project.sql(since).await[0].starts_with("2024-03-10"));
    // and a run goes on from where the last was
    write("customers4.csv", "crm,3,Cyd,Bath\n");
    project.run("2024-03-12").await.unwrap();
    assert_eq!(project.sql(MEMBERS).await[2], "3|Cyd|Bath");
}

/// The rows above it in the source are not those above it in the file of mended rows.
#[tokio::test]
async fn what_is_carried_on_from_rows_before_is_to_be_written_out() {
    let job = sales_job("new_files", "upsert", "").replace(
        "clean: [{null_if: ['']}]}\n      - {name: quantity",
        "clean: [{null_if: ['']}, {fill_previous: {}}]}\n      - {name: quantity",
    );
    let project = Project::new(&[CUSTOMERS_DATED, &job]);
    let two = "crm,1,Ann,York,2024-01-01\ncrm,2,Bob,Hull,2024-01-01\n";
    project.write("customers1.csv", &format!("{CUSTOMER_HEAD}{two}"));
    let rows = "r1,1,2024-03-01,crm,1,x,1.50,\nr2,1,2024-03-01,crm,2,2,2.50,\nr3,1,2024-03-01,crm,,x,3.50,\n";
    project.write("sales1.csv", &format!("{SALES_HEAD}{rows}"));
    project.run("2024-03-10").await.unwrap();
    let mend = refused(&project).await;
    let text = mend.text.replace(",x,", ",9,");
    project.write("mended.csv", &text);
    let summary = replay_of(&project, "sales", "mended.csv", "2024-03-10").await;
    assert_eq!(summary.jobs[0].sources[0].counts.rejected, 1);
    assert_eq!(project.sql(ROWS).await, ["r1|9|1.50|York", "r2|2|2.50|Hull"]);
    project.write("mended.csv", &text.replace(",crm,,", ",crm,2,"));
    replay_of(&project, "sales", "mended.csv", "2024-03-10").await;
    assert_eq!(project.sql(ROWS).await[2], "r3|9|3.50|Hull");
}
