//! Many clients at once.

use super::Outcome;
use super::client::{ask, connect, fetch};
use super::server::Server;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CLIENTS: [usize; 5] = [1, 4, 16, 64, 256];
const SMALL: &str = "SELECT a4, count(*) FROM sandbox.wide WHERE n < 1000 GROUP BY a4";

/// A small question by more and more clients.
pub(crate) async fn small(folder: &Path, seconds: u64) -> Outcome<()> {
    let server = Server::start(folder, &[])?;
    println!("clients   median ms   99th percentile ms   questions/s");
    for clients in CLIENTS {
        let end = Instant::now() + Duration::from_secs(seconds);
        let asking = (0..clients).map(|_| {
            let address = server.address.clone();
            tokio::spawn(async move { until(&address, end).await.map_err(|e| e.to_string()) })
        });
        let mut took = Vec::new();
        for client in asking.collect::<Vec<_>>() {
            took.extend(client.await??);
        }
        took.sort();
        let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
        let (median, most) = (at(50).as_secs_f64() * 1e3, at(99).as_secs_f64() * 1e3);
        let rate = took.len() / usize::try_from(seconds)?.max(1);
        println!("{clients:7}   {median:9.2}   {most:18.2}   {rate:11}");
    }
    Ok(())
}

async fn until(address: &str, end: Instant) -> Outcome<Vec<Duration>> {
    let mut client = connect(address).await?;
    let mut took = Vec::new();
    while Instant::now() < end {
        took.push(fetch(&mut client, SMALL).await?.took);
    }
    Ok(took)
}

/// Groups of many members each, more than fit into memory all at once.
const GROUPED: &str = "SELECT a5, a3 % 10 AS b, sum(c1) AS s, count(*) AS c FROM sandbox.crowd \
                       GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 1000";

/// Many clients that group much within little memory: answers are right, or refused by name.
pub(crate) async fn crowded(folder: &Path) -> Outcome<()> {
    let alone = Server::start(folder, &[])?;
    let expected = Arc::new(whole(&ask(&mut connect(&alone.address).await?, GROUPED).await?)?);
    drop(alone);
    let mut server = Server::start(folder, &[("STARHOUSE_MEMORY_LIMIT", "4 GiB")])?;
    let started = Instant::now();
    let asking = (0..64).map(|_| {
        let (address, expected) = (server.address.clone(), Arc::clone(&expected));
        tokio::spawn(async move { one(&address, &expected).await.map_err(|e| e.to_string()) })
    });
    let (mut right, mut refused) = (0, 0);
    for client in asking.collect::<Vec<_>>() {
        if client.await?? { right += 1 } else { refused += 1 }
    }
    if server.has_ended() {
        return Err("the server has ended".into());
    }
    let memory = server.highest_mib().unwrap_or_default();
    let took = started.elapsed().as_secs_f64();
    println!("64 clients: {right} right, {refused} refused, {took:.1} s, {memory} MiB at most");
    Ok(())
}

/// Whether the answer came; an error unless it is right, or refused for want of memory or a turn.
async fn one(address: &str, expected: &RecordBatch) -> Outcome<bool> {
    match ask(&mut connect(address).await?, GROUPED).await {
        Ok(batches) if whole(&batches)? == *expected => Ok(true),
        Ok(_) => Err("a wrong answer".into()),
        Err(error) if error.to_string().contains("ResourceExhausted") => Ok(false),
        Err(error) => Err(error),
    }
}

fn whole(batches: &[RecordBatch]) -> Outcome<RecordBatch> {
    let first = batches.first().ok_or("an answer without rows")?;
    Ok(concat_batches(&first.schema(), batches)?)
}
