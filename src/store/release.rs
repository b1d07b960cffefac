//! What a release is: one exact list of files for every table.

use crate::error::Result;
use crate::ids::{ReleaseId, RunId};
use crate::model::Column;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An immutable, numbered state of the whole warehouse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Its number.
    pub id: ReleaseId,
    /// When it was published.
    pub created_at: DateTime<Utc>,
    /// The run that made it.
    pub run: RunId,
    /// What it brought, in words.
    pub summary: String,
    /// Every table and aggregate by name.
    pub tables: BTreeMap<String, TableState>,
    /// What each job had read when this was published: job -> source -> inputs.
    #[serde(default)]
    pub inputs: BTreeMap<String, BTreeMap<String, Vec<Input>>>,
    /// Where each incremental source goes on: cursor name -> value.
    #[serde(default)]
    pub cursors: BTreeMap<String, String>,
}

/// A file or extract that a job has read, so that reading it again is a no-op.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Path relative to the project, or the source's name and query.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
}

/// One table in a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableState {
    /// Folder under the warehouse's root, with `/` between parts.
    pub location: String,
    /// The Delta version that holds exactly these files; `None` for staged tables, which have no
    /// Delta log.
    pub delta_version: Option<u64>,
    /// All columns in order, the partition column last.
    pub columns: Vec<Column>,
    /// The partition column, an integer.
    pub partition_by: Option<String>,
    /// Columns by which every file is sorted.
    pub sort_by: Vec<String>,
    /// The live files.
    pub files: Vec<DataFile>,
}

impl TableState {
    /// Rows in all files.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// Bytes in all files.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }

    /// Where a file of the table is, in the warehouse's store.
    ///
    /// # Errors
    /// Damaged where the release names what is no path.
    pub fn place_of(&self, file: &DataFile) -> Result<object_store::path::Path> {
        super::paths::table_file(&self.location, &file.path)
    }
}

/// A Parquet file of a table; never changed once written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataFile {
    /// Path relative to the table's folder, partition folder included.
    pub path: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Rows.
    pub rows: u64,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// The partition column's value, for partitioned tables.
    pub partition: Option<i32>,
    /// Exact statistics by column, from the Parquet footer.
    pub statistics: BTreeMap<String, ColumnStatistics>,
    /// Columns along whose curve its rows lie; none where they lie along none, or along one that
    /// nobody noted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_by: Vec<String>,
}

/// Exact bounds of a column in a file. Values are written as text: integers, decimals and floats
/// in digits, dates as `yyyy-mm-dd`, timestamps as UTC microseconds since 1970, booleans as
/// `true`/`false`; text columns have no bounds here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnStatistics {
    /// NULLs in the column.
    pub nulls: u64,
    /// Smallest value, if there is one and it is exact.
    pub min: Option<String>,
    /// Largest value, if there is one and it is exact.
    pub max: Option<String>,
}
