//! What an agreement weighs, and what a pair comes to.
//!
//! Fellegi and Sunter's model: a level of agreement has probability `m` among matches and `u` among
//! all other pairs, and weighs `log2(m / u)`. The weights of all comparisons, with the prior, are
//! the odds of a match in bits. A value that one of the two records lacks says nothing.
//!
//! Members of a household agree in much without being one person, and not by chance: they are a
//! third kind of pair, with probabilities `r` of their own. The odds are those of a match against
//! either.

use super::compare::{MOST_LEVELS, is_same_name};
use super::records::{NONE, Records};
use crate::etl::job::matching::{Kind, MatchLoad};
use std::fmt::Write;

/// The mark of a comparison that one of two records has no value for.
pub(crate) const MISSING: u8 = 15;

/// The levels that a pair reaches: four bits a comparison, [`MISSING`] where there is nothing to
/// compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pattern(pub(crate) u64);

/// The most comparisons a pattern has room for.
pub(crate) const MOST_COMPARISONS: usize = 16;

impl Pattern {
    /// The level of a comparison; none where there was nothing to compare.
    pub(crate) fn level(self, field: usize) -> Option<usize> {
        let level = (self.0 >> (4 * field) & 15) as u8;
        (level != MISSING).then_some(usize::from(level))
    }

    fn with(self, field: usize, level: u8) -> Self {
        Self(self.0 | u64::from(level) << (4 * field))
    }
}

/// The weights of a matching.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    /// The odds that two records picked at random match, in bits.
    pub(crate) prior: f64,
    /// The odds of a match against two members of a household, in bits.
    pub(crate) prior_related: f64,
    /// For each comparison its levels.
    pub(crate) fields: Vec<Vec<Level>>,
    /// How many other records of the same person a record has on average.
    pub(crate) duplicates: f64,
}

impl Weights {
    /// The odds of a pair against members of a household, in bits.
    pub(crate) fn against_related(&self, pattern: Pattern) -> f64 {
        let weights = self.fields.iter().enumerate().filter_map(|(field, levels)| {
            let level = levels.get(pattern.level(field)?)?;
            Some(level.weight_related())
        });
        self.prior_related + weights.sum::<f64>()
    }
}

/// A level's probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Level {
    /// Among matches; NaN where the weight is declared.
    pub(crate) m: f64,
    /// Among pairs that have nothing to do with each other; NaN where the weight is declared.
    pub(crate) u: f64,
    /// Among members of a household; NaN where the weight is declared.
    pub(crate) r: f64,
    /// `log2(m / u)`.
    pub(crate) weight: f64,
}

impl Level {
    /// A level of these probabilities.
    pub(crate) fn new(m: f64, u: f64, r: f64) -> Self {
        Self { m, u, r, weight: (m / u).log2() }
    }

    /// A level that somebody has weighed.
    pub(crate) fn declared(weight: f64) -> Self {
        Self { m: f64::NAN, u: f64::NAN, r: f64::NAN, weight }
    }

    /// What it weighs against members of a household.
    pub(crate) fn weight_related(&self) -> f64 {
        if self.r.is_nan() { self.weight } else { (self.m / self.r).log2() }
    }
}

/// Odds in bits as a probability.
pub(crate) fn probability(bits: f64) -> f64 {
    1.0 / (1.0 + (-bits).exp2())
}

/// The odds against either of two, given those against each.
pub(crate) fn against_either(one: f64, other: f64) -> f64 {
    -((-one).exp2() + (-other).exp2()).log2()
}

/// A probability as odds in bits.
pub(crate) fn bits(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}

/// Compares pairs of records.
pub(crate) struct Comparer<'a> {
    records: &'a Records,
    kinds: Vec<Kind>,
    swapped_with: Vec<Option<usize>>,
    rare_weighs_more: Vec<bool>,
}

impl<'a> Comparer<'a> {
    /// A comparer of these records.
    pub(crate) fn new(spec: &MatchLoad, records: &'a Records) -> Self {
        let place = |name: &String| spec.compare.iter().position(|other| other.name() == name);
        Self {
            records,
            kinds: spec.compare.iter().map(|compare| compare.kind).collect(),
            swapped_with: spec
                .compare
                .iter()
                .map(|c| c.swapped_with.as_ref().and_then(place))
                .collect(),
            rare_weighs_more: spec.compare.iter().map(|c| c.rare_weighs_more).collect(),
        }
    }

    /// The level that two records reach in a comparison.
    pub(crate) fn level(&self, field: usize, a: u32, b: u32) -> u8 {
        let values = &self.records.fields[field];
        let (one, other) = (values.codes[a as usize], values.codes[b as usize]);
        if one == NONE || other == NONE {
            return MISSING;
        }
        if one == other {
            return 0;
        }
        let kind = self.kinds[field];
        let level = kind.level(&values.values[one as usize], &values.values[other as usize]);
        match self.swapped_with[field] {
            Some(with) if level == kind.differs() && self.is_swapped(field, with, a, b) => {
                level - 1
            }
            _ => level,
        }
    }

    /// Whether each record has in another column what the other has in this one: one alone, as of
    /// Ann Robinson and Robinson Felix, is two persons whose names share a word.
    fn is_swapped(&self, field: usize, with: usize, a: u32, b: u32) -> bool {
        let (own, other) = (&self.records.fields[field], &self.records.fields[with]);
        let same = |here, there| match (own.value(here), other.value(there)) {
            (Some(one), Some(two)) => is_same_name(one, two),
            _ => false,
        };
        same(a, b) && same(b, a)
    }

    /// All levels of a pair.
    pub(crate) fn pattern(&self, a: u32, b: u32) -> Pattern {
        let fields = 0..self.kinds.len();
        fields.fold(Pattern(0), |pattern, field| pattern.with(field, self.level(field, a, b)))
    }

    /// What a level weighs for a pair: agreeing in a rare value weighs more than the level does on
    /// average, agreeing in what everybody has weighs less.
    pub(crate) fn weight(&self, weights: &Weights, field: usize, level: u8, a: u32) -> f64 {
        /// A rare value weighs at most this much more, in bits: how rare is not known better.
        const MOST_MORE: f64 = 3.0;
        if level == MISSING {
            return 0.0;
        }
        let Some(entry) = weights.fields[field].get(usize::from(level)) else { return 0.0 };
        if level != 0 || entry.u.is_nan() || !self.rare_weighs_more[field] {
            return entry.weight;
        }
        let values = &self.records.fields[field];
        let count = values.counts[values.codes[a as usize] as usize];
        // Of those who have the value, the record itself and its duplicates say nothing of chance.
        let by_chance = (f64::from(count) - 1.0 - weights.duplicates).max(0.0);
        let frequency = by_chance / self.records.len as f64;
        let more = match self.kinds[field] {
            Kind::Name | Kind::Text | Kind::Tokens | Kind::Address => MOST_MORE,
            Kind::Exact | Kind::Date | Kind::Digits | Kind::Number => 0.0,
        };
        (entry.m / frequency.max(entry.u * (-more).exp2())).log2()
    }

    /// The odds of a pair in bits, where they reach a bound: what cannot reach it any more is not
    /// compared to the end. `most` says what the comparisons from each on can still add.
    pub(crate) fn score(
        &self,
        weights: &Weights,
        most: &[f64],
        bound: f64,
        (a, b): (u32, u32),
    ) -> Option<(f64, Pattern)> {
        let (mut sum, mut pattern) = (weights.prior, Pattern(0));
        for (field, most) in most.iter().enumerate() {
            if sum + most < bound {
                return None;
            }
            let level = self.level(field, a, b);
            pattern = pattern.with(field, level);
            sum += self.weight(weights, field, level, a);
        }
        let odds = against_either(sum, weights.against_related(pattern));
        (odds >= bound).then_some((odds, pattern))
    }

    /// The odds of a pair in bits, however small.
    pub(crate) fn odds(&self, weights: &Weights, a: u32, b: u32) -> f64 {
        let pattern = self.pattern(a, b);
        against_either(self.against_chance(weights, pattern, a), weights.against_related(pattern))
    }

    /// The odds of a pair against records that have nothing to do with each other.
    fn against_chance(&self, weights: &Weights, pattern: Pattern, a: u32) -> f64 {
        let weight = |field| {
            let level = pattern.level(field).and_then(|level| u8::try_from(level).ok());
            level.map_or(0.0, |level| self.weight(weights, field, level, a))
        };
        weights.prior + (0..self.kinds.len()).map(weight).sum::<f64>()
    }

    /// For each comparison, what it and those after it can add at most.
    pub(crate) fn most_from(&self, weights: &Weights) -> Vec<f64> {
        /// What a rare value adds is bounded for each comparison.
        const MOST_MORE: f64 = 3.0;
        let best = |levels: &Vec<Level>| levels.iter().map(|l| l.weight).fold(0.0, f64::max);
        let mut most: Vec<f64> = weights.fields.iter().map(|f| best(f) + MOST_MORE).collect();
        for field in (0..most.len().saturating_sub(1)).rev() {
            most[field] += most[field + 1];
        }
        most
    }

    /// Why a pair has its score, in words: what speaks for it and what against, the weightiest
    /// first.
    pub(crate) fn reason(
        &self,
        spec: &MatchLoad,
        weights: &Weights,
        pattern: Pattern,
        a: u32,
    ) -> String {
        let mut said: Vec<(f64, String)> = Vec::new();
        for (field, compare) in spec.compare.iter().enumerate() {
            let Some(level) = pattern.level(field) else { continue };
            let weight = self.weight(weights, field, u8::try_from(level).unwrap_or(MISSING), a);
            let word = self.kinds[field].levels().get(level).copied().unwrap_or_default();
            said.push((weight, format!("{} {word} {weight:+.1}", compare.name())));
        }
        let chance = self.against_chance(weights, pattern, a);
        let less = against_either(chance, weights.against_related(pattern)) - chance;
        if less < -0.05 {
            said.push((less, format!("the same in many households {less:+.1}")));
        }
        said.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        let mut reason = String::new();
        for (_, word) in said {
            let comma = if reason.is_empty() { "" } else { ", " };
            let _ = write!(reason, "{comma}{word}");
        }
        reason
    }
}

const _: () = assert!(MOST_LEVELS < MISSING as usize);
