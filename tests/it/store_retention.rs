//! Vacuum, leases, staging folders, and the logs beside the releases.

use crate::store_support::*;
use starhouse::error::ErrorKind;
use starhouse::ids::ReleaseId;
use starhouse::store::{Change, QueryRecord, QueryTiming, Reject};
use std::fs;
use std::io::Write;

#[tokio::test]
async fn vacuum_keeps_the_newest_releases_and_their_files() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    for number in 1..=5 {
        let mut load =
            warehouse.begin(run(&format!("r{number}")), warehouse.latest().await.unwrap());
        let rows = stream(vec![batch(&[(number, 1)])]);
        let files = load.write(&spec("dim_a"), rows).await.unwrap();
        load.stage(spec("dim_a"), Change::Replace(files)).unwrap();
        load.publish("replace".to_owned()).await.unwrap();
    }
    assert_eq!(data_files(dir.path()).len(), 5);
    let done = warehouse.vacuum(2).await.unwrap();
    assert_eq!((done.releases, done.files, done.oldest_kept), (3, 3, ReleaseId(4)));
    assert_eq!(done.held, None);
    assert_eq!(release_numbers(dir.path()), [4, 5]);
    let past = warehouse.release(ReleaseId(4)).await.unwrap();
    assert_eq!(read_table(dir.path(), &past, "dim_a"), [(4, 1)]);
    let error = warehouse.release(ReleaseId(3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("vacuumed"), "{error}");
    drop(past);
    // At least one stays, and the Delta log stays whole.
    let done = warehouse.vacuum(0).await.unwrap();
    assert_eq!((done.releases, done.oldest_kept), (1, ReleaseId(5)));
    let latest = open(dir.path()).await.latest().await.unwrap();
    assert_eq!(read_table(dir.path(), &latest, "dim_a"), [(5, 1)]);
    assert_logs_agree(dir.path(), &latest);
}

#[tokio::test]
async fn vacuum_keeps_what_was_the_latest_not_long_ago() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    for number in 1..=3 {
        publish_rows(&warehouse, &format!("r{number}"), "fact_a", &[(number, 1)]).await;
    }
    let last = warehouse.latest().await.unwrap().created_at;
    let done = warehouse.vacuum_before(1, last - chrono::Duration::days(1)).await.unwrap();
    assert_eq!((done.releases, done.oldest_kept), (0, ReleaseId(1)));
    let done = warehouse.vacuum_before(2, last + chrono::Duration::days(1)).await.unwrap();
    assert_eq!((done.releases, done.oldest_kept), (1, ReleaseId(2)));
}

#[tokio::test]
async fn vacuum_spares_what_is_read_here_or_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    for number in 1..=4 {
        publish_rows(&warehouse, &format!("r{number}"), "fact_a", &[(number, 1)]).await;
    }
    // Another handle has locks of its own, as another process would.
    let reader = open(dir.path()).await;
    let held = reader.release(ReleaseId(2)).await.unwrap();
    let done = warehouse.vacuum(1).await.unwrap();
    assert_eq!((done.releases, done.held), (1, Some(ReleaseId(2))));
    assert_eq!(read_table(dir.path(), &held, "fact_a"), [(1, 1), (2, 1)]);
    drop((held, reader));
    let done = warehouse.vacuum(1).await.unwrap();
    assert_eq!((done.releases, done.held), (2, None));
    assert_eq!(release_numbers(dir.path()), [4]);
}

#[tokio::test]
async fn vacuum_spares_loads_under_way_and_takes_what_dead_ones_left() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let base = publish_rows(&warehouse, "r1", "fact_a", &[(1, 1)]).await;
    let orphan = dir.path().join("tables/fact_a/dead-00001.parquet");
    let foreign = dir.path().join("tables/fact_a/somebody-elses.parquet");
    fs::write(&orphan, "x").unwrap();
    fs::write(&foreign, "x").unwrap();
    let mut load = warehouse.begin(run("r2"), base);
    append(&mut load, "fact_a", &[(2, 2)]).await.unwrap();
    let done = open(dir.path()).await.vacuum(1).await.unwrap();
    assert_eq!(done.files, 1);
    assert!(!orphan.exists() && foreign.exists());
    let release = load.publish("after the vacuum".to_owned()).await.unwrap();
    assert_eq!(read_table(dir.path(), &release, "fact_a"), [(1, 1), (2, 2)]);
}

#[tokio::test]
async fn opening_sweeps_staging_folders_of_the_dead_only() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let load = warehouse.begin(run("alive"), warehouse.latest().await.unwrap());
    let rows = stream(vec![batch(&[(1, 1)])]);
    let staged = load.write_staged("rows", spec("x").columns, rows).await.unwrap();
    let dead = dir.path().join("staging/dead");
    fs::create_dir_all(dead.join("rows-1")).unwrap();
    fs::write(dead.join("lock"), "").unwrap();
    open(dir.path()).await;
    assert!(!dead.exists());
    assert!(dir.path().join(&staged.location).join(&staged.files[0].path).exists());
}

fn reject(number: u64) -> Reject {
    Reject {
        run: run("r1"),
        job: "job".to_owned(),
        source: "source".to_owned(),
        file: "a.csv".to_owned(),
        line: number,
        offset: Some(number * 10),
        column: Some("amount".to_owned()),
        rule: "number".to_owned(),
        rules: "0a1b".to_owned(),
        reason: "not a number".to_owned(),
        raw: "a,\"b\nc\",\\xFF".to_owned(),
        mended_in: None,
        settled_by: None,
    }
}

#[tokio::test]
async fn rejects_come_back_by_run_and_a_torn_last_line_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    warehouse.record_rejects(&run("r1"), &[reject(1), reject(2)]).await.unwrap();
    warehouse.record_rejects(&run("r1"), &[reject(3)]).await.unwrap();
    let other = Reject { run: run("r2"), ..reject(4) };
    warehouse.record_rejects(&run("r2"), std::slice::from_ref(&other)).await.unwrap();
    let first = warehouse.rejects(Some(&run("r1"))).await.unwrap();
    assert_eq!(first, [reject(1), reject(2), reject(3)]);
    assert_eq!(warehouse.rejects(None).await.unwrap().len(), 4);
    assert!(warehouse.rejects(Some(&run("r9"))).await.unwrap().is_empty());
    let path = dir.path().join("log/rejects/r1/00002.jsonl");
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"{\"run\"").unwrap();
    assert_eq!(warehouse.rejects(Some(&run("r1"))).await.unwrap().len(), 3);
}

fn query(number: u64) -> QueryRecord {
    QueryRecord {
        at: noon() + chrono::TimeDelta::hours(i64::try_from(number).unwrap()),
        principal: "local".to_owned(),
        release: ReleaseId(1),
        text: format!("SELECT {number}"),
        elapsed_ms: number,
        rows: 1,
        routing: vec!["no aggregate".to_owned()],
        tag: None,
        error: None,
    }
}

#[tokio::test]
async fn queries_are_logged_by_day_and_survive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    // From noon on: over three days.
    for number in 0..48 {
        warehouse.record_query(query(number), &QueryTiming::default());
    }
    let expected: Vec<QueryRecord> = (0..48).map(query).collect();
    assert_eq!(warehouse.queries().await.unwrap(), expected);
    drop(warehouse);
    assert_eq!(fs::read_dir(dir.path().join("log/queries")).unwrap().count(), 3);
    // A writer was killed within a line: the next one goes on behind it.
    let path = dir.path().join("log/queries/2025-01-01.jsonl");
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"{\"at\":\"20").unwrap();
    let warehouse = open(dir.path()).await;
    warehouse.record_query(query(0), &QueryTiming::default());
    assert_eq!(warehouse.queries().await.unwrap().len(), 49);
    let long = QueryRecord { text: "é".repeat(100_000), ..query(1) };
    warehouse.record_query(long, &QueryTiming::default());
    let logged = warehouse.queries().await.unwrap();
    assert!(logged.iter().all(|query| query.text.len() < 70_000));
}
