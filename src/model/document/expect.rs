//! What a person writes in `expect:` of a dimension or fact.

use super::Text;
use crate::yaml::Located;
use serde::Deserialize;

/// An expectation: exactly one of the keys up to `query` says what is expected.
#[derive(Debug, Clone, Deserialize)]
pub struct ExpectFields {
    /// No two rows are equal in these columns.
    pub unique: Option<Located<Vec<Text>>>,
    /// None of these columns is NULL.
    pub not_null: Option<Located<Vec<Text>>>,
    /// A column holds one of some values.
    pub accepted: Option<Located<AcceptedFields>>,
    /// The member of this role is known.
    pub known: Option<Text>,
    /// The number of rows changes by no more than this share from release to release.
    pub row_drift: Option<Located<f64>>,
    /// A column's sum changes by no more than a share.
    pub sum_drift: Option<Located<SumDriftFields>>,
    /// The newest value is not older than some hours.
    pub fresh: Option<Located<FreshFields>>,
    /// A SQL condition that is false for no row.
    pub holds: Option<Text>,
    /// A SQL query whose rows are those at fault.
    pub query: Option<Text>,
    /// The share of the rows that may break it; none where left out.
    pub at_most: Option<Located<f64>>,
    /// What happens where it is not met; `stop` where left out.
    pub on_fail: Option<OnFailWord>,
    /// Why it is expected.
    pub description: Option<Text>,
}

/// `accepted: {column, values}`
#[derive(Debug, Clone, Deserialize)]
pub struct AcceptedFields {
    /// The column.
    pub column: Text,
    /// The values.
    pub values: Vec<Text>,
}

/// `sum_drift: {column, share}`
#[derive(Debug, Clone, Deserialize)]
pub struct SumDriftFields {
    /// The column.
    pub column: Text,
    /// The share.
    pub share: f64,
}

/// `fresh: {column, within_hours}`
#[derive(Debug, Clone, Deserialize)]
pub struct FreshFields {
    /// The column.
    pub column: Text,
    /// Hours before the run's business time.
    pub within_hours: u32,
}

/// What happens where an expectation is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailWord {
    /// Nothing is published.
    Stop,
    /// It is said, and published all the same.
    Warn,
}
