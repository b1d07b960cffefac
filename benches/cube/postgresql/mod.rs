//! PostgreSQL as a good administrator sets it up for these questions: the same aggregates as tables of its
//! own, indexed for what is asked, in memory, answered out of prepared statements over a local socket.

mod server;
mod tables;

use super::common::flight::Served;
use super::common::measured::{Column, Measured};
use super::common::{Outcome, WARM_UPS, cell::Cell, machine::Machine, report};
use super::dashboards::session;
use super::proof::{Claim, Proof};
use super::queries::QUERIES;
use super::{Args, runtime, ssb};
use arrow::csv::WriterBuilder;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use server::Server;
use starhouse::engine::Session;
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;
use tables::{TABLES, Table, asked};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row, SimpleQueryMessage};

/// Measures.
pub(crate) fn run(args: &Args, root: &Path) -> Outcome<()> {
    let dir = ssb::prepared(&args.common)?;
    runtime(args)?.block_on(measured(args, &dir, root))
}

async fn measured(args: &Args, dir: &Path, root: &Path) -> Outcome<()> {
    let session = session(dir, args).await?;
    let server = Server::start(args.common.threads)?;
    let client = server.connect().await?;
    let version = text(&client.query_one("SHOW server_version", &[]).await?, 0)?;
    let version = version.split(' ').next().unwrap_or_default().to_owned();
    let started = Instant::now();
    for table in &TABLES {
        eprintln!("filling {} of PostgreSQL", table.name);
        fill(&client, &session, table).await?;
    }
    let filled = started.elapsed().as_secs_f64();
    let size = "SELECT sum(pg_total_relation_size(oid))::int8 FROM pg_class \
                WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let bytes: i64 = client.query_one(size, &[]).await?.try_get(0)?;
    drop(session);
    let columns = [
        ours(args, dir).await?,
        prepared(args, &client, &version).await?,
        as_text(args, &client, &version).await?,
    ];
    report::compare(&columns)?;
    let mut proof =
        Proof::new("postgresql", "Star Schema Benchmark beside PostgreSQL", args.common.scale);
    let (own, rival) = (&columns[0], &columns[1]);
    let (sum, other) = (own.sum_ms(), rival.sum_ms());
    proof.claims.push(Claim::new(
        "sum of 13 queries over Flight SQL, ms, beside PostgreSQL's, prepared",
        &format!("{other:.1}"),
        format!("{sum:.1}"),
        sum <= other,
    ));
    proof.figures = serde_json::json!({
        "filled_seconds": filled,
        "bytes": bytes,
        "engines": columns.iter().map(|column| serde_json::json!({
            "engine": column.title,
            "times_ms": column.measured.iter().map(|one| (one.query.clone(), one.times_ms.clone()))
                .collect::<std::collections::BTreeMap<_, _>>(),
        })).collect::<Vec<_>>(),
    });
    proof.write(root, &told(args, &columns, filled, bytes)?)
}

fn told(args: &Args, columns: &[Column], filled: f64, bytes: i64) -> Outcome<String> {
    let mut text = format!(
        "Medians of {} runs after {WARM_UPS} that do not count, in milliseconds, from the question to its last row, \
         asked by one client; {}. Every answer is the same in every column. PostgreSQL answers from tables that hold \
         what the aggregates of `benches/cube/aggregates.yaml` hold, and one more, by month and cities, for Q3.4; \
         they were filled and indexed in {filled:.0} s and take {:.0} MB with their indexes. It is asked over a local \
         socket, Starhouse over the loopback address.\n\n| |",
        args.common.runs,
        Machine::this(),
        bytes as f64 / 1e6
    );
    columns.iter().try_for_each(|column| write!(text, " {} |", column.title))?;
    write!(text, "\n|---|{}\n", "---:|".repeat(columns.len()))?;
    for (place, query) in QUERIES.iter().enumerate() {
        write!(text, "| {} |", query.name)?;
        let mut columns = columns.iter();
        columns.try_for_each(|one| write!(text, " {:.2} |", one.measured[place].median_ms()))?;
        writeln!(text)?;
    }
    write!(text, "| sum |")?;
    columns.iter().try_for_each(|column| write!(text, " {:.1} |", column.sum_ms()))?;
    write!(text, "\n| geometric mean |")?;
    columns.iter().try_for_each(|column| write!(text, " {:.2} |", column.geometric_mean_ms()))?;
    writeln!(text)?;
    Ok(text)
}

/// Makes a table of what the facts say, with its indexes.
async fn fill(client: &Client, session: &Session, table: &Table) -> Outcome<()> {
    client.batch_execute(&table.create()).await?;
    let copy = format!("COPY {} FROM STDIN (FORMAT csv)", table.name);
    let mut sink = std::pin::pin!(client.copy_in::<_, Bytes>(&copy).await?);
    let query = session.with_aggregates(false).plan_sql(&table.rows()).await?;
    let mut batches = query.execute().await?;
    while let Some(batch) = batches.next().await {
        let mut lines = Vec::new();
        WriterBuilder::new().with_header(false).build(&mut lines).write(&batch?)?;
        sink.send(Bytes::from(lines)).await?;
    }
    sink.finish().await?;
    for statement in table.indexes() {
        client.batch_execute(&statement).await?;
    }
    Ok(client.batch_execute(&format!("VACUUM (FREEZE, ANALYZE) {}", table.name)).await?)
}

/// Starhouse over Flight SQL.
async fn ours(args: &Args, dir: &Path) -> Outcome<Column> {
    let served = Served::start(dir, &args.common).await?;
    let mut measured = Vec::new();
    for query in &QUERIES {
        let (text, mut one) = (query.cube_sql(), nothing(query.name));
        for run in 0..WARM_UPS + args.common.runs {
            let started = Instant::now();
            let batches = served.ask(&text).await?;
            note(&mut one, run, started);
            one.rows = Cell::rows(&batches)?;
        }
        measured.push(one);
    }
    Ok(column("Starhouse, cube SQL over Flight SQL".to_owned(), measured))
}

/// PostgreSQL, planned once.
async fn prepared(args: &Args, client: &Client, version: &str) -> Outcome<Column> {
    let mut measured = Vec::new();
    for query in &QUERIES {
        let statement = client.prepare(&asked(query)?).await?;
        let mut one = nothing(query.name);
        for run in 0..WARM_UPS + args.common.runs {
            let started = Instant::now();
            let rows = client.query(&statement, &[]).await?;
            note(&mut one, run, started);
            one.rows = rows.iter().map(cells).collect::<Outcome<_>>()?;
        }
        measured.push(one);
    }
    Ok(column(format!("PostgreSQL {version}, prepared"), measured))
}

/// PostgreSQL, asked in SQL each time, as Starhouse is.
async fn as_text(args: &Args, client: &Client, version: &str) -> Outcome<Column> {
    let mut measured = Vec::new();
    for query in &QUERIES {
        let (text, mut one) = (asked(query)?, nothing(query.name));
        for run in 0..WARM_UPS + args.common.runs {
            let started = Instant::now();
            let messages = client.simple_query(&text).await?;
            note(&mut one, run, started);
            let rows = messages.iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            });
            let cell = |text: Option<&str>| Cell::Exact(text.unwrap_or_default().to_owned());
            one.rows = rows
                .map(|row| (0..row.len()).map(|place| cell(row.get(place))).collect())
                .collect();
        }
        measured.push(one);
    }
    Ok(column(format!("PostgreSQL {version}, SQL"), measured))
}

fn nothing(query: &str) -> Measured {
    Measured { query: query.to_owned(), times_ms: Vec::new(), rows: Vec::new(), failed: None }
}

fn note(one: &mut Measured, run: usize, started: Instant) {
    if run >= WARM_UPS {
        one.times_ms.push(started.elapsed().as_secs_f64() * 1e3);
    }
}

fn column(title: String, measured: Vec<Measured>) -> Column {
    Column { title, measured, peak_bytes: None }
}

fn cells(row: &Row) -> Outcome<Vec<Cell>> {
    (0..row.len()).map(|place| Ok(Cell::Exact(text(row, place)?))).collect()
}

/// A value in binary, as text.
fn text(row: &Row, place: usize) -> Outcome<String> {
    let told = match *row.columns()[place].type_() {
        Type::INT4 => row.try_get::<_, Option<i32>>(place)?.map(|value| value.to_string()),
        Type::INT8 => row.try_get::<_, Option<i64>>(place)?.map(|value| value.to_string()),
        _ => row.try_get::<_, Option<String>>(place)?,
    };
    Ok(told.unwrap_or_default())
}
