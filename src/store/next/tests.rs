//! The next release and its Delta actions, without a disk or a runtime.

use super::super::intent::{Decision, decide};
use super::super::release::{ColumnStatistics, DataFile, Input};
use super::super::{Change, TableSpec, release_file};
use super::*;
use crate::ids::{ReleaseId, RunId};
use crate::model::{Column, ColumnType};
use proptest::prelude::*;
use serde_json::Value;
use std::sync::Arc;

fn spec(name: &str) -> TableSpec {
    TableSpec {
        name: name.to_owned(),
        description: "What it holds.".to_owned(),
        columns: vec![
            Column::new("id", ColumnType::Int64, false).described("A number."),
            Column::new("price", ColumnType::Decimal { precision: 38, scale: 2 }, true),
            Column::new("at", ColumnType::Timestamp, true),
            Column::new("month", ColumnType::Int32, false),
        ],
        partition_by: Some("month".to_owned()),
        sort_by: vec!["id".to_owned()],
    }
}

fn file(path: &str, rows: u64) -> DataFile {
    let bounds = |min: &str, max: &str| ColumnStatistics {
        nulls: 1,
        min: Some(min.to_owned()),
        max: Some(max.to_owned()),
    };
    DataFile {
        path: format!("month=202501/{path}"),
        size_bytes: 10,
        rows,
        sha256: "ab".to_owned(),
        partition: Some(202_501),
        statistics: [
            ("id".to_owned(), bounds("1", "9")),
            ("price".to_owned(), bounds("-0.10", "123456789012345678901234567890123456.78")),
            ("at".to_owned(), bounds("-1", "1735732800000001")),
        ]
        .into(),
        cluster_by: Vec::new(),
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn intent(base: &Release, changes: Vec<(&str, Change)>) -> Intent {
    let mut intent = Intent::nothing(RunId("r".to_owned()));
    for (table, change) in changes {
        intent.stage(base, &spec(table), change).unwrap();
    }
    intent
}

fn published(file: &ReleaseFile) -> Published {
    Published { release: Arc::new(file.release.clone()), logs: file.logs.clone() }
}

fn step(base: &Published, changes: Vec<(&str, Change)>) -> ReleaseFile {
    next_release(base, &intent(&base.release, changes), "next", at(1000))
}

fn actions(commit: &DeltaCommit) -> Vec<(String, Value)> {
    let parse = |line: &String| {
        let value: Value = serde_json::from_str(line).unwrap();
        let (name, action) = value.as_object().unwrap().iter().next().unwrap();
        (name.clone(), action.clone())
    };
    commit.actions.iter().map(parse).collect()
}

#[test]
fn a_new_table_gets_protocol_metadata_and_files() {
    let next = step(&Published::empty(), vec![("fact_a", Change::Append(vec![file("1", 5)]))]);
    assert_eq!(next.release.id, ReleaseId(1));
    assert_eq!(next.release.tables["fact_a"].delta_version, Some(0));
    let commit = &next.commits[0];
    assert_eq!((commit.base_version, commit.version), (None, 0));
    let actions = actions(commit);
    let names: Vec<&str> = actions.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["commitInfo", "protocol", "metaData", "add"]);
    assert_eq!(actions[0].1["starhouseRelease"], 1);
    assert_eq!(actions[1].1["minReaderVersion"], 1);
    assert_eq!(actions[1].1["minWriterVersion"], 2);
    let metadata = &actions[2].1;
    assert_eq!(metadata["partitionColumns"][0], "month");
    assert_eq!(metadata["configuration"]["delta.enableExpiredLogCleanup"], "false");
    let schema: Value = serde_json::from_str(metadata["schemaString"].as_str().unwrap()).unwrap();
    let field = |index: usize| &schema["fields"][index];
    assert_eq!(field(0)["type"], "long");
    assert_eq!(field(0)["nullable"], false);
    assert_eq!(field(0)["metadata"]["comment"], "A number.");
    assert_eq!(field(1)["type"], "decimal(38,2)");
    assert_eq!(field(2)["type"], "timestamp");
    assert_eq!(field(3)["type"], "integer");
    let add = &actions[3].1;
    assert_eq!(add["path"], "month=202501/1");
    assert_eq!(add["partitionValues"]["month"], "202501");
    // All digits; the moments' bounds hold to the millisecond: down for least, up for greatest.
    assert_eq!(
        add["stats"],
        r#"{"numRecords":5,"minValues":{"id":1,"price":-0.10,"at":"1969-12-31T23:59:59.999Z"},"maxValues":{"id":9,"price":123456789012345678901234567890123456.78,"at":"2025-01-01T12:00:00.001Z"},"nullCount":{"id":1,"price":1,"at":1}}"#
    );
}

#[test]
fn metadata_comes_again_only_when_it_changed() {
    let first =
        published(&step(&Published::empty(), vec![("fact_a", Change::Append(vec![file("1", 5)]))]));
    let second = step(&first, vec![("fact_a", Change::Append(vec![file("2", 1)]))]);
    let names = |file: &ReleaseFile| -> Vec<String> {
        actions(&file.commits[0]).into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(&second), ["commitInfo", "add"]);
    let mut wider = spec("fact_a");
    wider.columns.insert(0, Column::new("more", ColumnType::Text, true));
    let mut intent = Intent::nothing(RunId("r".to_owned()));
    intent.stage(&first.release, &wider, Change::Append(Vec::new())).unwrap();
    let third = next_release(&first, &intent, "wider", at(1000));
    assert_eq!(names(&third), ["commitInfo", "metaData"]);
    assert_eq!(third.logs["fact_a"].id, first.logs["fact_a"].id);
    // Nothing at all makes a release, but no commit.
    let nothing = step(&first, vec![("fact_a", Change::Append(Vec::new()))]);
    assert!(nothing.commits.is_empty());
    assert_eq!(nothing.release.tables, first.release.tables);
}

#[test]
fn a_table_that_leaves_and_comes_back_goes_on_with_its_log() {
    let add = |path: &str| Change::Append(vec![file(path, 1)]);
    let first = published(&step(&Published::empty(), vec![("agg_a", add("1"))]));
    let gone = step(&first, vec![("agg_a", Change::Drop)]);
    assert!(gone.release.tables.is_empty());
    assert_eq!(actions(&gone.commits[0])[1].0, "remove");
    let back = step(&published(&gone), vec![("agg_a", add("2"))]);
    assert_eq!(back.release.tables["agg_a"].delta_version, Some(2));
    let names: Vec<String> = actions(&back.commits[0]).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["commitInfo", "add"]);
}

#[test]
fn dimensions_are_committed_before_facts_before_aggregates() {
    let add = || Change::Append(vec![file("1", 1)]);
    let changes = vec![("agg_a", add()), ("fact_z", add()), ("dim_z", add()), ("fact_a", add())];
    let next = step(&Published::empty(), changes);
    let order: Vec<&str> = next.commits.iter().map(|commit| commit.table.as_str()).collect();
    assert_eq!(order, ["dim_z", "fact_a", "fact_z", "agg_a"]);
}

#[test]
fn time_never_runs_back() {
    let first = published(&step(&Published::empty(), Vec::new()));
    let next = next_release(&first, &intent(&first.release, Vec::new()), "", at(10));
    assert_eq!(next.release.created_at, at(1000));
}

#[test]
fn a_release_file_comes_back_as_it_was_and_any_damage_is_seen() {
    let next = step(&Published::empty(), vec![("fact_a", Change::Append(vec![file("1", 5)]))]);
    let bytes = release_file::encode(&next).unwrap();
    assert_eq!(release_file::decode(ReleaseId(1), &bytes).unwrap(), next);
    assert!(release_file::decode(ReleaseId(2), &bytes).is_err());
    for index in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[index] ^= 1;
        assert!(release_file::decode(ReleaseId(1), &damaged).is_err(), "byte {index}");
        assert!(release_file::decode(ReleaseId(1), &bytes[..index]).is_err(), "cut at {index}");
    }
}

#[test]
fn a_load_goes_on_only_if_nothing_it_stands_on_has_changed() {
    let add = |path: &str| Change::Append(vec![file(path, 1)]);
    let base = published(&step(&Published::empty(), vec![("fact_a", add("1"))]));
    let release = |changes| step(&base, changes).release;
    let other = release(vec![("fact_b", add("2"))]);
    let same = release(vec![("fact_a", add("2"))]);
    let mine = intent(&base.release, vec![("fact_a", add("3"))]);
    let conflict = |what: &str| Decision::Conflict(vec![what.to_owned()]);
    assert_eq!(decide(&base.release, &mine, &base.release), Decision::Build);
    assert_eq!(decide(&base.release, &mine, &other), Decision::Build);
    assert_eq!(decide(&base.release, &mine, &same), conflict("table fact_a"));
    // Away and back again is touched all the same.
    let away = published(&step(&base, vec![("fact_a", Change::Replace(Vec::new()))]));
    let back = step(&away, vec![("fact_a", Change::Replace(vec![file("1", 1)]))]).release;
    assert_eq!(back.tables["fact_a"].files, base.release.tables["fact_a"].files);
    assert_eq!(decide(&base.release, &mine, &back), conflict("table fact_a"));
    // What was only read counts, and so do inputs and cursors.
    let mut reader = intent(&base.release, vec![("agg_a", add("4"))]);
    assert_eq!(decide(&base.release, &reader, &same), Decision::Build);
    reader.reads.insert("fact_a".to_owned());
    assert_eq!(decide(&base.release, &reader, &same), conflict("table fact_a"));
    let mut loader = intent(&base.release, Vec::new());
    let input = Input { name: "a".to_owned(), size_bytes: 1, sha256: "cd".to_owned() };
    loader.inputs.insert("job".to_owned(), [("s".to_owned(), vec![input])].into());
    loader.cursors.insert("c".to_owned(), Some("1".to_owned()));
    let winner = next_release(&base, &loader, "", at(1000)).release;
    let expected = vec!["inputs of job job".to_owned(), "cursor c".to_owned()];
    assert_eq!(decide(&base.release, &loader, &winner), Decision::Conflict(expected));
}

/// A random change of a table that has these files.
fn change(files: Vec<DataFile>, pick: &[bool], fresh: u64, kind: u8) -> Change {
    let add: Vec<DataFile> = (0..fresh % 3).map(|n| file(&format!("{fresh}-{n}"), 1)).collect();
    let picked = files.into_iter().zip(pick.iter().copied()).filter(|(_, pick)| *pick);
    match kind {
        0 => Change::Append(add),
        1 => Change::Replace(picked.map(|(file, _)| file).chain(add).collect()),
        2 => Change::Exchange { remove: picked.map(|(file, _)| file.path).collect(), add },
        _ => Change::Drop,
    }
}

proptest! {
    #[test]
    fn replaying_the_actions_gives_the_release(
        steps in prop::collection::vec((0..3usize, prop::collection::vec(any::<bool>(), 8), 0..4u8), 1..20),
    ) {
        let tables = ["dim_a", "fact_a", "agg_a"];
        let mut logs: BTreeMap<&str, std::collections::BTreeSet<String>> = BTreeMap::new();
        let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
        let mut base = Published::empty();
        for (number, (table, pick, kind)) in (0u64..).zip(&steps) {
            let table = tables[*table];
            let files = base.release.tables.get(table).map(|t| t.files.clone()).unwrap_or_default();
            let next = step(&base, vec![(table, change(files, pick, number, *kind))]);
            for commit in &next.commits {
                let log = logs.entry(table).or_default();
                prop_assert_eq!(commit.version, versions.get(table).map_or(0, |last| last + 1));
                prop_assert_eq!(commit.base_version, versions.get(table).copied());
                versions.insert(table, commit.version);
                for (name, action) in actions(commit) {
                    let path = action["path"].as_str().unwrap_or_default().to_owned();
                    match name.as_str() {
                        "add" => prop_assert!(log.insert(path)),
                        "remove" => prop_assert!(log.remove(&path)),
                        _ => {}
                    }
                }
            }
            for (name, log) in &logs {
                let files = next.release.tables.get(*name).map(|t| t.files.clone());
                let files = files.unwrap_or_default().into_iter().map(|file| file.path).collect();
                prop_assert_eq!(log, &files);
            }
            base = published(&next);
        }
    }
}
