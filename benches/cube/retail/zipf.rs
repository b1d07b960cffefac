//! Zipf's law: what stands at rank r comes in proportion to 1 / r^s.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A distribution over so many ranks, the first being 0.
#[derive(Debug)]
pub(crate) struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    pub(crate) fn new(ranks: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let cumulative = (1..=ranks.max(1)).map(|rank| {
            sum += f64::from(rank).powf(-exponent);
            sum
        });
        Self { cumulative: cumulative.collect() }
    }

    /// How many ranks there are.
    pub(crate) fn len(&self) -> u32 {
        self.cumulative.len() as u32
    }

    /// The part that a rank has of all.
    pub(crate) fn share(&self, rank: usize) -> f64 {
        let before = rank.checked_sub(1).map_or(0.0, |rank| self.cumulative[rank]);
        (self.cumulative[rank] - before) / self.cumulative.last().copied().unwrap_or(1.0)
    }

    /// A rank.
    pub(crate) fn rank(&self, dice: &mut ChaCha8Rng) -> u32 {
        let at = dice.random::<f64>() * self.cumulative.last().copied().unwrap_or_default();
        let rank = self.cumulative.partition_point(|sum| *sum <= at);
        rank.min(self.cumulative.len() - 1) as u32
    }

    /// A member: what sells well stands in all departments, not in the first one.
    pub(crate) fn member(&self, dice: &mut ChaCha8Rng) -> u32 {
        let spread = u64::from(self.rank(dice)) * 1_000_003 % u64::from(self.len());
        spread as u32
    }
}
