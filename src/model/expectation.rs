//! Expectations: what must be true of a table's rows before they are published.

/// Something expected of a table. A dimension's are about its present members.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// What is expected.
    pub check: Check,
    /// The share of the rows that may break it, 0 to 1.
    pub at_most: f64,
    /// What happens where it is not met.
    pub on_fail: OnFail,
    /// Why it is expected, in words; may be empty.
    pub description: String,
}

/// What can be expected.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// No two rows are equal in these columns.
    Unique(Vec<String>),
    /// None of these columns is NULL.
    NotNull(Vec<String>),
    /// The column holds one of these values, written as text, or NULL.
    Accepted {
        /// The column.
        column: String,
        /// The values.
        values: Vec<String>,
    },
    /// The member of this role is known.
    Known(String),
    /// The number of rows has not changed by more than this share since the last release.
    RowDrift(f64),
    /// A column's sum has not changed by more than this share since the last release.
    SumDrift {
        /// The column.
        column: String,
        /// The share.
        share: f64,
    },
    /// The newest value of a date or timestamp is not older than this.
    Fresh {
        /// The column.
        column: String,
        /// Hours before the run's business time.
        within_hours: u32,
    },
    /// A SQL condition that is false for no row.
    Holds(String),
    /// A SQL query whose rows are those at fault.
    Query(String),
}

/// What happens where an expectation is not met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnFail {
    /// Nothing is published.
    #[default]
    Stop,
    /// It is said, and published all the same.
    Warn,
}

impl Check {
    /// What is expected, as people wrote it.
    pub fn in_words(&self) -> String {
        match self {
            Self::Unique(columns) => format!("unique: {}", columns.join(", ")),
            Self::NotNull(columns) => format!("not_null: {}", columns.join(", ")),
            Self::Accepted { column, values } => {
                format!("accepted: {column} in {}", values.join(", "))
            }
            Self::Known(role) => format!("known: {role}"),
            Self::RowDrift(share) => format!("row_drift: {share}"),
            Self::SumDrift { column, share } => format!("sum_drift: {column} by {share}"),
            Self::Fresh { column, within_hours } => {
                format!("fresh: {column} within {within_hours} h")
            }
            Self::Holds(condition) => format!("holds: {condition}"),
            Self::Query(query) => {
                format!("query: {}", query.split_whitespace().collect::<Vec<_>>().join(" "))
            }
        }
    }
}
