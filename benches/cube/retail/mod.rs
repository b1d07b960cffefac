//! A retailer's year as a project: twelve dimensions, one fact, sources in text and Parquet; seeded.

pub(crate) mod dimensions;
pub(crate) mod questions;
pub(crate) mod sales;
pub(crate) mod zipf;

use super::common::{Outcome, generate, process};
use dimensions::DIMENSIONS;
use sales::Shop;
use std::path::Path;
use std::process::Command;

const DATE: &str = "dimension: date\ndescription: A day.\n\
                    calendar: {from: 2022-01-01, to: 2025-12-31, fiscal_year_start_month: 1}\n";

const FILES: [(&str, &str); 2] = [
    ("starhouse.yaml", "# Made by the benchmark of cubes.\n"),
    ("etl/sales.yaml", include_str!("project/sales_job.yaml")),
];

/// The model, a document a place.
pub(crate) fn schemas() -> Vec<(String, String)> {
    let written = [
        ("date", DATE),
        ("sales", include_str!("project/sales.yaml")),
        ("retail", include_str!("project/retail.yaml")),
    ];
    let written = written.map(|(name, text)| (name, text.to_owned()));
    let made = DIMENSIONS.iter().map(|dimension| (dimension.name, dimension.schema()));
    let place = |(name, text)| (format!("schemas/{name}.yaml"), text);
    written.into_iter().chain(made).map(place).collect()
}

/// Makes the project, unless it is there, and loads it, unless it is loaded.
pub(crate) fn project(dir: &Path, facts: u64) -> Outcome<()> {
    generate::texts(dir, &FILES)?;
    for dimension in &DIMENSIONS {
        let place = format!("etl/{}.yaml", dimension.name);
        generate::texts(dir, &[(&place, &dimension.job())])?;
    }
    for (place, text) in schemas() {
        generate::texts(dir, &[(&place, &text)])?;
    }
    generate::sources(dir, facts as f64 / 1e6, "", |sources| {
        for dimension in &DIMENSIONS {
            let path = sources.join(format!("{}.csv", dimension.name));
            generate::table(&path, &dimension.heading(), |file| {
                use std::io::Write;
                (0..dimension.members(facts))
                    .try_for_each(|member| file.write_all(dimension.line(member, facts).as_bytes()))
            })?;
        }
        let shop = Shop::new(facts);
        shop.parts().into_iter().try_for_each(|part| {
            let month = sales::month(part.number).format("%Y-%m");
            shop.write(&sources.join(format!("sales_{month}.parquet")), part)
        })
    })?;
    if !dir.join("warehouse").exists() {
        eprintln!("loading {facts} facts");
        let cost = starhouse(dir, &["etl", "run"])?;
        let rate = facts as f64 / cost.seconds / 1e6;
        eprintln!("  {:.1} s, {rate:.2} million facts a second", cost.seconds);
    }
    Ok(())
}

/// Runs a command of Starhouse's on a project; what it says goes to our errors.
pub(crate) fn starhouse(dir: &Path, words: &[&str]) -> Outcome<process::Cost> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_starhouse"));
    command.args(words).arg("--project").arg(dir).stdout(std::io::stderr());
    process::run(&mut command)
}

/// What a command of Starhouse's prints, as JSON.
pub(crate) fn told(dir: &Path, words: &[&str]) -> Outcome<serde_json::Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_starhouse"));
    process::printed(command.args(words).arg("--project").arg(dir))
}
