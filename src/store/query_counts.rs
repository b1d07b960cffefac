//! How many queries this process has answered, and how fast: counters that only grow.

use super::QueryRecord;
use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the times that are counted, in milliseconds.
pub const QUERY_BOUNDS_MS: [u64; 10] = [1, 5, 10, 50, 100, 500, 1_000, 5_000, 30_000, 300_000];

/// Counters of queries; they only grow while the process lives.
#[derive(Debug, Default)]
pub(crate) struct QueryCounters {
    failed: AtomicU64,
    rows: AtomicU64,
    elapsed_ms: AtomicU64,
    /// Answered in at most so long; the last holds those that took longer.
    within: [AtomicU64; QUERY_BOUNDS_MS.len() + 1],
}

/// What has been counted so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryCounts {
    /// Queries that were refused or failed.
    pub failed: u64,
    /// Rows answered.
    pub rows: u64,
    /// How long all of them took together.
    pub elapsed_ms: u64,
    /// Queries by how long they took: at most each of [`QUERY_BOUNDS_MS`], and longer.
    pub within: Vec<u64>,
}

impl QueryCounters {
    pub(crate) fn count(&self, query: &QueryRecord) {
        let add = |counter: &AtomicU64, value| counter.fetch_add(value, Ordering::Relaxed);
        add(&self.failed, u64::from(query.error.is_some()));
        add(&self.rows, query.rows);
        add(&self.elapsed_ms, query.elapsed_ms);
        let bound = QUERY_BOUNDS_MS.iter().position(|bound| query.elapsed_ms <= *bound);
        add(&self.within[bound.unwrap_or(QUERY_BOUNDS_MS.len())], 1);
    }

    pub(crate) fn counts(&self) -> QueryCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        QueryCounts {
            failed: read(&self.failed),
            rows: read(&self.rows),
            elapsed_ms: read(&self.elapsed_ms),
            within: self.within.iter().map(read).collect(),
        }
    }
}
