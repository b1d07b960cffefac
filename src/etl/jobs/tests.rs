use super::*;

const SCHEMAS: [(&str, &str); 4] = [
    (
        "schemas/date.yaml",
        "dimension: date\ndescription: days\ncalendar: {from: 2024-01-01, to: 2024-12-31, fiscal_year_start_month: 1}\n",
    ),
    (
        "schemas/customer.yaml",
        "dimension: customer
description: who buys
natural_key:
  - {name: system, type: text, description: where from}
  - {name: customer_id, type: text, description: the number there}
attributes:
  - {name: city, type: text, history: 2, description: where}
hierarchies:
  - {name: place, levels: [city]}
",
    ),
    (
        "schemas/store.yaml",
        "dimension: store
description: where
natural_key: [{name: store_id, type: text, description: number}]
attributes: [{name: region, type: text, description: where}]
hierarchies: [{name: place, levels: [region]}]
",
    ),
    (
        "schemas/sales.yaml",
        "fact: sales
description: what was sold
grain: a line
kind: transaction
dimensions: [date, customer]
degenerate: [{name: receipt_no, type: text, description: number}]
columns: [{name: amount, type: \"decimal(12,2)\", unit: EUR, description: paid}]
key: [receipt_no]
",
    ),
];

fn model() -> Model {
    crate::model::load(&SCHEMAS).unwrap()
}

fn job(name: &str, rest: &str) -> (String, String) {
    (format!("etl/{name}.yaml"), format!("job: {name}\ndescription: test\n{rest}"))
}

fn customers() -> (String, String) {
    job(
        "customers",
        "sources:
  - name: customer
    from: {csv: {path: customers.csv}}
    columns:
      - {name: system, type: text}
      - {name: customer_id, type: text}
      - {name: city, type: text}
load: {dimension: {dimension: customer}}
",
    )
}

fn sales(sql: &str, load: &str) -> (String, String) {
    let rest = format!(
        "sources:
  - name: line
    from: {{csv: {{path: lines.csv}}}}
    columns: [{{name: receipt_no, type: text}}]
transform: {sql}
load:
  fact:
    fact: sales
{load}"
    );
    job("sales", &rest)
}

const GOOD_LOAD: &str = "    mode: append
    event_at: sold_at
    keys: {date: [sold_on], customer: [system, customer_id]}
";

fn faults(files: &[(String, String)]) -> Vec<String> {
    let faults = Jobs::load(files, &model()).unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

fn order(files: &[(String, String)]) -> Vec<String> {
    let jobs = Jobs::load(files, &model()).unwrap();
    jobs.iter().map(|job| job.job.clone()).collect()
}

#[test]
fn dimensions_come_before_the_facts_that_use_them() {
    let sales = sales("SELECT * FROM line", GOOD_LOAD);
    assert_eq!(order(&[sales, customers()]), ["customers", "sales"]);
}

#[test]
fn a_job_comes_after_those_whose_tables_it_reads() {
    let stores = job(
        "a_stores",
        "transform: SELECT DISTINCT city AS store_id, city AS region FROM warehouse.dim_customer
load: {dimension: {dimension: store}}
",
    );
    assert_eq!(order(&[stores, customers()]), ["customers", "a_stores"]);
}

#[test]
fn jobs_that_wait_for_each_other_are_named() {
    let customers = job(
        "customers",
        "transform: SELECT 'a' AS system, receipt_no AS customer_id, '' AS city FROM warehouse.fact_sales
load: {dimension: {dimension: customer}}
",
    );
    let found = faults(&[customers, sales("SELECT * FROM line", GOOD_LOAD)]);
    assert_eq!(
        found,
        [
            "etl/customers.yaml:3:12: jobs wait for each other: customers needs sales needs customers"
        ]
    );
}

#[test]
fn every_fault_is_reported_with_its_place() {
    let sales = sales(
        "SELECT * FROM lines JOIN warehouse.dim_costumer USING (x) JOIN dim_customer ON true",
        "    mode: append
    event_at: sold_at
    keys:
      date: [sold_on]
      customer: [customer_id]
      custommer: [customer_id]
    delete_when: a +
",
    );
    let found = faults(&[sales]);
    let expected = [
        "etl/sales.yaml:7:12: `dim_customer` is no source of this job; did you mean `warehouse.dim_customer`?",
        "etl/sales.yaml:7:12: `lines` is no source of this job; did you mean `line`?",
        "etl/sales.yaml:7:12: the model has no table `warehouse.dim_costumer`; did you mean `dim_customer`?",
        "etl/sales.yaml:15:17: the role `customer` needs 2 columns for the natural key of `customer` (system, customer_id), got 1",
        "etl/sales.yaml:16:18: the fact `sales` has no role `custommer`; did you mean `customer`?",
        "etl/sales.yaml:17:18: `a +` is not a SQL expression",
        "etl/sales.yaml:17:18: `delete_when` goes with `mode: upsert` only",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn missing_keys_and_names_are_faults() {
    let sales = sales(
        "SELECT * FROM line; SELECT 1",
        "    mode: append
    event_at: sold_at
    keys: {date: [sold_on]}
",
    );
    let stores = job("customers", "transform: SELECT 1\nload: {dimension: {dimension: shop}}\n");
    let found = faults(&[sales, customers(), stores]);
    let has =
        |text: &str| assert!(found.iter().any(|fault| fault.contains(text)), "{text}: {found:#?}");
    has("the transformation must be one SELECT");
    has("the role `customer` has no columns for its natural key");
    has("there is no dimension `shop`");
    has("the job `customers` is already in etl/customers.yaml");
}

#[test]
fn without_a_transformation_the_source_has_the_columns() {
    let (file, text) = customers();
    let found =
        faults(&[(file, text.replace("{name: city, type: text}", "{name: town, type: text}"))]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("the source `customer` has no column `city`"), "{found:#?}");
}

#[test]
fn a_snapshot_that_closes_members_must_be_whole() {
    let (file, text) = customers();
    let text = text
        .replace("    columns:", "    strategy: new_files\n    columns:")
        .replace("dimension: customer}}", "dimension: customer, missing: close}}");
    let found = faults(&[(file, text)]);
    assert!(found[0].contains("yields only what is new"), "{found:#?}");
}

#[test]
fn what_is_read_of_a_source_is_what_its_load_needs() {
    let (file, text) = customers();
    let with = |strategy: &str, from: &str, to: &str| {
        let text = text.replace("    columns:", &format!("    strategy: {strategy}\n    columns:"));
        faults(&[(file.clone(), text.replace(from, to))])
    };
    let found = with("{snapshot: {}}", "", "");
    assert!(found[0].contains("say `missing: close`"), "{found:#?}");
    let close = "dimension: customer, missing: close}}";
    let found = with("{snapshot: {shrink_at_most: 20}}", "dimension: customer}}", close);
    assert!(found[0].contains("from 0 to 1"), "{found:#?}");
    let found = with("{watermark: {column: since}}", "", "");
    assert!(found[0].contains("no column of the source"), "{found:#?}");
    let found = with("{watermark: {column: city}}", "", "");
    assert!(found[0].contains("is no watermark"), "{found:#?}");
    let found = with(
        "{watermark: {column: city}}",
        "{name: city, type: text}",
        "{name: city, type: int32}",
    );
    assert!(found[0].contains("have `strategy: new_files`"), "{found:#?}");
    let found = with("{changes: {key: [customr_id], sequence: city}}", "", "");
    assert!(found.iter().any(|fault| fault.contains("customr_id")), "{found:#?}");
    let found = with("{watermrk: {column: city}}", "", "");
    let meant = |fault: &String| fault.contains("did you mean `watermark`");
    assert!(found.iter().any(meant), "{found:#?}");
}

#[test]
fn selecting_names_the_nearest_job() {
    let jobs = Jobs::load(&[customers()], &model()).unwrap();
    let error = jobs.select(&["custmers".to_owned()]).unwrap_err();
    assert_eq!(error.to_string(), "there is no job `custmers`; did you mean `customers`?");
    assert_eq!(jobs.select(&[]).unwrap().len(), 1);
}

#[test]
fn references_are_found_wherever_they_stand() {
    let found = references(
        "WITH a AS (SELECT * FROM s1) SELECT (SELECT max(x) FROM warehouse.fact_sales), * \
         FROM a JOIN \"S2\" ON a.x IN (SELECT x FROM Warehouse.DIM_date) \
         WHERE EXISTS (SELECT 1 FROM cubes.sales) UNION SELECT * FROM generate_series(1, 2)",
    )
    .unwrap();
    assert_eq!(found.sources.into_iter().collect::<Vec<_>>(), ["S2", "s1"]);
    assert_eq!(found.warehouse.into_iter().collect::<Vec<_>>(), ["dim_date", "fact_sales"]);
    assert_eq!(found.other.into_iter().collect::<Vec<_>>(), ["cubes.sales"]);
}
