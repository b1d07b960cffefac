//! Publishing: verify, put the release file, apply the Delta commits.
//!
//! ```text
//! data files written ─> verified ─> releases/N.json put if absent ─> _delta_log commits ─> done
//!                                   └─ the commit ─┘
//! ```
//!
//! Before the release file is there, nothing happened; once it is, everything has: whoever comes
//! next applies what is missing of its Delta commits, byte for byte, before anything else is
//! published. So outside readers of a Delta table may lag behind the release, but never see a row
//! that was not released.

use super::durable::Disk;
use super::intent::{Decision, Intent, TableIntent, decide};
use super::next::next_release;
use super::release::{DataFile, Release};
use super::release_file::{self, DeltaCommit, Published, ReleaseFile};
use super::releases::Releases;
use super::{parquet_file, paths};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::ReleaseId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The context of an error that came after its release was published: the release stands.
pub const PUBLISHED_RELEASE: &str = "published release";

/// Where a publish works.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    pub(crate) disk: Arc<Disk>,
    pub(crate) releases: Arc<Releases>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What is to be published.
#[derive(Debug)]
pub(crate) struct Proposal {
    pub(crate) base: Arc<Release>,
    pub(crate) intent: Intent,
    pub(crate) summary: String,
    /// Set while a release that names the load's files may exist: then they must stay.
    pub(crate) committing: Arc<AtomicBool>,
    /// Whether new files are read back whole, or only looked at (files of earlier releases).
    pub(crate) read_back: bool,
}

impl Publisher {
    /// Applies what is missing of the last release's Delta commits, and gives that release.
    ///
    /// Only on top of a release that came from here may another be put: so the commits of all
    /// before the last one are there, and the last one's are the only ones that can be missing.
    pub(crate) fn roll_forward(&self) -> Result<Arc<Published>> {
        let latest = self.releases.latest()?;
        let id = latest.release.id;
        if id == ReleaseId::EMPTY || self.releases.is_rolled(id) {
            return Ok(latest);
        }
        self.disk.points().hit("roll_forward.before_apply")?;
        let file = self.releases.file(id)?;
        // Whoever put the release may have been killed before its name was safe, or have failed to
        // sync it: it gets its name anew, for a sync says nothing of names whose sync has failed.
        let path = paths::release(id);
        if let Some(bytes) = self.disk.read(&path)? {
            self.disk.replace(&path, &bytes)?;
        }
        self.apply(&file)?;
        self.disk.points().hit("roll_forward.after_apply")?;
        Ok(latest)
    }

    /// Publishes. Blocks; once begun it is not cancelled half-way.
    pub(crate) fn publish(&self, proposal: &Proposal) -> Result<Arc<Release>> {
        self.verify(proposal)?;
        let file = self.commit(proposal)?;
        let id = file.release.id;
        let applied = self.disk.points().hit("release.after_put").and_then(|()| self.apply(&file));
        applied.map_err(|error| error.with(PUBLISHED_RELEASE, id))?;
        // Read back under its lease; only a vacuum within this moment can be in the way.
        Ok(self.releases.release(id).unwrap_or_else(|_| Arc::new(file.release)))
    }

    /// Puts the next release file: the commit.
    fn commit(&self, proposal: &Proposal) -> Result<ReleaseFile> {
        let Proposal { base, intent, summary, committing, .. } = proposal;
        loop {
            let latest = self.roll_forward()?;
            if let Decision::Conflict(touched) = decide(base, intent, &latest.release) {
                return Err(conflict(base, &latest.release, &touched));
            }
            let file = next_release(&latest, intent, summary, self.clock.now());
            let path = paths::release(file.release.id);
            if let Some(error) = self.foreign_commit(&file)? {
                if self.disk.exists(&path)? {
                    continue;
                }
                return Err(error);
            }
            let bytes = release_file::encode(&file)?;
            self.disk.points().hit("release.before_put")?;
            committing.store(true, Ordering::SeqCst);
            match self.disk.put_new(&path, &bytes) {
                Ok(true) => return Ok(file),
                // Another load was first: build on its release, if it left our tables alone.
                Ok(false) => committing.store(false, Ordering::SeqCst),
                // The name may have been given before the step that failed.
                Err(error) => {
                    return Err(match self.disk.read(&path) {
                        Ok(Some(found)) if found == bytes => {
                            error.with(PUBLISHED_RELEASE, file.release.id)
                        }
                        Ok(_) => {
                            committing.store(false, Ordering::SeqCst);
                            error
                        }
                        Err(_) => error,
                    });
                }
            }
        }
    }

    /// Applies a release's Delta commits; those there already must hold the same bytes.
    fn apply(&self, file: &ReleaseFile) -> Result<()> {
        for commit in &file.commits {
            self.disk.points().hit("delta.before_commit")?;
            self.apply_commit(commit)?;
            self.disk.points().hit("delta.after_commit")?;
        }
        self.releases.note_rolled(file.release.id);
        Ok(())
    }

    fn apply_commit(&self, commit: &DeltaCommit) -> Result<()> {
        if let Some(base) = commit.base_version {
            let path = paths::delta_commit(&commit.location, base)?;
            if !self.disk.exists(&path)? {
                return Err(Error::damaged("a table's Delta log lacks a version")
                    .with("table", &commit.table)
                    .with("file", path)
                    .hint("restore the file from a backup"));
            }
        }
        let path = paths::delta_commit(&commit.location, commit.version)?;
        let bytes = commit.bytes();
        if self.disk.put_new(&path, &bytes)? {
            return Ok(());
        }
        if self.disk.read(&path)?.as_deref() != Some(&bytes[..]) {
            return Err(foreign(commit, &path));
        }
        // Whoever put it may have been killed before its name was safe.
        self.disk.replace(&path, &bytes)
    }

    /// The error to give where a version about to be written is taken: no release may be put
    /// that cannot be applied.
    fn foreign_commit(&self, file: &ReleaseFile) -> Result<Option<Error>> {
        for commit in &file.commits {
            let path = paths::delta_commit(&commit.location, commit.version)?;
            if self.disk.exists(&path)? {
                return Ok(Some(foreign(commit, &path)));
            }
        }
        Ok(None)
    }

    /// Checks that every file to be published is what its writer said.
    fn verify(&self, proposal: &Proposal) -> Result<()> {
        let mut new = Vec::new();
        for (name, intent) in &proposal.intent.tables {
            let TableIntent::Become { state, .. } = intent else { continue };
            let published: BTreeMap<&str, &DataFile> = proposal
                .base
                .tables
                .get(name)
                .into_iter()
                .flat_map(|table| &table.files)
                .map(|file| (file.path.as_str(), file))
                .collect();
            for file in &state.files {
                match published.get(file.path.as_str()) {
                    Some(same) if *same == file => {}
                    Some(_) => {
                        return Err(Error::internal("a published file was described anew")
                            .with("table", name)
                            .with("file", &file.path));
                    }
                    None => new.push((state.location.as_str(), file)),
                }
            }
        }
        self.verify_files(&new, proposal.read_back)
    }

    /// Reads files back, several at once.
    fn verify_files(&self, files: &[(&str, &DataFile)], read_back: bool) -> Result<()> {
        let verify = |files: &[(&str, &DataFile)]| {
            files.iter().try_for_each(|(table, file)| self.verify_file(table, file, read_back))
        };
        std::thread::scope(|scope| {
            let shares = files.chunks(files.len().div_ceil(super::lanes()).max(1));
            let threads: Vec<_> = shares.map(|share| scope.spawn(move || verify(share))).collect();
            let ended = threads.into_iter().map(|thread| {
                thread.join().map_err(|_| Error::internal("a storage thread ended early"))?
            });
            ended.collect()
        })
    }

    fn verify_file(&self, location: &str, file: &DataFile, read_back: bool) -> Result<()> {
        self.disk.points().hit("verify.before")?;
        let path = paths::table_file(location, &file.path)?;
        let on_disk = self.disk.resolve(&path);
        let wrong = |what: &str, found: &str, expected: &str| {
            Err(Error::damaged(format!("a data file's {what} is not what was written"))
                .with("file", &path)
                .with("found", found)
                .with("expected", expected))
        };
        let size_bytes = std::fs::metadata(&on_disk)
            .map_err(|error| super::durable::io_error("find", &on_disk, error))?
            .len();
        if size_bytes != file.size_bytes {
            return wrong("size", &size_bytes.to_string(), &file.size_bytes.to_string());
        }
        let rows = parquet_file::footer(&on_disk)?.file_metadata().num_rows();
        if u64::try_from(rows) != Ok(file.rows) {
            return wrong("number of rows", &rows.to_string(), &file.rows.to_string());
        }
        if read_back {
            let sha256 = parquet_file::sha256_of(&on_disk)?;
            if sha256 != file.sha256 {
                return wrong("SHA-256", &sha256, &file.sha256);
            }
        }
        self.disk.points().hit("verify.after")
    }
}

/// The intent that makes `target`'s tables, inputs and cursors those of the next release.
pub(crate) fn rollback_intent(latest: &Release, target: &Release, mut intent: Intent) -> Intent {
    let names: BTreeSet<&String> = latest.tables.keys().chain(target.tables.keys()).collect();
    intent.replaces_everything = true;
    for name in names {
        let wanted = match target.tables.get(name) {
            Some(state) => TableIntent::Become {
                state: super::TableState { delta_version: None, ..state.clone() },
                description: None,
            },
            None => TableIntent::Leave,
        };
        intent.tables.insert(name.clone(), wanted);
    }
    for job in latest.inputs.keys().chain(target.inputs.keys()) {
        let inputs = target.inputs.get(job).cloned().unwrap_or_default();
        intent.inputs.insert(job.clone(), inputs);
    }
    for cursor in latest.cursors.keys().chain(target.cursors.keys()) {
        intent.cursors.insert(cursor.clone(), target.cursors.get(cursor).cloned());
    }
    intent
}

fn conflict(base: &Release, latest: &Release, touched: &[String]) -> Error {
    Error::new(ErrorKind::Conflict, "another load was published first and changed the same things")
        .with("based on release", base.id)
        .with("latest release", latest.id)
        .with("changed", touched.join(", "))
        .hint("run the load again")
}

fn foreign(commit: &DeltaCommit, path: &object_store::path::Path) -> Error {
    Error::damaged("another program has written to a table's Delta log")
        .with("table", &commit.table)
        .with("file", path)
        .hint("only Starhouse may write its tables: move that file away, then open the warehouse")
}
