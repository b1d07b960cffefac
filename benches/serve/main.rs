//! Serving: how fast answers reach clients, beside a bare arrow-flight server that sends the same
//! batches from memory (the limit of what the protocol gives) and PostgreSQL.
//!
//! ```text
//! wide     10 million rows of 20 columns: rows/s and bytes/s of Starhouse, plain, and of the bare server
//! python   the same into Arrow and pandas by ADBC, plain and TLS, and by PostgreSQL's COPY and psycopg
//! small    a small question by 1 to 256 clients: median, 99th percentile, questions a second
//! crowded  64 clients that group 100 million rows within 4 GiB: right, or refused by name; never killed
//! ```
//!
//! `cargo bench --bench serve`; `-- --part small` does one. PostgreSQL's programs and the packages of
//! `requirements.txt` beside this are needed for `python`; it says so where they are missing.

mod bare;
mod client;
mod crowd;
mod python;
mod server;
mod wide;

use clap::{Parser, ValueEnum};
use std::error::Error;
use std::path::PathBuf;

/// Whatever stops a benchmark.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Wide,
    Python,
    Small,
    Crowded,
}

/// Starhouse's server beside its peers
#[derive(Debug, Parser)]
struct Args {
    /// Rows of the wide table, in millions
    #[arg(long, default_value_t = 10)]
    millions: usize,
    /// Rows that the crowd groups, in millions
    #[arg(long, default_value_t = 100)]
    crowd_millions: usize,
    /// Timed runs; the fastest counts for throughput
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Seconds of each step of small questions
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Only this
    #[arg(long, value_enum)]
    part: Option<Part>,
    /// Where the tables are kept
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
    /// Said by `cargo bench`; means nothing here
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Outcome<()> {
    let args = Args::parse();
    let folder = match &args.dir {
        Some(folder) => folder.clone(),
        None => std::env::temp_dir().join("starhouse-bench-serve"),
    };
    server::project(&folder)?;
    let wanted = |part| args.part.is_none_or(|only| only == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if wanted(Part::Wide) {
        wide::make(&folder, "wide", args.millions)?;
        runtime.block_on(wide::measure(&folder, args.runs))?;
    }
    if wanted(Part::Python) {
        wide::make(&folder, "wide", args.millions)?;
        python::measure(&folder, args.runs)?;
    }
    if wanted(Part::Small) {
        wide::make(&folder, "wide", args.millions)?;
        runtime.block_on(crowd::small(&folder, args.seconds))?;
    }
    if wanted(Part::Crowded) {
        wide::make(&folder, "crowd", args.crowd_millions)?;
        runtime.block_on(crowd::crowded(&folder))?;
    }
    Ok(())
}
