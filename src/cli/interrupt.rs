//! Running a command so that Ctrl-C stops it at once, with nothing half published.
//!
//! Signals are awaited on a thread of their own, and waited for on the main one: while queries keep
//! every worker of the runtime busy, nobody there would notice one.

use super::failure::Failure;
use super::telemetry;
use crate::error::{Error, ErrorKind};
use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinError;

/// Plans are recursive, and deep ones need more than the usual stack; what is not used costs nothing.
const STACK_BYTES: usize = 64 << 20;
/// How long a stopped command may take to clean up.
const GRACE: Duration = Duration::from_millis(300);

/// How often the process was asked to stop.
static REQUESTS: LazyLock<watch::Sender<u64>> = LazyLock::new(|| watch::Sender::new(0));

/// Runs a command to its end, or to Ctrl-C unless the command deals with that itself. What a
/// load has written but not published is dropped with it.
pub(super) fn run(
    command: impl Future<Output = Result<(), Failure>> + Send + 'static,
    owns_interrupt: bool,
) -> Result<(), Failure> {
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(no_threads)?;
    listen()?;
    let outcome = runtime.block_on(async {
        if owns_interrupt {
            // On this thread, which no query keeps busy: only so can it notice a signal.
            return command.await;
        }
        let mut task = tokio::spawn(command);
        tokio::select! {
            outcome = &mut task => outcome.unwrap_or_else(died),
            () = asked_to_stop() => {
                task.abort();
                Err(interrupted().into())
            }
        }
    });
    telemetry::shut_down();
    runtime.shutdown_timeout(GRACE);
    outcome
}

/// The error of a command that was interrupted.
pub(super) fn interrupted() -> Error {
    Error::new(ErrorKind::Cancelled, "interrupted")
}

/// Completes when the process is asked to stop from now on, by Ctrl-C or a polite signal.
pub(super) async fn asked_to_stop() {
    let mut requests = REQUESTS.subscribe();
    // The sender lives as long as the process.
    let _ = requests.changed().await;
}

/// Starts the thread that awaits signals.
fn listen() -> Result<(), Error> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(no_threads)?;
    let thread = std::thread::Builder::new().name("signals".to_owned());
    let listening = thread.spawn(move || {
        runtime.block_on(async {
            loop {
                signalled().await;
                REQUESTS.send_modify(|requests| *requests += 1);
            }
        });
    });
    listening.map(drop).map_err(no_threads)
}

fn no_threads(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "cannot start threads").caused_by(error)
}

fn died(error: JoinError) -> Result<(), Failure> {
    Err(Error::internal("the command died").caused_by(error).into())
}

async fn signalled() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
