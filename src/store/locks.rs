//! Lock files: who is alive, and who reads what.
//!
//! The kernel drops a lock when its holder ends, however it ends; so a folder whose lock can be
//! taken is provably dead. Making, ending and sweeping folders is guarded by one lock of its own,
//! held for moments only: nobody can sweep a folder between its making and its locking.

use super::durable::io_error;
use crate::error::{Error, ErrorKind, Result};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// The name of a lock file within a folder.
const LOCK: &str = "lock";

/// A folder that lives as long as this value, or this process, does.
#[derive(Debug)]
pub(crate) struct LiveFolder {
    staging: PathBuf,
    folder: PathBuf,
    _lock: Lock,
}

/// A lock file that is held as long as this value, or this process, lives.
///
/// Given back by name: closing the file is not enough while a program that this process is just
/// starting has a copy of the handle, which it has until it runs.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "a lock is held until its file is closed");
        }
    }
}

impl LiveFolder {
    /// Makes and locks a folder under `staging`.
    ///
    /// # Errors
    /// Conflict where a folder of that name is alive.
    pub(crate) fn make(staging: &Path, folder: PathBuf) -> Result<Self> {
        let _guard = guard(staging)?;
        fs::create_dir_all(&folder).map_err(|error| io_error("make", &folder, error))?;
        let Some(lock) = try_exclusive(&folder.join(LOCK))? else {
            return Err(Error::new(ErrorKind::Conflict, "a load of the same run is under way")
                .with("folder", folder.display()));
        };
        Ok(Self { staging: staging.to_owned(), folder, _lock: lock })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Removes the folders under `staging` whose makers are dead.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub(crate) fn sweep(staging: &Path) -> Result<()> {
        sweep(staging).map(drop)
    }
}

impl Drop for LiveFolder {
    /// Removes the folder. What cannot be removed now is swept when the warehouse is next opened.
    fn drop(&mut self) {
        let removed = guard(&self.staging).and_then(|_guard| {
            fs::remove_dir_all(&self.folder)
                .map_err(|error| io_error("remove", &self.folder, error))
        });
        if let Err(error) = removed {
            tracing::warn!(%error, "a staging folder stays until the warehouse is next opened");
        }
    }
}

/// Removes the folders under `staging` whose makers are dead; returns their names.
pub(crate) fn sweep(staging: &Path) -> Result<Vec<String>> {
    let _guard = guard(staging)?;
    let mut swept = Vec::new();
    for (name, folder) in folders(staging)? {
        // Held until the folder is gone.
        let Some(_lock) = try_exclusive(&folder.join(LOCK))? else { continue };
        fs::remove_dir_all(&folder).map_err(|error| io_error("remove", &folder, error))?;
        swept.push(name);
    }
    Ok(swept)
}

/// The names of the folders under `staging` whose makers live.
pub(crate) fn alive(staging: &Path) -> Result<Vec<String>> {
    let _guard = guard(staging)?;
    let mut alive = Vec::new();
    for (name, folder) in folders(staging)? {
        if try_exclusive(&folder.join(LOCK))?.is_none() {
            alive.push(name);
        }
    }
    Ok(alive)
}

/// Takes a lock file exclusively; none where somebody holds it.
pub(crate) fn try_exclusive(path: &Path) -> Result<Option<Lock>> {
    let file = open(path)?;
    let taken = file.try_lock();
    outcome(path, file, taken)
}

/// Takes a lock file together with others who share it; none where somebody holds it exclusively.
pub(crate) fn try_shared(path: &Path) -> Result<Option<Lock>> {
    let file = open(path)?;
    let taken = file.try_lock_shared();
    outcome(path, file, taken)
}

fn guard(staging: &Path) -> Result<Lock> {
    let path = staging.join(LOCK);
    let file = open(&path)?;
    file.lock().map_err(|error| io_error("lock", &path, error))?;
    Ok(Lock(file))
}

fn folders(staging: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut folders = Vec::new();
    let entries = fs::read_dir(staging).map_err(|error| io_error("list", staging, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| io_error("list", staging, error))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    Ok(folders)
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    options.open(path).map_err(|error| io_error("open", path, error))
}

fn outcome(path: &Path, file: File, taken: Result<(), TryLockError>) -> Result<Option<Lock>> {
    match taken {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(io_error("lock", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_given_back_while_a_starting_program_has_its_handle() -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK);
        for take in [try_exclusive, try_shared] {
            let lock = take(&path)?.unwrap();
            // What a program has between its fork and its start.
            let copy = lock.0.try_clone().unwrap();
            assert!(try_exclusive(&path)?.is_none());
            drop(lock);
            assert!(try_exclusive(&path)?.is_some());
            drop(copy);
        }
        Ok(())
    }
}
