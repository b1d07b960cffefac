//! Grouping sets over the facts of the Star Schema Benchmark: CUBE, ROLLUP and sets of one's own.
//!
//! One command does all of it: `cargo bench --bench rollups`. The data is that of `--bench ssb`, at
//! the same scales and in the same folder, without aggregates. The groups of each question are counted
//! and summed up, so that what is measured is grouping, not sorting and showing them.

#[path = "../common/mod.rs"]
mod common;
#[path = "../ssb/data/mod.rs"]
mod data;
#[path = "../ssb/generate.rs"]
mod generate;

use clap::Parser;
use common::{Args, Asked, Benchmark, Engine, Outcome, Way};

/// Name, the groups of four dimensions' attributes, a measure, and which facts.
const QUESTIONS: [(&str, &str, &str, &str); 5] = [
    (
        "CUBE, 4 columns, one year",
        "CUBE (d.month, c.region, s.region, p.manufacturer)",
        "sum(f.revenue)",
        "d.year = 1993",
    ),
    (
        "the same, many groups",
        "CUBE (d.month, c.nation, s.nation, p.category)",
        "sum(f.revenue)",
        "d.year = 1993",
    ),
    (
        "the same, averages",
        "CUBE (d.month, c.region, s.region, p.manufacturer)",
        "avg(f.revenue)",
        "d.year = 1993",
    ),
    (
        "ROLLUP, 4 columns, all years",
        "ROLLUP (c.region, c.nation, p.manufacturer, p.category)",
        "sum(f.revenue)",
        "d.year > 0",
    ),
    (
        "GROUPING SETS of 4, all years",
        "GROUPING SETS ((d.year, c.nation), (d.year, s.nation), (p.brand), ())",
        "sum(f.revenue)",
        "d.year > 0",
    ),
];

fn sql((_, groups, measure, facts): &(&str, &str, &str, &str)) -> String {
    format!(
        "SELECT count(*) AS n, sum(m) AS total, min(m) AS least, max(m) AS most FROM (\
         SELECT {measure} AS m FROM warehouse.fact_lineorder f \
         JOIN warehouse.dim_date d ON f.date_key = d.date_key \
         JOIN warehouse.dim_customer c ON f.customer_key = c.customer_key \
         JOIN warehouse.dim_supplier s ON f.supplier_key = s.supplier_key \
         JOIN warehouse.dim_part p ON f.part_key = p.part_key \
         WHERE {facts} GROUP BY {groups}) AS g"
    )
}

fn main() -> Outcome<()> {
    let way = |title, engine| Way {
        title,
        engine,
        asked: QUESTIONS.iter().map(|question| Asked::Sql(sql(question))).collect(),
    };
    common::run(Args::parse(), |_| Benchmark {
        name: "rollups",
        data: "ssb",
        title: "Grouping sets",
        project: generate::project,
        fact: "fact_lineorder",
        rows: "lines of orders",
        queries: QUESTIONS.iter().map(|question| (question.0, sql(question))).collect(),
        ways: vec![
            way("Starhouse", Engine::Files),
            way("Starhouse, hot columns", Engine::Hot),
            way("DataFusion, same files", Engine::DataFusion),
        ],
        peers: &["duckdb_files", "duckdb_native"],
        peers_load: include_str!("../ssb/duckdb_load.sql"),
        check: |_, _| Ok(()),
    })
}
