//! The Star Schema Benchmark with aggregates: how long a dashboard waits, over Flight SQL.
//!
//! One command does all of it: `cargo bench --bench cube`. Data, loading and queries are those of
//! `benches/ssb`; the aggregates are in `aggregates.yaml`, far smaller than the facts. DuckDB answers
//! from its own storage, without aggregates.

#[path = "../common/mod.rs"]
mod common;
#[path = "../ssb/data.rs"]
mod data;
#[path = "../ssb/generate.rs"]
mod generate;
#[path = "../ssb/queries.rs"]
mod queries;

use common::{Asked, Benchmark, Engine, Outcome, Way};
use queries::{QUERIES, Query};
use std::path::Path;
use std::process::Command;

const CUBE: &str =
    concat!(include_str!("../ssb/project/schemas/ssb.yaml"), include_str!("aggregates.yaml"));

fn main() -> Outcome<()> {
    let cube: fn(&Query) -> Asked = |query| Asked::Sql(query.cube_sql());
    let way = |title, engine, form: fn(&Query) -> Asked| Way {
        title,
        engine,
        asked: QUERIES.iter().map(form).collect(),
    };
    common::run(|_| Benchmark {
        name: "cube",
        title: "Star Schema Benchmark with aggregates",
        project,
        fact: "fact_lineorder",
        rows: "lines of orders",
        queries: QUERIES.iter().map(|query| (query.name, query.star())).collect(),
        ways: vec![
            way("Starhouse, cube SQL over Flight SQL", Engine::Flight, cube),
            way("Starhouse, cube SQL", Engine::Hot, cube),
            way("Starhouse, cube query", Engine::Hot, |query| {
                Asked::Cube(Box::new(query.cube_query()))
            }),
            way("Starhouse, star SQL", Engine::Hot, |query| Asked::Sql(query.star())),
            way("Starhouse, cube SQL, no aggregates", Engine::Base, cube),
        ],
        peers: &["duckdb_native"],
        peers_load: include_str!("../ssb/duckdb_load.sql"),
        check: |_, _| Ok(()),
    })
}

/// The benchmark's project with its aggregates, which are built if the warehouse is there already.
fn project(dir: &Path, scale: f64) -> Outcome<()> {
    generate::project(dir, scale)?;
    std::fs::write(dir.join("schemas/ssb.yaml"), CUBE)?;
    if dir.join("warehouse").exists() {
        let mut command = Command::new(env!("CARGO_BIN_EXE_starhouse"));
        let ended = command.args(["etl", "run", "--project"]).arg(dir).status()?;
        if !ended.success() {
            return Err(format!("{command:?}: {ended}").into());
        }
    }
    Ok(())
}
