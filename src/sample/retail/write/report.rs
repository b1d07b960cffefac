//! What the generator knows of the files it wrote.

/// What stands in one file or table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReport {
    /// The name of the jobs' source that reads it.
    pub source: &'static str,
    /// The file, relative to the project; for a database `file: table`.
    pub file: String,
    /// Rows a reader meets, headings apart, bad ones and duplicates included.
    pub rows: u64,
    /// Rows that repeat the key of another good row of the file.
    pub duplicates: u64,
    /// The rows to be rejected, in the order they stand.
    pub rejects: Vec<KnownReject>,
}

/// A row that is wrong on purpose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownReject {
    /// Where it begins: a line of text, headings counted; a row of a sheet or table, as for
    /// [`Reject::line`](crate::store::Reject::line).
    pub line: u64,
    /// The column at fault, by the job's name for it; none where the whole row is.
    pub column: Option<&'static str>,
    /// What was done to it.
    pub why: &'static str,
}

impl SourceReport {
    pub(crate) fn new(source: &'static str, file: impl Into<String>) -> Self {
        Self { source, file: file.into(), rows: 0, duplicates: 0, rejects: Vec::new() }
    }
}

/// A fault to be put into a row: the job's column, and what is wrong with it.
pub(crate) type Fault = (&'static str, &'static str);
