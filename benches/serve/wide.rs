//! Many rows of many columns to one client.

use super::client::{Client, Fetched, ask, connect, drain, fetch};
use super::server::{Server, sql};
use super::{Outcome, bare};
use arrow_flight::Ticket;
use std::path::Path;
use std::time::Instant;

/// The columns of a row, beside its number: what facts have.
const COLUMNS: &str = "\
    n % 100 AS a1, n % 1000 AS a2, n % 10007 AS a3, n % 7 AS a4, n % 100000 AS a5, \
    CAST(n % 1000000 AS DOUBLE) / 100 AS b1, sqrt(n) AS b2, CAST(n AS DOUBLE) * 1.5 AS b3, \
    CAST(n % 100000 AS DECIMAL(12, 2)) AS c1, CAST(n % 1000 AS DECIMAL(18, 4)) AS c2, \
    DATE '2020-01-01' + CAST(n % 2000 AS INT) AS d1, DATE '2010-01-01' + CAST(n % 5000 AS INT) AS d2, \
    to_timestamp_micros(1700000000000000 + n * 1000) AS e1, \
    concat('customer ', n % 50000) AS f1, concat('product ', n % 3000) AS f2, \
    concat('city ', n % 300) AS f3, concat('remark of row ', n) AS f4, \
    n % 2 = 0 AS g1, n % 3 = 0 AS g2";

/// Makes a table of so many millions of rows and 20 columns, unless it is there.
pub(crate) fn make(folder: &Path, name: &str, millions: usize) -> Outcome<()> {
    let rows = millions * 1_000_000;
    let there = sql(folder, &format!("SELECT count(*) FROM sandbox.{name}"));
    if there.is_ok_and(|count| count.lines().nth(1) == Some(&rows.to_string())) {
        return Ok(());
    }
    println!("making {millions} million rows");
    let made = format!(
        "CREATE OR REPLACE TABLE sandbox.{name} AS \
         SELECT n, {COLUMNS} FROM generate_series(1, {rows}) AS t(n)"
    );
    sql(folder, &made).map(|_| ())
}

/// Measures Starhouse and the bare server.
pub(crate) async fn measure(folder: &Path, runs: usize) -> Outcome<()> {
    let question = "SELECT * FROM sandbox.wide";
    let server = Server::start(folder, &[])?;
    let mut ours = connect(&server.address).await?;
    let mut own = Vec::new();
    for _ in 0..runs {
        own.push(fetch(&mut ours, question).await?);
    }
    let batches = ask(&mut ours, question).await?;
    drop(server);
    let address = bare::serve(batches).await?;
    let mut limit = Vec::new();
    for _ in 0..runs {
        limit.push(bare_once(&mut connect(&address).await?).await?);
    }
    let (own, limit) = (told("Starhouse", &own)?, told("bare arrow-flight", &limit)?);
    println!("Starhouse has {:.0} % of the bare server's rows/s", 100.0 * own / limit);
    Ok(())
}

async fn bare_once(client: &mut Client) -> Outcome<Fetched> {
    drain(client, Ticket::new("all"), Instant::now()).await
}

/// Prints the fastest run, and gives its rows a second.
#[allow(clippy::cast_precision_loss, reason = "rows and bytes are far below 2^53")]
fn told(name: &str, runs: &[Fetched]) -> Outcome<f64> {
    let fastest = runs.iter().min_by_key(|run| run.took).ok_or("no run")?;
    let seconds = fastest.took.as_secs_f64();
    let (rows, bytes) = (fastest.rows as f64 / seconds, fastest.bytes as f64 / seconds);
    let (rows, mebibytes) = (rows, bytes / f64::from(1 << 20));
    println!("{name}: {rows:.0} rows/s, {mebibytes:.0} MiB/s, {seconds:.3} s");
    Ok(rows)
}
