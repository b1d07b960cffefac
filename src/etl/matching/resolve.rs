//! A matching from beginning to end: blocks, weights, pairs, persons, households.

use super::block::{Block, Blocks, TooLarge};
use super::cluster::{Edge, Groups, Refused, Rules, cluster};
use super::estimate::{Patterns, estimate};
use super::household::households;
use super::identity::{Numbered, number};
use super::records::{Columns, Records};
use super::weights::{Comparer, Pattern, Weights, bits, probability};
use crate::error::Result;
use crate::etl::job::matching::MatchLoad;
use crate::etl::parallel::in_order;
use std::collections::{BTreeSet, HashSet};

/// Pairs looked at to estimate weights, about.
const ESTIMATED_FROM: u64 = 2_000_000;
/// Pairs that a thread compares at a time, about.
const PAIRS_A_TASK: u64 = 50_000;

/// What is known of the records from runs before; nothing, at first.
#[derive(Debug, Default)]
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
    /// The pairs of records that have not changed.
    pub(crate) pairs: Vec<Pair>,
    /// Pairs that are the same because somebody said so, the smaller record first.
    pub(crate) same: Vec<(u32, u32)>,
    /// Pairs that are not because somebody said so, the smaller record first.
    pub(crate) apart: HashSet<(u32, u32)>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The persons.
    pub(crate) persons: Numbered,
    /// The households, where columns make one.
    pub(crate) households: Option<Numbered>,
    /// The pairs that match or want a look, in order.
    pub(crate) pairs: Vec<Pair>,
    /// The weights.
    pub(crate) weights: Weights,
    /// Pairs that were compared.
    pub(crate) compared: u64,
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

/// Matches records.
///
/// # Errors
/// Internal where a thread breaks down.
pub(crate) fn resolve(spec: &MatchLoad, columns: &Columns<'_>, before: Before) -> Result<Resolved> {
    let records = Records::new(spec, columns);
    let comparer = Comparer::new(spec, &records);
    let (blocks, too_large) = Blocks::new(&spec.block, columns, &records, spec.largest_block);
    let scan = Scan { spec, records: &records, blocks: &blocks };
    let weights = match before.weights {
        Some(weights) => weights,
        None => estimate(spec, &records, &comparer, &scan.patterns(&comparer)?)?,
    };
    let scored = scan.scored(&comparer, &weights, before.fresh.as_deref())?;
    let compared = scored.compared;
    let mut pairs = before.pairs;
    pairs.extend(scored.pairs.into_iter().map(|(a, b, odds, pattern)| {
        let reason = comparer.reason(spec, &weights, pattern, a);
        Pair { a, b, odds, decision: Decision::Review, reason }
    }));
    let decisions = Decisions { same: before.same, apart: before.apart };
    decisions.add_to(&mut pairs, &comparer, spec, &weights);
    pairs.sort_unstable_by_key(|pair| (pair.a, pair.b));
    pairs.dedup_by_key(|pair| (pair.a, pair.b));
    let groups = grouped(spec, &records, &comparer, &weights, &pairs, &decisions);
    decide(spec, &mut pairs, &groups, &decisions);
    let mut notes = too_large.iter().map(|large| told(spec, columns, large)).collect::<Vec<_>>();
    let households = households(spec, &records, &groups.of).map(|found| {
        if found.too_large > 0 {
            notes.push(format!(
                "{} values of ({}) are shared by more persons than a household has",
                found.too_large,
                spec.household.join(", ")
            ));
        }
        number(&found.of, &before.households, before.next_household)
    });
    let persons = number(&groups.of, &before.persons, before.next_person);
    Ok(Resolved { persons, households, pairs, weights, compared, notes })
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

    /// Pairs that were decided are told, also where they would not be worth keeping.
    fn add_to(
        &self,
        pairs: &mut Vec<Pair>,
        comparer: &Comparer<'_>,
        spec: &MatchLoad,
        weights: &Weights,
    ) {
        let known: HashSet<(u32, u32)> = pairs.iter().map(|pair| (pair.a, pair.b)).collect();
        let decided = self.same.iter().chain(&self.apart).filter(|pair| !known.contains(*pair));
        let added: Vec<Pair> = decided
            .map(|(a, b)| {
                let reason = comparer.reason(spec, weights, comparer.pattern(*a, *b), *a);
                let odds = comparer.odds(weights, *a, *b);
                Pair { a: *a, b: *b, odds, decision: Decision::Same, reason }
            })
            .collect();
        pairs.extend(added);
    }
}

fn grouped(
    spec: &MatchLoad,
    records: &Records,
    comparer: &Comparer<'_>,
    weights: &Weights,
    pairs: &[Pair],
    decisions: &Decisions,
) -> Groups {
    let least = bits(spec.thresholds.matches);
    let is_match =
        |pair: &&Pair| pair.odds >= least && !decisions.apart.contains(&(pair.a, pair.b));
    let edges = pairs.iter().filter(is_match);
    let edges = edges.map(|pair| Edge { a: pair.a, b: pair.b, odds: pair.odds }).collect();
    let rules = Rules {
        odds: &|a, b| comparer.odds(weights, a.min(b), a.max(b)),
        least: bits(spec.thresholds.review),
        sources: (!spec.duplicates_within_sources).then_some(records.sources.as_slice()),
        same: &decisions.same,
        apart: &decisions.apart,
    };
    cluster(records.len, edges, &rules)
}

/// Says of each pair what followed.
fn decide(spec: &MatchLoad, pairs: &mut [Pair], groups: &Groups, decisions: &Decisions) {
    let least = bits(spec.thresholds.matches);
    let same: BTreeSet<(u32, u32)> = decisions.same.iter().copied().collect();
    for pair in pairs {
        // what a run before said of the groups may be otherwise now
        if let Some(at) = pair.reason.find(NOT_JOINED) {
            pair.reason.truncate(at);
        }
        if let Some(decided) = decisions.of((pair.a, pair.b), &same) {
            pair.decision = decided;
            continue;
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

/// All pairs within blocks, compared by several threads.
struct Scan<'a> {
    spec: &'a MatchLoad,
    records: &'a Records,
    blocks: &'a Blocks,
}

/// Pairs that reach the bound.
#[derive(Default)]
struct Scored {
    pairs: Vec<(u32, u32, f64, Pattern)>,
    compared: u64,
}

impl<'a> Scan<'a> {
    /// Does something to all blocks, some at a time, in order.
    fn each<D: Send>(
        &self,
        work: impl Fn(&[Block]) -> D + Sync,
        mut take: impl FnMut(D),
    ) -> Result<()> {
        in_order(
            |give| {
                let blocks = self.blocks.all();
                let (mut start, mut pairs) = (0, 0);
                for (at, block) in blocks.iter().enumerate() {
                    pairs += block.most_pairs();
                    if pairs >= PAIRS_A_TASK || at + 1 == blocks.len() {
                        give((start, at + 1))?;
                        (start, pairs) = (at + 1, 0);
                    }
                }
                Ok(())
            },
            |(start, end): (usize, usize)| Ok(work(&self.blocks.all()[start..end])),
            |done| {
                take(done);
                Ok(())
            },
        )
    }

    fn pairs(&self, block: &Block, fresh: Option<&[bool]>, pair: impl FnMut(u32, u32)) {
        let within = self.spec.duplicates_within_sources;
        self.blocks.pairs(block, self.records, within, fresh, pair);
    }

    /// How often each pattern is met; of very many pairs, of some.
    fn patterns(&self, comparer: &Comparer<'_>) -> Result<Patterns> {
        let one_in = self.blocks.most_pairs() / ESTIMATED_FROM + 1;
        let mut all = Patterns::new();
        self.each(
            |blocks| {
                let mut met = Patterns::new();
                for block in blocks {
                    self.pairs(block, None, |a, b| {
                        if picked(a, b).is_multiple_of(one_in) {
                            *met.entry(comparer.pattern(a, b)).or_insert(0.0) += one_in as f64;
                        }
                    });
                }
                met
            },
            |met| met.into_iter().for_each(|(p, count)| *all.entry(p).or_insert(0.0) += count),
        )?;
        Ok(all)
    }

    /// The pairs that match or want a look.
    fn scored(
        &self,
        comparer: &Comparer<'_>,
        weights: &Weights,
        fresh: Option<&[bool]>,
    ) -> Result<Scored> {
        let most = comparer.most_from(weights);
        let least = bits(self.spec.thresholds.review.min(self.spec.thresholds.matches));
        let mut all = Scored::default();
        self.each(
            |blocks| {
                let mut some = Scored::default();
                for block in blocks {
                    self.pairs(block, fresh, |a, b| {
                        some.compared += 1;
                        let found = comparer.score(weights, &most, least, (a, b));
                        some.pairs.extend(found.map(|(odds, pattern)| (a, b, odds, pattern)));
                    });
                }
                some
            },
            |some| {
                all.compared += some.compared;
                all.pairs.extend(some.pairs);
            },
        )?;
        Ok(all)
    }
}

/// A number of a pair, for picking some of them without looking at their values.
fn picked(a: u32, b: u32) -> u64 {
    let mixed = (u64::from(a) << 32 | u64::from(b)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
}

impl Pair {
    /// How likely it is one person.
    pub(crate) fn probability(&self) -> f64 {
        probability(self.odds)
    }
}
