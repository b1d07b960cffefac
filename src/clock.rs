//! Injected time: only the composition root makes a clock that reads the machine's.

use chrono::{DateTime, Utc};
use std::fmt::Debug;

/// Where "now" comes from.
pub trait Clock: Debug + Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock that always shows the same moment: for tests and reproducible runs.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub DateTime<Utc>);

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}
