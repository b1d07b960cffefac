//! Whoever hears what the operational log records, as it happens.

use super::{QueryRecord, RunRecord, Warehouse};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Hears what is recorded. It must not make anybody wait.
pub trait Observer: fmt::Debug + Send + Sync {
    /// A query was answered, refused or given up.
    fn query(&self, query: &QueryRecord, timing: &QueryTiming);

    /// A run has ended.
    fn run(&self, run: &RunRecord);
}

/// How long a query took, more exactly than it is recorded, and what asked for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryTiming {
    /// To understand it.
    pub planning: Duration,
    /// From the beginning of its answer to its end.
    pub answering: Duration,
    /// The `traceparent` that its client sent (W3C Trace Context), as it was sent.
    pub parent: Option<Arc<str>>,
}

impl Warehouse {
    /// Tells an observer of everything that this process records from now on; the first one stays.
    pub fn tell(&self, observer: Arc<dyn Observer>) {
        let _ = self.shared.observer.set(observer);
    }
}
