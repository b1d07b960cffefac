//! Erasure: files of older releases replaced by others without a person, and what the logs say of
//! it masked.
//!
//! Everything here is done again without harm: whoever was killed begins anew.

use super::durable::{Disk, io_error};
use super::publish::Publisher;
use super::release::DataFile;
use super::{RunRecord, locks, paths, reject_log, release_file, run_log, savepoint};
use crate::error::Result;
use crate::ids::ReleaseId;
use object_store::path::Path as StorePath;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Data files, by table and path, and those that take their place.
pub type Replaced = BTreeMap<(String, String), Vec<DataFile>>;

/// What was taken out of the operational log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Masked {
    /// Rejected rows that are gone.
    pub rejects: u64,
    /// Runs in whose record texts were masked.
    pub runs: u64,
    /// Places in logged queries that were masked.
    pub queries: u64,
    /// Savepoints that are gone.
    pub savepoints: u64,
}

/// Replaces files in an older release, and takes tables out of it; `false` where somebody reads it.
pub(crate) fn rewrite_release(
    publisher: &Publisher,
    id: ReleaseId,
    replaced: &Replaced,
    drop_table: &dyn Fn(&str) -> bool,
) -> Result<bool> {
    let Publisher { disk, releases, .. } = publisher;
    releases.prune();
    let Some(_lock) = locks::try_exclusive(&disk.resolve(&paths::lease(id)))? else {
        return Ok(false);
    };
    let mut file = releases.file(id)?;
    let mut changed = false;
    for (name, table) in &mut file.release.tables {
        let others = |file: &DataFile| replaced.get(&(name.clone(), file.path.clone()));
        if table.files.iter().any(|file| others(file).is_some()) {
            changed = true;
            let files = table.files.iter().flat_map(|file| match others(file) {
                Some(others) => others.clone(),
                None => vec![file.clone()],
            });
            table.files = files.collect();
        }
    }
    if changed {
        file.release.tables.retain(|name, _| !drop_table(name));
        disk.points().hit("erase.before_release")?;
        disk.replace(&paths::release(id), &release_file::encode(&file)?)?;
        disk.points().hit("erase.after_release")?;
    }
    Ok(true)
}

/// Takes out of the operational log what is of a person: rejected rows that `is_of` knows, and
/// texts in runs and queries.
pub(crate) fn mask_logs(
    disk: &Disk,
    is_of: &dyn Fn(&str) -> bool,
    texts: &[String],
) -> Result<Masked> {
    disk.points().hit("erase.before_logs")?;
    let mut masked =
        Masked { rejects: reject_log::retain(disk, &|r| !is_of(&r.raw))?, ..Masked::default() };
    for run in run_log::recorded(disk)? {
        let mut clean = run.clone();
        mask_run(&mut clean, texts);
        if clean != run {
            run_log::record(disk, &clean)?;
            masked.runs += 1;
        }
    }
    for name in disk.names(&paths::queries())? {
        masked.queries += mask_file(disk, &paths::queries().join(name), texts)?;
    }
    for savepoint in savepoint::all(disk)? {
        savepoint::forget(disk, &savepoint.run)?;
        masked.savepoints += 1;
    }
    disk.points().hit("erase.after_logs")?;
    Ok(masked)
}

fn mask_run(run: &mut RunRecord, texts: &[String]) {
    let quality = run.quality.iter_mut().map(|record| &mut record.found);
    for text in quality.chain(run.error.as_mut()) {
        for secret in texts {
            let places: Vec<usize> = mentions(text.as_bytes(), secret.as_bytes()).collect();
            for at in places.into_iter().rev() {
                text.replace_range(at..at + secret.len(), "***");
            }
        }
    }
}

/// Where bytes mention a text: as a word of its own, and not as a number of JSON. Digits stand in
/// checksums, moments and counts by chance.
fn mentions<'a>(bytes: &'a [u8], text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let is_word =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    memchr::memmem::find_iter(bytes, text).filter(move |at| {
        let before = &bytes[..*at];
        let is_number = before.ends_with(b"\":") && !before.ends_with(b"\\\":");
        !is_word(at.checked_sub(1)) && !is_word(Some(at + text.len())) && !is_number
    })
}

/// Overwrites texts in a file in place: whoever appends to it goes on doing so.
fn mask_file(disk: &Disk, path: &StorePath, texts: &[String]) -> Result<u64> {
    let on_disk = disk.resolve(path);
    let failed = |error| io_error("mask", &on_disk, error);
    let mut file = File::options().read(true).write(true).open(&on_disk).map_err(failed)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    let mut masked = 0;
    for text in texts.iter().map(|text| as_in_json(text)) {
        for at in mentions(&bytes, text.as_bytes()) {
            file.seek(SeekFrom::Start(at as u64)).map_err(failed)?;
            file.write_all(&vec![b'*'; text.len()]).map_err(failed)?;
            masked += 1;
        }
    }
    if masked > 0 {
        file.sync_all().map_err(failed)?;
    }
    Ok(masked)
}

/// A text as it stands between the quotes of JSON.
fn as_in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.trim_matches('"').to_owned()
}

/// The files beside the tables' rows (releases, logs, staging) that hold one of these texts, with
/// how often.
pub(crate) fn find_texts(disk: &Disk, texts: &[String]) -> Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    let texts: Vec<String> = texts.iter().map(|text| as_in_json(text)).collect();
    look(disk.root(), disk.root(), &texts, &mut found)?;
    found.sort();
    Ok(found)
}

fn look(
    root: &Path,
    folder: &Path,
    texts: &[String],
    found: &mut Vec<(String, u64)>,
) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|error| io_error("list", folder, error))?;
    for entry in entries {
        let path = entry.map_err(|error| io_error("list", folder, error))?.path();
        if path.is_dir() {
            look(root, &path, texts, found)?;
            continue;
        }
        // Rows are looked at as rows: in their files they are compressed.
        let is_rows = path.extension().is_some_and(|extension| extension == "parquet");
        let Ok(bytes) = fs::read(&path) else { continue };
        let count: usize = texts.iter().map(|text| mentions(&bytes, text.as_bytes()).count()).sum();
        if count > 0 && !is_rows {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            found.push((name, count as u64));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_text_is_mentioned_as_a_word_and_not_as_digits_of_something_else() {
        let count = |bytes: &str| mentions(bytes.as_bytes(), b"4711").count();
        assert_eq!(count("customer 4711, not 47112"), 1);
        assert_eq!(count(r#"{"text":"id = '4711'","min":"4711"}"#), 2);
        assert_eq!(count(r#"{"text":"{\"id\":4711}"}"#), 1);
        assert_eq!(
            count(r#"{"rows":4711,"sha256":"ab4711cd","at":"2026-01-01T00:00:00.4711Z"}"#),
            0
        );
    }
}
