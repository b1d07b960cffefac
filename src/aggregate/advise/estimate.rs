//! How many rows an aggregate would have, from a sample of the fact's. Pure.
//!
//! How many combinations there are that the sample has not seen follows from those that it has seen
//! once and a few times (Chao and Lee, "Estimating the Number of Classes via Sample Coverage", 1992),
//! and how many of these all rows would show from how fast new ones came (Chao et al., "Rarefaction and
//! Extrapolation with Hill Numbers", 2014). It is held below what the known numbers of members allow
//! (Cardenas, "Analysis and Performance of Inverted Data Base Structures", 1975). Where many were seen
//! once only, no estimator can be trusted (Charikar, Chaudhuri, Motwani and Narasayya, "Towards
//! Estimation Error Guarantees for Distinct Values", 2000), and this one is rather too low: what it
//! makes look worthwhile is counted over all rows before it is chosen (`count.rs`).

/// Combinations that so many rows of a sample have are rare.
const RARE: usize = 10;

/// Where no larger part of a sample are combinations seen once, the estimate is within a few percent.
const FEW: f64 = 0.01;

/// Which combinations a sample has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Rows of the sample.
    pub(super) taken: u64,
    /// Different combinations.
    pub(super) distinct: u64,
    /// Those that one row has, two rows, and so on.
    pub(super) rare: [u64; RARE],
}

impl Seen {
    /// Counts combinations, each row's given by a number.
    pub(super) fn count(mut combinations: Vec<u64>) -> Self {
        combinations.sort_unstable();
        let taken = combinations.len() as u64;
        let (mut distinct, mut rare) = (0, [0; RARE]);
        for same in combinations.chunk_by(|a, b| a == b) {
            distinct += 1;
            if let Some(count) = rare.get_mut(same.len() - 1) {
                *count += 1;
            }
        }
        Self { taken, distinct, rare }
    }

    /// About how many combinations so many rows have, of so many that could be.
    pub(super) fn of_all(self, rows: u64, cells: f64) -> u64 {
        if self.taken >= rows {
            return self.distinct;
        }
        let (rows, taken, least) = (rows as f64, self.taken as f64, self.distinct as f64);
        let most = cardenas(rows, cells).max(least);
        let Some(unseen) = self.unseen() else { return most.round() as u64 };
        // New ones come as fast as those seen once tell, and fewer the more of them are known.
        let pace = (rows - taken) / taken * self.rare[0] as f64 / unseen.max(1.0);
        let estimate = least - unseen * (-pace).exp_m1();
        estimate.clamp(least, most).round() as u64
    }

    /// About how many combinations there are beside those seen; `None` where nothing says.
    fn unseen(self) -> Option<f64> {
        let (mut rows, mut pairs) = (0.0, 0.0);
        for (place, count) in self.rare.iter().enumerate() {
            let (times, count) = ((place + 1) as f64, *count as f64);
            rows += times * count;
            pairs += times * (times - 1.0) * count;
        }
        let (once, rare) = (self.rare[0] as f64, self.rare.iter().sum::<u64>() as f64);
        if once == 0.0 {
            return Some(0.0);
        }
        // The part of rows whose combination came again.
        let covered = 1.0 - once / rows;
        if covered <= 0.0 {
            return None;
        }
        let unevenness = (rare / covered * pairs / (rows * (rows - 1.0)) - 1.0).max(0.0);
        Some(rare / covered - rare + once / covered * unevenness)
    }

    /// Whether the estimate can be relied on.
    pub(super) fn is_sure(self) -> bool {
        self.rare[0] as f64 <= FEW * self.taken as f64
    }
}

/// How many of so many cells are expected to be hit by rows that fall anywhere alike: M(1 - (1 -
/// 1/M)^N), the most that can be expected of any distribution.
pub(super) fn cardenas(rows: f64, cells: f64) -> f64 {
    if cells <= 1.0 {
        return cells.max(0.0).min(rows);
    }
    // By logarithms near 1: M may be far beyond what a difference from 1 can show.
    let hit = -cells * (rows * (-1.0 / cells).ln_1p()).exp_m1();
    hit.min(rows).min(cells)
}
