//! What people write of values that other rows or other data have.

use super::From;
use crate::etl::listed::Listed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The value of the nearest row before that has one, in the order of the source: for sheets and
/// reports that write a value once, above all rows that it is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FillPrevious {
    /// Columns of the source: only a row with the same values there counts. All rows of a file do
    /// where left out.
    #[serde(default)]
    pub within: Vec<String>,
}

/// A value that a table of the warehouse, or another source, has for other columns of the row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The table of the warehouse (`dim_store`), as this run has loaded it so far; of a dimension,
    /// the members' present versions. Or
    #[serde(default)]
    pub table: Option<String>,
    /// the place that is read for it.
    #[serde(default)]
    pub from: Option<From>,
    /// Columns of the source, and those there that have the same value: `{store_code: code}`.
    pub by: BTreeMap<String, String>,
    /// The column there whose value is taken.
    pub value: String,
    /// What was found there, once it is read.
    #[serde(skip)]
    pub(crate) listed: Option<Arc<Listed>>,
}

/// Values that must be found in a table of the warehouse or in another source. A row that has NULL
/// in one of the columns is right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MustExist {
    /// What it is about, in words; told with every row that breaks it.
    pub name: String,
    /// The table of the warehouse (`dim_store`), as this run has loaded it so far, all versions of
    /// its members. Or
    #[serde(default)]
    pub table: Option<String>,
    /// the place that is read for it.
    #[serde(default)]
    pub from: Option<From>,
    /// Columns of the source, derived ones included, and those there that must have the same
    /// values, in one row: `{store_code: code}`.
    pub by: BTreeMap<String, String>,
    /// What becomes of a row whose values are not there.
    #[serde(default)]
    pub otherwise: Otherwise,
    /// What was found there, once it is read.
    #[serde(skip)]
    pub(crate) listed: Option<Arc<Listed>>,
}

/// What becomes of a row that names what does not exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// It goes to quarantine.
    #[default]
    Reject,
    /// It stays; the run tells how many such rows there were, with an example.
    Warn,
}

impl MustExist {
    /// Where values must be found, in words.
    pub(crate) fn where_it_is(&self) -> String {
        let from = self.from.as_ref().map(From::in_words);
        self.table.clone().or(from).unwrap_or_default()
    }
}
