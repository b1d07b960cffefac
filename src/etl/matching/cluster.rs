//! From pairs that match to groups of records: whoever matches is one person, unless that would
//! join people who otherwise differ.

use std::collections::BTreeMap;
use std::collections::HashSet;

/// A pair that matches, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Edge {
    /// One record.
    pub(crate) a: u32,
    /// The other.
    pub(crate) b: u32,
    /// The odds in bits.
    pub(crate) odds: f64,
}

/// Why a pair that matches does not join its groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// On the whole the two groups differ: one likely pair is not enough.
    GroupsDiffer,
    /// Each group has a record of the same source, which holds nobody twice.
    SameSource,
    /// Somebody has decided that two of their records are not the same.
    Decided,
}

/// What decides whether groups may be joined.
pub(crate) struct Rules<'a> {
    /// The odds of a pair in bits.
    pub(crate) odds: &'a dyn Fn(u32, u32) -> f64,
    /// What groups must come to on average.
    pub(crate) least: f64,
    /// Each record's source, where a source holds nobody twice.
    pub(crate) sources: Option<&'a [u32]>,
    /// Pairs that are the same because somebody said so.
    pub(crate) same: &'a [(u32, u32)],
    /// Pairs that are not because somebody said so.
    pub(crate) apart: &'a HashSet<(u32, u32)>,
}

/// Groups of records.
pub(crate) struct Groups {
    /// For each record the group, named by its first record.
    pub(crate) of: Vec<u32>,
    /// The pairs that were not followed, and why.
    pub(crate) refused: BTreeMap<(u32, u32), Refused>,
}

/// Joins records by the pairs that match, the surest first.
pub(crate) fn cluster(records: usize, mut edges: Vec<Edge>, rules: &Rules<'_>) -> Groups {
    edges.sort_by(|x, y| y.odds.total_cmp(&x.odds).then((x.a, x.b).cmp(&(y.a, y.b))));
    let mut joined = Joined::new(records);
    for (a, b) in rules.same {
        joined.join(*a, *b);
    }
    let mut refused = BTreeMap::new();
    for edge in edges {
        let (one, other) = (joined.find(edge.a), joined.find(edge.b));
        if one == other {
            continue;
        }
        match joined.objection(one, other, rules) {
            Some(why) => drop(refused.insert((edge.a, edge.b), why)),
            None => joined.join(edge.a, edge.b),
        }
    }
    let of = (0..u32::try_from(records).unwrap_or(u32::MAX)).map(|record| joined.find(record));
    Groups { of: of.collect(), refused }
}

/// Records joined to groups, each named by its smallest record.
pub(crate) struct Joined {
    parent: Vec<u32>,
    members: BTreeMap<u32, Vec<u32>>,
}

impl Joined {
    /// Each record by itself.
    pub(crate) fn new(records: usize) -> Self {
        let parent = (0..u32::try_from(records).unwrap_or(u32::MAX)).collect();
        Self { parent, members: BTreeMap::new() }
    }

    /// The group of a record.
    pub(crate) fn find(&mut self, record: u32) -> u32 {
        let mut root = record;
        while self.parent[root as usize] != root {
            root = self.parent[root as usize];
        }
        let mut here = record;
        while self.parent[here as usize] != root {
            here = std::mem::replace(&mut self.parent[here as usize], root);
        }
        root
    }

    /// Joins the groups of two records.
    pub(crate) fn join(&mut self, a: u32, b: u32) {
        let (one, other) = (self.find(a), self.find(b));
        if one == other {
            return;
        }
        let (kept, gone) = (one.min(other), one.max(other));
        self.parent[gone as usize] = kept;
        let moved = self.members.remove(&gone).unwrap_or_else(|| vec![gone]);
        self.members.entry(kept).or_insert_with(|| vec![kept]).extend(moved);
    }

    /// The records of a group.
    pub(crate) fn members<'a>(&'a self, root: &'a u32) -> &'a [u32] {
        self.members.get(root).map_or(std::slice::from_ref(root), Vec::as_slice)
    }

    /// What speaks against joining two groups.
    fn objection(&self, one: u32, other: u32, rules: &Rules<'_>) -> Option<Refused> {
        /// Pairs looked at, of large groups.
        const MOST_PAIRS: usize = 64;
        let (ours, theirs) = (self.members(&one), self.members(&other));
        let across = || ours.iter().flat_map(|a| theirs.iter().map(move |b| (*a, *b)));
        let decided = |(a, b): (u32, u32)| rules.apart.contains(&(a.min(b), a.max(b)));
        if !rules.apart.is_empty() && across().any(decided) {
            return Some(Refused::Decided);
        }
        if let Some(sources) = rules.sources {
            let same = |(a, b): (u32, u32)| sources[a as usize] == sources[b as usize];
            if across().any(same) {
                return Some(Refused::SameSource);
            }
        }
        if ours.len() == 1 && theirs.len() == 1 {
            return None;
        }
        let looked_at = ours.len().saturating_mul(theirs.len()).min(MOST_PAIRS) as f64;
        let sum: f64 = across().take(MOST_PAIRS).map(|(a, b)| (rules.odds)(a, b)).sum();
        (sum / looked_at < rules.least).then_some(Refused::GroupsDiffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(a: u32, b: u32, odds: f64) -> Edge {
        Edge { a, b, odds }
    }

    fn groups(edges: Vec<Edge>, odds: &dyn Fn(u32, u32) -> f64, apart: &[(u32, u32)]) -> Groups {
        let apart = apart.iter().copied().collect();
        let rules = Rules { odds, least: 0.0, sources: None, same: &[], apart: &apart };
        cluster(6, edges, &rules)
    }

    #[test]
    fn matches_join_records() {
        let found =
            groups(vec![edge(0, 1, 5.0), edge(1, 2, 5.0), edge(4, 5, 9.0)], &|_, _| 1.0, &[]);
        assert_eq!(found.of, vec![0, 0, 0, 3, 4, 4]);
        assert!(found.refused.is_empty());
    }

    #[test]
    fn one_likely_pair_does_not_join_groups_that_differ() {
        let edges = vec![edge(0, 1, 9.0), edge(2, 3, 9.0), edge(1, 2, 5.0)];
        let odds = |a: u32, b: u32| if (a, b) == (1, 2) { 5.0 } else { -20.0 };
        let found = groups(edges, &odds, &[]);
        assert_eq!(found.of, vec![0, 0, 2, 2, 4, 5]);
        assert_eq!(found.refused, BTreeMap::from([((1, 2), Refused::GroupsDiffer)]));
    }

    #[test]
    fn what_people_decided_stands() {
        let found = groups(vec![edge(0, 1, 9.0), edge(1, 2, 9.0)], &|_, _| 9.0, &[(0, 2)]);
        assert_eq!(found.of, vec![0, 0, 2, 3, 4, 5]);
        assert_eq!(found.refused, BTreeMap::from([((1, 2), Refused::Decided)]));
    }

    #[test]
    fn a_source_without_duplicates_gives_one_record_a_person() {
        let sources = [0, 1, 1, 0, 1, 0];
        let rules = Rules {
            odds: &|_, _| 9.0,
            least: 0.0,
            sources: Some(&sources),
            same: &[],
            apart: &HashSet::new(),
        };
        let found = cluster(6, vec![edge(0, 1, 3.0), edge(0, 2, 8.0)], &rules);
        assert_eq!(found.of, vec![0, 1, 0, 3, 4, 5]);
        assert_eq!(found.refused, BTreeMap::from([((0, 1), Refused::SameSource)]));
    }
}
