//! Connections that say nothing, read nothing, or come and go.

use super::{Healthy, hurried, many, memory_mib, serve};
use crate::clients::{ask, connect};
use crate::support::TinyProject;
use futures::StreamExt;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A process may have so many files open; the long tier wants `ulimit -n 25000`.
fn idle() -> usize {
    many(200, 10_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_cost_little_and_keep_nobody_out() {
    let project = TinyProject::new().await;
    let server = serve(&project);
    let before = memory_mib(server.id(), "VmRSS:");
    let mut silent = Vec::new();
    for _ in 0..idle() {
        silent.push(TcpStream::connect(server.address).await.expect("ulimit -n 25000"));
    }
    // These have said hello, and then nothing.
    let mut greeted = Vec::new();
    for _ in 0..idle() / 10 {
        greeted.push(connect(&server).await);
    }
    let healthy = Healthy::start(&server).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    healthy.end().await;
    let grown = memory_mib(server.id(), "VmRSS:").saturating_sub(before);
    assert!(grown < 100 + idle() as u64 / 10, "{grown} MiB for idle connections");
    for client in greeted.iter_mut().take(3) {
        assert_eq!(ask(client, "SELECT 1").await.unwrap().num_rows(), 1);
    }
    // Who does not begin to speak is hung up on.
    let closed = tokio::time::timeout(Duration::from_secs(60), silent[0].read(&mut [0])).await;
    assert!(closed.expect("the connection is still open").is_ok_and(|read| read == 0));
}

/// More than anyone reads.
const LONG: &str = "SELECT repeat('x', 1000) AS x, n FROM generate_series(1, 100000000) AS t(n)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_hold_up_nobody_and_little_memory() {
    let project = TinyProject::new().await;
    let server = serve(&project);
    let mut readers = Vec::new();
    for _ in 0..20 {
        let mut client = connect(&server).await;
        let info = client.execute(LONG.to_owned(), None).await.unwrap();
        let ticket = info.endpoint[0].ticket.clone().unwrap();
        // Some wait for their turn until those before them are seen to be slow.
        readers.push(tokio::spawn(async move {
            let mut rows = client.inner_mut().do_get(ticket).await.unwrap().into_inner();
            rows.next().await.unwrap().unwrap();
            (client, rows)
        }));
    }
    let healthy = Healthy::start(&server).await;
    let mut held = Vec::new();
    for reader in readers {
        held.push(reader.await.unwrap());
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    healthy.end().await;
    let memory = memory_mib(server.id(), "VmRSS:");
    assert!(memory < 1_200, "{memory} MiB for answers that nobody reads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_taken_back_leave_nothing_behind() {
    let project = TinyProject::new().await;
    let server = serve(&project);
    let healthy = Healthy::start(&server).await;
    let rounds = many(400, 20_000);
    for round in 0..rounds {
        let mut client =
            if round % 50 == 0 { hurried(&server).await } else { connect(&server).await };
        for wait_us in [0, 300, 2_000] {
            let asking = ask(&mut client, LONG);
            // Dropped half-way: the stream is reset.
            let _ = tokio::time::timeout(Duration::from_micros(wait_us), asking).await;
        }
    }
    let took = healthy.end().await;
    assert!(took[took.len() / 2] < Duration::from_secs(5), "{took:?}");
    // Whatever ran is stopped: a plain question finds its place at once.
    let mut client = connect(&server).await;
    let plain = ask(&mut client, "SELECT count(*) FROM fact_sales");
    let answer = tokio::time::timeout(Duration::from_secs(20), plain).await;
    assert_eq!(answer.expect("no query of those is left").unwrap().num_rows(), 1);
}
