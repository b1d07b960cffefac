//! Cubes with aggregates beside the facts: what they are worth to those who ask.
//!
//! ```text
//! ssb         the Star Schema Benchmark with hand-made aggregates, over Flight SQL, beside DuckDB
//! postgresql  the same beside PostgreSQL with the same aggregates as tables of its own
//! dashboards  a cube of 12 dimensions, advised aggregates, 64 clients: questions a second, p50, p99
//! refresh     1 % more facts: how long aggregates take to follow, beside building them anew
//! routing     how long it takes to find the one of 1,000 aggregates that answers
//! advice      what aggregates of half the facts' bytes save, of all that could be saved
//! ```
//!
//! `cargo bench --bench cube -- --scale 10` does all of it; `--part dashboards` does one. What they find
//! is in `benches/results/cube*`, a line a claim in `docs/how-fast.md`.

mod advice;
#[path = "../common/mod.rs"]
mod common;
mod crowd;
mod dashboards;
#[path = "../ssb/data/mod.rs"]
mod data;
#[path = "../ssb/generate.rs"]
mod generate;
mod postgresql;
mod proof;
#[path = "../ssb/queries.rs"]
mod queries;
mod refresh;
mod retail;
mod routing;
mod ssb;

use clap::{Parser, ValueEnum};
use common::Outcome;
use std::path::{Path, PathBuf};

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Ssb,
    Postgresql,
    Dashboards,
    Refresh,
    Routing,
    Advice,
}

/// Cubes with aggregates: Starhouse beside its peers
#[derive(Debug, Clone, Parser)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: common::Args,
    /// Only this part; may be said several times
    #[arg(long, value_enum, value_name = "PART")]
    part: Vec<Part>,
    /// Facts of the twelve-dimensional cube, in millions
    #[arg(long, default_value_t = 10.0, value_name = "N")]
    millions: f64,
    /// How long the clients of dashboards go on
    #[arg(long, default_value_t = 15, value_name = "S")]
    seconds: u64,
    /// Where the twelve-dimensional cube is kept
    #[arg(long, value_name = "D")]
    retail_dir: Option<PathBuf>,
}

impl Args {
    /// Facts of the twelve-dimensional cube.
    pub(crate) fn facts(&self) -> u64 {
        (self.millions * 1e6) as u64
    }

    /// Where that cube is.
    pub(crate) fn retail_folder(&self) -> PathBuf {
        let name = format!("retail-{}", self.millions);
        self.retail_dir.clone().unwrap_or_else(|| common::cache().join(name))
    }
}

fn main() -> Outcome<()> {
    let args = Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if args.common.way.is_some() {
        return ssb::run(args.common);
    }
    if args.common.redraw {
        ssb::run(args.common)?;
        return proof::redraw(root);
    }
    let wanted = |part: &&Part| args.part.is_empty() || args.part.contains(part);
    Part::value_variants().iter().filter(wanted).try_for_each(|part| match part {
        Part::Ssb => ssb::prove(&args.common, root),
        Part::Postgresql => postgresql::run(&args, root),
        Part::Dashboards => dashboards::run(&args, root),
        Part::Refresh => refresh::run(&args, root),
        Part::Routing => routing::run(&args, root),
        Part::Advice => advice::run(&args, root),
    })
}

/// A runtime of as many threads as an engine has.
pub(crate) fn runtime(args: &Args) -> std::io::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(args.common.threads).enable_all().build()
}
