//! Run records: one small JSON file a run, replaced durably as the run goes on.

use super::durable::Disk;
use super::releases::Releases;
use super::{RunRecord, RunStatus, locks, paths};
use crate::error::{Error, Result};
use crate::ids::RunId;
use std::collections::BTreeSet;

pub(crate) fn record(disk: &Disk, run: &RunRecord) -> Result<()> {
    let bytes = serde_json::to_vec_pretty(run).map_err(|error| {
        Error::internal("a run cannot be written as JSON").with("run", &run.run).caused_by(error)
    })?;
    disk.points().hit("run_record.before_put")?;
    disk.replace(&paths::run_record(&run.run)?, &bytes)?;
    disk.points().hit("run_record.after_put")
}

/// Copies the records of runs to another place.
pub(crate) fn copy(from: &Disk, to: &Disk) -> Result<()> {
    for name in from.names(&paths::runs())? {
        let path = paths::runs().join(name);
        if let Some(bytes) = from.read(&path)? {
            to.replace(&path, &bytes)?;
        }
    }
    Ok(())
}

/// All runs, oldest first, with what became of those that could not say it themselves.
pub(crate) fn all(disk: &Disk, releases: &Releases) -> Result<Vec<RunRecord>> {
    let running = |run: &&RunRecord| run.status == RunStatus::Running;
    let mut runs = recorded(disk)?;
    let suspects: BTreeSet<RunId> =
        runs.iter().filter(running).map(|run| run.run.clone()).collect();
    if suspects.is_empty() {
        return Ok(runs);
    }
    // A run's record says that it runs from before its load begins until after it ends: a record
    // that says so before and after nobody was found alive is of one who ended without a word.
    let alive: BTreeSet<String> = locks::alive(&disk.staging())?.into_iter().collect();
    runs = recorded(disk)?;
    let published = releases.all()?;
    for run in &mut runs {
        let dead = suspects.contains(&run.run) && !alive.contains(&run.run.0);
        if run.status != RunStatus::Running || !dead {
            continue;
        }
        match published.iter().find(|release| release.run == run.run) {
            Some(release) => {
                run.status = RunStatus::Published;
                run.release = Some(release.id);
                run.finished_at = Some(release.created_at);
            }
            None => run.status = RunStatus::Interrupted,
        }
    }
    Ok(runs)
}

/// All records as they stand, oldest first.
pub(crate) fn recorded(disk: &Disk) -> Result<Vec<RunRecord>> {
    let folder = paths::runs();
    let mut runs = Vec::new();
    for name in disk.names(&folder)? {
        let path = folder.clone().join(name);
        let Some(bytes) = disk.read(&path)? else { continue };
        let run: RunRecord = serde_json::from_slice(&bytes).map_err(|error| {
            Error::damaged("a run's record is damaged")
                .with("file", &path)
                .hint("restore the file from a backup, or delete it")
                .caused_by(error)
        })?;
        runs.push(run);
    }
    runs.sort_by(|a, b| (a.started_at, &a.run).cmp(&(b.started_at, &b.run)));
    Ok(runs)
}
