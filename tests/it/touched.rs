//! Loads that tell of some members of a dimension: only files that hold what changed are written anew,
//! and the table is the one that all changes at once would give.

use crate::etl_project::{CUSTOMER_HEAD, CUSTOMERS_DATED, CUSTOMERS_SNAPSHOT, Project};
use proptest::prelude::*;
use starhouse::store::Release;
use std::collections::BTreeMap;
use std::fmt::Write;

const VERSIONS: &str = "SELECT customer_id, customer_name, city, CAST(valid_from AS DATE) AS since, \
                        CAST(valid_to AS DATE) AS until, is_current FROM dim_customer \
                        WHERE customer_key > 0 ORDER BY customer_id, since";

/// A project without history of its own: what a day's file says holds since that day.
fn daily() -> Project {
    let job = CUSTOMERS_SNAPSHOT.replace(", missing: close", "").replace(
        "    from: {csv: {path: customers.csv}}",
        "    from: {csv: {path: \"customers*.csv\"}}\n    strategy: new_files",
    );
    Project::new(&[&job])
}

fn files(release: &Release, table: &str) -> Vec<String> {
    release.tables[table].files.iter().map(|file| file.path.clone()).collect()
}

fn rows(members: impl IntoIterator<Item = (usize, String, String)>) -> String {
    let mut text = "source_system,customer_id,customer_name,city\n".to_owned();
    for (id, name, city) in members {
        let _ = writeln!(text, "crm,{id:03},{name},{city}");
    }
    text
}

#[tokio::test]
async fn files_without_changes_stay_as_they_are() {
    let project = daily();
    let all = (1..=200).map(|id| (id, format!("name {id:03}"), "Rome".to_owned()));
    project.write("customers_0.csv", &rows(all));
    project.run("2024-01-01").await.unwrap();
    let first = files(&*project.latest().await, "dim_customer");

    // One who is new goes to a file of its own.
    project.write("customers_1.csv", &rows([(201, "Zoe".to_owned(), "Bonn".to_owned())]));
    let summary = project.run("2024-01-02").await.unwrap();
    assert_eq!(summary.jobs[0].rows_written, 1);
    let second = files(&*project.latest().await, "dim_customer");
    assert_eq!(second.len(), 2);
    assert_eq!(second[0], first[0]);

    // Who moves closes a version in the first file; the new one joins the small last file.
    project.write("customers_2.csv", &rows([(7, "name 007".to_owned(), "Oslo".to_owned())]));
    let summary = project.run("2024-01-03").await.unwrap();
    assert_eq!(summary.jobs[0].rows_written, 2);
    let third = files(&*project.latest().await, "dim_customer");
    assert_eq!(third.len(), 2);
    assert!(!third.contains(&first[0]) && !third.contains(&second[1]), "{third:?}");
    let moved = "SELECT customer_key, customer_durable_key, city, is_current FROM dim_customer \
                 WHERE customer_id IN ('007', '201') ORDER BY 1";
    assert_eq!(
        project.sql(moved).await,
        ["7|7|Rome|false", "201|201|Bonn|true", "202|7|Oslo|true"]
    );

    // The same again is news to nobody.
    project.write("customers_3.csv", &rows([(7, "name 007".to_owned(), "Oslo".to_owned())]));
    project.run("2024-01-04").await.unwrap();
    assert_eq!(files(&*project.latest().await, "dim_customer"), third);
    assert_eq!(project.sql("SELECT count(*) FROM dim_customer").await, ["204"]);
}

#[tokio::test]
async fn what_is_missing_or_forgotten_concerns_all_members() {
    let mut project = daily();
    project.edit_jobs("    strategy: new_files\n", "");
    project.edit_jobs("{dimension: customer}", "{dimension: customer, missing: close}");
    project.edit_jobs("missing: close", "missing: close, close_at_most: 1");
    let all = (1..=20).map(|id| (id, format!("name {id}"), "Rome".to_owned()));
    project.write("customers.csv", &rows(all));
    project.run("2024-01-01").await.unwrap();
    project.write("customers.csv", &rows([(7, "name 7".to_owned(), "Oslo".to_owned())]));
    project.run("2024-01-02").await.unwrap();
    let present =
        "SELECT customer_id, city FROM dim_customer WHERE is_current AND customer_key > 0";
    assert_eq!(project.sql(present).await, ["007|Oslo"]);
}

/// Day by day, a few members' changes; every fourth is told late.
fn days() -> impl Strategy<Value = Vec<Vec<(usize, u8, u8)>>> {
    let change = (0..30usize, 0..3u8, 0..4u8);
    prop::collection::vec(prop::collection::vec(change, 1..6), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("STARHOUSE_FULL").is_some() { 200 } else { 6 }))]

    /// A change log told day by day, and at once: the same versions, whatever order they came in.
    #[test]
    fn days_come_to_what_all_at_once_does(days in days()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(dated(&days));
        runtime.block_on(undated(&days));
    }
}

fn city(city: u8) -> String {
    if city == 0 { String::new() } else { format!("City {city}") }
}

/// With a change log: rows say since when they hold, some of them late.
async fn dated(days: &[Vec<(usize, u8, u8)>]) {
    let job = CUSTOMERS_DATED.replace(
        "    from: {csv: {path: \"customers*.csv\"}}",
        "    from: {csv: {path: \"customers*.csv\"}}\n    strategy: new_files",
    );
    let (daily, at_once) = (Project::new(&[&job]), Project::new(&[&job]));
    let mut all = CUSTOMER_HEAD.to_owned();
    for id in 0..30 {
        let _ = writeln!(all, "crm,{id:03},name {id},Rome,2024-01-01");
    }
    daily.write("customers_0.csv", &all);
    daily.run("2024-03-01").await.unwrap();
    for (day, changes) in days.iter().enumerate() {
        let mut told = CUSTOMER_HEAD.to_owned();
        // One row a member and moment, so that none contradicts another.
        let changes: BTreeMap<usize, (u8, u8)> =
            changes.iter().map(|(id, name, city)| (*id, (*name, *city))).collect();
        for (id, (name, to)) in changes {
            let since = if id % 4 == 0 { 20 - day } else { day + 2 };
            let _ = writeln!(told, "crm,{id:03},name {id} {name},{},2024-02-{since:02}", city(to));
        }
        daily.write(&format!("customers_{}.csv", day + 1), &told);
        daily.run(&format!("2024-03-{:02}", day + 2)).await.unwrap();
        all.push_str(told.strip_prefix(CUSTOMER_HEAD).unwrap());
    }
    at_once.write("customers_all.csv", &all);
    at_once.run("2024-03-01").await.unwrap();
    // A version once loaded stays, also where a late change makes it equal to its neighbour: so the
    // days are compared, not the versions.
    let by_day = "SELECT d.date, customer_id, customer_name, city FROM dim_date d JOIN dim_customer c \
                  ON arrow_cast(d.date, 'Timestamp(Microsecond, Some(\"UTC\"))') >= valid_from \
                  AND arrow_cast(d.date, 'Timestamp(Microsecond, Some(\"UTC\"))') < valid_to \
                  WHERE d.date BETWEEN DATE '2024-01-25' AND DATE '2024-03-05' ORDER BY 1, 2";
    assert_eq!(daily.sql(by_day).await, at_once.sql(by_day).await);
    let log = "SELECT * FROM changes_customer ORDER BY customer_id, effective_at";
    assert_eq!(daily.sql(log).await, at_once.sql(log).await);
    check(&daily).await;
}

/// Without one: against the rule itself.
async fn undated(days: &[Vec<(usize, u8, u8)>]) {
    let project = daily();
    let all = (0..30).map(|id| (id, format!("name {id}"), "Rome".to_owned()));
    project.write("customers_0.csv", &rows(all));
    project.run("2024-03-01").await.unwrap();
    // City by member, since when.
    let mut expected: Vec<Vec<(String, String)>> =
        vec![vec![("Rome".to_owned(), "1900-01-01".to_owned())]; 30];
    let mut names: Vec<String> = (0..30).map(|id| format!("name {id}")).collect();
    for (day, changes) in days.iter().enumerate() {
        let as_of = format!("2024-03-{:02}", day + 2);
        let changes: BTreeMap<usize, (u8, u8)> =
            changes.iter().map(|(id, name, city)| (*id, (*name, *city))).collect();
        let told = changes.iter().map(|(id, (name, to))| (*id, format!("name {name}"), city(*to)));
        project.write(&format!("customers_{}.csv", day + 1), &rows(told));
        for (id, (name, to)) in changes {
            names[id] = format!("name {name}");
            if expected[id].last().unwrap().0 != city(to) {
                expected[id].push((city(to), as_of.clone()));
            }
        }
        project.run(&as_of).await.unwrap();
    }
    let mut lines = Vec::new();
    for (id, versions) in expected.iter().enumerate() {
        for (index, (city, from)) in versions.iter().enumerate() {
            let to = versions.get(index + 1).map_or("9999-12-31", |next| next.1.as_str());
            let is_current = index + 1 == versions.len();
            lines.push(format!("{id:03}|{}|{city}|{from}|{to}|{is_current}", names[id]));
        }
    }
    assert_eq!(project.sql(VERSIONS).await, lines);
    check(&project).await;
}

/// The invariants of a dimension, in SQL; and keys are given once, in order.
async fn check(project: &Project) {
    let overlap = "SELECT count(*) FROM dim_customer a JOIN dim_customer b \
                   ON a.customer_durable_key = b.customer_durable_key AND a.customer_key <> b.customer_key \
                   AND a.valid_from < b.valid_to AND b.valid_from < a.valid_to";
    assert_eq!(project.sql(overlap).await, ["0"]);
    let keys = "SELECT count(*) - count(DISTINCT customer_key), max(customer_key) - count(*) + 2 FROM dim_customer";
    assert_eq!(project.sql(keys).await, ["0|0"]);
    let present = "SELECT customer_durable_key FROM dim_customer GROUP BY 1 \
                   HAVING sum(CASE WHEN is_current THEN 1 ELSE 0 END) <> 1";
    assert!(project.sql(present).await.is_empty());
}
