//! Refresh: aggregates after 1 % more facts, of the latest months and of all months, beside building them
//! anew; what was refreshed is what is built anew, key by key.

use super::common::{Outcome, load};
use super::dashboards::{aggregate_tables, prepared, session};
use super::proof::{Claim, Proof};
use super::retail::sales::{MONTHS, Part, Shop};
use super::retail::{starhouse, told};
use super::{Args, runtime};
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use serde::Serialize;
use starhouse::store::{Release, TableState};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The part of the facts that comes late.
const LATE: f64 = 0.01;

/// What a load of late facts took.
#[derive(Debug, Clone, Serialize)]
struct Refreshed {
    what: &'static str,
    /// Months of the fact that have changed.
    months: usize,
    /// Seconds of all aggregates together: refreshed, and built anew.
    seconds: f64,
    anew_seconds: f64,
    /// Rows written into aggregates, and what they have.
    rows: u64,
    all_rows: u64,
}

impl Refreshed {
    /// How much it took of what building anew takes.
    fn share(&self) -> f64 {
        self.seconds / self.anew_seconds
    }
}

/// Measures.
pub(crate) fn run(args: &Args, root: &Path) -> Outcome<()> {
    let whole = prepared(args)?;
    let rows = (args.facts() as f64 * LATE) as u64;
    let last = MONTHS - 1;
    let cases = [
        ("the latest month", Part { number: 40, rows, months: (last, last) }),
        ("the latest three months", Part { number: 41, rows, months: (last - 2, last) }),
        ("all months alike", Part { number: 42, rows, months: (0, last) }),
    ];
    let dir = beside(&whole, "refresh");
    let mut found = Vec::new();
    for (what, part) in cases {
        eprintln!("{rows} late facts of {what}");
        copied(&whole, &dir)?;
        found.push(late(args, &dir, what, part)?);
        std::fs::remove_dir_all(&dir)?;
    }
    let mut proof = Proof::new("refresh", "Aggregates after a load", args.facts() as f64 / 1e6);
    for one in &found {
        // In proportion: a month of 36 may take its part of the whole, and as much again for what every
        // refresh has to do.
        let most = (2.0 * one.months as f64 / f64::from(MONTHS)).min(1.2);
        let what = format!("1 % late facts of {}: refresh, as a part of building anew", one.what);
        let (target, measured) =
            (format!("{:.0} %", most * 100.0), format!("{:.0} %", one.share() * 100.0));
        proof.claims.push(Claim::new(&what, &target, measured, one.share() <= most));
    }
    proof.figures = serde_json::to_value(&found)?;
    proof.write(root, &text(args, &found))
}

fn text(args: &Args, found: &[Refreshed]) -> String {
    let lines = found.iter().map(|one| {
        let Refreshed { what, months, seconds, anew_seconds, rows, all_rows } = one;
        format!(
            "| {what} | {months} of {MONTHS} | {seconds:.2} | {anew_seconds:.2} | {:.0} % | {rows} of {all_rows} |\n",
            one.share() * 100.0
        )
    });
    format!(
        "{} facts; 1 % more are loaded, and the load refreshes the aggregates in its release. Beside it the same \
         aggregates are dropped and built anew. Every table says the same both ways, key by key: what was added \
         may stand beside other rows of the same keys, and is added up.\n\n\
         | late facts of | months touched | refresh, s | anew, s | part | rows written |\n\
         |---|---:|---:|---:|---:|---:|\n{}",
        args.facts(),
        lines.collect::<String>()
    )
}

/// Loads late facts, builds all anew, and compares.
fn late(args: &Args, dir: &Path, what: &'static str, part: Part) -> Outcome<Refreshed> {
    let runtime = runtime(args)?;
    let release = || runtime.block_on(latest(dir));
    let before = release()?;
    let path = dir.join(format!("sources/sales_late_{}.parquet", part.number));
    Shop::new(args.facts()).write(&path, part)?;
    let loaded = aggregates(&told(dir, &["etl", "run", "--json"])?)?;
    let refreshed = release()?;
    let months = changed_months(&before, &refreshed);
    let (schemas, aside) = (dir.join("schemas/aggregates"), dir.join("aggregates-aside"));
    std::fs::rename(&schemas, &aside)?;
    starhouse(dir, &["aggregates", "build"])?;
    let bare = release()?;
    if aggregate_tables(&bare).next().is_some() {
        return Err("aggregates that are not declared any more are still there".into());
    }
    std::fs::rename(&aside, &schemas)?;
    let anew_seconds = runtime.block_on(building(dir))?;
    let anew = release()?;
    runtime.block_on(same(args, dir, &refreshed))?;
    Ok(Refreshed {
        what,
        months: months.len(),
        seconds: loaded.0,
        anew_seconds,
        rows: loaded.1,
        all_rows: aggregate_tables(&anew).map(|(_, table)| table.rows()).sum(),
    })
}

/// Seconds and rows of the aggregates of a run, as it tells them.
fn aggregates(run: &serde_json::Value) -> Outcome<(f64, u64)> {
    let all = run["aggregates"].as_array().ok_or("a run that does not tell its aggregates")?;
    let sum = |key: &str| all.iter().filter_map(|one| one[key].as_u64()).sum::<u64>();
    if all.is_empty() {
        return Err("the load has refreshed no aggregate".into());
    }
    Ok((sum("elapsed_ms") as f64 / 1e3, sum("rows")))
}

/// Builds what is declared, and gives the seconds of its steps, as the operational log tells them.
async fn building(dir: &Path) -> Outcome<f64> {
    starhouse(dir, &["aggregates", "build"])?;
    let runs = load::open(dir).await?.runs().await?;
    let last = runs.iter().max_by_key(|run| run.started_at).ok_or("no run is in the log")?;
    let steps = last.steps.iter().filter(|step| step.step == "summarise");
    Ok(steps.map(|step| step.elapsed_ms).sum::<u64>() as f64 / 1e3)
}

async fn latest(dir: &Path) -> Outcome<Arc<Release>> {
    Ok(load::open(dir).await?.latest().await?)
}

/// The months of the fact of which files have come or gone.
fn changed_months(before: &Release, after: &Release) -> BTreeSet<i32> {
    let files = |release: &Release| -> BTreeMap<String, Option<i32>> {
        let table = release.tables.get("fact_sales");
        let files = table.iter().flat_map(|table| &table.files);
        files.map(|file| (file.path.clone(), file.partition)).collect()
    };
    let (before, after) = (files(before), files(after));
    let gone = before.iter().filter(|(path, _)| !after.contains_key(*path));
    let come = after.iter().filter(|(path, _)| !before.contains_key(*path));
    gone.chain(come).filter_map(|(_, month)| *month).collect()
}

/// Whether every aggregate of the latest release says the same of each combination of keys as in an
/// earlier one. States of this benchmark are sums and counts: those of the same keys add up.
async fn same(args: &Args, dir: &Path, earlier: &Release) -> Outcome<()> {
    let session = session(dir, args).await?;
    let then = earlier.id;
    for (table, state) in aggregate_tables(session.release()) {
        let (keys, states) = keys_and_states(state);
        let added_up = |release: &str| {
            format!("SELECT {keys}, {states} FROM warehouse.{table} {release} GROUP BY {keys}")
        };
        let (now, was) = (added_up(""), added_up(&format!("VERSION AS OF {then}")));
        for (one, other) in [(&now, &was), (&was, &now)] {
            let sql = format!("SELECT count(*) FROM ({one} EXCEPT ALL {other})");
            let batches: Vec<_> =
                session.plan_sql(&sql).await?.execute().await?.try_collect().await?;
            let counts =
                batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>());
            let apart: i64 = counts.flatten().sum();
            let answered = batches.iter().any(|batch| !batch.column(0).is_empty());
            if apart > 0 || !answered {
                return Err(
                    format!("{table}: {apart} rows refreshed are not those built anew").into()
                );
            }
        }
    }
    Ok(())
}

/// The keys of an aggregate's table, and its states added up, as SQL.
fn keys_and_states(table: &TableState) -> (String, String) {
    let names = table.columns.iter().map(|column| &column.name);
    let (keys, states): (Vec<_>, Vec<_>) = names.partition(|name| table.sort_by.contains(name));
    let keys: Vec<String> = keys.into_iter().map(|name| format!("\"{name}\"")).collect();
    let states: Vec<String> =
        states.into_iter().map(|name| format!("sum(\"{name}\") AS \"{name}\"")).collect();
    (keys.join(", "), states.join(", "))
}

/// A folder beside another.
pub(crate) fn beside(dir: &Path, what: &str) -> PathBuf {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    dir.with_file_name(format!("{name}-{what}"))
}

/// A copy of a project, whatever was there before.
pub(crate) fn copied(from: &Path, to: &Path) -> Outcome<()> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type()?.is_dir() {
            true => copied(&path, &target)?,
            false => drop(std::fs::copy(&path, &target)?),
        }
    }
    Ok(())
}
