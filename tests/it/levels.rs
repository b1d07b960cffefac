//! Facts at a level of a loaded dimension: targets by month and city, where sales know days and customers.

use crate::etl_project::{CUSTOMER_HEAD, CUSTOMERS_DATED, Project, SALES_HEAD, sales_job};

const TARGET: &str = "
fact: target
description: What cities are to bring.
grain: one row a city and month
kind: periodic_snapshot
dimensions:
  - {role: date, dimension: date, level: month}
  - {role: customer, dimension: customer, level: city, description: the city}
columns:
  - {name: amount, type: \"decimal(12,2)\", unit: EUR, description: to be sold}
key: [date_key, customer_city_key]
";

const PLAN: &str = "
cube: plan
description: Sales beside targets.
facts: [sales, target]
dimensions: [date, customer]
measures:
  - {name: revenue, fact: sales, sum: net_amount, unit: EUR, description: sold}
  - {name: target, fact: target, sum: amount, unit: EUR, description: to be sold}
  - {name: attainment, ratio: {of: revenue, to: target}, description: sold of what was to be}
";

const TARGETS: &str = "
job: targets
description: targets
sources:
  - name: target
    from: {csv: {path: targets.csv}}
    columns:
      - {name: month, type: date, clean: [required]}
      - {name: city, type: text, clean: [{null_if: ['']}]}
      - {name: amount, type: \"decimal(12,2)\"}
load:
  fact: {fact: target, mode: replace, event_at: month, keys: {date: [month], customer: [city]}}
";

fn project() -> Project {
    let mut project = Project::new(&[CUSTOMERS_DATED, TARGETS, &sales_job("full", "replace", "")]);
    project.add_schema(TARGET);
    project.add_schema(PLAN);
    customers(&project, "");
    project.write(
        "sales_1.csv",
        &format!(
            "{SALES_HEAD}R1,1,2024-02-10,crm,1,1,50.00,false\nR2,1,2024-02-20,crm,2,1,60.00,false\n\
             R3,1,2024-03-20,crm,1,1,10.00,false\n"
        ),
    );
    project.write(
        "targets.csv",
        "month,city,amount\n2024-02-01,Rome,100\n2024-02-01,Bonn,40\n2024-02-01,Atlantis,7\n2024-03-01,,1\n",
    );
    project
}

fn customers(project: &Project, more: &str) {
    let rows = "crm,1,Ada,Rome,2024-01-01\ncrm,2,Bob,Bonn,2024-01-01\ncrm,3,Cyd,,2024-01-01\n";
    project.write("customers.csv", &format!("{CUSTOMER_HEAD}{rows}{more}"));
}

const KEYS: &str = "SELECT customer_city_key, city FROM dim_customer_city ORDER BY 1";
const STORED: &str = "SELECT amount, c.city FROM fact_target AS t JOIN dim_customer_city AS c \
                      ON t.customer_city_key = c.customer_city_key ORDER BY amount DESC";

#[tokio::test]
async fn facts_refer_to_the_members_of_a_level() {
    let project = project();
    let summary = project.run("2024-06-01").await.unwrap();
    assert_eq!(project.sql(KEYS).await, ["-2|Not applicable", "-1|Unknown", "1|Bonn", "2|Rome"]);
    let stored = ["100.00|Rome", "40.00|Bonn", "7.00|Unknown", "1.00|Not applicable"];
    assert_eq!(project.sql(STORED).await, stored);
    let targets = summary.jobs.iter().find(|job| job.job == "targets").unwrap();
    assert_eq!(targets.notes, ["1 row has an unknown customer"]);
    // Each measure at its own grain, then side by side.
    let by_city = "SELECT city, MEASURE(revenue), MEASURE(target), MEASURE(attainment) FROM cubes.plan \
                   WHERE month = '2024-02' GROUP BY city ORDER BY city";
    let expected = ["Bonn|60.00|40.00|1.5", "Rome|50.00|100.00|0.5", "Unknown||7.00|"];
    assert_eq!(project.sql(by_city).await, expected);
    let all = "SELECT MEASURE(revenue), MEASURE(target) FROM cubes.plan";
    assert_eq!(project.sql(all).await, ["120.00|148.00"]);

    // Somebody moves to where there was nobody: that is a city from now on, and those there were stay.
    customers(&project, "crm,1,Ada,Atlantis,2024-03-01\n");
    project.run("2024-06-02").await.unwrap();
    let keys = ["-2|Not applicable", "-1|Unknown", "1|Bonn", "2|Rome", "3|Atlantis"];
    assert_eq!(project.sql(KEYS).await, keys);
    let stored = ["100.00|Rome", "40.00|Bonn", "7.00|Atlantis", "1.00|Not applicable"];
    assert_eq!(project.sql(STORED).await, stored, "targets are looked up again");
    let by_city = "SELECT city, MEASURE(revenue), MEASURE(target) FROM cubes.plan GROUP BY city ORDER BY city";
    let expected =
        ["Atlantis|10.00|7.00", "Bonn|60.00|40.00", "Not applicable||1.00", "Rome|50.00|100.00"];
    assert_eq!(project.sql(by_city).await, expected);
    // A run that brings nothing new makes no release.
    assert_eq!(project.run("2024-06-03").await.unwrap().release, None);
}

#[tokio::test]
async fn a_level_that_is_asked_for_later_is_made_of_what_is_there() {
    let mut project = Project::new(&[CUSTOMERS_DATED]);
    customers(&project, "");
    project.run("2024-06-01").await.unwrap();
    project.add_schema(TARGET);
    project.run("2024-06-02").await.unwrap();
    assert_eq!(project.sql(KEYS).await, ["-2|Not applicable", "-1|Unknown", "1|Bonn", "2|Rome"]);
}

#[tokio::test]
async fn what_is_known_to_no_finer_level_has_no_value_there() {
    let project = project();
    project.run("2024-06-01").await.unwrap();
    let engine = project.engine(crate::etl_project::moment("2024-06-02")).await;
    let release = engine.warehouse().latest().await.unwrap();
    let session = engine.session(starhouse::policy::Principal::local(), release);
    for (column, told) in [
        ("customer_name", "fact target knows `customer` by the city"),
        ("date", "fact target knows `date` by the month"),
    ] {
        let sql = format!("SELECT {column}, MEASURE(attainment) FROM cubes.plan GROUP BY {column}");
        let error = session.plan_sql(&sql).await.unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn the_name_of_a_level_is_not_another_dimensions() {
    let other = "dimension: customer_city\ndescription: cities\nnatural_key:\n  \
                 - {name: city_no, type: text, description: number}\n";
    let files = [
        ("date.yaml", crate::etl_project::DATE),
        ("customer.yaml", crate::etl_project::CUSTOMER),
        ("target.yaml", TARGET),
        ("city.yaml", other),
    ];
    let told = starhouse::model::load(&files).unwrap_err().to_string();
    assert!(told.contains("a dimension `customer_city` is what its level is kept in"), "{told}");
    // A level is told apart by what the unknown member can have a value for.
    let dated = crate::etl_project::CUSTOMER
        .replace("{name: city, type: text,", "{name: city, type: date,");
    let files = [files[0], ("customer.yaml", dated.as_str()), files[2]];
    let told = starhouse::model::load(&files).unwrap_err().to_string();
    assert!(told.contains("is told apart by `city`, which is date"), "{told}");
}
