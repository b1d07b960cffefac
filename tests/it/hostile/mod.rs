//! Clients that nobody wants, against the real server: whatever they send, it lives, answers with an
//! error that says what is wrong, gives memory back, and goes on answering everybody else.
//!
//! The long tier (`STARHOUSE_FULL=1`) sends 100,000 statements and keeps 10,000 connections; a part of
//! it runs with a smaller number (`STARHOUSE_FULL=0.05`). `STARHOUSE_SEED` gives other statements
//! than these, and `STARHOUSE_SHOW` shows each, one after the other, with what it cost.

mod connections;
mod fuzz;
mod statements;
pub(crate) mod wire;

use crate::clients::{Client, ask, connect};
use crate::clients_sandbox::set;
use crate::support::{ServeProcess, TinyProject};
use arrow::array::AsArray;
use arrow::datatypes::Decimal128Type;
use arrow_flight::error::FlightError;
use futures::StreamExt;
use statements::{Random, designs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tonic::Code;

/// Memory of all queries, as the server is told; the smallest that the fixtures' own loads allow.
const MEMORY_MIB: u64 = 256;
/// Beyond that: the program, its threads, and what is not counted (batches in flight, plans).
const BESIDE_MIB: u64 = 1_000;
/// No statement may take longer from first word to last, whatever it is: it is set to stop after
/// a second, and a development build on a busy machine may take its time to notice.
const LONGEST: Duration = Duration::from_secs(40);

/// How many, in the short tier and in the whole long one; of which a part may be asked for.
pub(crate) fn many(short: usize, long: usize) -> usize {
    let part = std::env::var("STARHOUSE_FULL");
    let part = part.map(|part| part.parse::<f64>().expect("STARHOUSE_FULL is 1, or a part of it"));
    part.map_or(short, |part| short.max((long as f64 * part) as usize))
}

pub(crate) fn seed() -> u64 {
    std::env::var("STARHOUSE_SEED").map_or(1, |seed| seed.parse().unwrap())
}

/// A server with little memory.
fn serve(project: &TinyProject) -> ServeProcess {
    let memory = format!("{MEMORY_MIB} MiB");
    let settings = [("STARHOUSE_MEMORY_LIMIT", memory.as_str()), ("STARHOUSE_LOG_LEVEL", "error")];
    ServeProcess::start_with(project.path(), &[], &settings)
}

/// A client whose statements stop after a second.
async fn hurried(server: &ServeProcess) -> Client {
    let mut client = connect(server).await;
    set(&mut client, &[("statement_timeout", "1")]).await;
    client
}

/// Somebody who asks a plain question again and again, and must always get the right answer.
struct Healthy {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Vec<Duration>>,
}

impl Healthy {
    async fn start(server: &ServeProcess) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut client, stopped) = (connect(server).await, Arc::clone(&stop));
        let asking = tokio::spawn(async move {
            let mut took = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let started = Instant::now();
                let total = "SELECT SUM(net_amount) FROM fact_sales";
                let answer = ask(&mut client, total).await.expect("a healthy client is answered");
                assert_eq!(answer.column(0).as_primitive::<Decimal128Type>().value(0), 1751);
                took.push(started.elapsed());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            took
        });
        Self { stop, asking }
    }

    /// How long its answers took, shortest first.
    async fn end(self) -> Vec<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        let mut took = self.asking.await.expect("a healthy client is always answered");
        took.sort();
        assert!(!took.is_empty());
        took
    }
}

/// What a process has in memory, in MiB: now, or at its highest.
fn memory_mib(process: u32, which: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
    let line = status.lines().find(|line| line.starts_with(which)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// What a process has in memory now, from where its highest is measured anew if each statement is
/// shown.
fn memory_from_now_mib(process: u32) -> u64 {
    if show() {
        std::fs::write(format!("/proc/{process}/clear_refs"), "5").expect("it is ours");
    }
    memory_mib(process, "VmRSS:")
}

/// Asks, and reads some of the answer.
async fn outcome(client: &mut Client, sql: &str) -> Result<(), FlightError> {
    let info = client.execute(sql.to_owned(), None).await?;
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut messages = client.inner_mut().do_get(ticket).await?.into_inner();
    let mut bytes = 0;
    while let Some(message) = messages.next().await {
        bytes += message?.data_body.len();
        if bytes > 64 << 20 {
            break;
        }
    }
    Ok(())
}

/// What is wrong with how a statement ended, if anything is.
fn fault(ended: Result<Result<(), FlightError>, tokio::time::error::Elapsed>) -> Option<String> {
    match ended {
        Ok(Ok(())) => None,
        Err(_) => Some(format!("no end within {LONGEST:?}")),
        Ok(Err(FlightError::Tonic(status))) => match status.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::Unimplemented
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::DeadlineExceeded
            | Code::FailedPrecondition => None,
            // The server reads messages of 16 MiB at most, the client of this test of 4: the column of a
            // long literal is named after it.
            Code::OutOfRange if status.message().contains("message length too large") => None,
            _ => Some(status.to_string()),
        },
        Ok(Err(error)) => Some(error.to_string()),
    }
}

/// Whether to show each statement and what it cost: then one goes after the other.
fn show() -> bool {
    std::env::var_os("STARHOUSE_SHOW").is_some()
}

/// Sends statements from several clients at once, and tells which ended in a way they should not.
async fn send(server: &ServeProcess, statements: Vec<String>) -> Vec<String> {
    let shared = Arc::new(std::sync::Mutex::new(statements.into_iter()));
    let (mut senders, process) = (Vec::new(), server.id());
    for _ in 0..if show() { 1 } else { 4 } {
        let (mut client, statements) = (hurried(server).await, Arc::clone(&shared));
        senders.push(tokio::spawn(async move {
            let mut faults = Vec::new();
            loop {
                let next = statements.lock().unwrap().next();
                let Some(sql) = next else { return faults };
                let (started, before) = (Instant::now(), memory_from_now_mib(process));
                let ended = tokio::time::timeout(LONGEST, outcome(&mut client, &sql)).await;
                let (took, shown) = (started.elapsed(), sql.chars().take(400).collect::<String>());
                if show() {
                    let ended = format!("{ended:?}").chars().take(300).collect::<String>();
                    let (highest, after) =
                        (memory_mib(process, "VmHWM:"), memory_mib(process, "VmRSS:"));
                    eprintln!("{before} -> {highest} -> {after} MiB in {took:?}, {} bytes: {ended}\n    {}", sql.len(), shown.replace('\n', " "));
                }
                faults.extend(fault(ended).map(|fault| format!("{took:?} {fault}\n    {shown}")));
            }
        }));
    }
    let mut faults = Vec::new();
    for sender in senders {
        faults.extend(sender.await.unwrap());
    }
    faults
}

async fn functions(server: &ServeProcess) -> Vec<String> {
    let mut client = connect(server).await;
    let named = "SELECT DISTINCT routine_name FROM information_schema.routines ORDER BY 1";
    let named = ask(&mut client, named).await.unwrap();
    let names: Vec<String> =
        named.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect();
    assert!(names.len() > 100);
    names
}

fn check(server: &ServeProcess, faults: &[String], took: &[Duration]) {
    assert!(faults.is_empty(), "{} statements:\n{}", faults.len(), faults.join("\n"));
    let highest = memory_mib(server.id(), "VmHWM:");
    eprintln!(
        "healthy clients: {} answers, median {:?}, slowest {:?}; memory at most {highest} MiB, now {} MiB",
        took.len(),
        took[took.len() / 2],
        took[took.len() - 1],
        memory_mib(server.id(), "VmRSS:")
    );
    assert!(highest < MEMORY_MIB + BESIDE_MIB, "{highest} MiB at the highest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_by_chance_are_answered_or_refused() {
    let project = TinyProject::new().await;
    let server = serve(&project);
    let mut random = Random::new(seed(), functions(&server).await);
    let healthy = Healthy::start(&server).await;
    let (all, mut sent, mut faults, started) = (many(400, 100_000), 0, Vec::new(), Instant::now());
    while sent < all {
        let round = (all - sent).min(1_000);
        let statements = (0..round).map(|_| random.statement()).collect();
        faults.extend(send(&server, statements).await);
        sent += round;
    }
    let rate = sent as f64 / started.elapsed().as_secs_f64();
    eprintln!("{sent} statements, {rate:.1} a second");
    let took = healthy.end().await;
    check(&server, &faults, &took);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_by_design_are_answered_or_refused() {
    let project = TinyProject::new().await;
    let server = serve(&project);
    let healthy = Healthy::start(&server).await;
    let sizes: &[usize] = &[30, 1_000, 10, 5_000, 100_000];
    let sizes = &sizes[..many(2, 5)];
    let mut faults = Vec::new();
    for size in sizes {
        faults.extend(send(&server, designs(*size)).await);
    }
    let took = healthy.end().await;
    check(&server, &faults, &took);
}
