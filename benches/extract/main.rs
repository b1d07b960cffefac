//! Extraction: rows out of text, Parquet and PostgreSQL, typed, checked and staged as Parquet.
//!
//! One command does all of it: `cargo bench --bench extract`. A unit of scale is ten million rows.
//! DuckDB and Polars convert the same files into Parquet of the same types; PostgreSQL's rows go by
//! `COPY TO STDOUT` (psycopg) into DuckDB, and, so that it is seen what the server itself takes, to
//! nobody. Every way must end in the same number of rows and the same sum.
//!
//! PostgreSQL takes part where `--postgresql` names a database that may be written to:
//! `postgresql://user@localhost:5432/database`, with the password in `PGPASSWORD`.

#[path = "../common/process.rs"]
#[allow(dead_code, reason = "the other benchmarks use all of it")]
mod process;

mod generate;
mod ours;

use clap::Parser;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whatever stops the benchmark.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Extraction: Starhouse beside its peers
#[derive(Debug, Clone, Parser)]
struct Args {
    /// How much data; 1 is ten million rows
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Timed runs of each way; the median counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Where the sources are kept
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
    /// A database that a table is made in
    #[arg(long, value_name = "URL")]
    postgresql: Option<String>,
    /// Only Starhouse, which needs nothing but Rust
    #[arg(long)]
    no_peers: bool,
    /// Extract this in this process, and print what it took
    #[arg(long, hide = true, value_name = "SOURCE")]
    ours: Option<Kind>,
    /// Said by `cargo bench`; means nothing here
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    Csv,
    JsonLines,
    Parquet,
    Postgresql,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "json-lines",
            Self::Parquet => "parquet",
            Self::Postgresql => "postgresql",
        }
    }

    /// Who else does it, as `peers.py` knows them.
    fn peers(self) -> &'static [&'static str] {
        match self {
            Self::Csv => &["duckdb_csv", "polars_csv"],
            Self::JsonLines => &["duckdb_json_lines", "polars_json_lines"],
            Self::Parquet => &["duckdb_parquet", "polars_parquet"],
            Self::Postgresql => &["psycopg_to_duckdb", "psycopg_to_nobody"],
        }
    }
}

/// What an extraction took, and what shows that it is right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) seconds: f64,
    pub(crate) rows: u64,
    /// Of the amounts, in cents; none where nobody looked at them.
    pub(crate) cents: Option<i64>,
    pub(crate) peak_bytes: u64,
}

/// A line of the result.
#[derive(Debug, Serialize)]
struct Line {
    source: &'static str,
    way: String,
    source_bytes: u64,
    #[serde(flatten)]
    taken: Taken,
}
/// As in the program, which is asked in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Outcome<()> {
    let args = Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let beside = target.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned());
    let dir = args.dir.clone().unwrap_or_else(|| beside.join(format!("extract-{}", args.scale)));
    let url = args.postgresql.as_deref();
    if let Some(kind) = args.ours {
        println!("{}", serde_json::to_string(&ours::extract(&dir, kind, url)?)?);
        return Ok(());
    }
    let rows = (args.scale * 10_000_000.0) as u64;
    let expected = generate::files(&dir, rows)?;
    let mut lines = Vec::new();
    for kind in [Kind::Csv, Kind::JsonLines, Kind::Parquet, Kind::Postgresql] {
        if kind == Kind::Postgresql && url.is_none() {
            eprintln!("postgresql is left out: --postgresql names no database");
            continue;
        }
        if let (Kind::Postgresql, Some(url)) = (kind, url) {
            peer("postgresql_load", &dir, url, root)?;
        }
        let source_bytes = generate::size_bytes(&dir, kind)?;
        let mut ways = vec!["starhouse"];
        if !args.no_peers {
            ways.extend(kind.peers());
        }
        for way in ways {
            let taken = median(args.runs, || match way {
                "starhouse" => own(&dir, kind, url),
                peer_name => peer(peer_name, &dir, url.unwrap_or_default(), root),
            })?;
            if taken.rows != expected.rows || taken.cents.is_some_and(|c| c != expected.cents) {
                return Err(format!("{way} of {}: {taken:?}, not {expected:?}", kind.name()).into());
            }
            eprintln!("{} {way}: {:.2} s", kind.name(), taken.seconds);
            lines.push(Line { source: kind.name(), way: way.to_owned(), source_bytes, taken });
        }
    }
    let file = |kind| root.join(format!("benches/results/extract-{}.{kind}", args.scale));
    std::fs::write(file("json"), format!("{}\n", serde_json::to_string_pretty(&lines)?))?;
    let told =
        format!("# Extraction, scale {}\n\n{}\n{}", args.scale, about(&args, rows), table(&lines));
    std::fs::write(file("md"), &told)?;
    print!("{told}");
    Ok(())
}

/// The run whose time is in the middle.
fn median(runs: usize, mut run: impl FnMut() -> Outcome<Taken>) -> Outcome<Taken> {
    let mut all = (0..runs.max(1)).map(|_| run()).collect::<Outcome<Vec<Taken>>>()?;
    all.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    Ok(all.swap_remove(all.len() / 2))
}

/// Ours, in a process of its own.
fn own(dir: &Path, kind: Kind, url: Option<&str>) -> Outcome<Taken> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--ours", kind.name()]).arg("--dir").arg(dir);
    if let Some(url) = url {
        command.args(["--postgresql", url]);
    }
    process::printed(&mut command)
}

/// A peer, by the Python that `STARHOUSE_BENCH_PYTHON` names, with `benches/extract/requirements.txt`.
fn peer(name: &str, dir: &Path, url: &str, root: &Path) -> Outcome<Taken> {
    let python = std::env::var("STARHOUSE_BENCH_PYTHON").map_err(|_| {
        "STARHOUSE_BENCH_PYTHON names no Python with benches/extract/requirements.txt; --no-peers \
         leaves the peers out"
    })?;
    let mut command = Command::new(python);
    command.arg(root.join("benches/extract/peers.py")).arg(name).arg(dir).arg(url);
    process::printed(&mut command)
}

/// What was measured, and how.
fn about(args: &Args, rows: u64) -> String {
    format!(
        "{rows} rows of five columns, out of each source into Parquet of the same types; Starhouse \
         also checks every value, and hashes what it reads and writes. Medians of {} runs, each a \
         process of its own, on all {} cores; PostgreSQL runs on the same ones. Every way ends in \
         the same number of rows and the same sum; `psycopg_to_nobody` only takes the rows.\n",
        args.runs,
        std::thread::available_parallelism().map_or(1, usize::from),
    )
}

fn table(lines: &[Line]) -> String {
    let mut table =
        "| source | way | seconds | MB/s | rows/s | peak |\n|---|---|---|---|---|---|\n".to_owned();
    for Line { source, way, source_bytes, taken } in lines {
        let Taken { seconds, rows, peak_bytes, .. } = taken;
        table += &format!(
            "| {source} | {way} | {seconds:.2} | {:.0} | {:.2} M | {} MiB |\n",
            *source_bytes as f64 / seconds / 1e6,
            *rows as f64 / seconds / 1e6,
            peak_bytes >> 20,
        );
    }
    table
}
