//! How often a job is tried, and how long it may take.

use super::Job;
use std::time::Duration;

/// Tried again so often where the job does not say.
const RETRIES: u32 = 2;
/// After so many seconds, the first time.
const AFTER_SECONDS: u32 = 1;
/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// How often a job is tried, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// How often it is tried again when it failed for something that may pass.
    pub retries: u32,
    /// How long after the first failure; twice as long after each further one.
    pub after: Duration,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
}

impl Attempts {
    /// How long to wait after so many failures; none where it is not tried again.
    pub fn wait(&self, failures: u32) -> Option<Duration> {
        let doublings = failures.saturating_sub(1).min(16);
        (failures <= self.retries).then(|| (self.after * (1 << doublings)).min(LONGEST_WAIT))
    }
}

impl Job {
    /// How often it is tried, and how long it may take.
    pub fn attempts(&self) -> Attempts {
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        Attempts {
            retries: self.retries.unwrap_or(RETRIES),
            after: seconds(self.retry_after_seconds.unwrap_or(AFTER_SECONDS)),
            timeout: self.timeout_seconds.map(seconds),
        }
    }

    /// The job but for how often it is tried: what decides what it loads.
    pub(crate) fn what_it_loads(&self) -> Self {
        Self { retries: None, retry_after_seconds: None, timeout_seconds: None, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end() {
        let (retries, after) = (3, Duration::from_secs(5));
        let attempts = Attempts { retries, after, timeout: None };
        let waits: Vec<Option<u64>> =
            (1..=4).map(|failures| attempts.wait(failures).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(5), Some(10), Some(20), None]);
        let forever = Attempts { retries: u32::MAX, ..attempts };
        assert_eq!(forever.wait(1_000), Some(LONGEST_WAIT));
    }
}
