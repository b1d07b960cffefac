//! Runs from sources to releases, on a project small enough to know every number by heart.

use crate::etl_project::{
    CUSTOMER_HEAD, CUSTOMERS_DATED, CUSTOMERS_SNAPSHOT, Project, SALES_HEAD, moment, sales_job,
};
use starhouse::ids::ReleaseId;
use starhouse::store::RunStatus;
use std::collections::BTreeMap;

const SALES_SQL: &str = "SELECT receipt_no, line_no, date_key, customer_key, net_amount, partition_month \
     FROM fact_sales ORDER BY receipt_no, line_no";

fn dated(rows: &str) -> String {
    format!("{CUSTOMER_HEAD}{rows}")
}

fn sales(rows: &str) -> String {
    format!("{SALES_HEAD}{rows}")
}

/// Two customers, one of whom moved in March, and five sales.
fn first_day(project: &Project) {
    project.write(
        "customers_1.csv",
        &dated("crm,1,Ada,Rome,2024-01-01\ncrm,2,Bob,Bonn,2024-01-01\ncrm,1,Ada,Oslo,2024-03-01\n"),
    );
    project.write(
        "sales_1.csv",
        &sales(
            "R1,1,2024-02-29,crm,1,1,10.00,false\n\
             R2,1,2024-03-01,crm,1,2,20.00,false\n\
             R2,2,2024-03-01,crm,9,1,5.00,false\n\
             R3,1,2024-03-02,,,1,7.50,false\n\
             R4,1,2025-01-01,crm,2,1,1.25,false\n",
        ),
    );
}

// Keys: by city, then name: Bonn Bob 1, Oslo Ada 2, Rome Ada 3.
const FIRST_SALES: [&str; 5] = [
    "R1|1|20240229|3|10.00|202402",
    "R2|1|20240301|2|20.00|202403",
    "R2|2|20240301|-1|5.00|202403",
    "R3|1|20240302|-2|7.50|202403",
    "R4|1|-1|1|1.25|0",
];

#[tokio::test]
async fn facts_find_the_version_of_their_moment() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", "append", "")]);
    first_day(&project);
    let summary = project.run("2024-06-01").await.unwrap();
    assert_eq!(summary.release, Some(ReleaseId(1)));
    assert_eq!(project.sql(SALES_SQL).await, FIRST_SALES);
    let sales = &summary.jobs[1];
    assert_eq!((sales.job.as_str(), sales.rows_in, sales.rows_written), ("sales", 5, 5));
    assert_eq!(sales.notes, ["1 row has an unknown date", "1 row has an unknown customer"]);
    let members = project
        .sql("SELECT customer_key, customer_id, city, customer_durable_key, valid_from, valid_to, is_current FROM dim_customer ORDER BY 1")
        .await;
    assert_eq!(
        members,
        [
            "-2|Not applicable|Not applicable|-2|1900-01-01T00:00:00Z|9999-12-31T00:00:00Z|true",
            "-1|Unknown|Unknown|-1|1900-01-01T00:00:00Z|9999-12-31T00:00:00Z|true",
            "1|2|Bonn|1|1900-01-01T00:00:00Z|9999-12-31T00:00:00Z|true",
            "2|1|Oslo|3|2024-03-01T00:00:00Z|9999-12-31T00:00:00Z|true",
            "3|1|Rome|3|1900-01-01T00:00:00Z|2024-03-01T00:00:00Z|false",
        ]
    );
    let days = "SELECT count(*), min(date_key), max(date_key), max(fiscal_year) FROM dim_date";
    assert_eq!(project.sql(days).await, ["368|-2|20241231|2025"]);
}

#[tokio::test]
async fn late_facts_find_the_version_that_was_valid_then() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", "append", "")]);
    first_day(&project);
    project.run("2024-06-01").await.unwrap();
    project.write("customers_2.csv", &dated("crm,1,Ada L.,Kiel,2024-05-01\n"));
    project.write(
        "sales_2.csv",
        &sales("R9,1,2024-02-01,crm,1,1,3.00,false\nR9,2,2024-05-02,crm,1,1,4.00,false\n"),
    );
    let summary = project.run("2024-06-02").await.unwrap();
    assert_eq!(summary.jobs[1].rows_in, 2);
    let mut expected: Vec<&str> = FIRST_SALES.to_vec();
    // The new version has the next key.
    expected.extend(["R9|1|20240201|3|3.00|202402", "R9|2|20240502|4|4.00|202405"]);
    assert_eq!(project.sql(SALES_SQL).await, expected);
    let names = "SELECT DISTINCT customer_name FROM dim_customer WHERE customer_id = '1'";
    assert_eq!(project.sql(names).await, ["Ada L."]);
}

#[tokio::test]
async fn a_run_without_news_publishes_nothing() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("full", "upsert", "")]);
    first_day(&project);
    project.run("2024-06-01").await.unwrap();
    let before = project.latest().await;
    let summary = project.run("2024-06-02").await.unwrap();
    assert_eq!(summary.release, None);
    assert!(summary.jobs.iter().all(|job| job.skipped.is_some()), "{summary:#?}");
    assert_eq!(project.latest().await, before);
    let runs = project.engine(moment("2030-01-01")).await.warehouse().runs().await.unwrap();
    let statuses: Vec<RunStatus> = runs.iter().map(|run| run.status).collect();
    assert_eq!(statuses, [RunStatus::Published, RunStatus::NothingNew]);
    assert_eq!(runs[0].release, Some(ReleaseId(1)));
    let steps: Vec<String> =
        runs[0].steps.iter().map(|s| format!("{} {} {}", s.job, s.step, s.rows_written)).collect();
    assert_eq!(
        steps,
        [
            "customers extract 3",
            "customers load 5",
            "sales extract 5",
            "sales load 5",
            "sales summarise 5"
        ]
    );
}

#[tokio::test]
async fn rows_loaded_again_change_nothing_but_what_changed() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("full", "upsert", "")]);
    first_day(&project);
    project.run("2024-06-01").await.unwrap();
    let before = project.latest().await;
    // R1 moves to April, R3 is corrected, R2 stays as it is.
    project.write(
        "sales_1.csv",
        &sales(
            "R1,1,2024-04-01,crm,1,1,10.00,false\n\
             R2,1,2024-03-01,crm,1,2,20.00,false\n\
             R2,2,2024-03-01,crm,9,1,5.00,false\n\
             R3,1,2024-03-02,,,1,8.00,false\n\
             R4,1,2025-01-01,crm,2,1,1.25,false\n",
        ),
    );
    let summary = project.run("2024-06-02").await.unwrap();
    assert_eq!((summary.jobs[1].rows_in, summary.jobs[1].rows_written), (5, 2));
    assert_eq!(
        project.sql(SALES_SQL).await,
        [
            "R1|1|20240401|2|10.00|202404",
            "R2|1|20240301|2|20.00|202403",
            "R2|2|20240301|-1|5.00|202403",
            "R3|1|20240302|-2|8.00|202403",
            "R4|1|-1|1|1.25|0",
        ]
    );
    let after = project.latest().await;
    let files = |release: &starhouse::store::Release| -> BTreeMap<i32, Vec<String>> {
        let mut files: BTreeMap<i32, Vec<String>> = BTreeMap::new();
        for file in &release.tables["fact_sales"].files {
            files.entry(file.partition.unwrap()).or_default().push(file.path.clone());
        }
        files
    };
    let (before, after) = (files(&before), files(&after));
    assert_eq!(before[&0], after[&0], "a partition without changed keys was rewritten");
    assert_eq!(after.keys().copied().collect::<Vec<_>>(), [0, 202403, 202404]);
}

#[tokio::test]
async fn rows_are_deleted_where_the_source_says_so() {
    let project = Project::new(&[
        CUSTOMERS_DATED,
        &sales_job("new_files", "upsert", "    delete_when: gone\n"),
    ]);
    first_day(&project);
    project.run("2024-06-01").await.unwrap();
    project.write(
        "sales_2.csv",
        &sales("R2,1,2024-03-01,crm,1,2,20.00,true\nR8,1,2024-03-01,crm,1,2,1.00,true\nR7,1,2024-03-05,crm,2,1,2.00,false\n"),
    );
    let summary = project.run("2024-06-02").await.unwrap();
    let job = &summary.jobs[1];
    assert_eq!((job.rows_in, job.rows_written, job.rows_deleted), (3, 1, 1));
    assert_eq!(
        project.sql(SALES_SQL).await,
        [
            "R1|1|20240229|3|10.00|202402",
            "R2|2|20240301|-1|5.00|202403",
            "R3|1|20240302|-2|7.50|202403",
            "R4|1|-1|1|1.25|0",
            "R7|1|20240305|1|2.00|202403",
        ]
    );
}

#[tokio::test]
async fn appending_a_known_key_fails_and_publishes_nothing() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", "append", "")]);
    first_day(&project);
    project.run("2024-06-01").await.unwrap();
    let before = project.latest().await;
    project.write(
        "sales_2.csv",
        &sales("R5,1,2024-05-01,crm,2,1,1.00,false\nR2,2,2024-05-01,crm,2,1,1.00,false\n"),
    );
    let error = project.run("2024-06-02").await.unwrap_err();
    assert!(error.message().contains("(R2, 2)"), "{error}");
    assert!(error.to_string().contains("mode: upsert"), "{error}");
    assert_eq!(error.context("job"), Some("sales"));
    assert_eq!(project.latest().await, before);
    let runs = project.engine(moment("2030-01-01")).await.warehouse().runs().await.unwrap();
    assert_eq!(runs[1].status, RunStatus::Failed);
    assert!(runs[1].error.as_deref().unwrap().contains("(R2, 2)"));
    // Mended, the same file is read after all.
    project.write("sales_2.csv", &sales("R5,1,2024-05-01,crm,2,1,1.00,false\n"));
    assert_eq!(project.run("2024-06-03").await.unwrap().jobs[1].rows_written, 1);
}

#[tokio::test]
async fn a_key_twice_among_the_rows_is_an_error() {
    for mode in ["append", "upsert", "replace"] {
        let project = Project::new(&[CUSTOMERS_DATED, &sales_job("full", mode, "")]);
        first_day(&project);
        project.write("sales_2.csv", &sales("R2,2,2024-05-01,crm,2,1,1.00,false\n"));
        let error = project.run("2024-06-01").await.unwrap_err();
        assert!(error.message().contains("more than once"), "{mode}: {error}");
        assert!(error.message().contains("(R2, 2)"), "{mode}: {error}");
        assert_eq!(project.latest().await.id, ReleaseId::EMPTY);
    }
}

#[tokio::test]
async fn replacing_replaces_and_the_same_rows_are_no_change() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("full", "replace", "")]);
    first_day(&project);
    project.run("2024-06-01").await.unwrap();
    let before = project.latest().await;
    // The same rows in another order, in a file of another name.
    project.remove("sales_1.csv");
    project.write(
        "sales_2.csv",
        &sales(
            "R4,1,2025-01-01,crm,2,1,1.25,false\n\
             R3,1,2024-03-02,,,1,7.50,false\n\
             R2,2,2024-03-01,crm,9,1,5.00,false\n\
             R1,1,2024-02-29,crm,1,1,10.00,false\n\
             R2,1,2024-03-01,crm,1,2,20.00,false\n",
        ),
    );
    let summary = project.run("2024-06-02").await.unwrap();
    assert_eq!((summary.jobs[1].rows_in, summary.jobs[1].rows_written), (5, 0));
    assert_eq!(project.latest().await.tables["fact_sales"], before.tables["fact_sales"]);
    project.write("sales_2.csv", &sales("R1,1,2024-02-29,crm,1,1,10.00,false\n"));
    project.run("2024-06-03").await.unwrap();
    assert_eq!(project.sql(SALES_SQL).await, [FIRST_SALES[0]]);
}

#[tokio::test]
async fn members_that_leave_are_closed_and_a_broken_snapshot_is_refused() {
    let project = Project::new(&[CUSTOMERS_SNAPSHOT]);
    let head = "source_system,customer_id,customer_name,city\n";
    let snapshot = |rows: &str| project.write("customers.csv", &format!("{head}{rows}"));
    snapshot("crm,1,Ada,Rome\ncrm,2,Bob,Bonn\ncrm,3,Cid,Bonn\n");
    project.run("2024-06-01").await.unwrap();
    snapshot("crm,1,Ada,Rome\ncrm,3,Cid,Bonn\n");
    let summary = project.run("2024-06-02").await.unwrap();
    assert_eq!(summary.jobs[0].rows_deleted, 1);
    snapshot("crm,1,Ada,Rome\ncrm,2,Bob,Bonn\ncrm,3,Cid,Bonn\n");
    project.run("2024-06-03").await.unwrap();
    let bob = "SELECT customer_key, customer_durable_key, valid_from, valid_to, is_current \
               FROM dim_customer WHERE customer_id = '2' ORDER BY 1";
    assert_eq!(
        project.sql(bob).await,
        [
            "1|1|1900-01-01T00:00:00Z|2024-06-02T00:00:00Z|false",
            "4|1|2024-06-03T00:00:00Z|9999-12-31T00:00:00Z|true"
        ]
    );
    snapshot("crm,1,Ada,Rome\n");
    let error = project.run("2024-06-04").await.unwrap_err();
    assert!(error.message().contains("2 of 3 members of `customer` are missing"), "{error}");
    // An older snapshot than the last one must not overwrite it.
    snapshot("crm,1,Ada,Paris\ncrm,2,Bob,Bonn\ncrm,3,Cid,Bonn\n");
    let error = project.run("2024-05-01").await.unwrap_err();
    assert!(error.message().contains("cannot be loaded as of"), "{error}");
}

#[tokio::test]
async fn aggregates_belong_to_the_release_of_their_facts() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", "append", "")]);
    first_day(&project);
    let summary = project.run("2024-06-01").await.unwrap();
    assert_eq!(summary.aggregates.len(), 1);
    let total = "SELECT sum(revenue), sum(lines) FROM agg_sales_by_month_city";
    assert_eq!(project.sql(total).await, ["43.75|5"]);
    // A customer moves: no fact changes, but the aggregate's dimension does.
    project.write("customers_2.csv", &dated("crm,2,Bob,Kiel,2024-01-01\n"));
    let summary = project.run("2024-06-02").await.unwrap();
    assert_eq!(summary.aggregates.len(), 1);
    let kiel = "SELECT revenue FROM agg_sales_by_month_city WHERE city = 'Kiel'";
    assert_eq!(project.sql(kiel).await, ["1.25"]);
    assert!(project.run("2024-06-03").await.unwrap().aggregates.is_empty());
}

#[tokio::test]
async fn a_plan_says_what_a_run_would_do() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", "append", "")]);
    first_day(&project);
    let plan = project.plan("2024-06-01").await;
    assert_eq!(plan[0].reasons, ["it has never run"]);
    assert_eq!(plan[1].sources[0].to_read[0].name, "sales_1.csv");
    assert_eq!((plan[1].table.as_str(), plan[1].mode.as_str()), ("fact_sales", "append"));
    project.run("2024-06-01").await.unwrap();
    let plan = project.plan("2024-06-02").await;
    assert!(plan.iter().all(|job| job.reasons.is_empty()), "{plan:#?}");
    project.write("sales_2.csv", &sales("R5,1,2024-05-01,crm,2,1,1.00,false\n"));
    let plan = project.plan("2024-06-02").await;
    assert_eq!(plan[1].reasons, ["the source `line` has news"]);
    assert_eq!(plan[1].sources[0].to_read.len(), 1);
    assert_eq!(project.latest().await.id, ReleaseId(1));
}

#[tokio::test]
async fn the_same_input_always_becomes_the_same_files() {
    let mut releases = Vec::new();
    for _ in 0..2 {
        let project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", "upsert", "")]);
        first_day(&project);
        project.run("2024-06-01").await.unwrap();
        project.write("customers_2.csv", &dated("crm,1,Ada L.,Kiel,2024-02-01\n"));
        project.write("sales_2.csv", &sales("R2,1,2024-04-01,crm,1,2,21.00,false\n"));
        project.run("2024-06-02").await.unwrap();
        releases.push(project.latest().await);
    }
    for (name, table) in &releases[0].tables {
        let sums = |table: &starhouse::store::TableState| -> Vec<(Option<i32>, String)> {
            table.files.iter().map(|file| (file.partition, file.sha256.clone())).collect()
        };
        assert_eq!(sums(table), sums(&releases[1].tables[name]), "{name}");
    }
}

#[tokio::test]
async fn a_transformation_that_lacks_columns_says_what_it_yields() {
    let job = sales_job("full", "append", "").replace(
        "load:",
        "transform: SELECT receipt_no, line_no, sold_on, source_system, customer_id, quantity * 1.5 AS quantity, net_amount AS amount FROM line\nload:",
    );
    let project = Project::new(&[CUSTOMERS_DATED, &job]);
    first_day(&project);
    let error = project.run("2024-06-01").await.unwrap_err().to_string();
    assert!(
        error.contains("`quantity` is float64, which does not become int32 by itself"),
        "{error}"
    );
    assert!(error.contains("the column `net_amount` is missing"), "{error}");
    assert!(error.contains("the query yields receipt_no text"), "{error}");
    assert!(error.contains("job sales"), "{error}");
}

#[tokio::test]
async fn a_fact_alone_asks_for_its_dimensions_first() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("full", "append", "")]);
    first_day(&project);
    let error = project.run_jobs("2024-06-01", &["sales".to_owned()]).await.unwrap_err();
    assert!(error.message().contains("`customer` was never loaded"), "{error}");
}

#[tokio::test]
async fn a_new_attribute_is_null_until_the_source_has_it() {
    let mut project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", "upsert", "")]);
    first_day(&project);
    project.run("2024-06-01").await.unwrap();
    project.edit_schemas(
        "attributes:",
        "attributes:\n  - {name: tier, type: text, description: loyalty}",
    );
    project.edit_jobs(
        "load: {dimension:",
        "transform: SELECT *, CASE WHEN customer_id = '2' THEN 'gold' END AS tier FROM customer\nload: {dimension:",
    );
    project.run("2024-06-02").await.unwrap();
    let tiers = "SELECT customer_key, tier FROM dim_customer ORDER BY 1";
    assert_eq!(project.sql(tiers).await, ["-2|Not applicable", "-1|Unknown", "1|gold", "2|", "3|"]);
    assert_eq!(project.sql(SALES_SQL).await, FIRST_SALES);
}

/// A job without a transformation loads while it reads: what is wrong with a later file is told as
/// the source's fault, and nothing of the files before it is published.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_breaks_off_publishes_nothing() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", "append", "")]);
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}crm,1,Ann,Ulm,2024-01-01\n"));
    project.write("sales_1.csv", &format!("{SALES_HEAD}R1,1,2024-01-05,crm,1,2,10.00,\n"));
    project.write("sales_2.csv", "receipt_no,line_no,sold_on,source_system,customer_id\n");
    let error = project.run("2024-06-01").await.unwrap_err();
    let told = error.to_string();
    for expected in ["quantity", "sales_2.csv", "line"] {
        assert!(told.contains(expected), "{told}");
    }
    assert_eq!(error.context("job"), Some("sales"), "{told}");
    assert!(project.latest().await.tables.is_empty());
    // Mended, all of it is loaded, once.
    project.write("sales_2.csv", &format!("{SALES_HEAD}R2,1,2024-02-05,crm,1,1,5.00,\n"));
    project.run("2024-06-01").await.unwrap();
    assert_eq!(project.sql("SELECT count(*), sum(net_amount) FROM fact_sales").await, ["2|15.00"]);
}
