//! The Star Schema Benchmark (O'Neil, O'Neil, Chen and Revilak, 2009): 13 queries on one star.
//!
//! One command does all of it: `cargo bench --bench ssb`. A unit of scale is six million facts.
//! `--part layout` measures instead how facts are best laid out in Parquet.

#[path = "../common/mod.rs"]
mod common;
mod data;
mod generate;
mod layout;
mod queries;

use clap::{Parser, ValueEnum};
use common::{Asked, Benchmark, Engine, Outcome, Way};
use queries::{QUERIES, Query};
use std::path::Path;

/// What is measured instead of the benchmark.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Part {
    /// Row groups, compression, pages, dictionaries and encodings of facts
    Layout,
}

/// The Star Schema Benchmark: Starhouse beside its peers
#[derive(Debug, Clone, Parser)]
struct Args {
    #[command(flatten)]
    common: common::Args,
    /// Only this
    #[arg(long, value_enum, value_name = "PART")]
    part: Option<Part>,
}

fn main() -> Outcome<()> {
    let Args { common: args, part } = Args::parse();
    match part {
        Some(Part::Layout) => {
            layout::measure(&benchmark(), &args, Path::new(env!("CARGO_MANIFEST_DIR")))
        }
        None => common::run(args, |_| benchmark()),
    }
}

fn benchmark() -> Benchmark {
    let star: fn(&Query) -> Asked = |query| Asked::Sql(query.star());
    let way = |title, engine, form: fn(&Query) -> Asked| Way {
        title,
        engine,
        asked: QUERIES.iter().map(form).collect(),
    };
    Benchmark {
        name: "ssb",
        data: "ssb",
        title: "Star Schema Benchmark",
        project: generate::project,
        fact: "fact_lineorder",
        rows: "lines of orders",
        queries: QUERIES.iter().map(|query| (query.name, query.star())).collect(),
        ways: vec![
            way("Starhouse, star SQL", Engine::Files, star),
            way("Starhouse, cube SQL", Engine::Files, |query| Asked::Sql(query.cube_sql())),
            way("Starhouse, cube query", Engine::Files, |query| {
                Asked::Cube(Box::new(query.cube_query()))
            }),
            way("Starhouse, star SQL, hot columns", Engine::Hot, star),
            way("Starhouse, star SQL, cold", Engine::Cold, star),
            way("DataFusion, same files", Engine::DataFusion, star),
        ],
        peers: &["duckdb_files", "duckdb_cold", "duckdb_native", "chdb_files"],
        peers_load: include_str!("duckdb_load.sql"),
        check: |_, _| Ok(()),
    }
}
