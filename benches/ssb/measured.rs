//! Figures and answers, as they were measured.

use super::process::Cost;

/// What loading took, and what it made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// None where the warehouse was there already.
    pub(crate) cost: Option<Cost>,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) text_bytes: u64,
}

/// One query of one engine.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) query: String,
    pub(crate) times_ms: Vec<f64>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// One engine.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) title: String,
    pub(crate) measured: Vec<Measured>,
    /// Seconds of loading its own storage, where it has one.
    pub(crate) load: Option<f64>,
    /// The most memory its process held, where it has one of its own.
    pub(crate) peak_bytes: Option<u64>,
}

impl Measured {
    /// The middle of its times.
    pub(crate) fn median_ms(&self) -> f64 {
        let mut times = self.times_ms.clone();
        times.sort_by(f64::total_cmp);
        match times.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => times[n / 2],
            n => f64::midpoint(times[n / 2 - 1], times[n / 2]),
        }
    }

    /// The rows with what is the same everywhere: no padding, and the sum of nothing as nothing.
    pub(crate) fn plain(&self) -> Vec<Vec<&str>> {
        let cells = self.rows.iter().map(|row| row.iter().map(|cell| cell.trim_end()).collect());
        let rows: Vec<Vec<&str>> = cells.collect();
        let is_nothing = rows.len() == 1 && rows[0].iter().all(|cell| cell.is_empty());
        if is_nothing { Vec::new() } else { rows }
    }
}

impl Column {
    /// The sum of the medians.
    pub(crate) fn sum_ms(&self) -> f64 {
        self.measured.iter().map(Measured::median_ms).sum()
    }

    /// Their geometric mean, in which each query weighs the same.
    pub(crate) fn geometric_mean_ms(&self) -> f64 {
        let logs: f64 = self.measured.iter().map(|one| one.median_ms().ln()).sum();
        (logs / self.measured.len() as f64).exp()
    }
}
