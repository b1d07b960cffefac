//! The warehouse: loaded by the real binary, and what is in it.

use super::process::{self, Cost};
use super::{Benchmark, Outcome};
use starhouse::clock::{Clock, FixedClock};
use starhouse::store::{Release, TableState, Warehouse};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// What loading took, and what it made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// None where the warehouse was there already.
    pub(crate) cost: Option<Cost>,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) text_bytes: u64,
}

/// Loads the warehouse with `starhouse etl run`, unless it is there.
pub(crate) fn warehouse(benchmark: &Benchmark, dir: &Path, again: bool) -> Outcome<Load> {
    let warehouse = dir.join("warehouse");
    if again && warehouse.exists() {
        std::fs::remove_dir_all(&warehouse)?;
    }
    let cost = match warehouse.exists() {
        true => None,
        false => {
            eprintln!("loading");
            let mut command = Command::new(env!("CARGO_BIN_EXE_starhouse"));
            Some(process::run(command.args(["etl", "run", "--project"]).arg(dir))?)
        }
    };
    let release = latest(dir)?;
    let fact = release.tables.get(benchmark.fact).ok_or("the fact was not loaded")?;
    let bytes = release.tables.values().map(TableState::size_bytes).sum();
    let mut text_bytes = 0;
    for entry in std::fs::read_dir(dir.join("sources"))? {
        text_bytes += entry?.metadata()?.len();
    }
    Ok(Load { cost, rows: fact.rows(), bytes, text_bytes })
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

fn latest(dir: &Path) -> Outcome<Arc<Release>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async { open(dir).await?.latest().await })?)
}
