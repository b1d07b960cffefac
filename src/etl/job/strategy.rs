//! Which of a place's content a run reads.

use super::{Deduplicate, Job, LoadSpec, SourceSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// The rows of a change feed that are new by their sequence; of several changes of a key the
    /// last one counts, or, where a dimension says since when they hold (`effective_at`), all of
    /// them, the last one of each moment. What deletes is for the load to say (`delete_when`).
    Changes(Changes),
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

/// A feed of inserts, updates and deletes, each a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// The columns that tell whose change it is, by their names in the job.
    pub key: Vec<String>,
    /// The column that numbers or dates the changes: of one key, a later one has more.
    pub sequence: String,
    /// As that of a watermark: how far back changes are read again, for those that appear late.
    #[serde(default)]
    pub overlap: Option<String>,
    /// What tells changes of a key apart that all count, as the load has it: a moment, or the
    /// sequence itself.
    #[serde(skip)]
    pub(crate) counts_each: Option<String>,
}

impl Strategy {
    /// Whether a run reads only what is new.
    pub fn is_partial(&self) -> bool {
        matches!(self, Self::NewFiles | Self::Watermark(_) | Self::Changes(_))
    }

    /// The column from whose largest value on is read.
    pub(crate) fn watermark(&self) -> Option<Watermark> {
        match self {
            Self::Watermark(watermark) => Some(watermark.clone()),
            Self::Changes(Changes { sequence, overlap, .. }) => {
                Some(Watermark { column: sequence.clone(), overlap: overlap.clone() })
            }
            _ => None,
        }
    }
}

impl SourceSpec {
    /// Which of several rows with the same key stays, as it is said or as the strategy implies.
    pub(crate) fn deduplication(&self) -> Option<Deduplicate> {
        match &self.strategy {
            Strategy::Changes(Changes { key, sequence, counts_each, .. }) => Some(Deduplicate {
                key: key.iter().chain(counts_each).cloned().collect(),
                latest_by: Some(sequence.clone()),
                survivors: BTreeMap::new(),
            }),
            _ => self.deduplicate.clone(),
        }
    }
}

impl Job {
    /// Where a dimension keeps what its members were, each change in a feed counts: the last one of
    /// a moment, where the source says the moment, else each by itself.
    pub(crate) fn count_each_change(&mut self) {
        let LoadSpec::Dimension(load) = &self.load else { return };
        let Some(moment) = &load.effective_at else { return };
        for source in &mut self.sources {
            let says = self.transform.is_none() && source.yields().any(|(name, _)| name == moment);
            if let Strategy::Changes(changes) = &mut source.strategy {
                let sequence = changes.sequence.clone();
                changes.counts_each = Some(if says { moment.clone() } else { sequence });
            }
        }
    }
}

fn half() -> f64 {
    0.5
}
