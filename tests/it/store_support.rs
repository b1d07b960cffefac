//! A warehouse in a temporary folder, and what is in it as an outside reader finds it: Parquet
//! files and Delta logs, read without the code under test.

use arrow::array::{
    ArrayRef, AsArray, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{Decimal128Type, Int64Type};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use starhouse::clock::{Clock, FixedClock};
use starhouse::error::Result;
use starhouse::ids::RunId;
use starhouse::model::{Column, ColumnType};
use starhouse::store::failpoint::FailPoints;
use starhouse::store::{Change, Input, Load, Release, Rows, TableSpec, Warehouse};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

/// Noon of a day in 2025, to the second.
pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_735_732_800, 0).unwrap()
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(FixedClock(noon()))
}

pub(crate) async fn open(root: &Path) -> Warehouse {
    Warehouse::open(root, clock()).await.unwrap()
}

pub(crate) async fn open_with(root: &Path, points: &FailPoints) -> Result<Warehouse> {
    Warehouse::open_with(root, clock(), points.clone()).await
}

pub(crate) fn run(name: &str) -> RunId {
    RunId(name.to_owned())
}

/// A table of an id, an amount in cents and a note.
pub(crate) fn spec(name: &str) -> TableSpec {
    TableSpec {
        name: name.to_owned(),
        description: format!("Test table {name}."),
        columns: vec![
            Column::new("id", ColumnType::Int64, false).described("A number."),
            Column::new("amount", ColumnType::Decimal { precision: 12, scale: 2 }, false),
            Column::new("note", ColumnType::Text, true),
        ],
        partition_by: None,
        sort_by: vec!["id".to_owned()],
    }
}

/// The same, partitioned by month.
pub(crate) fn monthly(name: &str) -> TableSpec {
    let mut spec = spec(name);
    spec.columns.push(Column::new("month", ColumnType::Int32, false));
    spec.partition_by = Some("month".to_owned());
    spec
}

/// Rows of [`spec`]: ids and cents.
pub(crate) fn batch(rows: &[(i64, i128)]) -> RecordBatch {
    let cents = Decimal128Array::from_iter_values(rows.iter().map(|row| row.1));
    let notes = rows.iter().map(|row| (row.0 % 3 != 0).then(|| format!("note {}", row.0)));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)))),
        ("amount", Arc::new(cents.with_precision_and_scale(12, 2).unwrap())),
        ("note", Arc::new(notes.collect::<StringArray>())),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Rows of [`monthly`]: months, ids and cents.
pub(crate) fn monthly_batch(rows: &[(i32, i64, i128)]) -> RecordBatch {
    let plain: Vec<(i64, i128)> = rows.iter().map(|row| (row.1, row.2)).collect();
    let plain = batch(&plain);
    let schema = starhouse::store::arrow_schema(&monthly("x").columns);
    let mut columns = plain.columns().to_vec();
    columns.push(Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.0))));
    RecordBatch::try_new(schema, columns).unwrap()
}

pub(crate) fn stream(batches: Vec<RecordBatch>) -> Rows {
    futures::stream::iter(batches.into_iter().map(Ok)).boxed()
}

pub(crate) fn input(name: &str) -> Input {
    Input { name: name.to_owned(), size_bytes: 1, sha256: "00".to_owned() }
}

/// Writes rows and appends them to a table.
pub(crate) async fn append(load: &mut Load, table: &str, rows: &[(i64, i128)]) -> Result<()> {
    let files = load.write(&spec(table), stream(vec![batch(rows)])).await?;
    load.stage(spec(table), Change::Append(files))
}

/// Appends rows to one table and publishes.
pub(crate) async fn publish_rows(
    warehouse: &Warehouse,
    run_name: &str,
    table: &str,
    rows: &[(i64, i128)],
) -> Arc<Release> {
    let mut load = warehouse.begin(run(run_name), warehouse.latest().await.unwrap());
    append(&mut load, table, rows).await.unwrap();
    load.publish(format!("{run_name} adds {} rows", rows.len())).await.unwrap()
}

/// All (id, cents) of a Parquet file.
pub(crate) fn read_file(path: &Path) -> Vec<(i64, i128)> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut rows = Vec::new();
    for batch in builder.build().unwrap() {
        let batch = batch.unwrap();
        let ids = batch.column_by_name("id").unwrap().as_primitive::<Int64Type>().clone();
        let cents = batch.column_by_name("amount").unwrap();
        let cents = cents.as_primitive::<Decimal128Type>().clone();
        rows.extend(ids.values().iter().copied().zip(cents.values().iter().copied()));
    }
    rows
}

/// All (id, cents) of a table in a release, sorted.
pub(crate) fn read_table(root: &Path, release: &Release, table: &str) -> Vec<(i64, i128)> {
    let Some(state) = release.tables.get(table) else { return Vec::new() };
    let folder = root.join(&state.location);
    let mut rows: Vec<(i64, i128)> =
        state.files.iter().flat_map(|file| read_file(&folder.join(&file.path))).collect();
    rows.sort_unstable();
    rows
}

/// The files that a table's Delta log says are live; checks that its versions have no gap.
pub(crate) fn delta_files(root: &Path, table: &str) -> BTreeSet<String> {
    let folder = root.join("tables").join(table).join("_delta_log");
    let mut names: Vec<String> = match fs::read_dir(folder.clone()) {
        Ok(entries) => entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.len() == 25 && name.ends_with(".json"))
            .collect(),
        Err(_) => Vec::new(),
    };
    names.sort();
    let mut live = BTreeSet::new();
    for (version, name) in names.iter().enumerate() {
        assert_eq!(*name, format!("{version:020}.json"), "a gap in the log of {table}");
        for line in fs::read_to_string(folder.join(name)).unwrap().lines() {
            let action: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(path) = action["add"]["path"].as_str() {
                assert!(live.insert(path.to_owned()), "{path} was added twice");
            }
            if let Some(path) = action["remove"]["path"].as_str() {
                assert!(live.remove(path), "{path} was removed but not there");
            }
        }
    }
    live
}

/// The files of every table that has a Delta log: from the log, and from the release.
pub(crate) fn assert_logs_agree(root: &Path, release: &Release) {
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(root.join("tables")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if root.join("tables").join(&name).join("_delta_log").exists() {
            expected.insert(name, BTreeSet::new());
        }
    }
    for (name, table) in &release.tables {
        let files = table.files.iter().map(|file| file.path.clone()).collect();
        expected.insert(name.clone(), files);
    }
    for (name, files) in expected {
        assert_eq!(delta_files(root, &name), files, "the Delta log of {name}");
    }
}

/// The numbers of the release files, ascending.
pub(crate) fn release_numbers(root: &Path) -> Vec<u64> {
    let mut numbers: Vec<u64> = fs::read_dir(root.join("releases"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.strip_suffix(".json").unwrap().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// Every data file under `tables/`, relative to it.
pub(crate) fn data_files(root: &Path) -> BTreeSet<String> {
    fn walk(folder: &Path, base: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "_delta_log") {
                    walk(&path, base, found);
                }
            } else {
                found.insert(path.strip_prefix(base).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let tables = root.join("tables");
    let mut found = BTreeSet::new();
    walk(&tables, &tables, &mut found);
    found
}
