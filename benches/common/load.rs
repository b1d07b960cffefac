//! The warehouse: loaded by the real binary, and what is in it.

use super::machine::Moment;
use super::process;
use super::{Args, Benchmark, Outcome};
use serde::{Deserialize, Serialize};
use starhouse::clock::{Clock, FixedClock};
use starhouse::store::{Release, TableState, Warehouse};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// What is loaded.
pub(crate) struct Load {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) text_bytes: u64,
    pub(crate) loads: Loads,
}

/// What a load took, and what it made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Loaded {
    /// What was made.
    pub(crate) store: Store,
    /// Who made it, as the column is called that reads it.
    pub(crate) engine: String,
    pub(crate) seconds: f64,
    /// Facts.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) peak_bytes: u64,
    /// None of loads from before this was written down.
    #[serde(flatten)]
    pub(crate) moment: Option<Moment>,
}

/// What a load makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Store {
    /// The warehouse, of text.
    Starhouse,
    /// Parquet, of text, by DuckDB.
    DuckdbParquet,
    /// A database of DuckDB's own, of the warehouse's Parquet.
    DuckdbNative,
}

/// The loads of a warehouse, kept beside it: what is asked later was loaded then.
#[derive(Debug, Clone)]
pub(crate) struct Loads {
    path: PathBuf,
    pub(crate) all: Vec<Loaded>,
}

impl Loads {
    fn read(dir: &Path) -> Outcome<Self> {
        let path = dir.join("loads.json");
        let all = match path.exists() {
            true => serde_json::from_slice(&std::fs::read(&path)?)?,
            false => Vec::new(),
        };
        Ok(Self { path, all })
    }

    pub(crate) fn knows(&self, store: Store) -> bool {
        self.all.iter().any(|one| one.store == store)
    }

    /// Keeps a load that has just ended, instead of the one before it.
    pub(crate) fn put(&mut self, loaded: Loaded) -> Outcome<()> {
        self.all.retain(|one| one.store != loaded.store);
        self.all.push(Loaded { moment: Some(Moment::now()), ..loaded });
        Ok(std::fs::write(&self.path, serde_json::to_vec_pretty(&self.all)?)?)
    }
}

/// Loads the warehouse with `starhouse etl run`, unless it is there and not to be loaded `again`.
pub(crate) fn warehouse(
    benchmark: &Benchmark,
    dir: &Path,
    args: &Args,
    again: bool,
) -> Outcome<Load> {
    let warehouse = dir.join("warehouse");
    if again && warehouse.exists() {
        std::fs::remove_dir_all(&warehouse)?;
    }
    let mut loads = Loads::read(dir)?;
    let cost = match warehouse.exists() {
        true => None,
        false => {
            eprintln!("loading");
            loads.all.clear();
            // Whoever loads next finds the text in the system's memory, so whoever loads first does.
            read_through(&dir.join("sources"))?;
            let mut command = Command::new(env!("CARGO_BIN_EXE_starhouse"));
            command.args(["etl", "run", "--project"]).arg(dir);
            Some(process::run(args.limits(&mut command))?)
        }
    };
    let release = latest(dir)?;
    let fact = release.tables.get(benchmark.fact).ok_or("the fact was not loaded")?;
    let (rows, bytes) = (fact.rows(), release.tables.values().map(TableState::size_bytes).sum());
    if let Some(process::Cost { seconds, peak_bytes, .. }) = cost {
        let (store, engine) = (Store::Starhouse, "Starhouse".to_owned());
        loads.put(Loaded { store, engine, seconds, rows, bytes, peak_bytes, moment: None })?;
    }
    let mut text_bytes = 0;
    for entry in std::fs::read_dir(dir.join("sources"))? {
        text_bytes += entry?.metadata()?.len();
    }
    Ok(Load { rows, bytes, text_bytes, loads })
}

/// Reads all files of a folder, once.
fn read_through(folder: &Path) -> Outcome<()> {
    for entry in std::fs::read_dir(folder)? {
        std::io::copy(&mut std::fs::File::open(entry?.path())?, &mut std::io::sink())?;
    }
    Ok(())
}

/// Nothing that is measured reads the clock.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(FixedClock(chrono::DateTime::UNIX_EPOCH))
}

/// The warehouse of a project.
pub(crate) async fn open(dir: &Path) -> starhouse::error::Result<Warehouse> {
    Warehouse::open(&dir.join("warehouse"), clock()).await
}

/// The files of every table, in their order.
pub(crate) fn files(dir: &Path) -> Outcome<BTreeMap<String, Vec<PathBuf>>> {
    let release = latest(dir)?;
    Ok(files_of(dir, &release))
}

/// The files of every table of a release.
pub(crate) fn files_of(dir: &Path, release: &Release) -> BTreeMap<String, Vec<PathBuf>> {
    let place = |table: &TableState| {
        let folder = dir.join("warehouse").join(&table.location);
        table.files.iter().map(|file| folder.join(&file.path)).collect()
    };
    release.tables.iter().map(|(name, table)| (name.clone(), place(table))).collect()
}

/// The last release of a project.
pub(crate) fn latest(dir: &Path) -> Outcome<Arc<Release>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async { open(dir).await?.latest().await })?)
}
