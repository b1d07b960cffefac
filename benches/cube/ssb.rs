//! The Star Schema Benchmark with aggregates: how long a dashboard waits, over Flight SQL. DuckDB answers
//! from its own storage, without aggregates.

use super::common::measured::Measured;
use super::common::results::Figures;
use super::common::{self, Args, Asked, Benchmark, Engine, Outcome, Way};
use super::generate;
use super::proof::{Claim, Proof};
use super::queries::{QUERIES, Query};
use super::retail::starhouse;
use std::path::Path;

const CUBE: &str =
    concat!(include_str!("../ssb/project/schemas/ssb.yaml"), include_str!("aggregates.yaml"));

/// Measures, as the arguments say.
pub(crate) fn run(args: Args) -> Outcome<()> {
    common::run(args, |_| benchmark())
}

/// Measures, and says what that means for what is claimed.
pub(crate) fn prove(args: &Args, root: &Path) -> Outcome<()> {
    run(args.clone())?;
    let figures = Figures::last(benchmark().name, args.scale, &root.join("benches/results"))?;
    let columns = figures.columns()?;
    let of = |what: &str| columns.iter().find(|column| column.title.contains(what));
    let own = of("over Flight SQL").ok_or("nobody was asked over Flight SQL")?;
    let slowest = own.measured.iter().map(Measured::median_ms).fold(0.0, f64::max);
    let mut proof = Proof::new("ssb", "Star Schema Benchmark with aggregates", args.scale);
    let mut claim = |what: &str, target: &str, measured: String, holds| {
        proof.claims.push(Claim::new(what, target, measured, holds));
    };
    let what = "slowest of 13 queries over Flight SQL, ms";
    claim(what, "10", format!("{slowest:.1}"), slowest < 10.0);
    if let Some(rival) = of("native") {
        let times = rival.sum_ms() / own.sum_ms();
        let what = "as fast in sum as DuckDB from its own storage";
        claim(what, "5 times", format!("{times:.1} times"), times >= 5.0);
    }
    let found = format!("All figures are in `cube-{}.md`.\n", args.scale);
    proof.write(root, &found)
}

/// The benchmark: data, loading and queries are those of `benches/ssb`.
pub(crate) fn benchmark() -> Benchmark {
    let cube: fn(&Query) -> Asked = |query| Asked::Sql(query.cube_sql());
    let way = |title, engine, form: fn(&Query) -> Asked| Way {
        title,
        engine,
        asked: QUERIES.iter().map(form).collect(),
    };
    Benchmark {
        name: "cube",
        data: "cube",
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
    }
}

/// The benchmark's project with its aggregates, which are built if the warehouse is there already.
fn project(dir: &Path, scale: f64) -> Outcome<()> {
    generate::project(dir, scale)?;
    std::fs::write(dir.join("schemas/ssb.yaml"), CUBE)?;
    if dir.join("warehouse").exists() {
        starhouse(dir, &["etl", "run"])?;
    }
    Ok(())
}

/// Makes and loads the project, unless it is there.
pub(crate) fn prepared(args: &Args) -> Outcome<std::path::PathBuf> {
    let benchmark = benchmark();
    let dir = args.folder(benchmark.name);
    (benchmark.project)(&dir, args.scale)?;
    common::load::warehouse(&benchmark, &dir, args, false)?;
    Ok(dir)
}
