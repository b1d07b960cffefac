//! From what sources said of members to the members' versions. Pure integers: members and values
//! are numbered before (`intern.rs`), so equality here is null-safe equality there.
//!
//! A dimension is a function of its observations, whatever order they came in: that is why any
//! permutation or batching of a change log ends in the same versions.

use crate::model::History;
use std::collections::HashMap;

/// The beginning of time, where every member's first version starts: 1900-01-01 UTC.
pub(crate) const BEGINNING_US: i64 = -2_208_988_800_000_000;

/// The open end of a current version: 9999-12-31 UTC.
pub(crate) const OPEN_END_US: i64 = 253_402_214_400_000_000;

/// When inferred members are told of: before anything a source can say, so that whatever it says
/// takes their place.
pub(crate) const INFERRED_US: i64 = BEGINNING_US - 1;

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

impl Observation {
    /// Whether only facts told of the member.
    pub(crate) fn is_inferred(&self) -> bool {
        self.at_us == INFERRED_US
    }
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
    /// The row that holds the values that stay as they were: the member's first.
    pub(crate) original: u32,
    /// Its surrogate key; `None` until it is given one.
    pub(crate) key: Option<i32>,
}

impl Version {
    /// Whether it is its member's present version.
    pub(crate) fn is_current(&self) -> bool {
        self.to_us == OPEN_END_US
    }

    /// Whether only facts told of its member.
    pub(crate) fn is_inferred(&self) -> bool {
        self.since_us == INFERRED_US
    }

    /// The row that holds what it shows of an attribute of a history type; of its natural key,
    /// where there is none.
    pub(crate) fn row_of(&self, history: Option<&History>) -> u32 {
        match history {
            Some(History::Original) => self.original,
            Some(History::Overwrite | History::CurrentOf(_) | History::PreviousOf(_)) => {
                self.overwritten
            }
            Some(History::NewVersion) | None => self.tracked,
        }
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
/// it, because facts may refer to it. The key of an inferred member goes to the first version that
/// a source tells of.
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
    let (seen, mut inferred_key) = told(seen, given);
    let mut rows = seen.iter().filter_map(|observation| observation.row);
    let Some(original) = rows.next() else { return };
    let latest = rows.next_back().unwrap_or(original);
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
        let key = inferred_key.take().or(key);
        versions.push(Version {
            member: observation.member,
            since_us: observation.at_us,
            from_us: if first { BEGINNING_US } else { observation.at_us },
            to_us: OPEN_END_US,
            tracked: row,
            overwritten: latest,
            original,
            key,
        });
    }
}

/// What sources told of a member, and the key that it was given when only facts had; that they
/// had, as long as no source has told its values.
fn told<'a>(seen: &'a [Observation], given: &GivenKeys) -> (&'a [Observation], Option<i32>) {
    match seen.split_first() {
        Some((first, told)) if first.is_inferred() => {
            if told.iter().all(|observation| observation.row.is_none()) {
                return (&seen[..1], None);
            }
            (told, given.get(&(first.member, first.at_us)).copied())
        }
        _ => (seen, None),
    }
}

/// Whether a member is there, by all that was said of it.
pub(crate) fn is_live(seen: &[Observation]) -> bool {
    let (told, _) = told(seen, &GivenKeys::new());
    told.last().is_some_and(|last| last.row.is_some())
}

/// Ends the member's open version, if there is one.
fn close(versions: &mut [Version], start: usize, at_us: i64, open: bool) {
    if let Some(version) = versions[start..].last_mut().filter(|_| open) {
        version.to_us = at_us;
    }
}
