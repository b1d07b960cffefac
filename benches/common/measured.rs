//! Figures and answers, as they were measured.

use super::cell::Cell;
use serde::{Deserialize, Serialize};

/// One query of one engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) query: String,
    pub(crate) times_ms: Vec<f64>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Why there is no answer, where there is none.
    #[serde(default)]
    pub(crate) failed: Option<String>,
}

/// One engine: what its process prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) title: String,
    pub(crate) measured: Vec<Measured>,
    /// The most memory its process held while it was asked.
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

    /// Whether two answers are the same, in the same order.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.rows(), other.rows());
        let same = |(a, b): (&Vec<Cell>, &Vec<Cell>)| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b))
        };
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(same)
    }

    /// The rows, with the sum of nothing as nothing.
    fn rows(&self) -> &[Vec<Cell>] {
        let is_nothing = self.rows.len() == 1 && self.rows[0].iter().all(Cell::is_empty);
        if is_nothing { &[] } else { &self.rows }
    }
}

impl Column {
    /// The queries that were answered.
    pub(crate) fn answered(&self) -> impl Iterator<Item = &Measured> {
        self.measured.iter().filter(|one| one.failed.is_none())
    }

    /// The middle of a query's times, if it was answered.
    pub(crate) fn median_ms(&self, query: &str) -> Option<f64> {
        self.answered().find(|one| one.query == query).map(Measured::median_ms)
    }

    /// The names of those that were not.
    pub(crate) fn failed(&self) -> Vec<&str> {
        let failed = self.measured.iter().filter(|one| one.failed.is_some());
        failed.map(|one| one.query.as_str()).collect()
    }

    /// The sum of the medians.
    pub(crate) fn sum_ms(&self) -> f64 {
        self.answered().map(Measured::median_ms).sum()
    }

    /// Their geometric mean, in which each query weighs the same.
    pub(crate) fn geometric_mean_ms(&self) -> f64 {
        let logs: f64 = self.answered().map(|one| one.median_ms().ln()).sum();
        (logs / self.answered().count() as f64).exp()
    }

    /// What stands behind the sum of an engine that did not answer everything.
    pub(crate) fn without(&self) -> String {
        match self.failed() {
            failed if failed.is_empty() => String::new(),
            failed => format!(" without {}", failed.join(", ")),
        }
    }
}
