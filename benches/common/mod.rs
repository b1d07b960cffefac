//! What the benchmarks share: loading, engines, comparing, results.
//!
//! ```text
//! generate text -> load it with `starhouse etl run` -> every query by every engine, each engine a
//! process of its own that prints what it measured -> every answer compared -> results/ and a document
//! ```
//!
//! What is there already (sources, the warehouse) is used again. Where Starhouse loses, the table
//! shows it.

pub(crate) mod cell;
pub(crate) mod document;
pub(crate) mod flight;
pub(crate) mod generate;
pub(crate) mod load;
pub(crate) mod machine;
pub(crate) mod measured;
pub(crate) mod ours;
mod peers;
mod plot;
pub(crate) mod process;
mod python;
pub(crate) mod report;
pub(crate) mod results;
pub(crate) mod tables;

use clap::Parser;
use machine::Run;
use starhouse::query::CubeQuery;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// As in the program, whose engine is asked in this process; DataFusion has it as well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whatever stops a benchmark.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// A benchmark.
pub(crate) struct Benchmark {
    /// Its name in files.
    pub(crate) name: &'static str,
    /// Whose sources and warehouse it uses: its own, or another benchmark's.
    pub(crate) data: &'static str,
    /// Its name in words.
    pub(crate) title: &'static str,
    /// Makes the project of a scale in a folder, with its data as text, unless it is there.
    pub(crate) project: fn(&Path, f64) -> Outcome<()>,
    /// The table whose rows are counted.
    pub(crate) fact: &'static str,
    /// What they are, in words.
    pub(crate) rows: &'static str,
    /// What every engine is asked: name, and SQL on the stored tables, which are in `warehouse`.
    pub(crate) queries: Vec<(&'static str, String)>,
    /// The ways that need nothing but Rust.
    pub(crate) ways: Vec<Way>,
    /// The others, as `peers.py` knows them.
    pub(crate) peers: &'static [&'static str],
    /// DuckDB's SQL that makes Parquet of the text.
    pub(crate) peers_load: &'static str,
    /// Looks at the first engine's answers, where it is known what they must be.
    pub(crate) check: fn(f64, &[measured::Measured]) -> Outcome<()>,
}

/// One way of asking.
pub(crate) struct Way {
    pub(crate) title: &'static str,
    pub(crate) engine: Engine,
    /// The queries in the benchmark's order.
    pub(crate) asked: Vec<Asked>,
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "not every benchmark asks in every way")]
pub(crate) enum Engine {
    /// Starhouse, from its files.
    Files,
    /// Starhouse, with decoded columns kept in memory.
    Hot,
    /// Starhouse, with decoded columns kept in memory, and without aggregates.
    Base,
    /// Starhouse's server, asked over Flight SQL.
    Flight,
    /// Starhouse, each query by itself in a fresh process.
    Cold,
    /// DataFusion as it comes.
    DataFusion,
}

/// A query as it is asked.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "not every benchmark asks in every way")]
pub(crate) enum Asked {
    Sql(String),
    Cube(Box<CubeQuery>),
}

/// A benchmark: Starhouse beside its peers
#[derive(Debug, Clone, Parser)]
#[group(skip)]
pub(crate) struct Args {
    /// How much data, in the benchmark's own units
    #[arg(long, default_value_t = 1.0)]
    pub(crate) scale: f64,
    /// Timed runs of each query; the median counts, after two runs that do not
    #[arg(long, default_value_t = 5)]
    pub(crate) runs: usize,
    /// Threads of every engine
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
    /// Memory of every engine, in GiB
    #[arg(long, default_value_t = 8)]
    pub(crate) memory_gib: usize,
    /// Where sources, warehouse and peers' files are kept
    #[arg(long, value_name = "D")]
    pub(crate) dir: Option<PathBuf>,
    /// Only Starhouse and plain DataFusion, which need nothing but Rust
    #[arg(long)]
    no_peers: bool,
    /// Load the warehouse anew
    #[arg(long)]
    reload: bool,
    /// Only draw the plots and the documents' tables again, from the figures in `benches/results`
    #[arg(long)]
    pub(crate) redraw: bool,
    /// Ask in one way, by its number, in this process, and print what it took
    #[arg(long, hide = true, value_name = "WAY")]
    pub(crate) way: Option<usize>,
    /// Ask only this
    #[arg(long, hide = true, value_name = "QUERY", requires = "way")]
    query: Option<String>,
    /// Said by `cargo bench`; means nothing here
    #[arg(long, hide = true)]
    bench: bool,
}

/// Runs before those that count: what is kept in memory is kept from its second use on.
pub(crate) const WARM_UPS: usize = 2;

/// Runs a benchmark, which may depend on the scale, as its arguments say.
pub(crate) fn run(args: Args, benchmark: impl FnOnce(f64) -> Benchmark) -> Outcome<()> {
    let benchmark = &benchmark(args.scale);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if args.redraw {
        return results::redraw(benchmark, root);
    }
    let dir = args.folder(benchmark.data);
    if let Some(way) = args.way {
        return ours::child(benchmark, way, &dir, &args);
    }
    (benchmark.project)(&dir, args.scale)?;
    let mut load = load::warehouse(benchmark, &dir, &args, args.reload)?;
    let mut run = Run::now();
    let mut columns = ours::all(benchmark, &dir, &args)?;
    if !args.no_peers {
        let peers = peers::Peers::new(benchmark, &dir, &args, root)?;
        run.versions.extend(peers.versions()?);
        peers.load(&mut load)?;
        columns.extend(peers.ask()?);
    }
    report::compare(&columns)?;
    if let Some(first) = columns.first() {
        (benchmark.check)(args.scale, &first.measured)?;
    }
    report::Report { benchmark, args, run, load, columns }.write(root)
}

impl Benchmark {
    /// What its queries are called, in their order.
    pub(crate) fn query_names(&self) -> Vec<&'static str> {
        self.queries.iter().map(|(name, _)| *name).collect()
    }
}

impl Args {
    /// Where the sources and the warehouse of a benchmark are.
    pub(crate) fn folder(&self, benchmark: &str) -> PathBuf {
        let name = format!("{benchmark}-{}", self.scale);
        self.dir.clone().unwrap_or_else(|| cache().join(name))
    }

    /// Gives the real binary the threads and the memory that every engine has.
    pub(crate) fn limits<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("STARHOUSE_THREADS", self.threads.to_string())
            .env("STARHOUSE_MEMORY_LIMIT", format!("{} GiB", self.memory_gib))
    }
}

/// Beside the build, where there is room.
pub(crate) fn cache() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned())
}
