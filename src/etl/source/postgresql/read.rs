//! Several connections read ranges of a table at once, all of one moment; the rows come out in
//! the order of the ranges.
//!
//! Each connection takes the next range and fills a queue of its own with blocks. The caller
//! empties the queues one after the other, so a connection is ahead by its queue, and memory does
//! not grow with the table.

use super::connect::{Server, Stop};
use super::copy::copy;
use super::decode::Block;
use crate::error::{Error, ErrorKind, Result};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::watch;

/// Blocks that wait for their range's turn: as much as a range usually holds.
const QUEUED_BLOCKS: usize = 16;
/// How long nothing may come before the caller hears that all is well.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// What comes of a range: its blocks, or why they end.
type Answer = Result<Option<Block>>;

/// The queries still to be asked, and where their answers go.
struct Turns<'q> {
    queries: std::slice::Iter<'q, String>,
    in_turn: SyncSender<Receiver<Answer>>,
}

/// A moment of the database that several connections see.
#[derive(Clone)]
pub(super) struct Snapshot(pub(super) String);

/// Reads what the queries give, in their order. `give` is called with nothing now and then while
/// nothing comes; an error of its own stops the reading. `beside` is work done meanwhile.
///
/// # Errors
/// The first in the order of the queries.
pub(super) fn read<T: Send>(
    server: &Server,
    snapshot: &Snapshot,
    queries: &[String],
    connections: usize,
    give: &mut dyn FnMut(Option<Block>) -> Result<()>,
    beside: impl FnOnce(&Stop) -> Result<T> + Send,
) -> Result<T> {
    let connections = connections.clamp(1, queries.len().max(1));
    let (in_turn, answers) = sync_channel(connections);
    let turns = Mutex::new(Turns { queries: queries.iter(), in_turn });
    let (stop, stopped) = watch::channel(());
    thread::scope(|scope| {
        for _ in 0..connections {
            let (turns, stopped) = (&turns, stopped.clone());
            scope.spawn(move || connection(server, snapshot, turns, &stopped));
        }
        let beside = scope.spawn(move || beside(&stopped));
        let all = queries.iter().try_for_each(|_| {
            let answer = wait(&answers, give)?;
            while let Some(block) = wait(&answer, give)?? {
                give(Some(block))?;
            }
            Ok(())
        });
        if all.is_err() {
            // whoever still reads is told to stop, whoever waits finds nobody there
            drop(stop);
            drop(answers);
            return all.and(Err(Error::internal("a failure was none")));
        }
        beside.join().map_err(|_| broken_down())?
    })
}

/// The next message; the caller hears now and then that it is awaited.
fn wait<T>(queue: &Receiver<T>, give: &mut dyn FnMut(Option<Block>) -> Result<()>) -> Result<T> {
    loop {
        match queue.recv_timeout(SIGN_OF_LIFE) {
            Ok(message) => return Ok(message),
            Err(RecvTimeoutError::Timeout) => give(None)?,
            Err(RecvTimeoutError::Disconnected) => return Err(broken_down()),
        }
    }
}

/// Reads one range after the other, as long as there are any.
fn connection(server: &Server, snapshot: &Snapshot, turns: &Mutex<Turns<'_>>, stop: &Stop) {
    let connection = server.connect().and_then(|connection| {
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '{}'; \
             SET LOCAL max_parallel_workers_per_gather = 0",
            snapshot.0
        );
        connection.run(Some(stop), async |client| Ok(client.batch_execute(&begin).await?))?;
        Ok(connection)
    });
    while let Some((query, answer)) = next(turns) {
        let read = match &connection {
            Ok(connection) => connection.run(Some(stop), async |client| {
                copy(client, query, &mut |block| {
                    answer.send(Ok(Some(block))).map_err(|_| stopped())
                })
                .await
            }),
            Err(error) => Err(error.as_lent()), // told to whoever asks next
        };
        let failed = read.is_err();
        // nobody waits for it if the reading was stopped
        let _ = answer.send(read.map(|()| None));
        if failed {
            return;
        }
    }
}

/// The next query, and the queue for its answer.
fn next<'q>(turns: &Mutex<Turns<'q>>) -> Option<(&'q String, SyncSender<Answer>)> {
    let mut turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
    let query = turns.queries.next()?;
    let (answer, queue) = sync_channel(QUEUED_BLOCKS);
    turns.in_turn.send(queue).ok()?;
    Some((query, answer))
}

fn stopped() -> Error {
    Error::new(ErrorKind::Cancelled, "the reading was stopped")
}

fn broken_down() -> Error {
    Error::internal("a thread broke down")
}
