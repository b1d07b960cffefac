//! Vacuum: deleting what no retained release needs.
//!
//! What stays:
//! * the newest releases, as many as asked for and at least one;
//! * every release that somebody reads (holds its lease, in any process), and all after it: the
//!   kept releases are always an unbroken row of numbers, as with any store of versions one long
//!   reader holds up the deletion of what came after;
//! * every file that a kept release names;
//! * every file of a load under way, in any process: a load locks its staging folder before its
//!   first write, and a data file's name says which run wrote it;
//! * every file of a savepoint that fits on the latest release, and can be taken over from;
//! * files whose names are not ours, and the Delta logs.
//!
//! The order of looking makes that safe without stopping loads: files first, then loads, then
//! releases. A file seen belongs to a load that was alive at that moment; if it is not alive any
//! more, its release, if there is one, is seen.

use super::durable::io_error;
use super::locks::Lock;
use super::publish::Publisher;
use super::savepoint::{self, Savepoint};
use super::{locks, paths};
use crate::error::Result;
use crate::ids::ReleaseId;
use object_store::path::Path;
use std::collections::BTreeSet;
use std::fs;

/// What a vacuum did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vacuumed {
    /// The oldest release kept; release 0 where nothing was published yet.
    pub oldest_kept: ReleaseId,
    /// Releases deleted.
    pub releases: u64,
    /// Data files deleted.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// A release that would have been deleted, had nobody been reading it.
    pub held: Option<ReleaseId>,
}

/// A data file of ours on disk.
struct Found {
    path: Path,
    run: String,
    size_bytes: u64,
}

/// Deletes what is not needed any more. Blocks.
pub(crate) fn vacuum(publisher: &Publisher, keep: usize) -> Result<Vacuumed> {
    let Publisher { disk, releases, .. } = publisher;
    publisher.roll_forward()?;
    locks::sweep(&disk.staging())?;
    releases.prune();
    let mut found = Vec::new();
    for table in disk.names(&paths::tables())? {
        find(publisher, &paths::tables().join(table), &mut found)?;
    }
    let alive: BTreeSet<String> = locks::alive(&disk.staging())?.into_iter().collect();
    let ids = releases.ids()?;
    let surplus = ids.len().saturating_sub(keep.max(1));
    let (candidates, _) = ids.split_at(surplus);
    disk.points().hit("vacuum.before_lock")?;
    let (locked, held) = lock_releases(publisher, candidates)?;
    disk.points().hit("vacuum.after_lock")?;
    let doomed = &candidates[..locked.len()];
    // Looked at anew: a rollback names files of an older release without writing any. One that was
    // under way held its target's lease until its own release was there to be seen here.
    // Before the releases: a savepoint goes only when one names its files.
    let savepoints = savepoint::all(disk)?;
    let kept: Vec<ReleaseId> =
        releases.ids()?.into_iter().filter(|id| !doomed.contains(id)).collect();

    let mut named = BTreeSet::new();
    for id in &kept {
        for table in releases.file(*id)?.release.tables.values() {
            for file in &table.files {
                named.insert(paths::table_file(&table.location, &file.path)?);
            }
        }
    }
    let latest = kept.last().copied().unwrap_or(ReleaseId::EMPTY);
    let fits = |savepoint: &Savepoint| savepoint.base == latest || alive.contains(&savepoint.run.0);
    let (fitting, stale): (Vec<_>, Vec<_>) = savepoints.into_iter().partition(fits);
    for savepoint in &fitting {
        named.extend(savepoint.files()?);
    }
    for savepoint in &stale {
        savepoint::forget(disk, &savepoint.run)?;
    }
    // Oldest first: a crash leaves an unbroken row.
    for id in doomed {
        disk.points().hit("vacuum.before_release")?;
        disk.remove(&paths::release(*id))?;
        disk.points().hit("vacuum.after_release")?;
    }
    disk.sync(&paths::releases())?;
    disk.points().hit("vacuum.after_releases")?;
    let (mut files, mut bytes) = (0, 0);
    for file in found {
        if named.contains(&file.path) || alive.contains(&file.run) {
            continue;
        }
        disk.points().hit("vacuum.before_file")?;
        if disk.remove(&file.path)? {
            files += 1;
            bytes += file.size_bytes;
        }
        disk.points().hit("vacuum.after_file")?;
    }
    disk.points().hit("vacuum.after_files")?;
    for id in doomed {
        disk.remove(&paths::lease(*id))?;
    }
    drop(locked);
    let oldest_kept = kept.first().copied().unwrap_or(ReleaseId::EMPTY);
    Ok(Vacuumed { oldest_kept, releases: doomed.len() as u64, files, bytes, held })
}

/// Locks releases against readers, oldest first, up to the first that somebody reads.
fn lock_releases(
    publisher: &Publisher,
    candidates: &[ReleaseId],
) -> Result<(Vec<Lock>, Option<ReleaseId>)> {
    let mut locked = Vec::new();
    for id in candidates {
        match locks::try_exclusive(&publisher.disk.resolve(&paths::lease(*id)))? {
            Some(lock) => locked.push(lock),
            None => return Ok((locked, Some(*id))),
        }
    }
    Ok((locked, None))
}

/// Finds our data files in a table's folder and its partitions.
fn find(publisher: &Publisher, folder: &Path, found: &mut Vec<Found>) -> Result<()> {
    let disk = &publisher.disk;
    for name in disk.names(folder)? {
        if name == "_delta_log" {
            continue;
        }
        let path = folder.clone().join(name.as_str());
        let on_disk = disk.resolve(&path);
        let metadata = match fs::metadata(&on_disk) {
            Ok(metadata) => metadata,
            // Its load has just been abandoned.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io_error("find", &on_disk, error)),
        };
        if metadata.is_dir() {
            find(publisher, &path, found)?;
        } else if let Some(run) = paths::run_of_data_file(&name) {
            found.push(Found { path, run: run.to_owned(), size_bytes: metadata.len() });
        }
    }
    Ok(())
}
