//! How many rows an aggregate would have, from a sample of the fact's. Pure.
//!
//! The guaranteed-error estimator of Charikar, Chaudhuri, Motwani and Narasayya, "Towards Estimation
//! Error Guarantees for Distinct Values" (2000): combinations seen several times are there once, each
//! seen once stands for √(N/n) of them. No estimator from n of N rows has a better guarantee. It is
//! held below what the known numbers of members allow (Cardenas, "Analysis and Performance of Inverted
//! Data Base Structures", 1975).

/// Which combinations a sample has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Rows of the sample.
    pub(super) taken: u64,
    /// Different combinations.
    pub(super) distinct: u64,
    /// Those that one row has.
    pub(super) once: u64,
}

impl Seen {
    /// Counts combinations, each row's given by a number.
    pub(super) fn count(mut combinations: Vec<u64>) -> Self {
        combinations.sort_unstable();
        let taken = combinations.len() as u64;
        let (mut distinct, mut once) = (0, 0);
        for same in combinations.chunk_by(|a, b| a == b) {
            distinct += 1;
            once += u64::from(same.len() == 1);
        }
        Self { taken, distinct, once }
    }

    /// About how many combinations so many rows have, of so many that could be.
    pub(super) fn of_all(self, rows: u64, cells: f64) -> u64 {
        if self.taken >= rows {
            return self.distinct;
        }
        let (rows, least) = (rows as f64, self.distinct as f64);
        let stands_for = (rows / (self.taken as f64).max(1.0)).sqrt();
        let guaranteed = stands_for * self.once as f64 + least - self.once as f64;
        let most = cardenas(rows, cells).max(least);
        guaranteed.clamp(least, most).round() as u64
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
