//! From what sources said of members to the members' versions. Pure integers: members and values
//! are numbered before (`intern.rs`), so equality here is null-safe equality there.
//!
//! A dimension is a function of its observations, whatever order they came in: that is why any
//! permutation or batching of a change log ends in the same versions.

use std::collections::HashMap;

/// The beginning of time, where every member's first version starts: 1900-01-01 UTC.
pub(crate) const BEGINNING_US: i64 = -2_208_988_800_000_000;

/// The open end of a current version: 9999-12-31 UTC.
pub(crate) const OPEN_END_US: i64 = 253_402_214_400_000_000;

/// What a source said of a member: the values it has since a moment, or that it was deleted then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observation {
    /// The member's number.
    pub(crate) member: u32,
    /// Since when it holds, in microseconds since 1970.
    pub(crate) at_us: i64,
    /// The row that holds the values; `None` where the member was deleted.
    pub(crate) row: Option<u32>,
}

/// A member's values over a half-open interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    /// The member's number.
    pub(crate) member: u32,
    /// The moment of the observation that opened it. It differs from `from_us` for the first
    /// version of a member, which is stretched back to the beginning of time.
    pub(crate) since_us: i64,
    /// Start, inclusive.
    pub(crate) from_us: i64,
    /// End, exclusive.
    pub(crate) to_us: i64,
    /// The row that holds the values with history.
    pub(crate) tracked: u32,
    /// The row that holds the overwritten values: the member's latest.
    pub(crate) overwritten: u32,
    /// Its surrogate key; `None` until it is given one.
    pub(crate) key: Option<i32>,
}

impl Version {
    /// Whether it is its member's present version.
    pub(crate) fn is_current(&self) -> bool {
        self.to_us == OPEN_END_US
    }
}

/// The surrogate keys given before: by member and the moment the version began.
pub(crate) type GivenKeys = HashMap<(u32, i64), i32>;

/// Puts observations in order (member, moment) and keeps the last of several of one moment.
pub(crate) fn settle(mut observations: Vec<Observation>) -> Vec<Observation> {
    observations.sort_by_key(|seen| (seen.member, seen.at_us));
    let mut settled: Vec<Observation> = Vec::with_capacity(observations.len());
    for seen in observations {
        match settled.last_mut() {
            Some(last) if (last.member, last.at_us) == (seen.member, seen.at_us) => *last = seen,
            _ => settled.push(seen),
        }
    }
    settled
}

/// The versions that settled observations amount to, in order of member and time.
///
/// `tracked_value` numbers the values with history of every row: a new version begins where the
/// number changes, or where a member comes back after its deletion. A version that has a key
/// keeps it, and never disappears: if a correction made it equal to its neighbour, it stays beside
/// it, because facts may refer to it.
pub(crate) fn versions(
    settled: &[Observation],
    tracked_value: &[u32],
    given: &GivenKeys,
) -> Vec<Version> {
    let mut versions = Vec::new();
    for seen in settled.chunk_by(|a, b| a.member == b.member) {
        member_versions(seen, tracked_value, given, &mut versions);
    }
    versions
}

fn member_versions(
    seen: &[Observation],
    tracked_value: &[u32],
    given: &GivenKeys,
    versions: &mut Vec<Version>,
) {
    let Some(latest) = seen.iter().rev().find_map(|observation| observation.row) else {
        return;
    };
    let start = versions.len();
    let mut open = false;
    for observation in seen {
        let key = given.get(&(observation.member, observation.at_us)).copied();
        let Some(row) = observation.row else {
            close(versions, start, observation.at_us, open);
            open = false;
            continue;
        };
        let last = if open { versions.last_mut() } else { None };
        if let Some(version) = last
            && tracked_value[version.tracked as usize] == tracked_value[row as usize]
            && (key.is_none() || version.key.is_none())
        {
            version.key = version.key.or(key);
            continue;
        }
        close(versions, start, observation.at_us, open);
        open = true;
        let first = versions.len() == start;
        versions.push(Version {
            member: observation.member,
            since_us: observation.at_us,
            from_us: if first { BEGINNING_US } else { observation.at_us },
            to_us: OPEN_END_US,
            tracked: row,
            overwritten: latest,
            key,
        });
    }
}

/// Ends the member's open version, if there is one.
fn close(versions: &mut [Version], start: usize, at_us: i64, open: bool) {
    if let Some(version) = versions[start..].last_mut().filter(|_| open) {
        version.to_us = at_us;
    }
}
