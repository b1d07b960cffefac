//! Running a command so that Ctrl-C stops it at once, with nothing half published.

use super::failure::Failure;
use crate::error::{Error, ErrorKind};
use std::future::Future;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::task::JoinError;

/// Plans are recursive; deep ones need more than the usual stack.
const STACK_BYTES: usize = 8 << 20;

/// Runs a command to its end, or to Ctrl-C unless the command deals with that itself. What a
/// load has written but not published is dropped with it.
pub(super) fn run(
    command: impl Future<Output = Result<(), Failure>> + Send + 'static,
    owns_interrupt: bool,
) -> Result<(), Failure> {
    let runtime =
        Builder::new_multi_thread().enable_all().thread_stack_size(STACK_BYTES).build().map_err(
            |error| Error::new(ErrorKind::Unavailable, "cannot start threads").caused_by(error),
        )?;
    let outcome = runtime.block_on(async {
        let mut task = tokio::spawn(command);
        if owns_interrupt {
            return task.await.unwrap_or_else(died);
        }
        tokio::select! {
            outcome = &mut task => outcome.unwrap_or_else(died),
            () = asked_to_stop() => {
                task.abort();
                let _ = task.await;
                Err(interrupted().into())
            }
        }
    });
    // Blocking work, such as reading a file, is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome
}

/// The error of a command that was interrupted.
pub(super) fn interrupted() -> Error {
    Error::new(ErrorKind::Cancelled, "interrupted")
}

fn died(error: JoinError) -> Result<(), Failure> {
    Err(Error::internal("the command died").caused_by(error).into())
}

/// Completes when the process is asked to stop, by Ctrl-C or a polite signal.
pub(super) async fn asked_to_stop() {
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
