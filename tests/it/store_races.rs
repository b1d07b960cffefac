//! What happens between two steps of a publish: others publish, roll back, vacuum, or stop waiting.

use crate::store_support::*;
use starhouse::error::ErrorKind;
use starhouse::ids::ReleaseId;
use starhouse::store::failpoint::{self, FailPoints};
use starhouse::store::{Change, Warehouse};
use std::path::Path;
use std::time::Duration;

async fn opened(root: &Path) -> (Warehouse, FailPoints) {
    let points = FailPoints::default();
    (open_with(root, &points).await.unwrap(), points)
}

async fn reached(held: failpoint::Held) -> failpoint::Held {
    tokio::task::spawn_blocking(|| {
        held.wait();
        held
    })
    .await
    .unwrap()
}

/// Who stops waiting for a publish that has begun does not take its files away.
#[tokio::test(flavor = "multi_thread")]
async fn a_publish_goes_on_without_whoever_waited_for_it() {
    for point in ["verify.before", "verify.after", "release.before_put", "release.after_put"] {
        let dir = tempfile::tempdir().unwrap();
        let (warehouse, points) = opened(dir.path()).await;
        let mut load = warehouse.begin(run("r1"), warehouse.latest().await.unwrap());
        append(&mut load, "fact_a", &[(1, 1), (2, 2)]).await.unwrap();
        let held = points.hold(point);
        let publishing = tokio::spawn(load.publish("alone".to_owned()));
        let held = reached(held).await;
        publishing.abort();
        assert!(publishing.await.unwrap_err().is_cancelled());
        // Whoever looks now must not count it among the dead, nor its files as nobody's.
        open(dir.path()).await.vacuum(1).await.unwrap();
        drop(held);
        let mut latest = warehouse.latest().await.unwrap();
        for _ in 0..500 {
            if latest.id == ReleaseId(1) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            latest = warehouse.latest().await.unwrap();
        }
        assert_eq!(read_table(dir.path(), &latest, "fact_a"), [(1, 1), (2, 2)], "{point}");
        // Another publish waits for whatever is left to do of this one.
        let next = publish_rows(&warehouse, "r2", "fact_a", &[(3, 3)]).await;
        assert_logs_agree(dir.path(), &next);
    }
}

/// A release is put on top of another only when that one's Delta commits are all there.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_waits_for_the_one_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (slow, slow_points) = opened(dir.path()).await;
    let (torn, torn_points) = opened(dir.path()).await;
    for point in ["roll_forward.before_apply", "release.before_put"] {
        // A release whose commits are missing, so that the next publish has something to do.
        torn_points.arm("delta.before_commit", 1);
        let mut load = torn.begin(run(&format!("{point}-0")), torn.latest().await.unwrap());
        append(&mut load, "fact_a", &[(1, 1)]).await.unwrap();
        load.publish("torn".to_owned()).await.unwrap_err();
        let mut load = slow.begin(run(&format!("{point}-1")), slow.latest().await.unwrap());
        append(&mut load, "fact_b", &[(2, 2)]).await.unwrap();
        let held = slow_points.hold(point);
        let publishing = tokio::spawn(load.publish("slow".to_owned()));
        let held = reached(held).await;
        // Meanwhile somebody else is first, and is killed before any commit.
        torn_points.arm("delta.before_commit", 2);
        let mut load = torn.begin(run(&format!("{point}-2")), torn.latest().await.unwrap());
        append(&mut load, "fact_c", &[(3, 3)]).await.unwrap();
        append(&mut load, "fact_d", &[(4, 4)]).await.unwrap();
        let first = load.publish("first".to_owned()).await;
        torn_points.disarm();
        drop(held);
        let release = publishing.await.unwrap().unwrap();
        assert!(first.is_err(), "{point}");
        assert_logs_agree(dir.path(), &release);
    }
}

/// A rollback says what the whole warehouse becomes: it fits on its base alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_does_not_mix_with_what_was_published_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let (warehouse, points) = opened(dir.path()).await;
    publish_rows(&warehouse, "r1", "dim_a", &[(1, 1)]).await;
    publish_rows(&warehouse, "r2", "dim_a", &[(2, 2)]).await;
    let held = points.hold("release.before_put");
    let back = {
        let warehouse = warehouse.clone();
        tokio::spawn(async move { warehouse.rollback(ReleaseId(1), run("back")).await })
    };
    let held = reached(held).await;
    let other = open(dir.path()).await;
    publish_rows(&other, "r3", "fact_new", &[(3, 3)]).await;
    drop(held);
    assert_eq!(back.await.unwrap().unwrap_err().kind(), ErrorKind::Conflict);
    // Tried again it goes back behind that as well, and the log knows who did it.
    let release = warehouse.rollback(ReleaseId(1), run("back-again")).await.unwrap();
    assert_eq!(release.tables.keys().collect::<Vec<_>>(), ["dim_a"]);
    let runs = warehouse.runs().await.unwrap();
    assert_eq!((runs.len(), runs[0].release), (1, Some(ReleaseId(4))));
}

/// A rollback while a vacuum looks around keeps the files it names.
#[tokio::test(flavor = "multi_thread")]
async fn a_vacuum_spares_what_a_rollback_brings_back() {
    let dir = tempfile::tempdir().unwrap();
    let (warehouse, points) = opened(dir.path()).await;
    for number in 1..=3 {
        let mut load =
            warehouse.begin(run(&format!("r{number}")), warehouse.latest().await.unwrap());
        let files = load.write(&spec("dim_a"), stream(vec![batch(&[(number, 1)])])).await.unwrap();
        load.stage(spec("dim_a"), Change::Replace(files)).unwrap();
        load.publish("replace".to_owned()).await.unwrap();
    }
    let held = points.hold("vacuum.before_lock");
    let vacuum = {
        let warehouse = warehouse.clone();
        tokio::spawn(async move { warehouse.vacuum(1).await })
    };
    let held = reached(held).await;
    let release = open(dir.path()).await.rollback(ReleaseId(1), run("back")).await.unwrap();
    assert_eq!(release.id, ReleaseId(4));
    drop(held);
    vacuum.await.unwrap().unwrap();
    assert_eq!(read_table(dir.path(), &release, "dim_a"), [(1, 1)]);
}

/// A vacuum that stops anywhere leaves a warehouse that reads as before, and can be vacuumed.
#[tokio::test]
async fn a_vacuum_that_fails_anywhere_loses_nothing() {
    for point in failpoint::UPKEEP.iter().filter(|point| point.starts_with("vacuum")) {
        for nth in 1..=3 {
            let dir = tempfile::tempdir().unwrap();
            let (warehouse, points) = opened(dir.path()).await;
            for number in 1..=4 {
                let base = warehouse.latest().await.unwrap();
                let mut load = warehouse.begin(run(&format!("r{number}")), base);
                let rows = stream(vec![batch(&[(number, 1)])]);
                let files = load.write(&spec("dim_a"), rows).await.unwrap();
                load.stage(spec("dim_a"), Change::Replace(files)).unwrap();
                load.publish("replace".to_owned()).await.unwrap();
            }
            points.arm(point, nth);
            let failed = warehouse.vacuum(1).await.is_err();
            assert!(failed || nth > 1, "{point} was never reached");
            drop(warehouse);
            let warehouse = open(dir.path()).await;
            let latest = warehouse.latest().await.unwrap();
            assert_eq!(read_table(dir.path(), &latest, "dim_a"), [(4, 1)], "{point}:{nth}");
            assert_eq!(*release_numbers(dir.path()).last().unwrap(), 4);
            warehouse.vacuum(1).await.unwrap();
            assert_eq!(data_files(dir.path()).len(), 1, "{point}:{nth}");
            assert_eq!(release_numbers(dir.path()), [4]);
        }
    }
}
