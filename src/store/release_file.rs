//! The release file: a release and what its Delta logs are to hold, in one file.
//!
//! Two lines of JSON: a header with the SHA-256 of the second line, and the second line. So a
//! damaged file is told from a good one whatever the damage.

use super::paths;
use super::release::Release;
use crate::error::{Error, Result};
use crate::ids::{ReleaseId, RunId};
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The format this program writes, and the only one it reads.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    starhouse_release: u32,
    sha256: String,
}

/// What a release file holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReleaseFile {
    /// The release.
    pub(crate) release: Release,
    /// The Delta log of every table there ever was, those that left included: a table that comes
    /// back goes on where its log ended.
    pub(crate) logs: BTreeMap<String, DeltaLog>,
    /// What the release adds to the Delta logs.
    pub(crate) commits: Vec<DeltaCommit>,
}

/// Where a table's Delta log stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeltaLog {
    /// Its last version.
    pub(crate) version: u64,
    /// The table's identity for Delta readers.
    pub(crate) id: String,
    /// When the table was first published, in milliseconds since 1970.
    pub(crate) created_ms: i64,
    /// What the table holds, in words.
    pub(crate) description: String,
    /// Its last metadata action, as written.
    pub(crate) metadata: String,
}

/// One Delta version to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeltaCommit {
    /// The table.
    pub(crate) table: String,
    /// Its folder.
    pub(crate) location: String,
    /// The version it builds on; none for a new table.
    pub(crate) base_version: Option<u64>,
    /// The version it makes.
    pub(crate) version: u64,
    /// The actions, a line each, exactly as they go to the log.
    pub(crate) actions: Vec<String>,
}

impl DeltaCommit {
    /// The bytes of the commit's file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for action in &self.actions {
            bytes.extend_from_slice(action.as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }
}

/// A release and where its Delta logs stand: what the next release builds on.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    /// The release.
    pub(crate) release: Arc<Release>,
    /// The Delta log of every table there ever was.
    pub(crate) logs: BTreeMap<String, DeltaLog>,
}

impl Published {
    /// The warehouse before anything was published.
    pub(crate) fn empty() -> Self {
        let release = Release {
            id: ReleaseId::EMPTY,
            created_at: DateTime::UNIX_EPOCH,
            run: RunId("none".to_owned()),
            summary: "nothing was published yet".to_owned(),
            tables: BTreeMap::new(),
            inputs: BTreeMap::new(),
            cursors: BTreeMap::new(),
        };
        Self { release: Arc::new(release), logs: BTreeMap::new() }
    }
}

/// The bytes of a release file.
pub(crate) fn encode(file: &ReleaseFile) -> Result<Vec<u8>> {
    let written = |error| Error::internal("a release cannot be written as JSON").caused_by(error);
    let mut body = serde_json::to_vec(file).map_err(written)?;
    body.push(b'\n');
    let header = Header { starhouse_release: FORMAT, sha256: sha256_hex(&body) };
    let mut bytes = serde_json::to_vec(&header).map_err(written)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// Reads the bytes of a release's file.
///
/// # Errors
/// Damaged where they are not exactly what was once written, or another program's version wrote them.
pub(crate) fn decode(id: ReleaseId, bytes: &[u8]) -> Result<ReleaseFile> {
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
    let (header, body) = bytes.split_at(end);
    let header: Header = serde_json::from_slice(header)
        .map_err(|error| damaged(id, "has no header").caused_by(error))?;
    if header.starhouse_release != FORMAT {
        let written_as = header.starhouse_release;
        return Err(damaged(id, "has a format this version of Starhouse does not know")
            .with("format", written_as)
            .hint("open the warehouse with the version of Starhouse that wrote it"));
    }
    if header.sha256 != sha256_hex(body) {
        return Err(damaged(id, "is damaged: its checksum does not match"));
    }
    let file: ReleaseFile = serde_json::from_slice(body)
        .map_err(|error| damaged(id, "cannot be read").caused_by(error))?;
    if file.release.id != id {
        return Err(damaged(id, "holds another release").with("found", file.release.id));
    }
    Ok(file)
}

fn damaged(id: ReleaseId, how: &str) -> Error {
    Error::damaged(format!("the file of release {id} {how}"))
        .with("file", paths::release(id))
        .hint("restore the file from a backup")
}

/// A SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
