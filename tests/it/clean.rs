//! Cleaning rules in a job and as SQL functions, checks across columns, and how many rows a job may
//! reject.

use crate::etl_project::Project;

/// Customers whose columns need every rule; what comes of them is in the dimension's attributes.
const JOB: &str = "
job: customers
description: customers as people write them
reject_at_most: ALLOWED
sources:
  - name: customer
    from: {csv: {path: customers.csv}}
    columns:
      - {name: customer_id, from: id, type: text, clean: [trim, required]}
      - {name: phone, type: text, clean: [{phone: {region: DE}}]}
      - {name: mail, type: text, clean: [email], on_error: null}
      - {name: family, from: name, type: text, clean: [{person_name: {part: family}}]}
      - {name: given, from: name, type: text, clean: [{person_name: {part: given}}, simplified]}
      - {name: town, from: address, type: text, clean: [{address: city}, fold]}
      - {name: paid, type: \"decimal(12,2)\", clean: [{money: {only: EUR}}]}
      - {name: owed, type: \"decimal(12,2)\", clean: [{money: {only: EUR, decimal: ','}}]}
      - {name: code, from: note, type: text, clean: [{extract: {pattern: '#(\\d+)'}}, {replace: {pattern: '^0+', with: ''}}]}
    derive:
      - {name: open, type: \"decimal(12,2)\", as: 'coalesce(owed, 0) - coalesce(paid, 0)'}
    checks:
      - {name: nobody pays too much, check: open >= 0}
transform: >
  SELECT 'x' AS source_system, customer_id,
         concat_ws('|', family, given, phone, mail, code) AS customer_name,
         concat_ws('|', town, CAST(open AS VARCHAR)) AS city
  FROM customer
load: {dimension: {dimension: customer}}
";

const ROWS: &str = "id,phone,mail,name,address,paid,owed,note
1,030 / 901820,Ann <ANN@Example.org>,\"Lee, Dr. Ann\",\"Hauptstr. 5, 10115 Berlin\",\"1,50 €\",\"1.234,56 €\",order #0077
2,+86 138 0013 8000,nobody,張偉,广东省广州市天河区中山路15号,,EUR 10,
3,12,a@b.org,Bo Poe,\"1 High St, York YO1 7HH\",1,2,
4,,,Cy Nie,,$5,7,
5,,,Di Poe,,9.00,\"7,00\",
";

fn project(allowed: &str) -> Project {
    let project = Project::new(&[&JOB.replace("ALLOWED", allowed)]);
    project.write("customers.csv", ROWS);
    project
}

#[tokio::test]
async fn values_are_what_the_rules_say_and_rows_stand_up_to_checks() {
    let project = project("3");
    let summary = project.run("2025-01-01").await.unwrap();
    let sql = "SELECT customer_id, customer_name, city FROM warehouse.dim_customer \
               WHERE customer_key > 0 ORDER BY customer_id";
    assert_eq!(
        project.sql(sql).await,
        [
            "1|Lee|Ann|+4930901820|ann@example.org|77|berlin|1233.06",
            "2|張|伟|+8613800138000|广州市|10.00",
        ]
    );
    let rejects = "SELECT line, \"column\", rule, reason FROM system.rejects ORDER BY line";
    let told = project.sql(rejects).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("4|phone|phone|`12` is no telephone number"), "{}", told[0]);
    assert!(told[1].starts_with("5|paid|money|`$5` is no amount"), "{}", told[1]);
    assert!(told[2].starts_with("6||check|nobody pays too much"), "{}", told[2]);
    let nulled = &summary.jobs[0].sources[0].counts.nulled;
    assert_eq!(nulled.get(&("mail".to_owned(), "email".to_owned())), Some(&1));
}

#[tokio::test]
async fn too_many_rejected_rows_fail_the_job_before_anything_is_published() {
    for (allowed, is_enough) in [("3", true), ("60 %", true), ("2", false), ("59 %", false)] {
        let project = project(allowed);
        let outcome = project.run("2025-01-01").await;
        assert_eq!(outcome.is_ok(), is_enough, "{allowed}: {outcome:?}");
        let Err(error) = outcome else { continue };
        let told = error.to_string();
        for part in
            ["3 of 5 rows were rejected (60.0 %)", "such as customers.csv:4", "`check`", "job"]
        {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!project.latest().await.tables.contains_key("dim_customer"));
        // why is in quarantine all the same
        assert_eq!(project.sql("SELECT count(*) FROM system.rejects").await, ["3"]);
    }
}

#[tokio::test]
async fn the_same_rules_are_sql_functions() {
    let project = project("3");
    project.run("2025-01-01").await.unwrap();
    for (sql, value) in [
        ("clean_phone('030 / 901820', 'DE')", "+4930901820"),
        ("clean_phone('030 / 901820')", ""),
        ("clean_email(' Ann <ANN@Example.org>')", "ann@example.org"),
        ("clean_person_name('Lee, Ann', 'family')", "Lee"),
        ("clean_person_name('Nagy Éva', 'given', 'family_first')", "Éva"),
        ("clean_address('Hauptstr. 5, 10115 Berlin', 'postcode')", "10115"),
        ("clean_money('1.234,56 €')", "1234.56"),
        ("clean_money('1,234', 'amount', 'EUR', ',')", "1.234"),
        ("clean_money('1,234')", ""),
        ("clean_money('£5', 'currency')", "GBP"),
        ("clean_fold(' Müller-Ｚ')", "muller z"),
        ("clean_simplified('張偉')", "张伟"),
        ("clean_trim('  a   b ')", "a b"),
        ("clean_email(NULL)", ""),
    ] {
        assert_eq!(project.sql(&format!("SELECT {sql}")).await, [value], "{sql}");
    }
    let rows = "SELECT clean_fold(customer_id) FROM warehouse.dim_customer WHERE customer_key > 0 \
                ORDER BY 1";
    assert_eq!(project.sql(rows).await, ["1", "2"]);
}

#[tokio::test]
async fn rows_tell_where_they_stood_and_how_good_they_are() {
    let job = "
job: customers
description: rows that lead back to their file
sources:
  - name: customer
    from: {csv: {path: customers.csv}}
    audit: true
    columns:
      - {name: id, type: text}
      - {name: age, type: int32, on_error: null}
      - {name: town, type: text}
      - {name: mail, type: text}
load: {dimension: {dimension: customer}}
transform: >
  SELECT audit_key AS source_system, id AS customer_id, CAST(quality AS VARCHAR) AS customer_name,
         town AS city FROM customer
";
    let project = Project::new(&[job]);
    project.write("customers.csv", "id,age,town,mail\n1,30,York,a@b\n2,old,,a@b\n3,,,\n");
    project.run("2025-01-01").await.unwrap();
    let sql = "SELECT source_system, customer_name FROM warehouse.dim_customer \
               WHERE customer_key > 0 ORDER BY customer_id";
    let rows = ["customers.csv:2|1.0", "customers.csv:3|0.5", "customers.csv:4|0.25"];
    assert_eq!(project.sql(sql).await, rows);
}

#[test]
fn what_is_wrong_with_a_rule_is_told_with_its_place() {
    let schemas = [("d.yaml", crate::etl_project::DATE), ("c.yaml", crate::etl_project::CUSTOMER)];
    let model = starhouse::model::load(&schemas).unwrap();
    let right = JOB.replace("ALLOWED", "1 %");
    assert!(starhouse::etl::jobs::Jobs::load(&[("etl/c.yaml", &right)], &model).is_ok());
    for (from, to, said) in [
        ("region: DE", "region: XX", "`XX` is no region"),
        ("only: EUR}", "only: EURO}", "`EURO` is no currency"),
        ("with: ''", "with: '$2'", "names a group `2`"),
        ("#(\\d+)", "#(", "is not a regular expression"),
        ("part: family", "part: famly", "famly"),
        ("address: city", "address: citty", "citty"),
        ("open >= 0", "opn >= 0", "no expression over the columns"),
        ("open >= 0", "open", "is not true or false"),
        ("reject_at_most: 1 %", "reject_at_most: some", "is no allowance"),
    ] {
        let job = right.replace(from, to);
        assert_ne!(job, right, "{from}");
        let told = starhouse::etl::jobs::Jobs::load(&[("etl/c.yaml", &job)], &model).unwrap_err();
        let told = told.to_string();
        assert!(told.contains(said) && told.contains("etl/c.yaml:"), "{from} -> {to}: {told}");
    }
}
