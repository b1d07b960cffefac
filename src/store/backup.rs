//! Backup and restore: releases, and all that they name, copied to another place and verified.
//!
//! A backup is a warehouse folder like any other, so restoring is the same copy the other way. Data
//! files never change once written, so each is copied once: a backup of what was backed up before
//! brings only what is new. Every byte copied is checked against the checksum that its release
//! names. Release files come last, oldest first: whatever a copy was killed at, the other place
//! holds whole releases or none.

use super::durable::{Disk, Landing, io_error};
use super::publish::Publisher;
use super::release::{DataFile, Release};
use super::release_file::{self, ReleaseFile};
use super::{paths, run_log};
use crate::error::{Error, Result};
use crate::ids::ReleaseId;
use object_store::path::Path;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;

/// Bytes copied at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// What a backup, or a restore, did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The last release that is there now.
    pub latest: ReleaseId,
    /// Releases that are there now and were not before.
    pub releases: u64,
    /// Data files copied.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Data files that were there before.
    pub files_before: u64,
}

/// Which releases are copied, and how carefully.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// The last one; the latest where left out.
    pub up_to: Option<ReleaseId>,
    /// Whether files that are there already are read and checked as well.
    pub verify: bool,
}

/// Copies releases from one place to another. Blocks.
///
/// # Errors
/// User where there is nothing to copy, or the other place holds another warehouse; damaged where a
/// file is not what its release says.
pub(crate) fn copy(from: &Publisher, to: &Disk, options: CopyOptions) -> Result<Copied> {
    let chosen = chosen(from, options.up_to)?;
    check_place(from, to, &chosen)?;
    // Held until the end: who reads a release keeps its files from vacuum.
    let held: Vec<Arc<Release>> =
        chosen.iter().map(|id| from.releases.release(*id)).collect::<Result<_>>()?;
    let latest = chosen.last().copied().unwrap_or(ReleaseId::EMPTY);
    let mut copied = Copied { latest, releases: 0, files: 0, bytes: 0, files_before: 0 };
    let mut seen: BTreeSet<Path> = BTreeSet::new();
    for release in &held {
        for table in release.tables.values() {
            for file in &table.files {
                let path = paths::table_file(&table.location, &file.path)?;
                if seen.insert(path.clone()) {
                    data_file(&from.disk, to, &path, file, options.verify, &mut copied)?;
                }
            }
        }
    }
    to.points().hit("backup.before_logs")?;
    delta_logs(&from.disk, to, &from.releases.file(latest)?)?;
    to.points().hit("backup.after_logs")?;
    to.points().hit("backup.before_runs")?;
    run_log::copy(&from.disk, to)?;
    to.points().hit("backup.after_runs")?;
    for id in &chosen {
        to.points().hit("backup.before_release")?;
        let bytes = bytes_of(from, *id)?;
        if to.put_new(&paths::release(*id), &bytes)? {
            copied.releases += 1;
            to.points().hit("backup.after_release")?;
        } else if to.read(&paths::release(*id))? != Some(bytes) {
            return Err(another(*id));
        }
    }
    Ok(copied)
}

/// The retained releases up to one.
fn chosen(from: &Publisher, up_to: Option<ReleaseId>) -> Result<Vec<ReleaseId>> {
    let ids = from.releases.ids()?;
    let Some(up_to) = up_to else {
        if ids.is_empty() {
            return Err(Error::user("nothing was published yet: there is nothing to copy"));
        }
        return Ok(ids);
    };
    // Says what there is, where there is no such release.
    from.releases.file(up_to)?;
    Ok(ids.into_iter().filter(|id| *id <= up_to).collect())
}

/// The other place holds nothing, or the same warehouse as it was.
fn check_place(from: &Publisher, to: &Disk, chosen: &[ReleaseId]) -> Result<()> {
    let names = to.names(&paths::releases())?;
    let there: Vec<ReleaseId> = names.iter().filter_map(|name| paths::release_of(name)).collect();
    let (Some(last), Some(first)) = (there.last(), chosen.first()) else { return Ok(()) };
    if last.next() < *first {
        let message = format!(
            "the copy ends with release {last}, but the oldest one kept is {first}: those between \
             were vacuumed"
        );
        return Err(Error::user(message).hint("begin a copy in another folder"));
    }
    for id in there.iter().filter(|id| chosen.contains(id)) {
        if to.read(&paths::release(*id))? != Some(bytes_of(from, *id)?) {
            return Err(another(*id));
        }
    }
    Ok(())
}

/// A release's file as it stands, once it is known to be whole.
fn bytes_of(from: &Publisher, id: ReleaseId) -> Result<Vec<u8>> {
    let missing = || Error::damaged("a release file is missing").with("release", id);
    let bytes = from.disk.read(&paths::release(id))?.ok_or_else(missing)?;
    release_file::decode(id, &bytes)?;
    Ok(bytes)
}

fn another(id: ReleaseId) -> Error {
    Error::user("the folder holds another warehouse")
        .with("release", id)
        .hint("choose an empty folder")
}

/// Copies a data file, unless it is there.
fn data_file(
    from: &Disk,
    to: &Disk,
    path: &Path,
    file: &DataFile,
    verify: bool,
    copied: &mut Copied,
) -> Result<()> {
    if to.exists(path)? {
        copied.files_before += 1;
        let there = to.resolve(path);
        let size = there.metadata().map_err(|error| io_error("find", &there, error))?.len();
        if size == file.size_bytes && !verify {
            return Ok(());
        }
        let mut opened = File::open(&there).map_err(|error| io_error("read", &there, error))?;
        return check(path, file, &pass(&mut opened, &mut std::io::sink(), &there)?);
    }
    to.points().hit("backup.before_file")?;
    let source = from.resolve(path);
    let mut opened = File::open(&source).map_err(|error| io_error("read", &source, error))?;
    let mut temp = to.temp()?;
    let mut target = temp.duplicate()?;
    let passed = pass(&mut opened, &mut target, &source)?;
    drop(target);
    check(path, file, &passed)?;
    // Another copy may have been first: it is the same file.
    if let Landing::Landed = to.land(temp, path)? {
        copied.files += 1;
        copied.bytes += file.size_bytes;
    }
    to.points().hit("backup.after_file")
}

/// Bytes that passed, and their checksum.
struct Passed {
    bytes: u64,
    sha256: String,
}

fn pass(from: &mut impl Read, to: &mut impl Write, path: &std::path::Path) -> Result<Passed> {
    let (mut digest, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK_BYTES]);
    loop {
        let count = from.read(&mut chunk).map_err(|error| io_error("read", path, error))?;
        if count == 0 {
            break;
        }
        digest.update(&chunk[..count]);
        to.write_all(&chunk[..count]).map_err(|error| io_error("write", path, error))?;
        bytes += count as u64;
    }
    let sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Passed { bytes, sha256 })
}

fn check(path: &Path, file: &DataFile, passed: &Passed) -> Result<()> {
    if passed.bytes == file.size_bytes && passed.sha256 == file.sha256 {
        return Ok(());
    }
    Err(Error::damaged("a data file is not what its release says")
        .with("file", path)
        .with("bytes", passed.bytes)
        .with("expected", file.size_bytes)
        .hint("restore it from a copy, or go back to a release that does not name it"))
}

/// Copies the commits of all tables, as far as a release knows of them.
fn delta_logs(from: &Disk, to: &Disk, release: &ReleaseFile) -> Result<()> {
    for (table, log) in &release.logs {
        let location = paths::table(table)?;
        for version in 0..=log.version {
            let commit = paths::delta_commit(location.as_ref(), version)?;
            if to.exists(&commit)? {
                continue;
            }
            let bytes = from.read(&commit)?.ok_or_else(|| {
                Error::damaged("a commit of a Delta log is missing").with("file", &commit)
            })?;
            to.put_new(&commit, &bytes)?;
        }
    }
    Ok(())
}
