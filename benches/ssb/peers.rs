//! The peers that are Python packages: `peers.py` runs them, in an environment of its own.

use super::measured::{Column, Measured};
use super::ours::WARM_UPS;
use super::queries::QUERIES;
use super::{Args, Outcome};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Serialize)]
struct Wanted<'a> {
    tables: &'a BTreeMap<String, Vec<PathBuf>>,
    queries: Vec<(&'a str, String)>,
    warm_ups: usize,
    runs: usize,
    threads: usize,
    memory_gib: usize,
    folder: &'a Path,
}

#[derive(Deserialize)]
struct Answered {
    title: String,
    load_seconds: Option<f64>,
    peak_bytes: u64,
    times_ms: BTreeMap<String, Vec<f64>>,
    rows: BTreeMap<String, Vec<Vec<String>>>,
}

/// Runs them all, over the files of the warehouse.
pub(crate) fn all(
    dir: &Path,
    files: &BTreeMap<String, Vec<PathBuf>>,
    args: &Args,
    root: &Path,
) -> Outcome<Vec<Column>> {
    let python = environment(dir, root)?;
    let wanted = Wanted {
        tables: files,
        queries: QUERIES.iter().map(|query| (query.name, query.star())).collect(),
        warm_ups: WARM_UPS,
        runs: args.runs,
        threads: args.threads,
        memory_gib: args.memory_gib,
        folder: dir,
    };
    let request = dir.join("peers.json");
    std::fs::write(&request, serde_json::to_vec(&wanted)?)?;
    let mut columns = Vec::new();
    for peer in ["duckdb_files", "duckdb_cold", "duckdb_native", "chdb_files"] {
        eprintln!("{peer}");
        let mut answered: Answered = run(&python, root, peer, &request)?;
        let measured = QUERIES.iter().map(|query| Measured {
            query: query.name.to_owned(),
            times_ms: answered.times_ms.remove(query.name).unwrap_or_default(),
            rows: answered.rows.remove(query.name).unwrap_or_default(),
        });
        let measured = measured.collect();
        let Answered { title, load_seconds: load, peak_bytes, .. } = answered;
        columns.push(Column { title, measured, load, peak_bytes: Some(peak_bytes) });
    }
    Ok(columns)
}

/// What a peer took to load the same text: keys looked up, sorted, partitioned, as Parquet.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Loaded {
    pub(crate) title: String,
    pub(crate) seconds: f64,
    pub(crate) bytes: u64,
    pub(crate) peak_bytes: u64,
}

/// Lets DuckDB load the text.
pub(crate) fn load(dir: &Path, args: &Args, root: &Path) -> Outcome<Loaded> {
    #[derive(Serialize)]
    struct Wanted<'a> {
        threads: usize,
        memory_gib: usize,
        folder: &'a Path,
    }
    let wanted = Wanted { threads: args.threads, memory_gib: args.memory_gib, folder: dir };
    let request = dir.join("peers-load.json");
    std::fs::write(&request, serde_json::to_vec(&wanted)?)?;
    eprintln!("duckdb_load");
    run(&environment(dir, root)?, root, "duckdb_load", &request)
}

/// What a peer prints.
fn run<T: DeserializeOwned>(python: &Path, root: &Path, peer: &str, request: &Path) -> Outcome<T> {
    let output = Command::new(python)
        .arg(root.join("benches/ssb/peers.py"))
        .args([peer.as_ref(), request.as_os_str()])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{peer} failed").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
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
