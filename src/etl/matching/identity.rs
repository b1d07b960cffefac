//! Persistent numbers for groups: a person keeps its number from run to run, and what happens to
//! persons is history.
//!
//! * A group takes the number that most of its records had (of equals the oldest, which is the
//!   smallest), if no other group has a better claim to it.
//! * Numbers whose records went to a group with another number have *merged* into it.
//! * Where records of one number are in several groups, those without it were *split* off.
//! * Everybody else is new. Numbers are given in the order of records and never twice.

use std::collections::{BTreeMap, BTreeSet};

/// Something that happened to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    /// What.
    pub(crate) what: What,
    /// The number before; the new one itself for a new person.
    pub(crate) from: i64,
    /// The number after.
    pub(crate) to: i64,
    /// How many records are concerned.
    pub(crate) records: i64,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// A person was seen for the first time.
    New,
    /// Two numbers turned out to be one person.
    Merged,
    /// One number turned out to be two people.
    Split,
}

impl What {
    /// The word in the history.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Merged => "merged",
            Self::Split => "split",
        }
    }
}

/// Numbers of groups.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Numbered {
    /// For each record the number of its group.
    pub(crate) of: Vec<i64>,
    /// What happened, in order.
    pub(crate) events: Vec<Event>,
    /// The next number that is free.
    pub(crate) next: i64,
}

/// Numbers groups of records, given what number each record had; records beyond those are new.
pub(crate) fn number(groups: &[u32], before: &[Option<i64>], next: i64) -> Numbered {
    // group -> number before -> records
    let mut had: BTreeMap<u32, BTreeMap<i64, i64>> = BTreeMap::new();
    let mut sizes: BTreeMap<u32, i64> = BTreeMap::new();
    for (at, group) in groups.iter().enumerate() {
        *sizes.entry(*group).or_insert(0) += 1;
        if let Some(number) = before.get(at).copied().flatten() {
            *had.entry(*group).or_default().entry(number).or_insert(0) += 1;
        }
    }
    let mut numbers = claimed(&had);
    let mut next = next;
    let mut events = Vec::new();
    for (group, size) in &sizes {
        let olds = had.get(group);
        let number = *numbers.entry(*group).or_insert_with(|| {
            next += 1;
            next - 1
        });
        if olds.is_none() {
            events.push(Event { what: What::New, from: number, to: number, records: *size });
        }
    }
    let kept: BTreeSet<i64> = numbers.values().copied().collect();
    for (group, olds) in &had {
        let Some(number) = numbers.get(group) else { continue };
        for (old, records) in olds.iter().filter(|(old, _)| *old != number) {
            let what = if kept.contains(old) { What::Split } else { What::Merged };
            events.push(Event { what, from: *old, to: *number, records: *records });
        }
    }
    let of = groups.iter().map(|group| numbers.get(group).copied().unwrap_or_default());
    Numbered { of: of.collect(), events, next }
}

/// Which group keeps which number: the strongest claims first, a number to one group only.
fn claimed(had: &BTreeMap<u32, BTreeMap<i64, i64>>) -> BTreeMap<u32, i64> {
    let mut claims: Vec<(i64, i64, u32)> = had
        .iter()
        .flat_map(|(group, olds)| olds.iter().map(|(old, records)| (-records, *old, *group)))
        .collect();
    claims.sort_unstable();
    let (mut numbers, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for (_, old, group) in claims {
        if !numbers.contains_key(&group) && taken.insert(old) {
            numbers.insert(group, old);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: What, from: i64, to: i64, records: i64) -> Event {
        Event { what, from, to, records }
    }

    #[test]
    fn numbers_stay() {
        let first = number(&[0, 0, 2], &[None; 3], 1);
        assert_eq!(first.of, vec![1, 1, 2]);
        assert_eq!(first.events, vec![event(What::New, 1, 1, 2), event(What::New, 2, 2, 1)]);
        let before: Vec<_> = first.of.iter().map(|number| Some(*number)).collect();
        let again = number(&[0, 0, 2], &before, first.next);
        assert_eq!((again.of, again.events, again.next), (first.of, vec![], 3));
    }

    #[test]
    fn two_become_one_and_one_two() {
        let merged = number(&[0, 0, 0], &[Some(1), Some(1), Some(2)], 3);
        assert_eq!(merged.of, vec![1, 1, 1]);
        assert_eq!(merged.events, vec![event(What::Merged, 2, 1, 1)]);
        let split = number(&[0, 1, 1], &[Some(1), Some(1), Some(1)], 3);
        assert_eq!(split.of, vec![3, 1, 1]);
        assert_eq!(split.events, vec![event(What::Split, 1, 3, 1)]);
        // of equals, the group of the first record keeps the number
        assert_eq!(number(&[0, 1], &[Some(7), Some(7)], 9).of, vec![7, 9]);
    }

    #[test]
    fn records_that_change_sides() {
        // 1 had {a, b}, 2 had {c, d}; now {a}, {b, c, d}
        let moved = number(&[0, 1, 1, 1], &[Some(1), Some(1), Some(2), Some(2)], 3);
        assert_eq!(moved.of, vec![1, 2, 2, 2]);
        assert_eq!(moved.events, vec![event(What::Split, 1, 2, 1)]);
    }
}
