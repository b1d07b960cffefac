//! Delta actions, computed: protocol, metadata, add, remove, commitInfo (reader 1, writer 2).
//!
//! The JSON is written here rather than through deltalake's types: the bytes stand in the release
//! file and must come out the same for ever.

use super::release::{DataFile, Release, TableState};
use super::release_file::{DeltaCommit, DeltaLog, sha256_hex};
use super::{delta_stats, delta_types};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// One table's step from a release to the next.
pub(crate) struct Step<'a> {
    pub(crate) name: &'a str,
    /// The table in the base release.
    pub(crate) before: Option<&'a TableState>,
    /// The table as it is to be; `None` if it leaves.
    pub(crate) after: Option<&'a TableState>,
    /// What it holds; `None` leaves what was said.
    pub(crate) description: Option<&'a str>,
    /// Its Delta log, if it ever had one.
    pub(crate) log: Option<&'a DeltaLog>,
}

impl Step<'_> {
    /// Where the log stands afterwards and the commit that brings it there; none of both where
    /// outside readers would see no difference. `release` gives number, time and run.
    pub(crate) fn commit(&self, release: &Release) -> (Option<DeltaLog>, Option<DeltaCommit>) {
        let (removed, added) = self.difference();
        let log = self.next_log(release);
        let metadata_changed = log.as_ref().map(|log| &log.metadata)
            != self.log.map(|log| &log.metadata)
            && self.after.is_some();
        let Some(log) =
            log.filter(|_| metadata_changed || !removed.is_empty() || !added.is_empty())
        else {
            return (None, None);
        };
        let mut actions = vec![self.commit_info(release, removed.len(), added.len())];
        if self.log.is_none() {
            let protocol = json!({"minReaderVersion": 1, "minWriterVersion": 2});
            actions.push(json!({ "protocol": protocol }).to_string());
        }
        if metadata_changed {
            actions.push(log.metadata.clone());
        }
        let now_ms = release.created_at.timestamp_millis();
        actions.extend(removed.into_iter().map(|(table, file)| remove(table, file, now_ms)));
        actions.extend(added.into_iter().map(|(table, file)| add(table, file, now_ms)));
        let commit = DeltaCommit {
            table: self.name.to_owned(),
            location: self.location().to_owned(),
            base_version: self.log.map(|log| log.version),
            version: log.version,
            actions,
        };
        (Some(log), Some(commit))
    }

    /// Files that leave and files that come, with the table that knows their partition column.
    #[allow(clippy::type_complexity, reason = "two lists of the same pairs")]
    fn difference(&self) -> (Vec<(&TableState, &DataFile)>, Vec<(&TableState, &DataFile)>) {
        let files = |table: Option<&TableState>| -> BTreeSet<String> {
            let files = table.map_or(&[][..], |table| &table.files);
            files.iter().map(|file| file.path.clone()).collect()
        };
        let (before, after) = (files(self.before), files(self.after));
        let not_in = |other: &BTreeSet<String>, file: &DataFile| !other.contains(&file.path);
        let removed = self.before.into_iter().flat_map(|table| {
            table.files.iter().filter(|file| not_in(&after, file)).map(move |file| (table, file))
        });
        let added = self.after.into_iter().flat_map(|table| {
            table.files.iter().filter(|file| not_in(&before, file)).map(move |file| (table, file))
        });
        (removed.collect(), added.collect())
    }

    fn next_log(&self, release: &Release) -> Option<DeltaLog> {
        let version = self.log.map_or(0, |log| log.version + 1);
        let Some(table) = self.after else {
            // A table that leaves keeps its metadata: its log goes on if it comes back.
            return self.log.map(|log| DeltaLog { version, ..log.clone() });
        };
        let (id, created_ms) = match self.log {
            Some(log) => (log.id.clone(), log.created_ms),
            None => (self.new_id(release), release.created_at.timestamp_millis()),
        };
        let description = match (self.description, self.log) {
            (Some(description), _) => description.to_owned(),
            (None, Some(log)) => log.description.clone(),
            (None, None) => String::new(),
        };
        let metadata = metadata(self.name, table, &id, created_ms, &description);
        Some(DeltaLog { version, id, created_ms, description, metadata })
    }

    fn location(&self) -> &str {
        self.after.or(self.before).map_or("", |table| table.location.as_str())
    }

    /// A UUID made of what makes the table's birth unique, so that planning needs no randomness.
    fn new_id(&self, release: &Release) -> String {
        let birth = format!("{} {} {}", self.name, release.run, release.created_at);
        let digest = sha256_hex(birth.as_bytes());
        let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
        // Version 8 (custom), variant 1.
        format!(
            "{}-{}-8{}-a{}-{}",
            part(0, 8),
            part(8, 12),
            part(12, 15),
            part(15, 18),
            part(18, 30)
        )
    }

    fn commit_info(&self, release: &Release, removed: usize, added: usize) -> String {
        let mode = if removed == 0 { "Append" } else { "Overwrite" };
        json!({"commitInfo": {
            "timestamp": release.created_at.timestamp_millis(),
            "operation": "WRITE",
            "operationParameters": {"mode": mode},
            "operationMetrics": {
                "numFiles": added.to_string(), "numRemovedFiles": removed.to_string(),
            },
            "engineInfo": concat!("starhouse/", env!("CARGO_PKG_VERSION")),
            "starhouseRelease": release.id.0,
            "starhouseRun": release.run.0,
        }})
        .to_string()
    }
}

fn metadata(
    name: &str,
    table: &TableState,
    id: &str,
    created_ms: i64,
    description: &str,
) -> String {
    let field = |column: &crate::model::Column| {
        let mut metadata = Map::new();
        if !column.description.is_empty() {
            metadata.insert("comment".to_owned(), Value::String(column.description.clone()));
        }
        json!({
            "name": column.name,
            "type": delta_types::delta_type(column.ty),
            "nullable": column.nullable,
            "metadata": metadata,
        })
    };
    let fields: Vec<Value> = table.columns.iter().map(field).collect();
    let schema = json!({"type": "struct", "fields": fields}).to_string();
    json!({"metaData": {
        "id": id,
        "name": name,
        "description": description,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema,
        "partitionColumns": table.partition_by.iter().collect::<Vec<_>>(),
        "configuration": {
            // Retention is Starhouse's: others must neither cut the log nor delete files.
            "delta.enableExpiredLogCleanup": "false",
            "delta.logRetentionDuration": "interval 5200 weeks",
            "delta.deletedFileRetentionDuration": "interval 5200 weeks",
        },
        "createdTime": created_ms,
    }})
    .to_string()
}

fn add(table: &TableState, file: &DataFile, now_ms: i64) -> String {
    json!({"add": {
        "path": file.path,
        "partitionValues": partition_values(table, file),
        "size": file.size_bytes,
        "modificationTime": now_ms,
        "dataChange": true,
        "stats": delta_stats::stats(&table.columns, file),
    }})
    .to_string()
}

fn remove(table: &TableState, file: &DataFile, now_ms: i64) -> String {
    json!({"remove": {
        "path": file.path,
        "deletionTimestamp": now_ms,
        "dataChange": true,
        "extendedFileMetadata": true,
        "partitionValues": partition_values(table, file),
        "size": file.size_bytes,
    }})
    .to_string()
}

fn partition_values(table: &TableState, file: &DataFile) -> Map<String, Value> {
    let value = file.partition.map(|value| Value::String(value.to_string()));
    table.partition_by.iter().cloned().zip(value).collect()
}
