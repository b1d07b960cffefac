//! Which time a load has taken from versions that were there: it is other versions' now, or
//! nobody's.

use super::history::Version;
use super::pool::Stored;
use serde::{Deserialize, Serialize};

/// A half-open span of time in which a version was valid before a load, and is not after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lost {
    /// The version's surrogate key.
    pub(crate) key: i32,
    /// Start, inclusive, in microseconds since 1970.
    pub(crate) from_us: i64,
    /// End, exclusive.
    pub(crate) to_us: i64,
}

/// What stored versions have lost. The versions after the load come in order of key.
pub(super) fn lost(stored: &[Stored], versions: &[Version]) -> Vec<Lost> {
    let mut lost = Vec::new();
    for was in stored {
        let now = versions.binary_search_by_key(&was.key, |version| version.key.unwrap_or(0));
        // A version that is gone altogether has lost all its time.
        let (from_us, to_us) = match now {
            Ok(index) => (versions[index].from_us, versions[index].to_us),
            Err(_) => (was.to_us, was.to_us),
        };
        let spans = [(was.from_us, from_us.min(was.to_us)), (to_us.max(was.from_us), was.to_us)];
        let spans = spans.into_iter().filter(|(from_us, to_us)| from_us < to_us);
        lost.extend(spans.map(|(from_us, to_us)| Lost { key: was.key, from_us, to_us }));
    }
    lost
}
