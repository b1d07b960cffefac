//! Clients that nobody wants, against the real server: whatever they send, it lives, answers with an
//! error that says what is wrong, gives memory back, and goes on answering everybody else.
//!
//! The long tier (`STARHOUSE_FULL`) sends 100,000 statements; `STARHOUSE_SEED` gives others than
//! these.

mod connections;
mod statements;
mod wire;

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
const BESIDE_MIB: u64 = 3_000;
/// No statement may take longer from first word to last, whatever it is: it is set to stop after
/// a second, and a development build on a busy machine may take its time to notice.
const LONGEST: Duration = Duration::from_secs(40);

fn full() -> bool {
    std::env::var_os("STARHOUSE_FULL").is_some()
}

fn seed() -> u64 {
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
            | Code::FailedPrecondition => None,
            _ => Some(status.to_string()),
        },
        // The client of this test reads messages of 4 MiB at most.
        Ok(Err(error)) => Some(error.to_string()),
    }
}

/// Sends statements from several clients at once, and tells which ended in a way they should not.
async fn send(server: &ServeProcess, statements: Vec<String>) -> Vec<String> {
    let shared = Arc::new(std::sync::Mutex::new(statements.into_iter()));
    let mut senders = Vec::new();
    for _ in 0..4 {
        let (mut client, statements) = (hurried(server).await, Arc::clone(&shared));
        senders.push(tokio::spawn(async move {
            let mut faults = Vec::new();
            loop {
                let next = statements.lock().unwrap().next();
                let Some(sql) = next else { return faults };
                let started = Instant::now();
                let ended = tokio::time::timeout(LONGEST, outcome(&mut client, &sql)).await;
                let (took, shown) = (started.elapsed(), sql.chars().take(400).collect::<String>());
                if std::env::var_os("STARHOUSE_SHOW").is_some() {
                    let ended = format!("{ended:?}").chars().take(300).collect::<String>();
                    eprintln!("{took:?} {ended}\n    {}", shown.replace('\n', " "));
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
    let (rounds, each) = if full() { (100, 1_000) } else { (1, 400) };
    let mut faults = Vec::new();
    for _ in 0..rounds {
        let statements = (0..each).map(|_| random.statement()).collect();
        faults.extend(send(&server, statements).await);
    }
    let took = healthy.end().await;
    check(&server, &faults, &took);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_by_design_are_answered_or_refused() {
    let project = TinyProject::new().await;
    let server = serve(&project);
    let healthy = Healthy::start(&server).await;
    let sizes: &[usize] = if full() { &[10, 30, 1_000, 5_000, 100_000] } else { &[30, 1_000] };
    let mut faults = Vec::new();
    for size in sizes {
        faults.extend(send(&server, designs(*size)).await);
    }
    let took = healthy.end().await;
    check(&server, &faults, &took);
}
