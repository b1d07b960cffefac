//! All pairs within blocks, gone through by several threads.

use super::block::{Block, Blocks};
use super::cluster::Edge;
use super::estimate::Patterns;
use super::kept::{Kept, Row};
use super::records::Records;
use super::weights::{Comparer, Weights, bits};
use crate::error::Result;
use crate::etl::job::matching::MatchLoad;
use crate::etl::parallel::in_order;

/// Pairs looked at to estimate weights, about.
const ESTIMATED_FROM: u64 = 2_000_000;
/// Pairs that a thread compares at a time, about.
const PAIRS_A_TASK: u64 = 50_000;

/// All pairs within blocks, compared by several threads.
pub(super) struct Scan<'a> {
    pub(super) spec: &'a MatchLoad,
    pub(super) records: &'a Records,
    pub(super) blocks: &'a Blocks,
}

/// Pairs that reach the bound.
#[derive(Default)]
struct Scored {
    pairs: Vec<Row>,
    compared: u64,
}

impl Scan<'_> {
    /// Does something to all blocks, some at a time, in order.
    fn each<D: Send>(
        &self,
        work: impl Fn(&[Block]) -> D + Sync,
        take: impl FnMut(D) -> Result<()>,
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
            take,
        )
    }

    fn pairs(&self, block: &Block, fresh: Option<&[bool]>, pair: impl FnMut(u32, u32)) {
        let within = self.spec.duplicates_within_sources;
        self.blocks.pairs(block, self.records, within, fresh, pair);
    }

    /// How often each pattern is met; of very many pairs, of some.
    pub(super) fn patterns(&self, comparer: &Comparer<'_>) -> Result<Patterns> {
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
            |met| {
                met.into_iter().for_each(|(p, count)| *all.entry(p).or_insert(0.0) += count);
                Ok(())
            },
        )?;
        Ok(all)
    }

    /// Keeps the pairs that match or want a look, and says how many were compared.
    pub(super) fn scored(
        &self,
        comparer: &Comparer<'_>,
        weights: &Weights,
        fresh: Option<&[bool]>,
        kept: &mut Kept,
    ) -> Result<u64> {
        let most = comparer.most_from(weights);
        let matches = bits(self.spec.thresholds.matches);
        let least = bits(self.spec.thresholds.review.min(self.spec.thresholds.matches));
        let mut compared = 0;
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
                compared += some.compared;
                for row in some.pairs {
                    let (a, b, odds, _) = row;
                    kept.add(row)?;
                    if odds >= matches {
                        kept.join(Edge { a, b, odds })?;
                    }
                }
                Ok(())
            },
        )?;
        Ok(compared)
    }
}

/// A number of a pair, for picking some of them without looking at their values.
fn picked(a: u32, b: u32) -> u64 {
    let mixed = (u64::from(a) << 32 | u64::from(b)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
}
