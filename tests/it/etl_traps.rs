//! Ways to load wrong numbers, one test each, on the project of [`etl_project`](super::etl_project).

use crate::etl_project::{
    CUSTOMER_HEAD, CUSTOMERS_DATED, CUSTOMERS_SNAPSHOT, Project, SALES_HEAD, sales_job,
};
use starhouse::error::ErrorKind;

const SNAPSHOT_HEAD: &str = "source_system,customer_id,customer_name,city\n";
const CURRENT: &str = "SELECT customer_id FROM dim_customer WHERE customer_key > 0 AND is_current \
                       ORDER BY 1";

fn sales(rows: &str) -> String {
    format!("{SALES_HEAD}{rows}")
}

/// A project with two customers, and jobs for customers and sales.
fn project(customers: &str, sales: &str) -> Project {
    let project = Project::new(&[customers, sales]);
    let text = "crm,1,Ada,Rome,2024-01-01\ncrm,2,Bob,Bonn,2024-01-01\n";
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}{text}"));
    project
}

/// A quote that is never closed swallows the rest of the file: who stands in it is not gone.
#[tokio::test]
async fn nobody_is_missing_while_a_row_does_not_say_whose_it_is() {
    for missing in ["close", "hard"] {
        let job = CUSTOMERS_SNAPSHOT.replace("missing: close", &format!("missing: {missing}"));
        let project = Project::new(&[&job]);
        let write = |project: &Project, bad: &str| {
            let row = |id| if id == 4 { bad.to_owned() } else { format!("crm,{id},Ada,Rome\n") };
            let rows: String = (1..=6).map(row).collect();
            project.write("customers.csv", &format!("{SNAPSHOT_HEAD}{rows}"));
        };
        write(&project, "crm,4,Ada,Rome\n");
        project.run("2024-06-01").await.unwrap();
        let all = ["1", "2", "3", "4", "5", "6"];
        for (day, bad) in [("02", "crm,4,\"Ada,Rome\n"), ("03", "crm,4\n"), ("04", "crm,,A,B\n")] {
            write(&project, bad);
            let summary = project.run(&format!("2024-06-{day}")).await.unwrap();
            assert_eq!(summary.jobs[0].rows_deleted, 0, "{missing} {bad}");
            assert_eq!(project.sql(CURRENT).await, all, "{missing} {bad}");
            let told = summary.jobs[0].notes.join("\n");
            assert!(told.contains("not say whose they are"), "{told}");
        }
        // what is put up with is declared, and a quote that is never closed is many lines
        let mut project = project;
        let declared = format!("missing: {missing}, unnamed_at_most: 1");
        project.edit_jobs(&format!("missing: {missing}"), &declared);
        write(&project, "crm,4,\"Ada,Rome\n");
        let summary = project.run("2024-06-05").await.unwrap();
        assert_eq!(summary.jobs[0].rows_deleted, 0, "{:?}", summary.jobs[0].notes);
        write(&project, "crm,4\n");
        let summary = project.run("2024-06-06").await.unwrap();
        assert_eq!(summary.jobs[0].rows_deleted, 1);
        assert_eq!(project.sql(CURRENT).await, ["1", "2", "3", "5", "6"]);
        write(&project, "crm,4,Ada,Rome\n");
        project.run("2024-06-07").await.unwrap();
        // once all rows can be read, who is gone is gone
        write(&project, "");
        let summary = project.run("2024-06-08").await.unwrap();
        assert_eq!(summary.jobs[0].rows_deleted, 1);
        assert_eq!(project.sql(CURRENT).await, ["1", "2", "3", "5", "6"]);
    }
}

#[tokio::test]
async fn a_member_whose_row_is_bad_today_is_not_closed() {
    let limited = CUSTOMERS_SNAPSHOT.replace(
        "{name: customer_name, type: text, clean: [trim]}",
        "{name: customer_name, type: text, clean: [trim, {one_of: [Ada, Bob, Cyd]}]}",
    );
    let project = Project::new(&[&limited]);
    let write = |rows: &str| project.write("customers.csv", &format!("{SNAPSHOT_HEAD}{rows}"));
    write("crm,1,Ada,Rome\ncrm,2,Bob,Bonn\ncrm,3,Cyd,Oslo\n");
    project.run("2024-06-01").await.unwrap();
    // Ada's row is refused, Cyd is gone.
    write("crm,1,Adda,Rome\ncrm,2,Bob,Bonn\n");
    let summary = project.run("2024-06-02").await.unwrap();
    assert_eq!(summary.jobs[0].rows_deleted, 1);
    assert_eq!(project.sql(CURRENT).await, ["1", "2"]);
    // A transformation that breaks at what is wrong cannot tell who it is: nobody is closed.
    write("crm,1,Adda,Rome\n");
    let mut project = project;
    project.edit_jobs(
        "load: {dim",
        "transform: SELECT source_system, CASE WHEN customer_name IS NULL THEN \
         CAST(CAST(source_system AS INT) AS VARCHAR) ELSE customer_id END AS customer_id, \
         customer_name, city FROM customer\nload: {dim",
    );
    let summary = project.run("2024-06-03").await.unwrap();
    assert_eq!(project.sql(CURRENT).await, ["1", "2"]);
    assert!(summary.jobs[0].notes[0].contains("nobody"), "{:?}", summary.jobs[0].notes);
}

#[tokio::test]
async fn a_fact_is_not_replaced_by_nothing() {
    let mut project = project(CUSTOMERS_DATED, &sales_job("full", "replace", ""));
    project.write("sales.csv", &sales("R1,1,2024-02-29,crm,1,1,10.00,false\n"));
    project.run("2024-06-01").await.unwrap();
    project.write("sales.csv", &sales("R1,one,2024-02-29,crm,1,1,10.00,false\n"));
    let error = project.run("2024-06-02").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("may_be_empty"), "{error}");
    assert_eq!(project.sql("SELECT count(*) FROM fact_sales").await, ["1"]);
    project.edit_jobs("mode: replace", "mode: replace\n    may_be_empty: true");
    project.run("2024-06-03").await.unwrap();
    assert_eq!(project.sql("SELECT count(*) FROM fact_sales").await, ["0"]);
}

#[tokio::test]
async fn a_job_that_has_changed_reads_its_files_anew() {
    let mut project = project(CUSTOMERS_DATED, &sales_job("new_files", "upsert", ""));
    project.edit_jobs(
        "      - {name: gone, type: boolean}\n",
        "      - {name: gone, type: boolean}\n    deduplicate: {key: [receipt_no, line_no]}\n",
    );
    project.write(
        "sales_1.csv",
        &sales("R1,1,2024-02-29,crm,1,1,10.00,false\nR2,1,2024-03-01,crm,2,1,4.00,false\n"),
    );
    project.run("2024-06-01").await.unwrap();
    // A correction: read together with what it corrects, it is still the later one.
    project.write("sales_2.csv", &sales("R2,1,2024-03-01,crm,2,1,5.00,false\n"));
    project.run("2024-06-02").await.unwrap();
    const SQL: &str = "SELECT receipt_no, net_amount FROM fact_sales ORDER BY 1";
    project.edit_jobs(
        "load:\n  fact:",
        "transform: SELECT * EXCEPT (net_amount), CAST(net_amount * 2 AS DECIMAL(12,2)) AS \
         net_amount FROM line\nload:\n  fact:",
    );
    assert_eq!(project.plan("2024-06-03").await[1].sources[0].to_read.len(), 2);
    project.run("2024-06-03").await.unwrap();
    assert_eq!(project.sql(SQL).await, ["R1|20.00", "R2|10.00"]);
    assert_eq!(project.run("2024-06-04").await.unwrap().release, None);
    // Read once more, without a file that was read before: its rows stay, and that is said.
    project.remove("sales_1.csv");
    project.edit_jobs("net_amount * 2", "net_amount * 3");
    let summary = project.run("2024-06-05").await.unwrap();
    assert_eq!(project.sql(SQL).await, ["R1|20.00", "R2|15.00"]);
    assert!(summary.jobs[1].notes[0].contains("1 files"), "{:?}", summary.jobs[1].notes);
    // A column more, empty as yet, can be asked for at once.
    project.edit_schemas(
        "  - {name: quantity,",
        "  - {name: tip, type: \"decimal(12,2)\", description: given}\n  - {name: quantity,",
    );
    project
        .edit_jobs("AS net_amount FROM", "AS net_amount, CAST(NULL AS DECIMAL(12,2)) AS tip FROM");
    project.run("2024-06-06").await.unwrap();
    assert_eq!(project.sql("SELECT count(*), count(tip) FROM fact_sales").await, ["2|0"]);
}

/// Without a word on which row of a key stays, what was read in two runs cannot be read in one.
#[tokio::test]
async fn a_job_that_has_changed_says_what_it_leaves_as_it_is() {
    let mut project = project(CUSTOMERS_DATED, &sales_job("new_files", "upsert", ""));
    project.write("sales_1.csv", &sales("R1,1,2024-02-29,crm,1,1,10.00,false\n"));
    project.run("2024-06-01").await.unwrap();
    project.write("sales_2.csv", &sales("R1,1,2024-02-29,crm,1,1,12.00,false\n"));
    project.run("2024-06-02").await.unwrap();
    project.edit_jobs("description: sales\n", "description: sold\n");
    let summary = project.run("2024-06-03").await.unwrap();
    assert!(summary.jobs[1].notes[0].contains("2 files"), "{:?}", summary.jobs[1].notes);
    assert_eq!(project.sql("SELECT net_amount FROM fact_sales").await, ["12.00"]);
    assert_eq!(project.run("2024-06-04").await.unwrap().release, None);
}

/// A member of a key that nobody knows is not the same as another one nobody knows.
#[tokio::test]
async fn two_orphans_of_one_key_are_two_rows() {
    let mut project = project(CUSTOMERS_DATED, &sales_job("new_files", "append", ""));
    project.edit_schemas("key: [receipt_no, line_no]", "key: [receipt_no, customer_key]");
    project.write(
        "sales_1.csv",
        &sales("R1,1,2024-02-29,crm,8,1,1.00,false\nR1,2,2024-02-29,crm,9,1,2.00,false\n"),
    );
    project.run("2024-06-01").await.unwrap();
    project.write("sales_2.csv", &sales("R1,3,2024-02-29,crm,7,1,4.00,false\n"));
    project.run("2024-06-02").await.unwrap();
    let sum = "SELECT count(*), sum(net_amount), max(customer_key) FROM fact_sales";
    assert_eq!(project.sql(sum).await, ["3|7.00|-1"]);
    project.write(
        "sales_3.csv",
        &sales("R1,4,2024-02-29,crm,7,1,8.00,false\nR1,5,2024-02-29,crm,7,1,8.00,false\n"),
    );
    let error = project.run("2024-06-03").await.unwrap_err();
    assert!(error.message().contains("(R1, crm, 7)"), "{error}");
    let model = starhouse::model::load(&[
        ("date.yaml", crate::etl_project::DATE),
        ("customer.yaml", crate::etl_project::CUSTOMER),
        (
            "sales.yaml",
            &crate::etl_project::SALES
                .replace("key: [receipt_no, line_no]", "key: [receipt_no, customer_key]"),
        ),
    ])
    .unwrap();
    let jobs = [("sales.yaml", sales_job("full", "upsert", ""))];
    let faults = starhouse::etl::jobs::Jobs::load(&jobs, &model).unwrap_err().to_string();
    assert!(faults.contains("source_system, customer_id"), "{faults}");
}

#[tokio::test]
async fn a_key_of_days_outside_the_calendar_is_refused() {
    let mut project = project(CUSTOMERS_DATED, &sales_job("full", "upsert", ""));
    project.edit_schemas("key: [receipt_no, line_no]", "key: [receipt_no, date_key]");
    project.write(
        "sales.csv",
        &sales("R1,1,2030-02-28,crm,1,1,1.00,false\nR1,2,2031-02-28,crm,1,1,2.00,false\n"),
    );
    let error = project.run("2024-06-01").await.unwrap_err();
    assert!(error.message().contains("outside the calendar"), "{error}");
}

#[tokio::test]
async fn without_history_a_member_is_found_without_a_moment() {
    let mut project = project(CUSTOMERS_DATED, &sales_job("full", "replace", ""));
    project.write("sales.csv", &sales("R1,1,,crm,2,1,1.00,false\n"));
    project.run("2024-06-01").await.unwrap();
    const SQL: &str = "SELECT customer_id FROM fact_sales JOIN dim_customer USING (customer_key)";
    assert_eq!(project.sql(SQL).await, ["Unknown"]);
    project.edit_schemas("{name: city, type: text, history: 2,", "{name: city, type: text,");
    project.run("2024-06-02").await.unwrap();
    assert_eq!(project.sql(SQL).await, ["2"]);
}

#[tokio::test]
async fn a_missing_value_is_shown_with_its_row() {
    let mut project = project(CUSTOMERS_DATED, &sales_job("full", "replace", ""));
    project.edit_jobs(
        "{name: line_no, type: int32, clean: [required]}",
        "{name: line_no, type: int32}",
    );
    project.write(
        "sales.csv",
        &sales("R1,1,2024-02-29,crm,1,1,1.00,false\nR7,,2024-02-29,crm,2,1,1.00,false\n"),
    );
    let error = project.run("2024-06-01").await.unwrap_err().to_string();
    assert!(error.contains("`line_no`") && error.contains("receipt_no = R7"), "{error}");
}

#[test]
fn rules_are_checked_before_anything_runs() {
    let model = starhouse::model::load(&[
        ("date.yaml", crate::etl_project::DATE),
        ("customer.yaml", crate::etl_project::CUSTOMER),
    ])
    .unwrap();
    let wrong = CUSTOMERS_DATED
        .replace("path: \"customers*.csv\"", "path: \"customers*.csv\", encoding: utf-7")
        .replace("'%Y-%m-%d'", "'%Q'")
        .replace(
            "{name: customer_name, type: text, clean: [trim]}",
            "{name: customer_name, type: text, clean: [{matches: '('}]}",
        );
    let faults = starhouse::etl::jobs::Jobs::load(&[("customers.yaml", wrong)], &model);
    let faults = faults.unwrap_err().to_string();
    for expected in
        ["customers.yaml:6:", "utf-7", "customers.yaml:10:", "(", "customers.yaml:12:", "%Q"]
    {
        assert!(faults.contains(expected), "`{expected}` is missing in\n{faults}");
    }
}

/// Half a file is more often a broken export than half the customers gone.
#[tokio::test]
async fn a_snapshot_that_has_lost_too_much_is_refused() {
    let jobs = CUSTOMERS_SNAPSHOT
        .replace("    columns:", "    strategy: {snapshot: {shrink_at_most: 0.4}}\n    columns:")
        .replace("missing: close", "missing: close, close_at_most: 1");
    let mut project = Project::new(&[&jobs]);
    let write = |project: &Project, ids: std::ops::Range<u32>| {
        let rows: String = ids.map(|id| format!("crm,{id},Ada,Rome\n")).collect();
        project.write("customers.csv", &format!("{SNAPSHOT_HEAD}{rows}"));
    };
    write(&project, 1..6);
    project.run("2024-06-01").await.unwrap();
    write(&project, 1..4);
    project.run("2024-06-02").await.unwrap();
    assert_eq!(project.sql(CURRENT).await, ["1", "2", "3"]);
    assert_eq!(project.latest().await.cursors["customers.customer.read"], "3");
    // measured by the last snapshot, not by the first
    write(&project, 1..2);
    let error = project.run("2024-06-03").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("rows 1, rows before 3"), "{error}");
    assert!(error.to_string().contains("shrink_at_most"), "{error}");
    assert_eq!(project.sql(CURRENT).await, ["1", "2", "3"]);
    project.edit_jobs("shrink_at_most: 0.4", "shrink_at_most: 1");
    project.run("2024-06-04").await.unwrap();
    assert_eq!(project.sql(CURRENT).await, ["1"]);
}

/// A file that somebody wrote on is said to be the cause, not only the keys that come twice.
#[tokio::test]
async fn a_file_that_has_grown_since_it_was_read_is_named() {
    let project = project(CUSTOMERS_DATED, &sales_job("new_files", "append", ""));
    project.write("sales1.csv", &sales("r1,1,2024-03-01,crm,1,1,1.50,\n"));
    project.run("2024-03-10").await.unwrap();
    let grown = sales("r1,1,2024-03-01,crm,1,1,1.50,\nr2,1,2024-03-01,crm,1,1,2.50,\n");
    project.write("sales1.csv", &grown);
    let error = project.run("2024-03-11").await.unwrap_err();
    assert_eq!(error.context("changed since it was read"), Some("sales1.csv"), "{error}");
    let mut project = project;
    project.edit_jobs("mode: append", "mode: upsert");
    let summary = project.run("2024-03-11").await.unwrap();
    let notes: Vec<String> = summary.jobs.iter().flat_map(|job| job.notes.clone()).collect();
    assert!(notes.iter().any(|note| note.starts_with("sales1.csv changed since")), "{notes:?}");
}
