//! Sixteen writers and sixteen readers at once, with compactions and vacuums between them.
//!
//! Every load moves an amount from one table to another, so that the sum over both is nothing in
//! every release. A reader sees that, or the tables were not of one release; and it reads every row
//! of the release that it holds, whatever is compacted and vacuumed meanwhile.

use crate::store_support::*;
use starhouse::error::ErrorKind;
use starhouse::store::{Change, Warehouse};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const WRITERS: i64 = 16;
const READERS: usize = 16;
const LOADS: i64 = 3;

/// Moves an amount between the tables of a pair; writers of other pairs are not in its way.
async fn write(warehouse: Warehouse, writer: i64) -> u64 {
    let mut conflicts = 0;
    let pair = writer % 4;
    for number in 0..LOADS {
        let row = writer * 1000 + number;
        let cents = i128::from(row * 37 % 1000);
        loop {
            let base = warehouse.latest().await.unwrap();
            let mut load = warehouse.begin(run(&format!("w{writer}-{number}-{conflicts}")), base);
            append(&mut load, &format!("fact_from_{pair}"), &[(row, -cents)]).await.unwrap();
            append(&mut load, &format!("fact_to_{pair}"), &[(row, cents)]).await.unwrap();
            match load.publish("moved".to_owned()).await {
                Ok(_) => break,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                    conflicts += 1;
                }
            }
        }
    }
    conflicts
}

/// Reads releases, each as a whole, until all writers are done.
async fn read(warehouse: Warehouse, root: &Path, done: Arc<AtomicBool>, looks: Arc<AtomicU64>) {
    let mut last = 0;
    while !done.load(Ordering::SeqCst) {
        let release = warehouse.latest().await.unwrap();
        assert!(release.id.0 >= last, "releases go backwards");
        last = release.id.0;
        let root = root.to_owned();
        let looked = tokio::task::spawn_blocking(move || {
            for pair in 0..4 {
                let from = read_table(&root, &release, &format!("fact_from_{pair}"));
                let to = read_table(&root, &release, &format!("fact_to_{pair}"));
                let cents = |rows: &[(i64, i128)]| rows.iter().map(|row| row.1).sum::<i128>();
                assert_eq!(cents(&from) + cents(&to), 0, "release {}", release.id);
                let ids = |rows: &[(i64, i128)]| rows.iter().map(|row| row.0).collect::<Vec<_>>();
                assert_eq!(ids(&from), ids(&to), "release {}", release.id);
            }
        });
        looked.await.unwrap();
        looks.fetch_add(1, Ordering::SeqCst);
    }
}

/// Writes the files of a table anew as one, until all writers are done.
async fn compact(warehouse: Warehouse, root: &Path, table: &str, done: Arc<AtomicBool>) -> u64 {
    let (mut compactions, mut attempt) = (0, 0);
    while !done.load(Ordering::SeqCst) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let base = warehouse.latest().await.unwrap();
        let Some(state) = base.tables.get(table).filter(|state| state.files.len() > 1).cloned()
        else {
            continue;
        };
        let rows = read_table(root, &base, table);
        attempt += 1;
        let mut load = warehouse.begin(run(&format!("c-{table}-{attempt}")), base);
        let add = load.write(&spec(table), stream(vec![batch(&rows)])).await.unwrap();
        let remove = state.files.into_iter().map(|file| file.path).collect();
        load.stage(spec(table), Change::Exchange { remove, add }).unwrap();
        match load.publish("compacted".to_owned()).await {
            Ok(_) => compactions += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
        }
    }
    compactions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_loses_nothing_and_sees_nothing_in_between() {
    let dir = tempfile::tempdir().unwrap();
    let root: &'static Path = Box::leak(dir.path().to_owned().into_boxed_path());
    let shared = open(root).await;
    let (done, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        // Half of them share a handle; the others are like processes of their own.
        let warehouse = if writer % 2 == 0 { shared.clone() } else { open(root).await };
        writers.push(tokio::spawn(write(warehouse, writer)));
    }
    let mut others = Vec::new();
    for reader in 0..READERS {
        let warehouse = if reader % 2 == 0 { shared.clone() } else { open(root).await };
        others.push(tokio::spawn(read(warehouse, root, Arc::clone(&done), Arc::clone(&looks))));
    }
    let compactor = tokio::spawn(compact(open(root).await, root, "fact_from_0", Arc::clone(&done)));
    let (cleaner, stop) = (open(root).await, Arc::clone(&done));
    let vacuums = tokio::spawn(async move {
        let mut deleted = 0;
        while !stop.load(Ordering::SeqCst) {
            deleted += cleaner.vacuum(2).await.unwrap().releases;
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        deleted
    });
    let mut published = u64::try_from(WRITERS * LOADS).unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    for other in others {
        other.await.unwrap();
    }
    published += compactor.await.unwrap();
    assert!(vacuums.await.unwrap() > 0, "nothing was vacuumed meanwhile");
    assert!(looks.load(Ordering::SeqCst) > 20, "nobody looked");
    let release = open(root).await.latest().await.unwrap();
    assert_eq!(release.id.0, published, "every publish is a release, and nothing else is");
    let numbers = release_numbers(root);
    let first = numbers[0];
    assert_eq!(numbers, (first..=published).collect::<Vec<_>>(), "releases have no gap");
    assert_logs_agree(root, &release);
    let rows: usize =
        (0..4).map(|pair| read_table(root, &release, &format!("fact_to_{pair}")).len()).sum();
    assert_eq!(rows, usize::try_from(WRITERS * LOADS).unwrap());
}
