//! Weights estimated from the data: Fellegi and Sunter's model by expectation-maximisation.
//!
//! Nobody says which pairs match. How often pairs agree by chance (`u`) is counted: equality over
//! all pairs from the values' frequencies, the other levels over pairs picked at random, less what
//! the matches themselves contribute. How often matches agree (`m`) and how many there are comes
//! from the pairs within blocks, all others being taken for no matches: each round weighs the
//! patterns of agreement by what the last round believes, until it believes what it finds. Pairs
//! are of three kinds: matches, members of a household, and all others. Members of a household agree
//! in what households share with probabilities `r` that are estimated in the same way, and in
//! everything else by chance.

use super::records::Records;
use super::weights::{Comparer, Level, Pattern, Weights, against_either, probability};
use crate::error::Result;
use crate::etl::job::matching::{Compare, MatchLoad};
use crate::etl::parallel::in_order;
use std::collections::HashMap;

/// Pairs picked at random.
const RANDOM_PAIRS: u64 = 500_000;
/// Of them, those that a thread compares at a time.
const PAIRS_A_TASK: usize = 10_000;
/// Rounds at most.
const MOST_ROUNDS: usize = 200;
/// The estimate stands when no probability moves by more.
const STANDS: f64 = 1e-6;

/// How often each pattern was met.
pub(crate) type Patterns = HashMap<Pattern, f64>;

/// Estimates the weights.
///
/// `patterns` are those of the pairs within blocks, each counted for as many as it stands for.
///
/// # Errors
/// Internal where a thread breaks down.
pub(crate) fn estimate(
    spec: &MatchLoad,
    records: &Records,
    comparer: &Comparer<'_>,
    patterns: &Patterns,
) -> Result<Weights> {
    let chance = Chance::count(spec, records, comparer)?;
    // in an order of their own: sums of floats must not depend on how a map was filled
    let mut met: Vec<(Pattern, f64)> = patterns.iter().map(|(p, count)| (*p, *count)).collect();
    met.sort_unstable_by_key(|(pattern, _)| *pattern);
    let mut kinds = Expected::begin(spec, records, &chance);
    let mut believed = kinds.weights(spec, &chance);
    for _ in 0..MOST_ROUNDS {
        kinds = Expected::count(spec, &believed, &met);
        let found = kinds.weights(spec, &chance);
        let moved = distance(&believed, &found);
        believed = found;
        if moved < STANDS {
            break;
        }
    }
    believed.duplicates = 2.0 * kinds.matches.pairs / (records.len as f64).max(1.0);
    Ok(believed)
}

/// A count for each level of each comparison.
fn nothing(spec: &MatchLoad) -> Vec<Vec<f64>> {
    spec.compare.iter().map(|compare| vec![0.0; compare.kind.levels().len()]).collect()
}

/// How often pairs agree, whether they match or not.
struct Chance {
    /// All pairs that may match.
    pairs: f64,
    /// For each comparison and level, of all pairs.
    levels: Vec<Vec<f64>>,
    /// How many pairs one that was looked at stands for.
    scale: f64,
}

impl Chance {
    fn count(spec: &MatchLoad, records: &Records, comparer: &Comparer<'_>) -> Result<Self> {
        let pairs = all_pairs(spec, records);
        let mut counted = nothing(spec);
        let mut looked_at = 0.0;
        in_order(
            |give| {
                let mut some = Vec::with_capacity(PAIRS_A_TASK);
                for pair in picked(spec, records, pairs) {
                    some.push(pair);
                    if some.len() == PAIRS_A_TASK {
                        give(std::mem::take(&mut some))?;
                    }
                }
                give(some)
            },
            |some: Vec<(u32, u32)>| {
                let mut levels = nothing(spec);
                for (a, b) in &some {
                    for (field, levels) in levels.iter_mut().enumerate() {
                        let level = comparer.level(field, *a, *b);
                        if let Some(count) = levels.get_mut(usize::from(level)) {
                            *count += 1.0;
                        }
                    }
                }
                Ok((some.len(), levels))
            },
            |(pairs, levels)| {
                looked_at += pairs as f64;
                let sums = counted.iter_mut().flatten().zip(levels.into_iter().flatten());
                sums.for_each(|(sum, count)| *sum += count);
                Ok(())
            },
        )?;
        let scale = if looked_at > 0.0 { pairs / looked_at } else { 1.0 };
        for (field, levels) in counted.iter_mut().enumerate() {
            levels.iter_mut().for_each(|count| *count *= scale);
            // Equality is counted over all pairs: what is rare is not found by picking some.
            if scale > 1.0 && spec.duplicates_within_sources {
                levels[0] = records.fields[field].equal_pairs();
            }
        }
        Ok(Self { pairs, levels: counted, scale })
    }
}

/// How many pairs may match.
fn all_pairs(spec: &MatchLoad, records: &Records) -> f64 {
    let pairs = |count: f64| count * (count - 1.0) / 2.0;
    let all = pairs(records.len as f64);
    if spec.duplicates_within_sources {
        return all;
    }
    let mut sources: HashMap<u32, f64> = HashMap::new();
    records.sources.iter().for_each(|source| *sources.entry(*source).or_insert(0.0) += 1.0);
    all - sources.values().map(|count| pairs(*count)).sum::<f64>()
}

/// Pairs that may match: all of them where they are few, else some, always the same.
fn picked<'a>(
    spec: &MatchLoad,
    records: &'a Records,
    pairs: f64,
) -> Box<dyn Iterator<Item = (u32, u32)> + 'a> {
    let len = u32::try_from(records.len).unwrap_or(u32::MAX);
    let within = spec.duplicates_within_sources;
    let may = move |(a, b): &(u32, u32)| {
        within || records.sources[*a as usize] != records.sources[*b as usize]
    };
    if pairs <= RANDOM_PAIRS as f64 {
        return Box::new((0..len).flat_map(move |a| (a + 1..len).map(move |b| (a, b))).filter(may));
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(mixed ^ (mixed >> 31)) * u128::from(len)) >> 64) as u32
    };
    let some = (0..RANDOM_PAIRS).map(move |_| (next(), next()));
    Box::new(some.filter(|(a, b)| a != b).filter(may))
}

/// How many pairs of a kind there are, and how often they reach each level.
struct Counts {
    pairs: f64,
    levels: Vec<Vec<f64>>,
}

impl Counts {
    fn nothing(spec: &MatchLoad) -> Self {
        Self { pairs: 0.0, levels: nothing(spec) }
    }

    fn add(&mut self, pattern: Pattern, expected: f64) {
        self.pairs += expected;
        for (field, levels) in self.levels.iter_mut().enumerate() {
            if let Some(sum) = pattern.level(field).and_then(|level| levels.get_mut(level)) {
                *sum += expected;
            }
        }
    }

    /// How likely a pair of this kind reaches each level. Counts of nothing are taken for half of
    /// one, so that nothing is impossible.
    fn probabilities(&self, field: usize) -> Vec<f64> {
        let counts = self.levels[field].iter().map(|count| count + 0.5);
        let total: f64 = counts.clone().sum();
        counts.map(|count| count / total).collect()
    }
}

/// What is believed of the pairs that are not there by chance.
struct Expected {
    matches: Counts,
    related: Option<Counts>,
}

impl Expected {
    /// Before anything is known: matches agree in most things, members of a household in what
    /// households share, and a tenth of the records have one of either.
    fn begin(spec: &MatchLoad, records: &Records, chance: &Chance) -> Self {
        let pairs = records.len as f64 / 10.0;
        let mostly = |levels: usize| -> Vec<f64> {
            let rest = 0.3 / (levels - 1) as f64;
            (0..levels).map(|level| pairs * if level == 0 { 0.7 } else { rest }).collect()
        };
        let matches = spec.compare.iter().map(|c| mostly(c.kind.levels().len())).collect();
        let related = spec.compare.iter().zip(&chance.levels).map(|(compare, levels)| {
            if compare.is_shared() {
                return mostly(levels.len());
            }
            let total = levels.iter().sum::<f64>().max(1.0);
            levels.iter().map(|count| pairs * count / total).collect()
        });
        let related = Counts { pairs, levels: related.collect() };
        Self {
            matches: Counts { pairs, levels: matches },
            related: spec.compare.iter().any(Compare::is_shared).then_some(related),
        }
    }

    /// How many of the pairs met are of which kind, by the weights believed.
    fn count(spec: &MatchLoad, weights: &Weights, met: &[(Pattern, f64)]) -> Self {
        let (mut matches, mut related) = (Counts::nothing(spec), Counts::nothing(spec));
        for (pattern, count) in met {
            let agreed = weights.fields.iter().enumerate().filter_map(|(field, levels)| {
                pattern.level(field).and_then(|level| levels.get(level)).map(|l| l.weight)
            });
            let chance = weights.prior + agreed.sum::<f64>();
            let household = weights.against_related(*pattern);
            let is_match = probability(against_either(chance, household));
            // the odds of a household against a match and against chance follow from the other two
            let is_related = probability(against_either(-household, chance - household));
            matches.add(*pattern, count * is_match);
            related.add(*pattern, count * is_related);
        }
        let related = weights.prior_related.is_finite().then_some(related);
        Self { matches, related }
    }

    /// The weights that follow.
    fn weights(&self, spec: &MatchLoad, chance: &Chance) -> Weights {
        let matches = self.matches.pairs.max(0.5);
        let related = self.related.as_ref().map_or(0.0, |related| related.pairs.max(0.5));
        let fields = spec.compare.iter().enumerate().map(|(field, compare)| {
            if let Some(declared) = &compare.weights {
                return declared.iter().map(|weight| Level::declared(*weight)).collect();
            }
            let m = self.matches.probabilities(field);
            let u = self.by_chance(field, chance);
            // in what they do not share, members of a household agree by chance like anybody
            let related = self.related.as_ref().filter(|_| compare.is_shared());
            let r = related.map_or_else(|| u.clone(), |related| related.probabilities(field));
            (0..m.len()).map(|level| Level::new(m[level], u[level], r[level])).collect()
        });
        Weights {
            prior: (matches / (chance.pairs - matches - related).max(1.0)).log2(),
            // without members of households the odds against them are infinite
            prior_related: (matches / related).log2(),
            fields: fields.collect(),
            duplicates: 0.0,
        }
    }

    /// How likely a pair that has nothing to do with each other reaches each level.
    fn by_chance(&self, field: usize, chance: &Chance) -> Vec<f64> {
        let expected = |level: usize| {
            let related = self.related.as_ref().map_or(0.0, |r| r.levels[field][level]);
            self.matches.levels[field][level] + related
        };
        let counts = chance.levels[field].iter().enumerate().map(|(level, all)| {
            // what one pair picked at random stands for is as near as it can be known
            let least = if level == 0 { 0.5 } else { 0.5 * chance.scale };
            (all - expected(level)).max(0.0) + least
        });
        let total: f64 = counts.clone().sum();
        counts.map(|count| count / total).collect()
    }
}

/// How far two estimates are apart: the largest difference of a probability.
fn distance(before: &Weights, after: &Weights) -> f64 {
    let levels =
        |weights: &Weights| weights.fields.iter().flatten().map(|l| l.m).collect::<Vec<_>>();
    let apart = std::iter::zip(levels(before), levels(after)).map(|(a, b)| (a - b).abs());
    let apart = apart.filter(|apart| !apart.is_nan()).fold(0.0, f64::max);
    apart.max((before.prior - after.prior).abs())
}
