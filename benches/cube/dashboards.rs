//! Dashboards: a retailer's cube of twelve dimensions, aggregates that Starhouse advises for what was
//! asked, and 64 clients who ask 2,000 questions again and again, some of which most often.

use super::common::flight::Server;
use super::common::measured::Measured;
use super::common::{self, Outcome, cell::Cell, load, ours};
use super::crowd::{Crowd, Seen, answers};
use super::proof::{Claim, Proof};
use super::retail::questions::{Question, drawn, questions};
use super::retail::{self, starhouse};
use super::{Args, runtime};
use futures::TryStreamExt;
use starhouse::engine::{Engine, EngineSettings, Session};
use starhouse::policy::Principal;
use starhouse::store::{Release, TableState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Different questions, how many are drawn of them, and by how many clients they are asked.
pub(crate) const DIFFERENT: usize = 400;
const DRAWN: usize = 2_000;
const CLIENTS: usize = 64;

/// Seeds: what was asked before the advice is not what is measured.
const BEFORE: u64 = 1;
const MEASURED: u64 = 2;

/// The questions, as texts.
pub(crate) fn texts() -> Vec<String> {
    questions(DIFFERENT).iter().map(Question::sql).collect()
}

/// Makes the project with the aggregates advised within the facts' bytes, unless it is there.
pub(crate) fn prepared(args: &Args) -> Outcome<PathBuf> {
    let dir = args.retail_folder();
    retail::project(&dir, args.facts())?;
    let done = dir.join("asked");
    if !done.exists() {
        eprintln!("asking without aggregates, so that the log knows what is asked");
        let server = Server::start(&dir, &args.common, "256 MiB")?;
        let texts = texts();
        let asked = drawn(DIFFERENT, DRAWN, BEFORE).into_iter().map(|place| texts[place].clone());
        let crowd = Crowd { clients: 4, texts: asked.collect() };
        let seen = runtime(args)?.block_on(crowd.ask(&server.address, None))?;
        server.stop()?;
        if let Some(first) = seen.errors.first() {
            return Err(format!("{} of {DRAWN} failed, {first}", seen.errors.len()).into());
        }
        std::fs::write(done, "")?;
    }
    if !dir.join("schemas/aggregates").exists() {
        eprintln!("taking advice");
        starhouse(
            &dir,
            &["aggregates", "advise", "--budget", "100%", "--workload", "log", "--apply"],
        )?;
        if !dir.join("schemas/aggregates").exists() {
            return Err("no aggregate is worth keeping of so few facts; say more --millions".into());
        }
        starhouse(&dir, &["aggregates", "build"])?;
    }
    Ok(dir)
}

/// Measures.
pub(crate) fn run(args: &Args, root: &Path) -> Outcome<()> {
    let dir = prepared(args)?;
    let texts = texts();
    let asked = drawn(DIFFERENT, DRAWN, MEASURED).into_iter().map(|place| texts[place].clone());
    let crowd = Crowd { clients: CLIENTS, texts: asked.collect() };
    let runtime = runtime(args)?;
    let mut rows = Vec::new();
    let mut peak = 0;
    let mut answered = Vec::new();
    for (cache, kept) in [("no answers kept", "0"), ("answers kept, 64 MiB", "64 MiB")] {
        eprintln!("{CLIENTS} clients, {cache}");
        let server = Server::start(&dir, &args.common, kept)?;
        let first = runtime.block_on(crowd.ask(&server.address, None))?;
        let patience = Some(Duration::from_secs(args.seconds));
        let then = runtime.block_on(crowd.ask(&server.address, patience))?;
        answered.push(runtime.block_on(answers(&server.address, &texts))?);
        peak = peak.max(server.peak());
        server.stop()?;
        rows.push((cache, first, then));
    }
    let session = runtime.block_on(session(&dir, args))?;
    let base = runtime.block_on(on_base(&session, &texts))?;
    for (answered, (cache, ..)) in answered.iter().zip(&rows) {
        compare(&texts, &base, answered).map_err(|differs| format!("{cache}: {differs}"))?;
    }
    eprintln!("all {} answers equal those without aggregates", texts.len());
    let proof = proof(args, session.release(), &rows);
    let text = text(args, session.release(), &rows, peak, texts.len());
    proof.write(root, &text)
}

type Row = (&'static str, Seen, Seen);

fn proof(args: &Args, release: &Release, rows: &[Row]) -> Proof {
    let mut proof =
        Proof::new("dashboards", "Dashboards on twelve dimensions", args.facts() as f64 / 1e6);
    for (cache, first, then) in rows {
        let rate = then.a_second();
        let errors = first.errors.len() + then.errors.len();
        let mut claim = |what: &str, target, measured, holds| {
            proof.claims.push(Claim::new(&format!("{what}, {cache}"), target, measured, holds));
        };
        claim("queries a second", "2000", format!("{rate:.0}"), rate >= 2_000.0);
        claim("p99, ms", "50", format!("{:.1}", then.p99_ms), then.p99_ms < 50.0);
        claim("errors", "0", errors.to_string(), errors == 0);
    }
    let (facts, aggregates) = bytes(release);
    let part = aggregates as f64 / facts as f64;
    let measured = format!("{:.0} %", part * 100.0);
    let what = "bytes of the advised aggregates, as a part of the facts'";
    proof.claims.push(Claim::new(what, "100 %", measured, part <= 1.0));
    proof.figures = serde_json::json!({
        "facts_bytes": facts,
        "aggregates_bytes": aggregates,
        "runs": rows.iter().map(|(cache, first, then)| {
            serde_json::json!({"cache": cache, "first": first, "then": then})
        }).collect::<Vec<_>>(),
    });
    proof
}

fn text(args: &Args, release: &Release, rows: &[Row], peak: u64, compared: usize) -> String {
    let (facts, aggregates) = bytes(release);
    let tables = aggregate_tables(release).count();
    let line = |name: String, seen: &Seen| {
        let first = seen.errors.first().map(|error| format!(", first: {error}"));
        format!(
            "| {name} | {} | {:.0} | {:.1} | {:.1} | {:.1} | {}{} |\n",
            seen.answers,
            seen.a_second(),
            seen.p50_ms,
            seen.p99_ms,
            seen.worst_ms,
            seen.errors.len(),
            first.unwrap_or_default()
        )
    };
    let lines = rows.iter().map(|(cache, first, then)| {
        let once = line(format!("{cache}: all {DRAWN} for the first time"), first);
        once + &line(format!("{cache}: again and again, {} s", args.seconds), then)
    });
    let lines: String = lines.collect();
    format!(
        "{} facts of 12 dimensions, {:.0} MB; {tables} aggregates that `aggregates advise --budget 100%` chose \
         by a log of {DRAWN} other draws of the same {DIFFERENT} questions, {:.0} MB. {DRAWN} questions drawn by \
         Zipf's law (exponent {}), asked by {CLIENTS} clients with a connection each, the next one as soon as the \
         last is answered, over Flight SQL from the same machine, whose cores they share; {} threads and {} GiB \
         for the server; {}. All {compared} different answers equal those without aggregates. The server held \
         {:.1} GB at most.\n\n\
         | | answers | a second | p50, ms | p99, ms | worst, ms | errors |\n|---|---:|---:|---:|---:|---:|---:|\n{lines}",
        args.facts(),
        facts as f64 / 1e6,
        aggregates as f64 / 1e6,
        retail::questions::EXPONENT,
        args.common.threads,
        args.common.memory_gib,
        common::machine::Machine::this(),
        peak as f64 / 1e9,
    )
}

/// The tables of a release that are aggregates.
pub(crate) fn aggregate_tables(release: &Release) -> impl Iterator<Item = (&String, &TableState)> {
    release.tables.iter().filter(|(name, _)| name.starts_with("agg_"))
}

/// Bytes of the fact, and of the aggregates.
pub(crate) fn bytes(release: &Release) -> (u64, u64) {
    let fact = release.tables.get("fact_sales").map_or(0, TableState::size_bytes);
    (fact, aggregate_tables(release).map(|(_, table)| table.size_bytes()).sum())
}

/// A session on the latest release, in this process.
pub(crate) async fn session(dir: &Path, args: &Args) -> Outcome<Session> {
    let warehouse = load::open(dir).await?;
    let release = warehouse.latest().await?;
    let common = &args.common;
    let settings = EngineSettings::new(common.memory_gib << 30, common.threads, dir.join(".spill"));
    let engine = Engine::new(warehouse, ours::model(dir)?, settings, load::clock())?;
    Ok(engine.session(Principal::local(), Arc::clone(&release)).unlogged())
}

/// The answers without aggregates.
async fn on_base(session: &Session, texts: &[String]) -> Outcome<Vec<Vec<Vec<Cell>>>> {
    let base = session.with_aggregates(false);
    let mut answers = Vec::new();
    for text in texts {
        let batches: Vec<_> = base.plan_sql(text).await?.execute().await?.try_collect().await?;
        answers.push(Cell::rows(&batches)?);
    }
    Ok(answers)
}

fn compare(texts: &[String], base: &[Vec<Vec<Cell>>], found: &[Vec<Vec<Cell>>]) -> Outcome<()> {
    let measured = |query: &String, rows: &Vec<Vec<Cell>>| Measured {
        query: query.clone(),
        times_ms: Vec::new(),
        rows: rows.clone(),
        failed: None,
    };
    let mut apart = texts
        .iter()
        .zip(base.iter().zip(found))
        .filter(|(text, (base, found))| !measured(text, base).is_same(&measured(text, found)));
    match apart.next() {
        Some((text, (base, found))) => Err(format!(
            "answers differ: {text}: {} rows without aggregates, {} with; {:?} and {:?}",
            base.len(),
            found.len(),
            base.iter().take(2).collect::<Vec<_>>(),
            found.iter().take(2).collect::<Vec<_>>()
        )
        .into()),
        None => Ok(()),
    }
}
