//! Loading: the daily change of a type-2 dimension, beside `deltalake`'s MERGE and DuckDB.
//!
//! ```text
//! day 0  all members out of CSV, as the first versions
//! day n  1 % of them out of CSV: what differs is found, NULL being equal to NULL, the present version
//!        of it is closed, a new one opened with the next surrogate key, durably
//! ```
//!
//! One command does all of it: `cargo bench --bench load`. Each day is a process of its own in every
//! way; what the days came to is compared with the truth, and all ways by a checksum over every
//! version's content. The other half of loading, text to a sorted, partitioned star beside DuckDB, is
//! measured where the star is: `cargo bench --bench ssb -- --scale 5 --reload`.
//!
//! The peers are Python packages (`requirements.txt` beside this): in the Python that
//! `STARHOUSE_BENCH_PYTHON` names, or in an environment that is made for them.

#[path = "../common/document.rs"]
mod document;
#[path = "../common/machine.rs"]
mod machine;
#[path = "../common/python.rs"]
mod packages;
#[path = "../common/process.rs"]
#[allow(dead_code, reason = "the other benchmarks use all of it")]
mod process;

mod data;
mod ours;
mod report;

use clap::Parser;
use data::{Size, Truth};
use process::Cost;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whatever stops the benchmark.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Loading: Starhouse beside its peers
#[derive(Debug, Clone, Parser)]
pub(crate) struct Args {
    /// Members of the dimension on the first day
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    /// Days after the first
    #[arg(long, default_value_t = 5)]
    days: u64,
    /// The share of the members that a day tells of
    #[arg(long, default_value_t = 0.01)]
    share: f64,
    /// Threads of every way that can be told
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Memory of every way that can be told, in GiB
    #[arg(long, default_value_t = 8)]
    memory_gib: usize,
    /// Where sources, the warehouse and the peers' tables are kept
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
    /// Only Starhouse, which needs nothing but Rust
    #[arg(long)]
    no_peers: bool,
    /// Only the table in docs/how-fast.md again, from the figures of these sizes
    #[arg(long)]
    redraw: bool,
    /// Said by `cargo bench`; means nothing here
    #[arg(long, hide = true)]
    bench: bool,
}

/// The peers, as `peers.py` knows them, and in words.
const PEERS: [(&str, &str); 3] = [
    ("duckdb_native", "DuckDB, its own file"),
    ("duckdb_parquet", "DuckDB, Parquet written anew"),
    ("deltalake", "deltalake MERGE"),
];

/// What a way took, day by day; day 0 is the first load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) way: String,
    pub(crate) days: Vec<Cost>,
}

/// What a dimension holds, as DuckDB sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Content {
    versions: u64,
    keys: u64,
    current: u64,
    cents: i64,
    current_cents: i64,
    content: String,
}
/// As in the program, which is asked in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Outcome<()> {
    let args = Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if args.redraw {
        return report::redraw(&args, root);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let beside = target.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned());
    let named = format!("load-{}-{}", args.rows, args.share);
    let dir = args.dir.clone().unwrap_or_else(|| beside.join(named));
    let size = Size { members: args.rows, days: args.days, share: args.share };
    let truth = data::make(&dir, size)?;
    let last = truth.get(args.days as usize).ok_or("the truth of the last day is not known")?;

    eprintln!("starhouse");
    let own = ours::days(&dir, &args)?;
    let found = ours::found(&dir)?;
    if found != *last {
        return Err(format!("starhouse came to {found:?}, not {last:?}").into());
    }
    let mut lines = vec![Line { way: "Starhouse".to_owned(), days: own }];
    if !args.no_peers {
        let expected = content("starhouse", &dir, &args, root)?;
        for (name, way) in PEERS {
            eprintln!("{way}");
            let days =
                (0..=args.days).map(|day| told(way, day, peer(name, day, &dir, &args, root)));
            let days = days.collect::<Outcome<Vec<Cost>>>()?;
            same(&expected, &content(name, &dir, &args, root)?, last, way)?;
            lines.push(Line { way: way.to_owned(), days });
        }
    }
    report::write(&args, root, &lines)
}

/// Says how a day went.
pub(crate) fn told(way: &str, day: u64, cost: Outcome<Cost>) -> Outcome<Cost> {
    if let Ok(Cost { seconds, peak_bytes, written_bytes }) = &cost {
        let (peak, written) = (peak_bytes >> 20, written_bytes >> 20);
        eprintln!("  {way}, day {day}: {seconds:.2} s, {peak} MiB at most, {written} MiB written");
    }
    cost
}

/// A peer's day, in a process of its own.
fn peer(name: &str, day: u64, dir: &Path, args: &Args, root: &Path) -> Outcome<Cost> {
    process::printed(&mut python(name, &day.to_string(), dir, args, root)?)
}

/// What a way has stored.
fn content(name: &str, dir: &Path, args: &Args, root: &Path) -> Outcome<Content> {
    process::printed(&mut python(name, "check", dir, args, root)?)
}

fn python(name: &str, step: &str, dir: &Path, args: &Args, root: &Path) -> Outcome<Command> {
    let python = match std::env::var_os("STARHOUSE_BENCH_PYTHON") {
        Some(python) => PathBuf::from(python),
        None => packages::environment(
            &dir.with_file_name("load-python"),
            &root.join("benches/load/requirements.txt"),
        )?,
    };
    let mut command = Command::new(python);
    command.arg(root.join("benches/load/peers.py")).args([name, step]).arg(dir);
    command.args([args.threads.to_string(), args.memory_gib.to_string()]);
    Ok(command)
}

/// Every way must come to the truth, to as many keys as versions, and to the same content.
fn same(ours: &Content, theirs: &Content, truth: &Truth, way: &str) -> Outcome<()> {
    let Content { versions, keys, current, cents, current_cents, .. } = *theirs;
    if ours != theirs
        || (Truth { versions, current, cents, current_cents }) != *truth
        || keys != versions
    {
        return Err(
            format!("{way} came to {theirs:?}, Starhouse to {ours:?}; {truth:?} is so").into()
        );
    }
    eprintln!("  {versions} versions, each as Starhouse has it");
    Ok(())
}
