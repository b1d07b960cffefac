//! Which of a place's content a run reads.

use serde::{Deserialize, Serialize};

/// Which of a place's content a run reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// All of it, every time anything in it changed.
    #[default]
    Full,
    /// Only files that no published run has read.
    NewFiles,
    /// All of it, as `full`; what is not there any more is gone. One that has become much smaller
    /// is taken for a broken one and refused.
    Snapshot(Snapshot),
    /// Only rows whose value in a column is at least the largest one that published runs have
    /// read, and those without one.
    Watermark(Watermark),
}

/// A whole that tells who is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The share of its rows that it may lose from one run to the next, 0 to 1.
    #[serde(default = "half")]
    pub shrink_at_most: f64,
}

/// A column that grows with every change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watermark {
    /// The column, by its name in the job: a whole number, a date or a timestamp.
    pub column: String,
    /// How far before the largest value reading begins again, for rows that appear late: `1000`
    /// of a number, `2 days` of a date, `90 minutes` of a timestamp.
    #[serde(default)]
    pub overlap: Option<String>,
}

impl Strategy {
    /// Whether a run reads only what is new.
    pub fn is_partial(&self) -> bool {
        matches!(self, Self::NewFiles | Self::Watermark(_))
    }
}

fn half() -> f64 {
    0.5
}
