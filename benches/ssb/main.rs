//! The Star Schema Benchmark (O'Neil, O'Neil, Chen and Revilak, 2009): Starhouse beside its peers.
//!
//! ```text
//! generate text -> load it with `starhouse etl run` -> 13 queries, three ways -> peers on the same
//! files, and natively in the same order -> every answer compared -> results/ and README
//! ```
//!
//! One command does all of it: `cargo bench --bench ssb`. What is there already (sources, the
//! warehouse) is used again. Where Starhouse loses, the table shows it.

mod data;
mod generate;
mod measured;
mod ours;
mod peers;
mod plot;
mod process;
mod queries;
mod report;

use clap::Parser;
use std::error::Error;
use std::path::{Path, PathBuf};

/// Whatever stops a benchmark.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// The Star Schema Benchmark: Starhouse beside DuckDB, ClickHouse and plain DataFusion
#[derive(Debug, Clone, Parser)]
struct Args {
    /// Six million facts a unit
    #[arg(long, default_value_t = 1)]
    scale: u32,
    /// Timed runs of each query; the median counts, after two runs that do not
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Threads of every engine
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Memory of every engine that takes a limit, in GiB
    #[arg(long, default_value_t = 8)]
    memory_gib: usize,
    /// Where sources, warehouse and peers' files are kept
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
    /// Only Starhouse and plain DataFusion, which need nothing but Rust
    #[arg(long)]
    no_peers: bool,
    /// Load the warehouse anew
    #[arg(long)]
    reload: bool,
    /// Only draw the plots of `benches/results` again
    #[arg(long)]
    redraw: bool,
    /// Ask one query in this process and print what it took
    #[arg(long, hide = true, value_name = "QUERY")]
    once: Option<String>,
    /// Said by `cargo bench`; means nothing here
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Outcome<()> {
    let args = Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if args.redraw {
        return plot::redraw(&root.join("benches/results"));
    }
    let dir = args.dir.clone().unwrap_or_else(|| cache().join(format!("ssb-{}", args.scale)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.threads)
        .enable_all()
        .build()?;
    if let Some(query) = &args.once {
        return runtime.block_on(ours::once(&dir, &args, query));
    }
    generate::project(&dir, args.scale)?;
    let load = ours::load(&dir, args.reload)?;
    let mut columns = runtime.block_on(ours::all(&dir, &args))?;
    let mut peers_load = None;
    if !args.no_peers {
        let files = runtime.block_on(ours::files(&dir))?;
        columns.extend(peers::all(&dir, &files, &args, root)?);
        peers_load = load.cost.map(|_| peers::load(&dir, &args, root)).transpose()?;
    }
    let results = report::Results { args, load, peers_load, columns };
    results.compare()?;
    results.write(root)
}

/// Beside the build, where there is room.
fn cache() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned())
}
