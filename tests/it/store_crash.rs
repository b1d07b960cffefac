//! Failures at every step: whatever breaks, a reader sees the old release or the new one.

use crate::store_support::*;
use proptest::prelude::*;
use starhouse::error::{ErrorKind, Result};
use starhouse::store::failpoint::{self, FailPoints};
use starhouse::store::{Change, RunRecord, RunStatus, Warehouse};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What the tables hold, as it should be.
type Truth = BTreeMap<String, Vec<(i64, i128)>>;

const TABLES: [&str; 3] = ["dim_a", "fact_a", "fact_b"];

#[derive(Debug, Clone)]
enum Action {
    Append,
    Replace,
    /// The first file leaves.
    Exchange,
}

#[derive(Debug, Clone)]
struct Step {
    /// What happens to which tables.
    changes: Vec<(usize, Action, Vec<i128>)>,
    /// At which hit of which fail point it fails.
    failure: Option<(usize, u64)>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let action = prop_oneof![Just(Action::Append), Just(Action::Replace), Just(Action::Exchange)];
    let change = (0..TABLES.len(), action, prop::collection::vec(-1000..1000i128, 0..4));
    let failure = prop::option::weighted(0.8, (0..failpoint::LOAD.len(), 1..6u64));
    let step = (prop::collection::vec(change, 1..4), failure)
        .prop_map(|(changes, failure)| Step { changes, failure });
    prop::collection::vec(step, 1..7)
}

/// One load of one input: does nothing if a release has that input already.
async fn load_once(
    warehouse: &Warehouse,
    number: usize,
    attempt: usize,
    step: &Step,
) -> Result<()> {
    let base = warehouse.latest().await?;
    let (job, file) = ("job", input(&format!("{number}.csv")));
    let mut inputs = base.inputs.get(job).and_then(|job| job.get("s")).cloned().unwrap_or_default();
    if inputs.contains(&file) {
        return Ok(());
    }
    inputs.push(file);
    let name = run(&format!("run{number}-{attempt}"));
    let mut load = warehouse.begin(name.clone(), base);
    for (index, (table, action, cents)) in step.changes.iter().enumerate() {
        let table = TABLES[*table];
        let rows = rows_of(number, index, cents);
        let files = load.write(&spec(table), stream(vec![batch(&rows)])).await?;
        let preview = load.preview();
        let before = preview.tables.get(table).map_or(&[][..], |table| &table.files);
        let change = match action {
            Action::Append => Change::Append(files),
            Action::Replace => Change::Replace(files),
            Action::Exchange => {
                let remove = before.iter().take(1).map(|file| file.path.clone()).collect();
                Change::Exchange { remove, add: files }
            }
        };
        load.stage(spec(table), change)?;
    }
    load.set_inputs(job, "s", inputs);
    let release = load.publish(format!("input {number}")).await?;
    let record = RunRecord {
        run: name,
        started_at: noon(),
        as_of: None,
        finished_at: Some(noon()),
        status: RunStatus::Published,
        release: Some(release.id),
        error: None,
        steps: Vec::new(),
        quality: Vec::new(),
    };
    warehouse.record_run(&record).await
}

fn rows_of(number: usize, index: usize, cents: &[i128]) -> Vec<(i64, i128)> {
    let first = i64::try_from(number * 100 + index * 10).unwrap();
    (first..).zip(cents.iter().copied()).collect()
}

/// The same load on plain lists; files are lists of rows.
fn apply(files: &mut BTreeMap<String, Vec<Vec<(i64, i128)>>>, number: usize, step: &Step) {
    for (index, (table, action, cents)) in step.changes.iter().enumerate() {
        let table = files.entry(TABLES[*table].to_owned()).or_default();
        match action {
            Action::Append => {}
            Action::Replace => table.clear(),
            Action::Exchange if table.is_empty() => {}
            Action::Exchange => drop(table.remove(0)),
        }
        let rows = rows_of(number, index, cents);
        if !rows.is_empty() {
            table.push(rows);
        }
    }
}

fn truth(files: &BTreeMap<String, Vec<Vec<(i64, i128)>>>) -> Truth {
    let mut truth = Truth::new();
    for (table, files) in files {
        let mut rows: Vec<(i64, i128)> = files.concat();
        rows.sort_unstable();
        truth.insert(table.clone(), rows);
    }
    truth
}

/// What whoever opens the warehouse now sees; checks what must always hold.
async fn seen(root: &Path) -> (Truth, usize) {
    let warehouse = open(root).await;
    let release = warehouse.latest().await.unwrap();
    assert_logs_agree(root, &release);
    let numbers = release_numbers(root);
    assert_eq!(numbers, (1..=release.id.0).collect::<Vec<_>>(), "releases have no gap");
    let tables = release.tables.keys();
    let seen = tables.map(|table| (table.clone(), read_table(root, &release, table))).collect();
    (seen, numbers.len())
}

async fn check_steps(steps: &[Step]) {
    let dir = tempfile::tempdir().unwrap();
    let mut files = BTreeMap::new();
    for (number, step) in steps.iter().enumerate() {
        let old = truth(&files);
        apply(&mut files, number, step);
        let new = truth(&files);
        if let Some((point, nth)) = step.failure {
            let points = FailPoints::default();
            let warehouse = open_with(dir.path(), &points).await.unwrap();
            points.arm(failpoint::LOAD[point], nth);
            let done = load_once(&warehouse, number, 1, step).await;
            drop(warehouse);
            let (now, releases) = seen(dir.path()).await;
            assert!(now == old || now == new, "neither old nor new after {step:?}: {now:?}");
            if done.is_ok() {
                assert_eq!(now, new, "a load that succeeded is seen");
            }
            assert!(releases <= number + 1);
        }
        // Again, without failure: it lands once, whatever became of the first attempt.
        let warehouse = open(dir.path()).await;
        load_once(&warehouse, number, 2, step).await.unwrap();
        drop(warehouse);
        let (now, releases) = seen(dir.path()).await;
        assert_eq!(now, new);
        assert_eq!(releases, number + 1, "a repeated load lands once");
    }
    // Nothing that failed leaves more than vacuum finds.
    let warehouse = open(dir.path()).await;
    warehouse.vacuum(1).await.unwrap();
    let release = warehouse.latest().await.unwrap();
    let named: BTreeSet<String> = release
        .tables
        .iter()
        .flat_map(|(name, table)| {
            table.files.iter().map(move |file| format!("{name}/{}", file.path))
        })
        .collect();
    assert_eq!(data_files(dir.path()), named);
}

fn cases() -> u32 {
    if std::env::var("STARHOUSE_FULL").is_ok() { 1000 } else { 40 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_failure_anywhere_changes_nothing_or_everything(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_steps(&steps));
    }
}

#[tokio::test]
async fn a_publish_hits_every_fail_point_and_each_of_them_fails_cleanly() {
    let step = Step {
        changes: vec![(0, Action::Append, vec![1, 2]), (1, Action::Append, vec![3])],
        failure: None,
    };
    let dir = tempfile::tempdir().unwrap();
    let points = FailPoints::default();
    let warehouse = open_with(dir.path(), &points).await.unwrap();
    points.disarm();
    load_once(&warehouse, 0, 1, &step).await.unwrap();
    let hits = points.hits();
    let met = |point: &&&str| hits.contains_key(**point);
    assert_eq!(failpoint::LOAD.iter().filter(met).count(), failpoint::LOAD.len(), "{hits:?}");
    for (index, name) in failpoint::LOAD.iter().enumerate() {
        for nth in 1..=hits[name] {
            let step = Step { failure: Some((index, nth)), ..step.clone() };
            check_steps(&[step]).await;
        }
    }
}

#[tokio::test]
async fn an_error_after_the_commit_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let points = FailPoints::default();
    let warehouse = open_with(dir.path(), &points).await.unwrap();
    points.arm("delta.before_commit", 2);
    let mut load = warehouse.begin(run("r1"), warehouse.latest().await.unwrap());
    append(&mut load, "fact_a", &[(1, 1)]).await.unwrap();
    append(&mut load, "fact_b", &[(2, 2)]).await.unwrap();
    let error = load.publish("torn".to_owned()).await.unwrap_err();
    assert_eq!(error.context("published release"), Some("1"));
    // The same process goes on; its next publish rolls the torn one forward first.
    assert!(delta_files(dir.path(), "fact_b").is_empty());
    let release = publish_rows(&warehouse, "r2", "fact_a", &[(3, 3)]).await;
    assert_logs_agree(dir.path(), &release);
    assert_eq!(read_table(dir.path(), &release, "fact_b"), [(2, 2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_once_lose_nothing() {
    const WRITERS: i64 = 8;
    const LOADS: i64 = 5;
    let dir = tempfile::tempdir().unwrap();
    let shared = open(dir.path()).await;
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        // Half of them share a handle; the others are like processes of their own.
        let warehouse = if writer % 2 == 0 { shared.clone() } else { open(dir.path()).await };
        tasks.push(tokio::spawn(async move {
            let mut conflicts = 0;
            for number in 0..LOADS {
                let row = (writer * 100 + number, i128::from(writer * 100 + number));
                loop {
                    let base = warehouse.latest().await.unwrap();
                    let name = format!("w{writer}-{number}-{conflicts}");
                    let mut load = warehouse.begin(run(&name), base);
                    append(&mut load, "fact_shared", &[row]).await.unwrap();
                    append(&mut load, &format!("fact_own_{writer}"), &[row]).await.unwrap();
                    match load.publish(name).await {
                        Ok(_) => break,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                            conflicts += 1;
                        }
                    }
                }
            }
            // A table of one's own never conflicts.
            for number in LOADS..2 * LOADS {
                let row = (writer * 100 + number, i128::from(writer * 100 + number));
                let base = warehouse.latest().await.unwrap();
                let mut load = warehouse.begin(run(&format!("o{writer}-{number}")), base);
                append(&mut load, &format!("fact_own_{writer}"), &[row]).await.unwrap();
                load.publish("own".to_owned()).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let release = open(dir.path()).await.latest().await.unwrap();
    let total = u64::try_from(WRITERS * LOADS * 2).unwrap();
    assert_eq!(release.id.0, total);
    assert_eq!(release_numbers(dir.path()), (1..=total).collect::<Vec<_>>());
    let rows = |writer: i64, from: i64, to: i64| {
        (from..to).map(move |number| writer * 100 + number).map(|id| (id, i128::from(id)))
    };
    let all: Vec<(i64, i128)> = (0..WRITERS).flat_map(|writer| rows(writer, 0, LOADS)).collect();
    assert_eq!(read_table(dir.path(), &release, "fact_shared"), all);
    for writer in 0..WRITERS {
        let own: Vec<(i64, i128)> = rows(writer, 0, 2 * LOADS).collect();
        assert_eq!(read_table(dir.path(), &release, &format!("fact_own_{writer}")), own);
    }
    assert_logs_agree(dir.path(), &release);
}
