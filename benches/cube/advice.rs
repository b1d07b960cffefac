//! Advice: what the aggregates save that are advised within half the facts' bytes, as a part of what the
//! full cube saves, in which every question has an aggregate of its own. Rows are counted, not estimated:
//! the aggregates are built, and questions are planned over them.

use super::common::Outcome;
use super::dashboards::{DIFFERENT, aggregate_tables, bytes, prepared, session};
use super::proof::{Claim, Proof};
use super::refresh::{beside, copied};
use super::retail::questions::{EXPONENT, questions};
use super::retail::starhouse;
use super::retail::zipf::Zipf;
use super::{Args, runtime};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use starhouse::engine::{Query, Session};
use starhouse::query::Demand;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Rooms for aggregates, as parts of what the facts weigh.
const BUDGETS: [&str; 3] = ["10%", "50%", "100%"];
const WANTED: &str = "50%";

/// What advice is worth.
#[derive(Debug, serde::Serialize)]
struct Worth {
    budget: &'static str,
    seconds: f64,
    aggregates: usize,
    bytes: u64,
    facts_bytes: u64,
    /// Rows that a question reads in the mean: of the facts, of the advised aggregates, of the full cube.
    rows: [f64; 3],
}

impl Worth {
    fn share(&self) -> f64 {
        let [facts, advised, full] = self.rows;
        (facts - advised) / (facts - full)
    }
}

/// Measures.
pub(crate) fn run(args: &Args, root: &Path) -> Outcome<()> {
    let whole = prepared(args)?;
    let runtime = runtime(args)?;
    let own = runtime.block_on(async { own_rows(&session(&whole, args).await?).await })?;
    let dir = beside(&whole, "advice");
    let mut found = Vec::new();
    for budget in BUDGETS {
        eprintln!("advice within {budget}");
        copied(&whole, &dir)?;
        std::fs::remove_dir_all(dir.join("schemas/aggregates"))?;
        starhouse(&dir, &["aggregates", "build"])?;
        let words = ["aggregates", "advise", "--budget", budget, "--workload", "log"];
        let taken = starhouse(&dir, &words)?;
        // Takes the same advice again, and builds it.
        starhouse(&dir, &[&words[..], &["--apply"]].concat())?;
        let worth = runtime.block_on(async {
            let session = session(&dir, args).await?;
            worth(&session, budget, taken.seconds, &own).await
        })?;
        found.push(worth);
        std::fs::remove_dir_all(&dir)?;
    }
    let mut proof = Proof::new("advice", "Advice on aggregates", args.facts() as f64 / 1e6);
    for worth in found.iter().filter(|worth| worth.budget == WANTED) {
        let share = worth.share();
        proof.claims.push(Claim::new(
            "the full cube's benefit at half the facts' bytes",
            "90 %",
            format!("{:.1} %", share * 100.0),
            share >= 0.9,
        ));
        let within = worth.bytes as f64 / worth.facts_bytes as f64;
        proof.claims.push(Claim::new(
            "what is built of it, as a part of the facts' bytes",
            "50 %",
            format!("{:.1} %", within * 100.0),
            within <= 0.5,
        ));
        let seconds = format!("{:.1}", worth.seconds);
        proof.claims.push(Claim::new("seconds of advice", "60", seconds, worth.seconds < 60.0));
    }
    proof.figures = serde_json::to_value(&found)?;
    proof.write(root, &text(args, &found))
}

fn text(args: &Args, found: &[Worth]) -> String {
    let lines = found.iter().map(|worth| {
        let [facts, advised, full] = worth.rows;
        format!(
            "| {} | {} | {:.0} of {:.0} | {:.1} | {facts:.0} | {advised:.0} | {full:.0} | {:.1} % |\n",
            worth.budget,
            worth.aggregates,
            worth.bytes as f64 / 1e6,
            worth.facts_bytes as f64 / 1e6,
            worth.seconds,
            worth.share() * 100.0
        )
    });
    format!(
        "{} facts of 12 dimensions, {DIFFERENT} questions of dashboards that count by Zipf's law. The benefit is the \
         rows that a question need not read; in the full cube, of which no room is asked, each has an aggregate by \
         just what it groups and filters by. Advised aggregates are built and questions planned over them: rows and \
         bytes are counted.\n\n\
         | room | aggregates | MB, of the facts' | advice, s | rows a question reads of facts | of aggregates | of the full cube | benefit |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n{}",
        args.facts(),
        lines.collect::<String>()
    )
}

/// What a part of a question tells apart.
type Shape = BTreeSet<String>;

/// The columns that must be told apart; a role that is kept as a whole is the calendar's days.
fn shape(demand: &Demand) -> Shape {
    demand.columns.union(&demand.roles).cloned().collect()
}

/// How many rows the own aggregate of each part of the questions would have.
async fn own_rows(session: &Session) -> Outcome<BTreeMap<Shape, f64>> {
    let mut rows = BTreeMap::new();
    for question in questions(DIFFERENT) {
        for demand in session.plan_cube_query(&question.cube_query()).await?.demands() {
            let shape = shape(demand);
            if rows.contains_key(&shape) {
                continue;
            }
            let columns: Vec<&str> = shape.iter().map(String::as_str).collect();
            let columns = columns.join(", ");
            let count = match shape.is_empty() {
                true => 1.0,
                false => {
                    count(
                        session,
                        &format!(
                            "SELECT count(*) FROM (SELECT {columns}, MEASURE(lines) AS lines \
                         FROM cubes.retail GROUP BY {columns})"
                        ),
                    )
                    .await?
                }
            };
            rows.insert(shape, count);
        }
    }
    Ok(rows)
}

async fn count(session: &Session, sql: &str) -> Outcome<f64> {
    let batches: Vec<_> = session.plan_sql(sql).await?.execute().await?.try_collect().await?;
    let counts = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>());
    Ok(counts.flatten().sum::<i64>() as f64)
}

async fn worth(
    session: &Session,
    budget: &'static str,
    seconds: f64,
    own: &BTreeMap<Shape, f64>,
) -> Outcome<Worth> {
    let law = Zipf::new(DIFFERENT as u32, EXPONENT);
    let mut rows = [0.0; 3];
    for (place, question) in questions(DIFFERENT).iter().enumerate() {
        let question = question.cube_query();
        let facts = session.with_aggregates(false).plan_cube_query(&question).await?;
        let advised = session.plan_cube_query(&question).await?;
        let own = advised.demands().iter().map(|demand| own.get(&shape(demand)).copied());
        let own: f64 = own.sum::<Option<f64>>().ok_or("a part that was not counted")?;
        let weight = law.share(place);
        for (sum, count) in rows.iter_mut().zip([read(&facts)?, read(&advised)?, own]) {
            *sum += weight * count;
        }
    }
    let (facts_bytes, bytes) = bytes(session.release());
    let aggregates = aggregate_tables(session.release()).count();
    Ok(Worth { budget, seconds, aggregates, bytes, facts_bytes, rows })
}

/// The rows of facts and aggregates that a question reads, as it says itself.
fn read(query: &Query) -> Outcome<f64> {
    let lines = query.in_words()?;
    let mut rows = 0.0;
    for line in &lines {
        let Some(rest) = line.strip_prefix("reads warehouse.") else { continue };
        if !(rest.starts_with("fact_") || rest.starts_with("agg_")) {
            continue;
        }
        let count = rest.split_once(": ").and_then(|(_, rest)| rest.split(' ').next());
        let count: f64 = count.ok_or("a table without a count of rows")?.parse()?;
        let times = rest.rsplit_once(", ").and_then(|(_, times)| times.strip_suffix(" times"));
        rows += count * times.map_or(Ok(1.0), str::parse)?;
    }
    match rows > 0.0 {
        true => Ok(rows),
        false => Err(format!("a question that reads nothing: {lines:?}").into()),
    }
}
