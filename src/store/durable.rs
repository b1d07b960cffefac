//! Durable writes on a local disk.
//!
//! A file is written under a temporary name, synced, linked to its real name without overwriting,
//! and then the folder is synced, with every folder made on the way. So after a crash, even of the
//! machine, a name stands for the whole file or for nothing. A failed sync is an error and stays
//! one: the kernel may have dropped the pages, and a second sync would succeed without them.

use super::failpoint::FailPoints;
#[cfg(debug_assertions)]
use super::journal::Effect;
use super::locks::{self, LiveFolder};
use super::paths;
use crate::error::{Error, ErrorKind, Result};
use object_store::path::Path as StorePath;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{ErrorKind as IoKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The warehouse's folder, written durably. Calls block.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    scratch: LiveFolder,
    next_temp: AtomicU64,
    /// Folders known to be reachable from the root after a crash.
    rooted: Mutex<HashSet<PathBuf>>,
    points: FailPoints,
}

/// What became of a file that must not overwrite another.
#[derive(Debug)]
pub(crate) enum Landing {
    /// It has its name.
    Landed,
    /// The name was taken; the file may try another.
    Taken(TempFile),
}

/// A file without its final name yet; removed when dropped.
#[derive(Debug)]
pub(crate) struct TempFile {
    path: PathBuf,
    file: Option<File>,
}

impl Disk {
    /// Opens the folder, making it if need be.
    pub(crate) fn open(root: &Path, points: FailPoints) -> Result<Self> {
        let root = make_root(root)?;
        let staging = root.join(paths::staging().as_ref());
        fs::create_dir_all(&staging).map_err(|error| io_error("make", &staging, error))?;
        points.hit("staging.before_sweep")?;
        locks::sweep(&staging)?;
        points.hit("staging.after_sweep")?;
        let scratch = make_scratch(&root, &staging)?;
        let rooted = Mutex::new(HashSet::from([root.clone()]));
        let disk = Self { root, scratch, next_temp: AtomicU64::new(0), rooted, points };
        for folder in
            [paths::releases(), paths::tables(), paths::staging(), paths::leases(), paths::runs()]
        {
            disk.make_folder(&disk.resolve(&folder))?;
        }
        Ok(disk)
    }

    /// The file system's path of a path of ours.
    pub(crate) fn resolve(&self, path: &StorePath) -> PathBuf {
        let mut resolved = self.root.clone();
        resolved.extend(path.parts().map(|part| part.as_ref().to_owned()));
        resolved
    }

    /// The fail points.
    pub(crate) fn points(&self) -> &FailPoints {
        &self.points
    }

    /// The root folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of staging folders.
    pub(crate) fn staging(&self) -> PathBuf {
        self.resolve(&paths::staging())
    }

    /// A new temporary file.
    pub(crate) fn temp(&self) -> Result<TempFile> {
        let number = self.next_temp.fetch_add(1, Ordering::Relaxed);
        let path = self.scratch.path().join(number.to_string());
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        let file = options.open(&path).map_err(|error| io_error("make", &path, error))?;
        Ok(TempFile { path, file: Some(file) })
    }

    /// Puts bytes under a name that must be free; `false` where it is taken.
    pub(crate) fn put_new(&self, path: &StorePath, bytes: &[u8]) -> Result<bool> {
        let temp = self.written(bytes)?;
        Ok(matches!(self.land(temp, path)?, Landing::Landed))
    }

    /// Puts bytes under a name, replacing what was there in one step.
    pub(crate) fn replace(&self, path: &StorePath, bytes: &[u8]) -> Result<()> {
        self.land_over(self.written(bytes)?, path)
    }

    /// Syncs a temporary file and gives it a name, if that is free.
    pub(crate) fn land(&self, mut temp: TempFile, path: &StorePath) -> Result<Landing> {
        let target = self.resolve(path);
        let is_synced = self.sync_temp(&mut temp, &target)?;
        self.make_parent(&target)?;
        self.points.hit("file.before_link")?;
        match fs::hard_link(&temp.path, &target) {
            Ok(()) => self.note_named(&target, is_synced),
            Err(error) if error.kind() == IoKind::AlreadyExists => return Ok(Landing::Taken(temp)),
            Err(error) => return Err(io_error("link", &target, error)),
        }
        self.points.hit("file.after_link")?;
        self.sync_parent(&target)?;
        Ok(Landing::Landed)
    }

    /// Syncs a temporary file and gives it a name, in place of whatever has it.
    pub(crate) fn land_over(&self, mut temp: TempFile, path: &StorePath) -> Result<()> {
        let target = self.resolve(path);
        let is_synced = self.sync_temp(&mut temp, &target)?;
        self.make_parent(&target)?;
        self.points.hit("file.before_rename")?;
        fs::rename(&temp.path, &target).map_err(|error| io_error("rename", &target, error))?;
        self.note_named(&target, is_synced);
        self.points.hit("file.after_rename")?;
        self.sync_parent(&target)
    }

    /// The bytes of a file; none where there is no such file.
    pub(crate) fn read(&self, path: &StorePath) -> Result<Option<Vec<u8>>> {
        let path = self.resolve(path);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == IoKind::NotFound => Ok(None),
            Err(error) => Err(io_error("read", &path, error)),
        }
    }

    /// Whether there is a file of that name.
    pub(crate) fn exists(&self, path: &StorePath) -> Result<bool> {
        let path = self.resolve(path);
        path.try_exists().map_err(|error| io_error("find", &path, error))
    }

    /// The names in a folder, in order; none where there is no such folder.
    pub(crate) fn names(&self, folder: &StorePath) -> Result<Vec<String>> {
        let folder = self.resolve(folder);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == IoKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error("list", &folder, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| io_error("list", &folder, error))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// Removes a file; `false` where there is none.
    pub(crate) fn remove(&self, path: &StorePath) -> Result<bool> {
        let path = self.resolve(path);
        self.points.hit("file.before_remove")?;
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == IoKind::NotFound => return Ok(false),
            Err(error) => return Err(io_error("remove", &path, error)),
        }
        #[cfg(debug_assertions)]
        self.points.note(|| Effect::Removed(path));
        self.points.hit("file.after_remove")?;
        Ok(true)
    }

    /// Makes sure that the names in a folder outlive a crash, whoever gave them.
    pub(crate) fn sync(&self, folder: &StorePath) -> Result<()> {
        self.sync_folder(&self.resolve(folder))
    }

    fn written(&self, bytes: &[u8]) -> Result<TempFile> {
        self.points.hit("temp.before_write")?;
        let mut temp = self.temp()?;
        let path = temp.path.clone();
        temp.file()?.write_all(bytes).map_err(|error| io_error("write", &path, error))?;
        self.points.hit("temp.after_write")?;
        Ok(temp)
    }

    /// Syncs a temporary file that is to get a name; whether it is synced now. One that failed is
    /// never synced again: whoever tries again writes the file anew.
    fn sync_temp(&self, temp: &mut TempFile, target: &Path) -> Result<bool> {
        // A file that tries a second name is synced already.
        let Some(file) = temp.file.take() else { return Ok(true) };
        self.points.hit("file.before_sync")?;
        let is_synced = match self.asked(false, target) {
            Some(outcome) => outcome.and_then(|()| file.sync_all()).map(|()| true),
            None => Ok(false),
        };
        let is_synced = is_synced.map_err(|error| io_error("sync", &temp.path, error))?;
        self.points.hit("file.after_sync")?;
        Ok(is_synced)
    }

    fn sync_folder(&self, folder: &Path) -> Result<()> {
        let Some(outcome) = self.asked(true, folder) else { return Ok(()) };
        let synced = outcome
            .map_err(|error| io_error("sync", folder, error))
            .and_then(|()| sync_folder(folder));
        #[cfg(debug_assertions)]
        self.points.note(|| match &synced {
            Ok(()) => Effect::FolderSynced(folder.to_owned()),
            Err(_) => Effect::FolderSyncFailed(folder.to_owned()),
        });
        synced
    }

    /// What a test has in mind for a sync: `None` is to leave it out.
    fn asked(&self, of_folders: bool, path: &Path) -> Option<std::io::Result<()>> {
        #[cfg(debug_assertions)]
        return self.points.sync(of_folders, path.strip_prefix(&self.root).unwrap_or(path));
        #[cfg(not(debug_assertions))]
        {
            let _ = (of_folders, path);
            Some(Ok(()))
        }
    }

    /// Tells a test that a file has a name.
    fn note_named(&self, target: &Path, is_synced: bool) {
        #[cfg(debug_assertions)]
        self.points.note(|| Effect::Named {
            path: target.to_owned(),
            bytes: fs::read(target).unwrap_or_default().into(),
            is_synced,
        });
        #[cfg(not(debug_assertions))]
        let _ = (target, is_synced);
    }

    fn make_parent(&self, target: &Path) -> Result<()> {
        target.parent().map_or(Ok(()), |parent| self.make_folder(parent))
    }

    /// Makes a folder and its parents, each synced into its own parent. A folder found there may
    /// be another process's, made a moment ago and not synced yet: so it is synced once, too.
    fn make_folder(&self, folder: &Path) -> Result<()> {
        let known = |folder: &Path| {
            self.rooted.lock().unwrap_or_else(PoisonError::into_inner).contains(folder)
        };
        if known(folder) && folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = folder.parent().filter(|parent| parent.starts_with(&self.root)) {
            self.make_folder(parent)?;
            self.points.hit("folder.before_make")?;
            match fs::create_dir(folder) {
                Ok(()) => {
                    #[cfg(debug_assertions)]
                    self.points.note(|| Effect::FolderMade(folder.to_owned()));
                }
                Err(error) if error.kind() == IoKind::AlreadyExists => {}
                Err(error) => return Err(io_error("make", folder, error)),
            }
            if let Err(error) = self.sync_folder(parent) {
                // Whoever tries again makes it anew: a second sync says nothing of the first name.
                if fs::remove_dir(folder).is_ok() {
                    #[cfg(debug_assertions)]
                    self.points.note(|| Effect::Removed(folder.to_owned()));
                }
                return Err(error);
            }
            self.points.hit("folder.after_make")?;
        }
        let mut rooted = self.rooted.lock().unwrap_or_else(PoisonError::into_inner);
        rooted.insert(folder.to_owned());
        Ok(())
    }

    fn sync_parent(&self, target: &Path) -> Result<()> {
        self.points.hit("folder.before_sync")?;
        if let Some(parent) = target.parent() {
            self.sync_folder(parent)?;
        }
        self.points.hit("folder.after_sync")
    }
}

impl TempFile {
    /// Where it stands.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A second handle, for a writer that wants its own.
    pub(crate) fn duplicate(&mut self) -> Result<File> {
        let path = self.path.clone();
        self.file()?.try_clone().map_err(|error| io_error("open", &path, error))
    }

    /// The open file.
    pub(crate) fn file(&mut self) -> Result<&mut File> {
        let path = &self.path;
        self.file.as_mut().ok_or_else(|| {
            Error::internal("a temporary file was used after it was closed")
                .with("file", path.display())
        })
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // Gone already after a rename; what is left otherwise goes with the process's folder.
        let _ = fs::remove_file(&self.path);
    }
}

/// An I/O failure as an error of ours: `action` as in "cannot write file".
pub(crate) fn io_error(action: &str, path: &Path, error: std::io::Error) -> Error {
    let (kind, hint) = match error.kind() {
        IoKind::NotFound => (ErrorKind::NotFound, None),
        IoKind::StorageFull | IoKind::QuotaExceeded => (
            ErrorKind::Unavailable,
            Some("make room on the disk: `starhouse vacuum` deletes old releases"),
        ),
        IoKind::PermissionDenied | IoKind::ReadOnlyFilesystem => {
            (ErrorKind::Unavailable, Some("let the user that Starhouse runs as write there"))
        }
        _ => (ErrorKind::Unavailable, None),
    };
    let told = Error::new(kind, format!("cannot {action} file")).with("file", path.display());
    let told = told.caused_by(error);
    match hint {
        // It does not pass by itself.
        Some(hint) => told.retryable(false).hint(hint),
        None => told,
    }
}

/// Runs blocking work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::internal("a storage thread ended early").caused_by(error))?
}

/// Makes the root and what is missing above it, each synced into its parent.
fn make_root(root: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(root).map_err(|error| io_error("find", root, error))?;
    let missing: Vec<&Path> = absolute.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::create_dir_all(&absolute).map_err(|error| io_error("make", &absolute, error))?;
    for parent in missing.iter().rev().filter_map(|folder| folder.parent()) {
        sync_folder(parent)?;
    }
    fs::canonicalize(&absolute).map_err(|error| io_error("find", &absolute, error))
}

fn make_scratch(root: &Path, staging: &Path) -> Result<LiveFolder> {
    let mut sequence = 0;
    loop {
        let folder = root.join(paths::scratch(std::process::id(), sequence).as_ref());
        match LiveFolder::make(staging, folder) {
            Err(error) if error.kind() == ErrorKind::Conflict => sequence += 1,
            made => return made,
        }
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|opened| opened.sync_all());
    synced.map_err(|error| io_error("sync", folder, error))
}

/// Elsewhere a folder cannot be opened as a file; the file system's journal orders the names.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> Result<()> {
    Ok(())
}
