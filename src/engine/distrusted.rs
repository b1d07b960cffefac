//! Aggregates that gave another answer than base rows: they answer nothing more until they are refreshed.
//!
//! What is wrong is what stands in files, and files never change. So a table is not trusted as long as
//! it has one of the files that it had when it was wrong, in whatever release, for as long as the process
//! runs.

use crate::store::TableState;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// Those that were seen to be wrong.
#[derive(Debug, Default)]
pub(crate) struct Distrusted {
    /// Their files, by table.
    files: RwLock<BTreeMap<String, BTreeSet<String>>>,
    /// How often one was found: plans from before may read it.
    found: AtomicU64,
}

impl Distrusted {
    /// From now on the table is not trusted as it is.
    pub(crate) fn add(&self, table: &str, state: &TableState) {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        let paths = state.files.iter().map(|file| file.path.clone());
        files.entry(table.to_owned()).or_default().extend(paths);
        self.found.fetch_add(1, Ordering::Release);
    }

    /// How often one was found.
    pub(crate) fn found(&self) -> u64 {
        self.found.load(Ordering::Acquire)
    }

    /// Whether the table as it is was seen to be wrong.
    pub(crate) fn has(&self, table: &str, state: &TableState) -> bool {
        if self.found() == 0 {
            return false;
        }
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        let wrong = files.get(table);
        wrong.is_some_and(|wrong| state.files.iter().any(|file| wrong.contains(&file.path)))
    }
}
