//! The peers that are Python packages: `peers.py` runs them, in an environment of its own.

use super::load::{Load, Loaded, Store, files};
use super::measured::Column;
use super::{Args, Benchmark, Outcome, WARM_UPS, process, python};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `peers.py` is told.
#[derive(Serialize)]
struct Wanted<'a> {
    tables: &'a BTreeMap<String, Vec<PathBuf>>,
    /// The table whose rows are counted.
    fact: &'a str,
    queries: &'a [(&'static str, String)],
    load: &'a str,
    warm_ups: usize,
    runs: usize,
    threads: usize,
    memory_gib: usize,
    folder: &'a Path,
}

/// The peers of a benchmark, ready to be asked.
pub(crate) struct Peers<'a> {
    names: &'a [&'static str],
    python: PathBuf,
    program: PathBuf,
    request: PathBuf,
}

impl<'a> Peers<'a> {
    /// Installs them, where they are not, and says what they are to be asked.
    pub(crate) fn new(
        benchmark: &'a Benchmark,
        dir: &Path,
        args: &Args,
        root: &Path,
    ) -> Outcome<Self> {
        let wanted = Wanted {
            tables: &files(dir)?,
            fact: benchmark.fact,
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
        Ok(Self {
            names: benchmark.peers,
            python: python::environment(
                &dir.with_file_name("bench-python"),
                &root.join("benches/requirements.txt"),
            )?,
            program: root.join("benches/common/peers.py"),
            request,
        })
    }

    /// Their versions, by name.
    pub(crate) fn versions(&self) -> Outcome<BTreeMap<String, String>> {
        self.run("versions")
    }

    /// Lets DuckDB load: its own database of the warehouse's files, which may be others than last
    /// time; and the text, unless that was measured when the warehouse was loaded. Each is a process
    /// of its own.
    pub(crate) fn load(&self, load: &mut Load) -> Outcome<()> {
        let native = self.names.contains(&"duckdb_native").then_some("duckdb_native_load");
        let text = (!load.loads.knows(Store::DuckdbParquet)).then_some("duckdb_load");
        for name in text.into_iter().chain(native) {
            let loaded: Loaded = self.run(name)?;
            if loaded.rows != load.rows {
                let (rows, other) = (load.rows, loaded.rows);
                return Err(format!("{name} loaded {other} facts, Starhouse {rows}").into());
            }
            load.loads.put(loaded)?;
        }
        Ok(())
    }

    /// Asks them all.
    pub(crate) fn ask(&self) -> Outcome<Vec<Column>> {
        self.names.iter().map(|name| self.run(name)).collect()
    }

    /// What a peer prints.
    fn run<T: DeserializeOwned>(&self, name: &str) -> Outcome<T> {
        eprintln!("{name}");
        let mut command = Command::new(&self.python);
        process::printed(command.arg(&self.program).arg(name).arg(&self.request))
    }
}
