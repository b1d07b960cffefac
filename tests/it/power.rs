//! The machine loses its power: what was not synced may be there or not, in any combination.
//!
//! A journal of everything the store does to the disk is cut anywhere, and a folder built as the
//! disk may then look: names of folders that were not synced since may be missing, each by itself,
//! and files that were not synced may be empty, cut short or full of zeros. Whatever it is, who
//! opens the warehouse there must find everything that a publish had promised, and nothing in
//! between. Without our syncs that is not so, and the same test says which one was needed.

use crate::store_support::*;
use starhouse::store::failpoint::FailPoints;
use starhouse::store::journal::{Effect, Sync};
use starhouse::store::{Change, Warehouse};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Numbers by chance, the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % sides
    }
}

/// The tables of releases, by number: what must be found.
type Truth = BTreeMap<u64, BTreeMap<String, Vec<(i64, i128)>>>;

const LOADS: i64 = 14;

/// Some loads, each marked in the journal when it has begun and when it is promised.
async fn loads(root: &Path, points: &FailPoints) -> Truth {
    let mut truth = Truth::from([(0, BTreeMap::new())]);
    let warehouse = open_with(root, points).await.unwrap();
    for number in 1..=LOADS {
        load(&warehouse, points, number, &mut truth).await.unwrap();
    }
    truth
}

/// One load: rows join a table, take the place of another's, and join a partition.
async fn load(
    warehouse: &Warehouse,
    points: &FailPoints,
    number: i64,
    truth: &mut Truth,
) -> Result<(), starhouse::error::Error> {
    let base = warehouse.latest().await?;
    let mut tables = truth[&base.id.0].clone();
    points.mark(format!("begun {}", base.id.0 + 1));
    let mut load = warehouse.begin(run(&format!("r{number}")), base);
    let rows = [(number, i128::from(number) * 100), (number + 1000, 7)];
    append(&mut load, "fact_a", &rows).await?;
    tables.entry("fact_a".to_owned()).or_default().extend(rows);
    let files = load.write(&spec("dim_a"), stream(vec![batch(&rows)])).await?;
    load.stage(spec("dim_a"), Change::Replace(files))?;
    tables.insert("dim_a".to_owned(), rows.to_vec());
    let month = i32::try_from(number % 3).unwrap();
    let monthly_rows = stream(vec![monthly_batch(&[(month, number, 5)])]);
    let files = load.write(&monthly("fact_m"), monthly_rows).await?;
    load.stage(monthly("fact_m"), Change::Append(files))?;
    tables.entry("fact_m".to_owned()).or_default().push((number, 5));
    tables.values_mut().for_each(|rows| rows.sort_unstable());
    let release = load.publish(format!("load {number}")).await?;
    truth.insert(release.id.0, tables);
    points.mark(format!("promised {}", release.id.0));
    Ok(())
}

/// A name in a folder.
#[derive(Clone)]
enum Entry {
    File(Arc<[u8]>, bool),
    Folder,
    Gone,
}

/// What a disk may hold after the first so many effects of a journal.
fn after_power_loss(journal: &[Effect], root: &Path, target: &Path, dice: &mut Dice) {
    // Each folder's names, in order: how far they are safe, and those whose sync has failed.
    #[derive(Default)]
    struct Names {
        changes: Vec<(PathBuf, Entry, bool)>,
        safe: usize,
    }
    let mut folders: BTreeMap<PathBuf, Names> = BTreeMap::new();
    let parent = |path: &Path| path.parent().unwrap().to_owned();
    let change = |path: &Path, entry: Entry| (path.to_owned(), entry, false);
    for effect in journal {
        match effect {
            Effect::Named { path, bytes, is_synced } => {
                let names = folders.entry(parent(path)).or_default();
                names.changes.push(change(path, Entry::File(Arc::clone(bytes), *is_synced)));
            }
            Effect::Removed(path) => {
                folders.entry(parent(path)).or_default().changes.push(change(path, Entry::Gone));
            }
            Effect::FolderMade(path) => {
                folders.entry(parent(path)).or_default().changes.push(change(path, Entry::Folder));
            }
            Effect::FolderSynced(path) => {
                let names = folders.entry(path.clone()).or_default();
                names.safe = names.changes.len();
            }
            Effect::FolderSyncFailed(path) => {
                let names = folders.entry(path.clone()).or_default();
                let safe = names.safe;
                names.changes[safe..].iter_mut().for_each(|(.., lost)| *lost = true);
            }
            Effect::Mark(_) => {}
        }
    }
    let mut found: BTreeMap<PathBuf, Entry> = BTreeMap::new();
    for names in folders.values() {
        for (index, (path, entry, doomed)) in names.changes.iter().enumerate() {
            if (index < names.safe && !doomed) || dice.roll(2) == 0 {
                found.insert(path.clone(), entry.clone());
            }
        }
    }
    fs::create_dir_all(target).unwrap();
    // Parents sort before what is in them; what has no parent is lost with it.
    for (path, entry) in &found {
        let place = target.join(path.strip_prefix(root).unwrap());
        if !place.parent().unwrap().is_dir() {
            continue;
        }
        match entry {
            Entry::Folder => fs::create_dir(&place).unwrap(),
            Entry::Gone => {}
            Entry::File(bytes, true) => fs::write(&place, bytes).unwrap(),
            Entry::File(bytes, false) => {
                let torn = match dice.roll(3) {
                    0 => Vec::new(),
                    1 => bytes[..bytes.len() / 2].to_vec(),
                    _ => vec![0; bytes.len()],
                };
                fs::write(&place, torn).unwrap();
            }
        }
    }
}

/// What a journal has promised by then, and the last release that was begun.
fn promised(journal: &[Effect]) -> (u64, u64) {
    let number = |word: &str| {
        let marks = journal.iter().filter_map(|effect| match effect {
            Effect::Mark(text) => text.strip_prefix(word)?.trim().parse::<u64>().ok(),
            _ => None,
        });
        marks.max().unwrap_or(0)
    };
    (number("promised"), number("begun"))
}

/// What is wrong with a warehouse after the power was lost; nothing where all is well.
async fn wrong(root: &Path, promised: (u64, u64), truth: &Truth) -> Option<String> {
    let warehouse = match Warehouse::open(root, clock()).await {
        Ok(warehouse) => warehouse,
        Err(error) => return Some(format!("it cannot be opened: {error}")),
    };
    let release = match warehouse.latest().await {
        Ok(release) => release,
        Err(error) => return Some(format!("no release can be read: {error}")),
    };
    let id = release.id.0;
    if id < promised.0 || id > promised.1 {
        return Some(format!("release {id} is found, {} was promised", promised.0));
    }
    // Whoever publishes next needs everything below it whole.
    let looked = std::panic::catch_unwind(|| {
        for number in 1..=id {
            let path = root.join(format!("releases/{number:020}.json"));
            assert!(path.exists(), "release {number} is gone");
        }
        assert_logs_agree(root, &release);
        for (name, rows) in &truth[&id] {
            assert_eq!(read_table(root, &release, name), *rows, "{name}");
        }
    });
    match looked {
        Ok(()) => None,
        Err(panic) => Some(format!("{:?}", panic.downcast_ref::<String>())),
    }
}

/// Cuts a journal at many places; the first that is wrong.
async fn first_wrong(
    points: &FailPoints,
    root: &Path,
    truth: &Truth,
    cuts: u64,
    seed: u64,
) -> Option<String> {
    let journal = points.journal();
    let root = fs::canonicalize(root).unwrap();
    let mut dice = Dice(seed);
    for _ in 0..cuts {
        let cut = usize::try_from(dice.roll(journal.len() as u64 + 1)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("warehouse");
        after_power_loss(&journal[..cut], &root, &target, &mut dice);
        if let Some(wrong) = wrong(&target, promised(&journal[..cut]), truth).await {
            return Some(format!("cut at {cut} of {}: {wrong}", journal.len()));
        }
    }
    None
}

fn cuts() -> u64 {
    if std::env::var_os("STARHOUSE_FULL").is_some() { 5_000 } else { 250 }
}

#[tokio::test]
async fn our_syncs_are_enough() {
    let dir = tempfile::tempdir().unwrap();
    let points = FailPoints::default();
    points.write_journal();
    let truth = loads(dir.path(), &points).await;
    assert!(points.journal().len() > 100);
    assert_eq!(first_wrong(&points, dir.path(), &truth, cuts(), 1).await, None);
}

/// Each sync by itself: left out, power is lost to the same test.
#[tokio::test]
async fn our_syncs_are_needed() {
    let syncs = [
        (false, "releases"),
        (false, "tables/dim_a/_delta_log"),
        (false, "tables/fact_a"),
        (true, "releases"),
        (true, "tables/dim_a/_delta_log"),
        (true, "tables/fact_a"),
        (true, "tables/fact_m"),
        (true, "tables"),
    ];
    let mut unneeded = BTreeSet::new();
    for (of_folders, prefix) in syncs {
        let dir = tempfile::tempdir().unwrap();
        let points = FailPoints::default();
        points.write_journal();
        points.without_syncs(Sync { of_folders, prefix: prefix.to_owned() });
        let truth = loads(dir.path(), &points).await;
        if first_wrong(&points, dir.path(), &truth, 500, 2).await.is_none() {
            unneeded.insert((of_folders, prefix));
        }
    }
    assert_eq!(unneeded, BTreeSet::new(), "nothing goes wrong without these syncs");
}

/// A sync that fails is an error, and stays one: whoever tries again writes anew.
#[tokio::test]
async fn a_sync_that_failed_is_never_taken_for_one_that_did_not() {
    let syncs = [(false, "releases"), (false, "tables"), (true, "releases"), (true, "tables")];
    for (of_folders, prefix) in syncs {
        for nth in [1, 2, 3, 5] {
            let dir = tempfile::tempdir().unwrap();
            let points = FailPoints::default();
            let warehouse = open_with(dir.path(), &points).await.unwrap();
            points.write_journal();
            // The folders of an empty warehouse are there and safe already.
            for folder in ["releases", "tables", "staging", "leases", "log", "log/runs"] {
                let path = fs::canonicalize(dir.path()).unwrap().join(folder);
                points.note_folder(path);
            }
            let mut truth = Truth::from([(0, BTreeMap::new())]);
            points.fail_sync(Sync { of_folders, prefix: prefix.to_owned() }, nth);
            let mut failures = 0;
            for number in 1..=6 {
                for attempt in 0..3 {
                    let (before, id) = (truth.clone(), warehouse.latest().await.unwrap().id.0);
                    match load(&warehouse, &points, number + attempt * 100, &mut truth).await {
                        Ok(()) => break,
                        Err(error) => {
                            assert!(error.to_string().contains("cannot sync file"), "{error}");
                            failures += 1;
                            truth = before;
                            // It may stand all the same: then it is what was begun.
                            let now = warehouse.latest().await.unwrap();
                            if now.id.0 > id {
                                let read = |name: &String| read_table(dir.path(), &now, name);
                                let tables =
                                    now.tables.keys().map(|name| (name.clone(), read(name)));
                                truth.insert(now.id.0, tables.collect());
                            }
                        }
                    }
                }
            }
            assert!(!points.awaits_sync(), "the sync never came");
            assert_eq!(failures, 1, "{of_folders} {prefix} {nth}");
            let wrong = first_wrong(&points, dir.path(), &truth, 15, nth).await;
            assert_eq!(wrong, None, "{of_folders} {prefix} {nth}");
        }
    }
}
