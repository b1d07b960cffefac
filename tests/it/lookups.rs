//! Values looked up in the warehouse while sources are read; mended rows re-enter at their time.

use crate::etl_project::{
    CUSTOMER_HEAD, CUSTOMERS_DATED, CUSTOMERS_SNAPSHOT, Project, SALES_HEAD, sales_job,
};
use starhouse::etl::replay::Replay;

fn sales() -> String {
    let job = sales_job("full", "replace", "");
    let job = job.replace(
        "- {name: source_system, type: text, clean: [{null_if: ['']}]}",
        "- {name: source_system, type: text, clean: [{null_if: ['']}, {fill_lookup: {table: dim_customer, by: \
         {customer_id: customer_id}, value: source_system}}]}",
    );
    job.replace(
        "load:\n",
        "    must_exist:\n      - {name: customers are known, table: dim_customer, by: {source_system: \
         source_system, customer_id: customer_id}}\nload:\n",
    )
}

const CUSTOMERS: &str =
    "source_system,customer_id,customer_name,city\ncrm,1,Ann,York\nshop,2,Bo,Bath\n";

#[tokio::test]
async fn members_that_the_same_run_loads_are_found() {
    let project = Project::new(&[&sales(), CUSTOMERS_SNAPSHOT]);
    project.write("customers.csv", CUSTOMERS);
    let lines = "r1,1,2024-03-01,,1,1,1.00,\nr2,1,2024-03-01,crm,2,1,2.00,\nr3,1,2024-03-01,,2,1,4.00,\n\
                 r4,1,2024-03-01,,,1,8.00,\n";
    project.write("sales.csv", &format!("{SALES_HEAD}{lines}"));
    let plans = project.plan("2024-04-01").await;
    assert_eq!(plans.len(), 2);
    let summary = project.run("2024-04-01").await.unwrap();
    let jobs: Vec<_> = summary.jobs.iter().map(|job| job.job.as_str()).collect();
    assert_eq!(jobs, ["customers", "sales"]);
    let revenue = "SELECT s.receipt_no, c.source_system, c.customer_name FROM warehouse.fact_sales s \
                   JOIN warehouse.dim_customer c ON c.customer_key = s.customer_key ORDER BY 1";
    let found = project.sql(revenue).await;
    assert_eq!(found[..2], ["r1|crm|Ann", "r3|shop|Bo"]);
    assert!(found[2].starts_with("r4|"), "{found:?}");
    let told = project.sql("SELECT line, rule, reason FROM system.rejects").await;
    assert_eq!(
        told,
        [
            "3|must_exist|customers are known: `2`, `crm` is no customer_id, source_system of dim_customer"
        ]
    );
    // a new member is news for those who look members up
    let same = project.run("2024-04-02").await.unwrap();
    assert!(same.jobs.iter().all(|job| job.skipped.is_some()), "{same:?}");
    project.write("customers.csv", &format!("{CUSTOMERS}crm,2,Cy,Hull\n"));
    let error = project.run("2024-04-03").await.err().unwrap().to_string();
    assert!(error.contains("`2` stands for two values there"), "{error}");
    assert!(error.contains("dim_customer") && error.contains("source_system"), "{error}");
}

#[test]
fn tables_and_columns_that_are_not_there_are_told_with_their_place() {
    let right = sales();
    for (from, to, says) in [
        (
            "table: dim_customer, by: {customer_id",
            "table: dim_custmer, by: {customer_id",
            "did you mean `dim_customer`",
        ),
        ("value: source_system", "value: source_systm", "did you mean `source_system`"),
        (
            "table: dim_customer, by: {source_system: source_system",
            "table: dim_customer, by: {source_system: sauce",
            "no column `sauce`",
        ),
    ] {
        let wrong = right.replacen(from, to, 1);
        assert_ne!(wrong, right);
        let told = Project::new(&[]).told(&wrong);
        assert!(told.contains(says) && told.contains("etl/0.yaml:"), "{told}");
    }
}

/// A row that was refused in March and is mended in May is of March: of the customer as he was then.
#[tokio::test]
async fn mended_rows_re_enter_at_the_time_of_their_event() {
    let project = Project::new(&[CUSTOMERS_DATED, &sales_job("new_files", "upsert", "")]);
    project.write("customers1.csv", &format!("{CUSTOMER_HEAD}crm,1,Ann,York,2024-01-01\n"));
    let sales = "r1,1,2024-03-01,crm,1,1,1.00,\nr2,1,2024-03-02,crm,1,two,2.00,\n";
    project.write("sales1.csv", &format!("{SALES_HEAD}{sales}"));
    project.run("2024-03-10").await.unwrap();
    project.write("customers2.csv", &format!("{CUSTOMER_HEAD}crm,1,Ann,Bath,2024-04-01\n"));
    project.write("sales2.csv", &format!("{SALES_HEAD}r3,1,2024-05-01,crm,1,1,4.00,\n"));
    project.run("2024-05-02").await.unwrap();
    let jobs = project.declared();
    let job = jobs.iter().find(|job| job.job == "sales").unwrap();
    project.write("mended.csv", &format!("{SALES_HEAD}r2,1,2024-03-02,crm,1,2,2.00,\n"));
    let replay = async || {
        let replay = Replay::new(job, None, "mended.csv").unwrap();
        project.run_replaying("2024-03-10", &["sales".to_owned()], Some(replay)).await.unwrap()
    };
    let summary = replay().await;
    assert_eq!(summary.jobs[0].rows_written, 1);
    let rows = "SELECT s.receipt_no, c.city, s.date_key FROM warehouse.fact_sales s JOIN warehouse.dim_customer c \
                ON c.customer_key = s.customer_key ORDER BY 1";
    let wanted = ["r1|York|20240301", "r2|York|20240302", "r3|Bath|20240501"];
    assert_eq!(project.sql(rows).await, wanted);
    // once is enough
    replay().await;
    assert_eq!(project.sql(rows).await, wanted);
}
