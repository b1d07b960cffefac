//! Values looked up in the warehouse while sources are read; mended rows re-enter at their time.

use crate::etl_project::{
    CUSTOMER_HEAD, CUSTOMERS_DATED, CUSTOMERS_SNAPSHOT, Project, SALES_HEAD, sales_job,
};
use starhouse::error::ErrorKind;
use starhouse::etl::replay::{Replay, to_mend};
use starhouse::store::Reject;

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

/// What is looked up has its room in `memory_limit` as everything has.
#[tokio::test]
async fn lookups_that_memory_has_no_room_for_are_refused() {
    let codes: String = (0..40_000).map(|id| format!("crm,{id},Ann {id},York\n")).collect();
    let customers = format!("source_system,customer_id,customer_name,city\n{codes}");
    let by_file = sales_job("full", "replace", "").replace(
        "{name: source_system, type: text, clean: [{null_if: ['']}]}",
        "{name: source_system, type: text, clean: [{fill_lookup: {from: {csv: {path: customers.csv}}, by: \
         {customer_id: customer_id}, value: source_system}}]}",
    );
    for job in &[sales(), by_file] {
        let mut project = Project::new(&[job, CUSTOMERS_SNAPSHOT]);
        project.write("customers.csv", &customers);
        project.write("sales.csv", &format!("{SALES_HEAD}r1,1,2024-03-01,,39999,1,1.00,\n"));
        project.run_jobs("2024-04-01", &["customers".to_owned()]).await.unwrap();
        project.memory_limit_bytes = 3 << 20;
        let only = ["sales".to_owned()];
        let error = project.run_jobs("2024-04-01", &only).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        if job.contains("from: {csv: {path: customers.csv}}, by") {
            assert!(error.to_string().contains("rows of a lookup"), "{error}");
        }
        project.memory_limit_bytes = 256 << 20;
        project.run_jobs("2024-04-01", &only).await.unwrap();
        let found = "SELECT c.customer_name FROM warehouse.fact_sales s JOIN warehouse.dim_customer c ON \
                     c.customer_key = s.customer_key";
        assert_eq!(project.sql(found).await, ["Ann 39999"]);
    }
}

const ORDERS: &str = r#"
{"no": "r1", "shop": {"sys": "crm", "who": "1"}, "lines": [{"n": 1, "on": "2024-03-01"}, {"n": "two", "on": "2024-03-01"}]}
{"no": "r2", "shop": {"sys": "crm", "who": "1"}, "lines": [{"n": 1.5, "on": "2024-03-02"}]}
{"no": "r3", "shop": {"sys": "crm", "lines": []
"#;

/// Rows that are elements of arrays, or objects of documents, are mended as lines of JSON and re-enter.
#[tokio::test]
async fn elements_and_objects_are_mended_and_re_enter() {
    let columns = "    columns:
      - {name: receipt_no, from: no, type: text}
      - {name: line_no, from: 'lines.#', type: int32}
      - {name: sold_on, from: lines.on, type: date}
      - {name: source_system, from: shop.sys, type: text}
      - {name: customer_id, from: shop.who, type: text}
      - {name: quantity, from: lines.n, type: int32, clean: [{number: {decimal: ',', group: '.'}}]}
    derive:
      - {name: net_amount, type: 'decimal(12,2)', as: 'CAST(quantity * 10 AS DECIMAL(12,2))'}
load:";
    let job = sales_job("new_files", "upsert", "");
    let (head, rest) = job.split_once("    columns:").unwrap();
    let (_, load) = rest.split_once("load:").unwrap();
    let job = format!("{head}{columns}{load}");
    let lines = job.replace(
        "{csv: {path: \"sales*.csv\"}}",
        "{json_lines: {path: 'sales*.json', each: lines}}",
    );
    let document =
        job.replace("{csv: {path: \"sales*.csv\"}}", "{json: {path: 'sales*.json', each: lines}}");
    let as_document = ORDERS.lines().filter(|line| line.ends_with(']') || line.ends_with('}'));
    let as_document = as_document.filter(|line| !line.contains("r3")).collect::<Vec<_>>().join(",");
    for (job, content, left) in
        [(lines, ORDERS.trim().to_owned(), 1), (document, format!("[{as_document}]"), 0)]
    {
        let project = Project::new(&[CUSTOMERS_DATED, &job]);
        project.write("customers1.csv", &format!("{CUSTOMER_HEAD}crm,1,Ann,York,2024-01-01\n"));
        project.write("sales1.json", &content);
        project.run("2024-03-10").await.unwrap();
        let rows = "SELECT receipt_no, line_no, quantity FROM warehouse.fact_sales ORDER BY 1, 2";
        assert_eq!(project.sql(rows).await, ["r1|1|1"]);
        let engine = project.engine(crate::etl_project::moment("2024-03-11")).await;
        let rejects = engine.warehouse().rejects(None).await.unwrap();
        let jobs = project.declared();
        let job = jobs.iter().find(|job| job.job == "sales").unwrap();
        let refused: Vec<&Reject> = rejects.iter().collect();
        let mend = to_mend(project.dir.path(), &job.sources[0], &refused).unwrap();
        assert_eq!((mend.rows, mend.left), (2, left), "{mend:?}");
        let line = r#"{"no":"r1","lines.#":2,"lines.on":"2024-03-01","shop.sys":"crm","shop.who":"1","lines.n":"two"}"#;
        assert_eq!(mend.text.lines().next().unwrap().trim_start_matches('\u{feff}'), line);
        let replay = async |file: &str, text: &str| {
            project.write(file, text);
            let replay = Replay::new(job, None, file).unwrap();
            project.run_replaying("2024-03-10", &["sales".to_owned()], Some(replay)).await.unwrap()
        };
        // a number stays one, text is as it is written in the source, and a line has all its keys
        let mended = mend.text.replace("\"two\"", "\"1.002\"").replace("1.5}", "3}");
        let more = r#"{"no":"r4","lines.on":"2024-03-01"}"#;
        let summary = replay("mended.jsonl", &format!("{mended}{more}\n")).await;
        assert_eq!(summary.jobs[0].sources[0].counts.rejected, 1);
        let reason = &summary.jobs[0].sources[0].rejects[0].example.reason;
        assert!(reason.contains("lacks `lines.#`"), "{reason}");
        let wanted = ["r1|1|1", "r1|2|1002", "r2|1|3"];
        assert_eq!(project.sql(rows).await, wanted);
        replay("mended.jsonl", &format!("{mended}{more}\n")).await;
        assert_eq!(project.sql(rows).await, wanted);
    }
}
