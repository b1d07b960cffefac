//! The peers that are Python packages: `peers.py` runs them, in an environment of its own.

use super::load::files;
use super::measured::Column;
use super::{Args, Benchmark, Outcome, WARM_UPS, process};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Serialize)]
struct Wanted<'a> {
    tables: &'a BTreeMap<String, Vec<PathBuf>>,
    queries: &'a [(&'static str, String)],
    load: &'a str,
    warm_ups: usize,
    runs: usize,
    threads: usize,
    memory_gib: usize,
    folder: &'a Path,
}

/// What a peer took to load the same text: keys looked up, sorted, partitioned, as Parquet.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Loaded {
    pub(crate) title: String,
    pub(crate) seconds: f64,
    pub(crate) bytes: u64,
    pub(crate) peak_bytes: u64,
}

/// Runs them all, over the files of the warehouse.
pub(crate) fn all(
    benchmark: &Benchmark,
    dir: &Path,
    args: &Args,
    root: &Path,
) -> Outcome<Vec<Column>> {
    let peers = benchmark.peers.iter();
    peers.map(|peer| run(peer, benchmark, dir, args, root)).collect()
}

/// Lets DuckDB load the text.
pub(crate) fn load(benchmark: &Benchmark, dir: &Path, args: &Args, root: &Path) -> Outcome<Loaded> {
    run("duckdb_load", benchmark, dir, args, root)
}

/// What a peer prints.
fn run<T: DeserializeOwned>(
    peer: &str,
    benchmark: &Benchmark,
    dir: &Path,
    args: &Args,
    root: &Path,
) -> Outcome<T> {
    let python = environment(dir, root)?;
    let wanted = Wanted {
        tables: &files(dir)?,
        queries: &benchmark.queries,
        load: benchmark.peers_load,
        warm_ups: WARM_UPS,
        runs: args.runs,
        threads: args.threads,
        memory_gib: args.memory_gib,
        folder: dir,
    };
    let request = dir.join("peers.json");
    std::fs::write(&request, serde_json::to_vec(&wanted)?)?;
    eprintln!("{peer}");
    let program = root.join("benches/common/peers.py");
    process::printed(Command::new(python).arg(program).arg(peer).arg(request))
}

/// A virtual environment with the packages of `benches/requirements.txt`.
fn environment(dir: &Path, root: &Path) -> Outcome<PathBuf> {
    let list = root.join("benches/requirements.txt");
    let folder = dir.with_file_name("bench-python");
    let (python, done) = (folder.join("bin/python"), folder.join("complete"));
    let wanted = std::fs::read_to_string(&list)?;
    if std::fs::read_to_string(&done).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    eprintln!("installing the peers");
    step(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let install = ["-m", "pip", "install", "--quiet", "--requirement"];
    step(Command::new(&python).args(install).arg(&list))?;
    std::fs::write(done, wanted)?;
    Ok(python)
}

fn step(command: &mut Command) -> Outcome<()> {
    match command.status()?.success() {
        true => Ok(()),
        false => Err(format!(
            "{command:?} failed: the peers need Python 3 with venv and pip; --no-peers leaves them out"
        )
        .into()),
    }
}
