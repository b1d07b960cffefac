//! What is remembered of schedules: one small JSON file each, replaced durably; and the lock of who
//! runs them.

use super::durable::Disk;
use super::locks::Lock;
use super::{ScheduleState, locks, paths};
use crate::error::{Error, Result};

/// Held by who runs the schedules of a warehouse, in any process.
#[derive(Debug)]
pub struct ScheduleLock(#[expect(dead_code, reason = "held, not read")] Lock);

/// Remembers a schedule's state.
pub(crate) fn record(disk: &Disk, state: &ScheduleState) -> Result<()> {
    let bytes = serde_json::to_vec_pretty(state).map_err(|error| {
        Error::internal("a schedule cannot be written as JSON").caused_by(error)
    })?;
    disk.points().hit("schedule.before_put")?;
    disk.replace(&paths::schedule(&state.name)?, &bytes)?;
    disk.points().hit("schedule.after_put")
}

/// What is remembered of all schedules, by name.
pub(crate) fn all(disk: &Disk) -> Result<Vec<ScheduleState>> {
    let mut states = Vec::new();
    for name in disk.names(&paths::schedules())? {
        let path = paths::schedules().join(name);
        let Some(bytes) = disk.read(&path)? else { continue };
        let state = serde_json::from_slice(&bytes).map_err(|error| {
            Error::damaged("what is remembered of a schedule is damaged")
                .with("file", &path)
                .hint("delete the file: the schedule is then due from now on")
                .caused_by(error)
        })?;
        states.push(state);
    }
    Ok(states)
}

/// Takes the lock; none where another process runs the schedules.
pub(crate) fn lock(disk: &Disk) -> Result<Option<ScheduleLock>> {
    let lock = locks::try_exclusive(&disk.resolve(&paths::schedule_lock()))?;
    Ok(lock.map(ScheduleLock))
}
