//! Rejected rows: JSON lines, a durable file for each batch of a run.

use super::durable::Disk;
use super::{Reject, paths};
use crate::error::{Error, Result};
use crate::ids::RunId;

pub(crate) fn record(disk: &Disk, run: &RunId, rejects: &[Reject]) -> Result<()> {
    if rejects.is_empty() {
        return Ok(());
    }
    let mut bytes = Vec::new();
    for reject in rejects {
        serde_json::to_writer(&mut bytes, reject).map_err(|error| {
            Error::internal("a rejected row cannot be written as JSON")
                .with("run", run)
                .caused_by(error)
        })?;
        bytes.push(b'\n');
    }
    let mut sequence = next_batch(disk, run)?;
    while !disk.put_new(&paths::reject_batch(run, sequence)?, &bytes)? {
        sequence += 1;
    }
    Ok(())
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
                return Err(Error::data("the log of rejected rows is damaged")
                    .with("file", path)
                    .with("line", index + 1)
                    .caused_by(error));
            }
        }
    }
    Ok(rejects)
}
