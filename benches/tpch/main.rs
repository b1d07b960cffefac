//! TPC-H (Transaction Processing Performance Council): 22 queries as general SQL, over a model of
//! five dimensions and three facts that are joined to each other.
//!
//! One command does all of it: `cargo bench --bench tpch`. A unit of scale is six million lines of
//! orders. What is measured follows the specification's data and queries, not its rules for
//! publishing results.

mod answers;
#[path = "../common/mod.rs"]
mod common;
mod generate;
mod queries;

use clap::Parser;
use common::{Args, Asked, Benchmark, Engine, Outcome, Way};

fn main() -> Outcome<()> {
    common::run(Args::parse(), |scale| {
        let queries = queries::queries(scale);
        let asked: Vec<Asked> = queries.iter().map(|(_, sql)| Asked::Sql(sql.clone())).collect();
        let way = |title, engine| Way { title, engine, asked: asked.clone() };
        Benchmark {
            name: "tpch",
            data: "tpch",
            title: "TPC-H",
            project: generate::project,
            fact: "fact_lineitem",
            rows: "lines of orders",
            ways: vec![
                way("Starhouse", Engine::Files),
                way("Starhouse, hot columns", Engine::Hot),
                way("DataFusion, same files", Engine::DataFusion),
            ],
            queries,
            peers: &["duckdb_files", "duckdb_native"],
            peers_load: include_str!("duckdb_load.sql"),
            check: answers::check,
        }
    })
}
