//! Newtypes for the identities that cross module borders.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A release's number: 1 is the first published, 0 the empty warehouse before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseId(pub u64);

impl ReleaseId {
    /// The empty warehouse, before anything was published.
    pub const EMPTY: Self = Self(0);

    /// The release after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One run of jobs, successful or not: sortable by start, unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A dimension row's dense integer identity inside the warehouse; facts refer to rows by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SurrogateKey(pub i32);

impl SurrogateKey {
    /// The member that stands for "we do not know which" (an orphan or missing key).
    pub const UNKNOWN: Self = Self(-1);
    /// The member that stands for "there is none" (no campaign, not yet resolved).
    pub const NOT_APPLICABLE: Self = Self(-2);
    /// The first key given to a real member.
    pub const FIRST: Self = Self(1);
}
