//! Publishing and reading releases.

use crate::store_support::*;
use starhouse::error::ErrorKind;
use starhouse::ids::ReleaseId;
use starhouse::store::{Change, RunRecord, RunStatus};
use std::fs;

#[tokio::test]
async fn a_new_warehouse_has_release_0() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(&dir.path().join("not/there/yet")).await;
    let release = warehouse.latest().await.unwrap();
    assert_eq!((release.id, release.tables.len()), (ReleaseId::EMPTY, 0));
    assert!(warehouse.releases().await.unwrap().is_empty());
    let error = warehouse.release(ReleaseId(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = warehouse.release_as_of(noon()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn what_is_published_is_read_by_whoever_opens_the_warehouse() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let first = publish_rows(&warehouse, "r1", "fact_a", &[(1, 100), (2, 250)]).await;
    let second = publish_rows(&warehouse, "r2", "fact_a", &[(3, -50)]).await;
    assert_eq!((first.id, second.id), (ReleaseId(1), ReleaseId(2)));
    let other = open(dir.path()).await;
    let latest = other.latest().await.unwrap();
    assert_eq!(*latest, *second);
    assert_eq!(read_table(dir.path(), &latest, "fact_a"), [(1, 100), (2, 250), (3, -50)]);
    assert_eq!(latest.tables["fact_a"].delta_version, Some(1));
    assert_logs_agree(dir.path(), &latest);
    let past = other.release(ReleaseId(1)).await.unwrap();
    assert_eq!(read_table(dir.path(), &past, "fact_a"), [(1, 100), (2, 250)]);
    assert_eq!(other.releases().await.unwrap().len(), 2);
    // The clock stands: the last release of that moment is the second.
    assert_eq!(other.release_as_of(noon()).await.unwrap().id, ReleaseId(2));
    let before = noon() - chrono::TimeDelta::seconds(1);
    assert_eq!(other.release_as_of(before).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_preview_shows_the_load_and_nobody_else_sees_it() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let base = publish_rows(&warehouse, "r1", "fact_a", &[(1, 100)]).await;
    let mut load = warehouse.begin(run("r2"), base);
    assert!(!load.has_changes());
    append(&mut load, "fact_a", &[(2, 1)]).await.unwrap();
    // A second change builds on the first.
    append(&mut load, "fact_a", &[(3, 2)]).await.unwrap();
    load.set_inputs("job", "source", vec![input("a.csv")]);
    load.set_cursor("cursor", "7".to_owned());
    assert!(load.has_changes());
    let preview = load.preview();
    assert_eq!(preview.id, ReleaseId(2));
    assert_eq!(read_table(dir.path(), &preview, "fact_a"), [(1, 100), (2, 1), (3, 2)]);
    assert_eq!(preview.inputs["job"]["source"], [input("a.csv")]);
    assert_eq!(warehouse.latest().await.unwrap().id, ReleaseId(1));
    load.abandon().await.unwrap();
    assert_eq!(data_files(dir.path()).len(), 1);
    assert_eq!(release_numbers(dir.path()), [1]);
    assert!(!dir.path().join("staging/r2").exists());
}

#[tokio::test]
async fn replace_exchange_and_drop_leave_logs_in_step() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let base = publish_rows(&warehouse, "r1", "dim_a", &[(1, 100)]).await;
    let old = base.tables["dim_a"].files[0].path.clone();
    let mut load = warehouse.begin(run("r2"), base);
    let files = load.write(&spec("dim_a"), stream(vec![batch(&[(1, 1), (2, 2)])])).await.unwrap();
    let change = Change::Exchange { remove: vec![old.clone()], add: files };
    load.stage(spec("dim_a"), change.clone()).unwrap();
    // It is gone already.
    assert_eq!(load.stage(spec("dim_a"), change).unwrap_err().kind(), ErrorKind::Internal);
    let second = load.publish("exchange".to_owned()).await.unwrap();
    assert_eq!(read_table(dir.path(), &second, "dim_a"), [(1, 1), (2, 2)]);
    assert_logs_agree(dir.path(), &second);

    let mut load = warehouse.begin(run("r3"), second);
    load.stage(spec("dim_a"), Change::Drop).unwrap();
    let third = load.publish("drop".to_owned()).await.unwrap();
    assert!(third.tables.is_empty());
    assert_logs_agree(dir.path(), &third);
    assert!(delta_files(dir.path(), "dim_a").is_empty());

    let fourth = publish_rows(&warehouse, "r4", "dim_a", &[(9, 9)]).await;
    assert_eq!(fourth.tables["dim_a"].delta_version, Some(3));
    assert_logs_agree(dir.path(), &fourth);
}

#[tokio::test]
async fn a_rollback_brings_back_tables_inputs_and_logs() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let mut load = warehouse.begin(run("r1"), warehouse.latest().await.unwrap());
    append(&mut load, "fact_a", &[(1, 100)]).await.unwrap();
    load.set_inputs("job", "source", vec![input("1.csv")]);
    let first = load.publish("first".to_owned()).await.unwrap();
    let mut load = warehouse.begin(run("r2"), first);
    append(&mut load, "fact_a", &[(2, 200)]).await.unwrap();
    append(&mut load, "agg_a", &[(1, 300)]).await.unwrap();
    load.set_inputs("job", "source", vec![input("1.csv"), input("2.csv")]);
    load.set_cursor("cursor", "2".to_owned());
    load.publish("second".to_owned()).await.unwrap();

    let back = warehouse.rollback(ReleaseId(1), run("r3")).await.unwrap();
    assert_eq!(back.id, ReleaseId(3));
    assert_eq!(read_table(dir.path(), &back, "fact_a"), [(1, 100)]);
    assert!(!back.tables.contains_key("agg_a"));
    assert_eq!(back.inputs["job"]["source"], [input("1.csv")]);
    assert!(back.cursors.is_empty());
    assert_logs_agree(dir.path(), &back);
    // And forward again.
    let forth = warehouse.rollback(ReleaseId(2), run("r4")).await.unwrap();
    assert_eq!(read_table(dir.path(), &forth, "agg_a"), [(1, 300)]);
    assert_eq!(forth.cursors["cursor"], "2");
    assert_logs_agree(dir.path(), &forth);
    let error = warehouse.rollback(ReleaseId(4), run("r5")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::User);
}

#[tokio::test]
async fn a_load_that_lost_the_race_goes_on_or_conflicts() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let base = publish_rows(&warehouse, "r1", "fact_a", &[(1, 1)]).await;
    let begin = |name: &str| warehouse.begin(run(name), base.clone());
    let (mut other_table, mut same_table) = (begin("r2"), begin("r3"));
    let (mut reader, mut same_input) = (begin("r4"), begin("r5"));
    append(&mut other_table, "fact_b", &[(2, 2)]).await.unwrap();
    append(&mut same_table, "fact_a", &[(3, 3)]).await.unwrap();
    append(&mut reader, "agg_a", &[(4, 4)]).await.unwrap();
    reader.depends_on("fact_a");
    append(&mut same_input, "fact_c", &[(5, 5)]).await.unwrap();
    same_input.set_inputs("job", "source", vec![input("a.csv")]);

    let mut winner = begin("winner");
    append(&mut winner, "fact_a", &[(6, 6)]).await.unwrap();
    winner.set_inputs("job", "source", vec![input("a.csv")]);
    winner.publish("winner".to_owned()).await.unwrap();

    let release = other_table.publish("rebased".to_owned()).await.unwrap();
    assert_eq!(release.id, ReleaseId(3));
    assert_eq!(read_table(dir.path(), &release, "fact_a"), [(1, 1), (6, 6)]);
    assert_eq!(read_table(dir.path(), &release, "fact_b"), [(2, 2)]);
    for (load, what) in
        [(same_table, "table fact_a"), (reader, "table fact_a"), (same_input, "inputs of job job")]
    {
        let error = load.publish("too late".to_owned()).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Conflict, true));
        assert_eq!(error.context("changed"), Some(what));
    }
    // The losers left nothing behind.
    assert_eq!(data_files(dir.path()).len(), 3);
    assert_logs_agree(dir.path(), &warehouse.latest().await.unwrap());
}

#[tokio::test]
async fn two_loads_of_one_run_cannot_be_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let base = warehouse.latest().await.unwrap();
    let first = warehouse.begin(run("r1"), base.clone());
    let mut second = open(dir.path()).await.begin(run("r1"), base.clone());
    let error = append(&mut second, "fact_a", &[(1, 1)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    drop(first);
    let mut third = warehouse.begin(run("r1"), base);
    append(&mut third, "fact_a", &[(1, 1)]).await.unwrap();
    third.publish("third".to_owned()).await.unwrap();
}

#[tokio::test]
async fn a_damaged_or_missing_release_file_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    for number in 1..=3 {
        publish_rows(&warehouse, &format!("r{number}"), "fact_a", &[(number, 1)]).await;
    }
    drop(warehouse);
    let path = |number: u64| dir.path().join(format!("releases/{number:020}.json"));
    let good = fs::read(path(3)).unwrap();
    let middle = good.len() / 2;
    let mut flipped = good.clone();
    flipped[middle] ^= 1;
    for bad in [&flipped[..], &good[..middle], b"", b"{}\n"] {
        fs::write(path(3), bad).unwrap();
        let error = starhouse::store::Warehouse::open(dir.path(), clock()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        assert!(error.to_string().contains("release 3"), "{error}");
    }
    fs::write(path(3), good).unwrap();
    fs::remove_file(path(2)).unwrap();
    let error = starhouse::store::Warehouse::open(dir.path(), clock()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("00000000000000000002.json"), "{error}");
}

#[tokio::test]
async fn an_outside_writer_is_found_before_the_commit_and_can_be_put_right() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let base = publish_rows(&warehouse, "r1", "fact_a", &[(1, 1)]).await;
    let foreign = dir.path().join("tables/fact_a/_delta_log/00000000000000000001.json");
    fs::write(&foreign, "{\"commitInfo\":{}}\n").unwrap();
    let mut load = warehouse.begin(run("r2"), base);
    append(&mut load, "fact_a", &[(2, 2)]).await.unwrap();
    let error = load.publish("refused".to_owned()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert_eq!(error.context("table"), Some("fact_a"));
    assert_eq!(release_numbers(dir.path()), [1]);
    fs::remove_file(&foreign).unwrap();
    let release = publish_rows(&warehouse, "r3", "fact_a", &[(2, 2)]).await;
    assert_logs_agree(dir.path(), &release);
}

#[tokio::test]
async fn a_data_file_damaged_before_the_publish_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let mut load = warehouse.begin(run("r1"), warehouse.latest().await.unwrap());
    append(&mut load, "fact_a", &[(1, 1)]).await.unwrap();
    let file = &load.preview().tables["fact_a"].files[0].path;
    let path = dir.path().join("tables/fact_a").join(file);
    let mut bytes = fs::read(&path).unwrap();
    bytes[10] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = load.publish("damaged".to_owned()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert!(error.to_string().contains("SHA-256"), "{error}");
    assert!(release_numbers(dir.path()).is_empty());
}

#[tokio::test]
async fn columns_change_only_as_files_of_old_can_follow() {
    use starhouse::model::{Column, ColumnType};
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let base = publish_rows(&warehouse, "r1", "fact_a", &[(1, 1)]).await;
    let mut load = warehouse.begin(run("r2"), base);
    let mut wider = spec("fact_a");
    wider.columns.push(Column::new("more", ColumnType::Boolean, true));
    load.stage(wider.clone(), Change::Append(Vec::new())).unwrap();
    let mut strict = wider.clone();
    strict.columns[3].nullable = false;
    let mut narrower = spec("fact_a");
    narrower.columns.pop();
    let mut retyped = wider.clone();
    retyped.columns[0].ty = ColumnType::Int32;
    for wrong in [strict, narrower, retyped] {
        let error = load.stage(wrong.clone(), Change::Append(Vec::new())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::User, "{error}");
    }
    let release = load.publish("wider".to_owned()).await.unwrap();
    assert_eq!(release.tables["fact_a"].columns, wider.columns);
    let log = dir.path().join("tables/fact_a/_delta_log/00000000000000000001.json");
    assert!(fs::read_to_string(log).unwrap().contains("metaData"));
}

#[tokio::test]
async fn runs_are_replaced_and_listed_by_their_start() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let mut record = RunRecord {
        run: run("b"),
        started_at: noon(),
        as_of: None,
        finished_at: None,
        status: RunStatus::Running,
        release: None,
        error: None,
        steps: Vec::new(),
        quality: Vec::new(),
    };
    warehouse.record_run(&record).await.unwrap();
    record.status = RunStatus::Published;
    warehouse.record_run(&record).await.unwrap();
    let earlier = noon() - chrono::TimeDelta::hours(1);
    let other = RunRecord { run: run("c"), started_at: earlier, ..record.clone() };
    warehouse.record_run(&other).await.unwrap();
    assert_eq!(warehouse.runs().await.unwrap(), [other, record]);
}
