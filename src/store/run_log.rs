//! Run records: one small JSON file a run, replaced durably as the run goes on.

use super::durable::Disk;
use super::{RunRecord, paths};
use crate::error::{Error, Result};

pub(crate) fn record(disk: &Disk, run: &RunRecord) -> Result<()> {
    let bytes = serde_json::to_vec_pretty(run).map_err(|error| {
        Error::internal("a run cannot be written as JSON").with("run", &run.run).caused_by(error)
    })?;
    disk.points().hit("run_record.before_put")?;
    disk.replace(&paths::run_record(&run.run)?, &bytes)?;
    disk.points().hit("run_record.after_put")
}

pub(crate) fn all(disk: &Disk) -> Result<Vec<RunRecord>> {
    let folder = paths::runs();
    let mut runs = Vec::new();
    for name in disk.names(&folder)? {
        let path = folder.clone().join(name);
        let Some(bytes) = disk.read(&path)? else { continue };
        let run: RunRecord = serde_json::from_slice(&bytes).map_err(|error| {
            Error::data("a run's record is damaged")
                .with("file", &path)
                .hint("restore the file from a backup, or delete it")
                .caused_by(error)
        })?;
        runs.push(run);
    }
    runs.sort_by(|a, b| (a.started_at, &a.run).cmp(&(b.started_at, &b.run)));
    Ok(runs)
}
