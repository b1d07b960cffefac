//! The queries that this process is answering now: for whoever wants to know why others wait.

use super::QueryRecord;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Queries that have begun and not ended, by the order in which they began.
#[derive(Debug, Default)]
pub(crate) struct RunningQueries(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    next: u64,
    queries: BTreeMap<u64, (QueryRecord, Instant)>,
}

impl RunningQueries {
    /// Counts a query among them; gives what it is ended by.
    pub(crate) fn begin(&self, query: QueryRecord, started: Instant) -> u64 {
        let mut running = self.running();
        running.next += 1;
        let number = running.next;
        running.queries.insert(number, (query, started));
        number
    }

    /// Counts a query among them no more.
    pub(crate) fn end(&self, number: u64) {
        self.running().queries.remove(&number);
    }

    /// All of them, and how long each has been running.
    pub(crate) fn now(&self) -> Vec<QueryRecord> {
        let running = self.running();
        let queries = running.queries.values().map(|(query, started)| {
            let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            QueryRecord { elapsed_ms, ..query.clone() }
        });
        queries.collect()
    }

    /// A panic elsewhere cannot leave the map half changed.
    fn running(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
