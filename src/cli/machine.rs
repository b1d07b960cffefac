//! What the machine is and shows: its clock, its memory, its processors.

use crate::clock::Clock;
use crate::config::Machine;
use chrono::{DateTime, Utc};

/// The machine's own clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one clock that reads the machine's")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// This machine; in a container, what the container may use.
pub(super) fn this() -> Machine {
    let limits = [installed_bytes(), control_group_bytes()];
    Machine {
        memory_bytes: limits.into_iter().flatten().min(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
    }
}

fn installed_bytes() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kibibytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// `max`, for no limit, is no number.
fn control_group_bytes() -> Option<usize> {
    std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?.trim().parse().ok()
}
