//! A matching from beginning to end: blocks, weights, pairs, persons, households.

use super::block::{Blocks, TooLarge};
use super::cluster::{Edge, Groups, Refused, Rules, cluster};
use super::estimate::estimate;
use super::household::households;
use super::identity::{Numbered, number};
use super::kept::{Kept, Row};
use super::records::{Columns, Records};
use super::scan::Scan;
use super::weights::{Comparer, Weights, bits, probability};
use crate::error::Result;
use crate::etl::job::matching::MatchLoad;
use arrow::array::Array;
use std::collections::{BTreeSet, HashSet};

/// What is known of the records from runs before; nothing, at first.
pub(crate) struct Before {
    /// The person of each record that had one.
    pub(crate) persons: Vec<Option<i64>>,
    /// The household of each record that had one.
    pub(crate) households: Vec<Option<i64>>,
    /// The next number of a person.
    pub(crate) next_person: i64,
    /// The next number of a household.
    pub(crate) next_household: i64,
    /// The weights that scores were made with.
    pub(crate) weights: Option<Weights>,
    /// The records that are new or have changed; all where there is nothing to keep.
    pub(crate) fresh: Option<Vec<bool>>,
    /// Of the pairs of records that have not changed, those that match.
    pub(crate) edges: Vec<Edge>,
    /// The pairs of records that have not changed, in the order of their records. They are asked for
    /// when persons are known, and not held.
    pub(crate) pairs: Pairs,
    /// Pairs that are the same because somebody said so, the smaller record first.
    pub(crate) same: Vec<(u32, u32)>,
    /// Pairs that are not because somebody said so, the smaller record first.
    pub(crate) apart: HashSet<(u32, u32)>,
}

/// One pair after the other.
pub(crate) type Pairs = Box<dyn Iterator<Item = Result<Pair>> + Send>;

impl Default for Before {
    fn default() -> Self {
        Self {
            persons: Vec::new(),
            households: Vec::new(),
            next_person: 0,
            next_household: 0,
            weights: None,
            fresh: None,
            edges: Vec::new(),
            pairs: Box::new(std::iter::empty()),
            same: Vec::new(),
            apart: HashSet::new(),
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The persons.
    pub(crate) persons: Numbered,
    /// The households, where columns make one.
    pub(crate) households: Option<Numbered>,
    /// The weights.
    pub(crate) weights: Weights,
    /// Pairs that were compared.
    pub(crate) compared: u64,
    /// Of the pairs, those that match.
    pub(crate) matches: u64,
    /// Of the pairs, those that want a look.
    pub(crate) reviews: u64,
    /// What a person should know.
    pub(crate) notes: Vec<String>,
}

/// A pair of records worth keeping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    /// One record, the smaller.
    pub(crate) a: u32,
    /// The other.
    pub(crate) b: u32,
    /// The odds in bits.
    pub(crate) odds: f64,
    /// What follows from them.
    pub(crate) decision: Decision,
    /// Why.
    pub(crate) reason: String,
}

/// What follows from a pair's score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is one person.
    Match,
    /// Somebody should look.
    Review,
    /// Somebody has decided that it is one person.
    Same,
    /// Somebody has decided that it is not.
    Apart,
}

impl Decision {
    /// The word in the table of pairs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Review => "review",
            Self::Same => "same",
            Self::Apart => "apart",
        }
    }
}

/// Takes the pairs that match or want a look, in order, some at a time.
pub(crate) type Take<'a> = dyn FnMut(&[Pair]) -> Result<()> + 'a;

/// Pairs given out at a time.
const PAIRS_AT_A_TIME: usize = 65_536;

/// Matches records.
///
/// # Errors
/// Limit where memory has no room for what must be there; unavailable where the disk does not take
/// the rest; internal where a thread breaks down; those of `take`.
pub(crate) fn resolve(
    spec: &MatchLoad,
    columns: &Columns<'_>,
    before: Before,
    mut kept: Kept,
    take: &mut Take<'_>,
) -> Result<Resolved> {
    kept.hold(bytes_of(spec, columns, &before), "the records")?;
    let records = Records::new(spec, columns);
    let comparer = Comparer::new(spec, &records);
    let (blocks, too_large) = Blocks::new(&spec.block, columns, &records, spec.largest_block);
    let scan = Scan { spec, records: &records, blocks: &blocks };
    let weights = match before.weights {
        Some(weights) => weights,
        None => estimate(spec, &records, &comparer, &scan.patterns(&comparer)?)?,
    };
    let decisions = Decisions { same: before.same, apart: before.apart };
    let compared = scan.scored(&comparer, &weights, before.fresh.as_deref(), &mut kept)?;
    let least = least_odds(spec);
    let edges = before.edges.into_iter().chain(kept.take_edges()).collect();
    let groups = grouped(spec, &records, &comparer, &weights, edges, &decisions);
    let mut resolved = Resolved {
        persons: number(&groups.of, &before.persons, before.next_person),
        households: None,
        weights,
        compared,
        matches: 0,
        reviews: 0,
        notes: too_large.iter().map(|large| told(spec, columns, large)).collect(),
    };
    if let Some(found) = households(spec, &records, &groups.of) {
        if found.too_large > 0 {
            resolved.notes.push(format!(
                "{} values of ({}) are shared by more persons than a household has",
                found.too_large,
                spec.household.join(", ")
            ));
        }
        let numbered = number(&found.of, &before.households, before.next_household);
        resolved.households = Some(numbered);
    }
    let weights = &resolved.weights;
    let pair = |(a, b, odds, pattern): Row| {
        let reason = comparer.reason(spec, weights, pattern, a);
        Pair { a, b, odds, decision: Decision::Review, reason }
    };
    let decided = decisions
        .all()
        .into_iter()
        .map(|(a, b)| Ok(pair((a, b, comparer.odds(weights, a, b), comparer.pattern(a, b)))));
    let fresh = kept.into_rows().map(|row| row.map(pair));
    let all = in_order_of_pairs(in_order_of_pairs(before.pairs, fresh), decided);
    let same: BTreeSet<(u32, u32)> = decisions.same.iter().copied().collect();
    let mut some = Vec::new();
    let (mut matches, mut reviews) = (0, 0);
    for pair in all {
        let mut pair = pair?;
        decide(least, &mut pair, &groups, &decisions, &same);
        matches += u64::from(pair.decision == Decision::Match);
        reviews += u64::from(pair.decision == Decision::Review);
        some.push(pair);
        if some.len() == PAIRS_AT_A_TIME {
            take(&some)?;
            some.clear();
        }
    }
    if !some.is_empty() {
        take(&some)?;
    }
    Ok(Resolved { matches, reviews, ..resolved })
}

/// The odds in bits from which on a pair is a match.
pub(crate) fn least_odds(spec: &MatchLoad) -> f64 {
    bits(spec.thresholds.matches)
}

/// About how much memory records take while they are compared, with what is known of them.
fn bytes_of(spec: &MatchLoad, columns: &Columns<'_>, before: &Before) -> usize {
    /// A record's number, its place in a block, and its key.
    const KEY_BYTES: usize = 12;
    /// What is kept of a distinct value beside its text.
    const VALUE_BYTES: usize = 48;
    let rows = columns.rows();
    let texts: usize = columns.0.iter().map(|(_, column)| column.get_array_memory_size()).sum();
    let values = spec.compare.len() * rows * (size_of::<u32>() + VALUE_BYTES / 4);
    let known = before.edges.len() * size_of::<Edge>();
    // the texts, and once more in values as they are compared
    2 * texts + values + spec.block.len() * rows * KEY_BYTES + known
}

/// Pairs of two lists in one order; of one that is in both, that of the first.
fn in_order_of_pairs(
    one: impl Iterator<Item = Result<Pair>>,
    other: impl Iterator<Item = Result<Pair>>,
) -> impl Iterator<Item = Result<Pair>> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    let mut last = None;
    let key = |pair: Option<&Result<Pair>>| match pair {
        None => None,
        Some(Ok(pair)) => Some((pair.a, pair.b)),
        Some(Err(_)) => Some((0, 0)), // comes out at once
    };
    std::iter::from_fn(move || {
        loop {
            let next = match (key(one.peek()), key(other.peek())) {
                (Some(a), Some(b)) if b < a => other.next(),
                (None, _) => other.next(),
                _ => one.next(),
            }?;
            let Ok(pair) = &next else { return Some(next) };
            if last.replace((pair.a, pair.b)) != Some((pair.a, pair.b)) {
                return Some(next);
            }
        }
    })
}

/// What people have decided.
struct Decisions {
    same: Vec<(u32, u32)>,
    apart: HashSet<(u32, u32)>,
}

impl Decisions {
    fn of(&self, pair: (u32, u32), same: &BTreeSet<(u32, u32)>) -> Option<Decision> {
        if self.apart.contains(&pair) {
            return Some(Decision::Apart);
        }
        same.contains(&pair).then_some(Decision::Same)
    }

    /// The pairs that were decided: they are told, also where they would not be worth keeping.
    fn all(&self) -> BTreeSet<(u32, u32)> {
        self.same.iter().chain(&self.apart).copied().collect()
    }
}

fn grouped(
    spec: &MatchLoad,
    records: &Records,
    comparer: &Comparer<'_>,
    weights: &Weights,
    mut edges: Vec<Edge>,
    decisions: &Decisions,
) -> Groups {
    edges.retain(|edge| !decisions.apart.contains(&(edge.a, edge.b)));
    let rules = Rules {
        odds: &|a, b| comparer.odds(weights, a.min(b), a.max(b)),
        least: bits(spec.thresholds.review),
        sources: (!spec.duplicates_within_sources).then_some(records.sources.as_slice()),
        same: &decisions.same,
        apart: &decisions.apart,
    };
    cluster(records.len, edges, &rules)
}

/// Says of a pair what followed.
fn decide(
    least: f64,
    pair: &mut Pair,
    groups: &Groups,
    decisions: &Decisions,
    same: &BTreeSet<(u32, u32)>,
) {
    // what a run before said of the groups may be otherwise now
    if let Some(at) = pair.reason.find(NOT_JOINED) {
        pair.reason.truncate(at);
    }
    if let Some(decided) = decisions.of((pair.a, pair.b), same) {
        pair.decision = decided;
        return;
    }
    pair.decision = if pair.odds >= least { Decision::Match } else { Decision::Review };
    let apart = groups.of[pair.a as usize] != groups.of[pair.b as usize];
    if pair.decision == Decision::Match && apart {
        pair.decision = Decision::Review;
        let why = match groups.refused.get(&(pair.a, pair.b)) {
            Some(Refused::SameSource) => "a record of the same source fits better",
            Some(Refused::Decided) => "it was decided that others of them are not the same",
            _ => "other records of the two differ",
        };
        pair.reason.push_str(NOT_JOINED);
        pair.reason.push_str(why);
    }
}

/// Between a pair's weights and why it is no match all the same.
const NOT_JOINED: &str = "; not joined: ";

fn told(spec: &MatchLoad, columns: &Columns<'_>, large: &TooLarge) -> String {
    let key = &spec.block[large.key];
    let example = large.example as usize;
    let values = key.0.iter().filter_map(|part| columns.get(&part.column));
    let values: Vec<&str> = values.map(|column| column.value(example)).collect();
    format!(
        "the key `{key}` has {} values that more than {} records share (up to {}, as of `{}`): \
         those are compared to their neighbours only; a longer key finds more",
        large.blocks,
        spec.largest_block,
        large.records,
        values.join(" + ")
    )
}

impl Pair {
    /// How likely it is one person.
    pub(crate) fn probability(&self) -> f64 {
        probability(self.odds)
    }
}
