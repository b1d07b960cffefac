//! Rejected rows: JSON lines, a durable file for each batch of a run.

use super::durable::Disk;
use super::{Reject, paths};
use crate::error::{Error, Result};
use crate::ids::RunId;

pub(crate) fn record(disk: &Disk, run: &RunId, rejects: &[Reject]) -> Result<()> {
    if rejects.is_empty() {
        return Ok(());
    }
    let bytes = encoded(rejects)?;
    let mut sequence = next_batch(disk, run)?;
    disk.points().hit("rejects.before_put")?;
    while !disk.put_new(&paths::reject_batch(run, sequence)?, &bytes)? {
        sequence += 1;
    }
    disk.points().hit("rejects.after_put")
}

/// Removes a job's rejected rows of a run. A batch is of one job.
pub(crate) fn forget(disk: &Disk, run: &RunId, job: &str) -> Result<()> {
    let folder = paths::rejects_of(run)?;
    for name in disk.names(&folder)? {
        let path = folder.clone().join(name);
        let bytes = disk.read(&path)?.unwrap_or_default();
        if lines(&bytes, &path)?.first().is_some_and(|first| first.job == job) {
            disk.remove(&path)?;
        }
    }
    Ok(())
}

/// Keeps only some of the rejected rows of all runs; returns how many are gone.
pub(crate) fn retain(disk: &Disk, stays: &dyn Fn(&Reject) -> bool) -> Result<u64> {
    let mut gone = 0;
    for run in disk.names(&paths::rejects())? {
        let folder = paths::rejects_of(&RunId(run))?;
        for name in disk.names(&folder)? {
            let path = folder.clone().join(name);
            let all = lines(&disk.read(&path)?.unwrap_or_default(), &path)?;
            let kept: Vec<Reject> = all.iter().filter(|reject| stays(reject)).cloned().collect();
            gone += (all.len() - kept.len()) as u64;
            if kept.is_empty() && !all.is_empty() {
                disk.remove(&path)?;
            } else if kept.len() < all.len() {
                disk.replace(&path, &encoded(&kept)?)?;
            }
        }
    }
    Ok(gone)
}

/// Writes down what became of rejected rows, of all runs: `mark` changes those it is about and says
/// whether it did. Returns how many.
pub(crate) fn mark(disk: &Disk, mark: &dyn Fn(&mut Reject) -> bool) -> Result<u64> {
    let mut marked = 0;
    for run in disk.names(&paths::rejects())? {
        let folder = paths::rejects_of(&RunId(run))?;
        for name in disk.names(&folder)? {
            let path = folder.clone().join(name);
            let mut all = lines(&disk.read(&path)?.unwrap_or_default(), &path)?;
            let changed = all.iter_mut().map(mark).filter(|changed| *changed).count();
            if changed > 0 {
                disk.replace(&path, &encoded(&all)?)?;
            }
            marked += changed as u64;
        }
    }
    Ok(marked)
}

fn encoded(rejects: &[Reject]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for reject in rejects {
        serde_json::to_writer(&mut bytes, reject).map_err(|error| {
            Error::internal("a rejected row cannot be written as JSON")
                .with("run", &reject.run)
                .caused_by(error)
        })?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// A number that is probably free: one more than the largest power of two that is taken, and on by
/// halves, so that a run of many batches lists its folder for none of them.
fn next_batch(disk: &Disk, run: &RunId) -> Result<u64> {
    let taken = |sequence: u64| disk.exists(&paths::reject_batch(run, sequence)?);
    let (mut free, mut last) = (1, 0);
    while taken(free)? {
        last = free;
        free *= 2;
    }
    while free - last > 1 {
        let middle = last.midpoint(free);
        if taken(middle)? {
            last = middle;
        } else {
            free = middle;
        }
    }
    Ok(free)
}

pub(crate) fn read(disk: &Disk, run: Option<&RunId>) -> Result<Vec<Reject>> {
    let runs = match run {
        Some(run) => vec![run.clone()],
        None => disk.names(&paths::rejects())?.into_iter().map(RunId).collect(),
    };
    let mut rejects = Vec::new();
    for run in runs {
        let folder = paths::rejects_of(&run)?;
        for name in disk.names(&folder)? {
            let path = folder.clone().join(name);
            let bytes = disk.read(&path)?.unwrap_or_default();
            rejects.extend(lines(&bytes, &path)?);
        }
    }
    Ok(rejects)
}

/// Reads JSON lines; a last line cut short is left out.
fn lines(bytes: &[u8], path: &object_store::path::Path) -> Result<Vec<Reject>> {
    let mut rejects = Vec::new();
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        match serde_json::from_slice(line) {
            Ok(reject) => rejects.push(reject),
            Err(_) if !line.ends_with(b"\n") => {}
            Err(error) => {
                return Err(Error::damaged("the log of rejected rows is damaged")
                    .with("file", path)
                    .with("line", index + 1)
                    .caused_by(error));
            }
        }
    }
    Ok(rejects)
}
