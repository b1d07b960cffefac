//! What a source and its job have agreed on, and what happens when the source does otherwise.

use super::From;
use serde::{Deserialize, Serialize};

/// A contract. What it does not say is as without one, but for new columns, which are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// A column that the source has, and neither the job nor `known` names: `evolve` tells of it.
    #[serde(default = "evolve")]
    pub new: OnDrift,
    /// A column of the job that the source does not have: `evolve` takes NULL for it, and tells.
    #[serde(default)]
    pub missing: OnDrift,
    /// A value that does not fit its column's type: `evolve` makes it NULL, and tells how many.
    #[serde(default = "quarantine")]
    pub types: OnDrift,
    /// Columns of the source that are there and not read.
    #[serde(default)]
    pub known: Vec<String>,
}

/// What happens when a source is not as agreed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDrift {
    /// The run goes on, and tells.
    Evolve,
    /// The run fails before it publishes anything.
    #[default]
    Freeze,
    /// The rows concerned go to quarantine: all of the file or table, or with `types` the one row.
    Quarantine,
}

impl From {
    /// Whether its rows stand under headings, and do not each have names of their own.
    pub(crate) fn has_headings(&self) -> bool {
        !matches!(self, Self::Json(_) | Self::JsonLines(_) | Self::Api(_))
    }
}

fn evolve() -> OnDrift {
    OnDrift::Evolve
}

fn quarantine() -> OnDrift {
    OnDrift::Quarantine
}
