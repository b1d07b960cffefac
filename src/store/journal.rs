//! What the store does to the disk, in order, as a test sees it: debug builds only.
//!
//! From a journal a test builds what a machine that lost its power may find: names and bytes that
//! were not synced may be there or not, in any combination. A test can also take syncs away, or
//! make them fail, and see that it matters.

use super::failpoint::FailPoints;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// One thing done to the disk. Paths are absolute.
#[derive(Debug, Clone)]
pub enum Effect {
    /// A file got a name, in place of whatever had it; its bytes are safe if it was synced.
    Named {
        /// The name.
        path: PathBuf,
        /// The file's bytes.
        bytes: Arc<[u8]>,
        /// Whether the bytes were synced before.
        is_synced: bool,
    },
    /// A name was taken away.
    Removed(PathBuf),
    /// A folder was made.
    FolderMade(PathBuf),
    /// The names in a folder were synced.
    FolderSynced(PathBuf),
    /// They were to be synced, and that failed: a later sync says nothing of them.
    FolderSyncFailed(PathBuf),
    /// Something the test wants to remember.
    Mark(String),
}

/// What is done to the disk, and what is to go wrong with it.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// None where nobody reads it.
    effects: Option<Vec<Effect>>,
    /// Syncs of what has these in its path are left out.
    without: Option<Sync>,
    /// The n-th sync of these from now on fails.
    failing: Option<(Sync, u64)>,
}

/// Which syncs are meant.
#[derive(Debug, Clone)]
pub struct Sync {
    /// Of folders, or of files.
    pub of_folders: bool,
    /// What their path, from the warehouse's root on, begins with.
    pub prefix: String,
}

impl Sync {
    fn is(&self, of_folders: bool, relative: &Path) -> bool {
        self.of_folders == of_folders && relative.starts_with(&self.prefix)
    }
}

impl FailPoints {
    /// Begins a journal.
    pub fn write_journal(&self) {
        self.with_journal(|journal| journal.effects = Some(Vec::new()));
    }

    /// The journal so far.
    pub fn journal(&self) -> Vec<Effect> {
        self.with_journal(|journal| journal.effects.clone().unwrap_or_default())
    }

    /// Notes a folder that was there, and safe, before the journal began.
    pub fn note_folder(&self, path: PathBuf) {
        let parent = path.parent().map(Path::to_owned);
        self.note(|| Effect::FolderMade(path));
        if let Some(parent) = parent {
            self.note(|| Effect::FolderSynced(parent));
        }
    }

    /// Notes something between the effects.
    pub fn mark(&self, text: String) {
        self.note(|| Effect::Mark(text));
    }

    /// Leaves some syncs out, as if nobody had thought of them.
    pub fn without_syncs(&self, which: Sync) {
        self.with_journal(|journal| journal.without = Some(which));
    }

    /// Makes the n-th of some syncs from now on fail (1 is the next).
    pub fn fail_sync(&self, which: Sync, nth: u64) {
        self.with_journal(|journal| journal.failing = Some((which, nth)));
    }

    /// Whether a sync that was to fail has not yet.
    pub fn awaits_sync(&self) -> bool {
        self.with_journal(|journal| journal.failing.is_some())
    }

    pub(crate) fn note(&self, effect: impl FnOnce() -> Effect) {
        self.with_journal(|journal| {
            if let Some(effects) = &mut journal.effects {
                effects.push(effect());
            }
        });
    }

    /// What becomes of a sync: `None` where it is left out.
    pub(crate) fn sync(&self, of_folders: bool, relative: &Path) -> Option<std::io::Result<()>> {
        self.with_journal(|journal| {
            if journal.without.as_ref().is_some_and(|which| which.is(of_folders, relative)) {
                return None;
            }
            let fails = journal.failing.as_mut().is_some_and(|(which, nth)| {
                let is_it = which.is(of_folders, relative);
                *nth -= u64::from(is_it);
                is_it && *nth == 0
            });
            if fails {
                journal.failing = None;
                return Some(Err(std::io::Error::other("input/output error")));
            }
            Some(Ok(()))
        })
    }

    fn with_journal<T>(&self, look: impl FnOnce(&mut Journal) -> T) -> T {
        look(&mut self.journal.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
