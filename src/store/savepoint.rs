//! Savepoints: what a run has done so far, kept while it goes on, so that another run can take over
//! where it failed or was killed.
//!
//! A savepoint names data files that no release names. They stay as long as the savepoint fits on
//! the latest release; after that vacuum takes both.

use super::durable::Disk;
use super::intent::{Intent, TableIntent};
use super::paths;
use crate::error::{Error, Result};
use crate::ids::{ReleaseId, RunId};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a run has done so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Savepoint {
    /// The run.
    pub run: RunId,
    /// The release it builds on.
    pub base: ReleaseId,
    /// What the run itself remembers of its way.
    pub memory: serde_json::Value,
    /// What it has staged.
    pub(crate) intent: Intent,
}

impl Savepoint {
    /// The data files that it names, those of its base included.
    pub(crate) fn files(&self) -> Result<BTreeSet<Path>> {
        let mut files = BTreeSet::new();
        for intent in self.intent.tables.values() {
            let TableIntent::Become { state, .. } = intent else { continue };
            for file in &state.files {
                files.insert(paths::table_file(&state.location, &file.path)?);
            }
        }
        Ok(files)
    }
}

/// Remembers what a run has done, in place of what was remembered of it.
pub(crate) fn record(disk: &Disk, savepoint: &Savepoint) -> Result<()> {
    let bytes = serde_json::to_vec(savepoint).map_err(|error| {
        Error::internal("a savepoint cannot be written as JSON")
            .with("run", &savepoint.run)
            .caused_by(error)
    })?;
    disk.points().hit("savepoint.before_put")?;
    disk.replace(&paths::savepoint(&savepoint.run)?, &bytes)?;
    disk.points().hit("savepoint.after_put")
}

/// All savepoints, by run.
pub(crate) fn all(disk: &Disk) -> Result<Vec<Savepoint>> {
    let mut savepoints = Vec::new();
    for name in disk.names(&paths::savepoints())? {
        let path = paths::savepoints().join(name);
        let Some(bytes) = disk.read(&path)? else { continue };
        let savepoint = serde_json::from_slice(&bytes).map_err(|error| {
            Error::damaged("a savepoint is damaged")
                .with("file", &path)
                .hint("delete the file: a run then loads what it did anew")
                .caused_by(error)
        })?;
        savepoints.push(savepoint);
    }
    Ok(savepoints)
}

/// Forgets a run's savepoint.
pub(crate) fn forget(disk: &Disk, run: &RunId) -> Result<()> {
    disk.points().hit("savepoint.before_remove")?;
    disk.remove(&paths::savepoint(run)?)?;
    disk.points().hit("savepoint.after_remove")
}
