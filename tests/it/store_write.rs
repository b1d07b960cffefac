//! Writing rows: files, partitions, statistics, refusals.

use crate::store_support::*;
use arrow::array::{ArrayRef, Date32Array, Float64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::array::{BooleanArray, Decimal128Array, Int16Array, Int64Array, StringArray};
use parquet::file::reader::{FileReader, SerializedFileReader};
use starhouse::error::{ErrorKind, Result};
use starhouse::model::{Column, ColumnType};
use starhouse::store::{ColumnStatistics, DataFile, Rows, TableSpec};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

async fn write(root: &Path, spec: &TableSpec, rows: Rows) -> Result<Vec<DataFile>> {
    let warehouse = open(root).await;
    let load = warehouse.begin(run("r1"), warehouse.latest().await.unwrap());
    let files = load.write(spec, rows).await;
    // Kept, so that tests can look at the files.
    std::mem::forget(load);
    files
}

#[tokio::test]
async fn a_file_a_partition_and_the_partition_only_in_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let batches = vec![
        monthly_batch(&[(202501, 5, 10), (202501, 6, 20), (202502, 1, 30)]),
        monthly_batch(&[(202502, 2, 40), (202503, 1, 50)]),
    ];
    let files = write(dir.path(), &monthly("fact_m"), stream(batches)).await.unwrap();
    let found: Vec<(Option<i32>, u64)> =
        files.iter().map(|file| (file.partition, file.rows)).collect();
    assert_eq!(found, [(Some(202501), 2), (Some(202502), 2), (Some(202503), 1)]);
    for file in &files {
        let path = dir.path().join("tables/fact_m").join(&file.path);
        assert!(file.path.starts_with(&format!("month={}/", file.partition.unwrap())));
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let schema = reader.metadata().file_metadata().schema_descr();
        let names: Vec<&str> = schema.columns().iter().map(|column| column.name()).collect();
        assert_eq!(names, ["id", "amount", "note"]);
        assert_eq!(path.metadata().unwrap().len(), file.size_bytes);
        // Page index.
        assert!(reader.metadata().row_group(0).column(0).column_index_offset().is_some());
    }
}

/// Numbers that are all different gain nothing by compression, and are not unpacked in vain.
#[tokio::test]
async fn pages_are_compressed_where_they_become_smaller() {
    let dir = tempfile::tempdir().unwrap();
    let columns = [("number", ColumnType::Int64), ("words", ColumnType::Text)];
    let columns = columns.map(|(name, ty)| Column::new(name, ty, true)).to_vec();
    let spec = TableSpec { columns, sort_by: Vec::new(), ..spec("fact_t") };
    let numbers = (0..100_000_i64).map(|row| row.wrapping_mul(0x5851_F42D_4C95_7F2D));
    let words = (0..100_000).map(|row| format!("the order of customer number {row}"));
    let arrays: [(&str, ArrayRef); 2] = [
        ("number", Arc::new(Int64Array::from_iter_values(numbers))),
        ("words", Arc::new(StringArray::from_iter_values(words))),
    ];
    let rows = RecordBatch::try_from_iter_with_nullable(arrays.map(|(n, a)| (n, a, true))).unwrap();
    let files = write(dir.path(), &spec, stream(vec![rows.clone()])).await.unwrap();
    let path = dir.path().join("tables/fact_t").join(&files[0].path);
    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let sizes = |column| {
        let chunk = reader.metadata().row_group(0).column(column);
        chunk.compressed_size() as f64 / chunk.uncompressed_size() as f64
    };
    assert!((0.999..=1.001).contains(&sizes(0)), "{}", sizes(0));
    assert!(sizes(1) < 0.5, "{}", sizes(1));
    let mut back = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(
        File::open(&path).unwrap(),
        rows.num_rows(),
    )
    .unwrap();
    assert_eq!(back.next().unwrap().unwrap().columns(), rows.columns());
}

#[tokio::test]
async fn statistics_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    let types = [
        ("i", ColumnType::Int16),
        ("l", ColumnType::Int64),
        ("f", ColumnType::Float64),
        ("n", ColumnType::Float64),
        ("d9", ColumnType::Decimal { precision: 9, scale: 2 }),
        ("d38", ColumnType::Decimal { precision: 38, scale: 3 }),
        ("day", ColumnType::Date),
        ("at", ColumnType::Timestamp),
        ("yes", ColumnType::Boolean),
        ("text", ColumnType::Text),
        ("none", ColumnType::Int64),
    ];
    let columns = types.map(|(name, ty)| Column::new(name, ty, true)).to_vec();
    let spec = TableSpec {
        name: "fact_s".to_owned(),
        description: String::new(),
        columns: columns.clone(),
        partition_by: None,
        sort_by: Vec::new(),
    };
    let large: i128 = 12_345_678_901_234_567_890_123_456_789_012_345_678;
    let decimal = |values: Vec<Option<i128>>, precision, scale| -> ArrayRef {
        let array = Decimal128Array::from(values).with_precision_and_scale(precision, scale);
        Arc::new(array.unwrap())
    };
    let at = TimestampMicrosecondArray::from(vec![Some(-1), None, Some(1_735_732_800_000_001)]);
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int16Array::from(vec![Some(-7), Some(3), None])),
        Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), Some(0)])),
        Arc::new(Float64Array::from(vec![Some(0.1), Some(-2.5e300), None])),
        Arc::new(Float64Array::from(vec![Some(1.0), Some(f64::NAN), None])),
        decimal(vec![Some(-1), Some(99_999_999), None], 9, 2),
        decimal(vec![Some(-large), Some(large), None], 38, 3),
        Arc::new(Date32Array::from(vec![Some(-1), Some(20_089), None])),
        Arc::new(at.with_timezone("UTC")),
        Arc::new(BooleanArray::from(vec![Some(false), None, Some(false)])),
        Arc::new(StringArray::from(vec![Some("b"), None, Some("a")])),
        Arc::new(Int64Array::from(vec![None, None, None])),
    ];
    let schema = starhouse::store::arrow_schema(&columns);
    let batch = RecordBatch::try_new(schema, arrays).unwrap();
    let files = write(dir.path(), &spec, stream(vec![batch])).await.unwrap();
    let is = |nulls: u64, min: &str, max: &str| ColumnStatistics {
        nulls,
        min: (!min.is_empty()).then(|| min.to_owned()),
        max: (!max.is_empty()).then(|| max.to_owned()),
    };
    let f = files[0].statistics["f"].clone();
    assert_eq!(f.min.unwrap().parse::<f64>().unwrap(), -2.5e300);
    assert_eq!(f.max.as_deref(), Some("0.1"));
    let expected = [
        ("i", is(1, "-7", "3")),
        ("l", is(0, "-9223372036854775808", "9223372036854775807")),
        ("n", is(1, "", "")),
        ("d9", is(1, "-0.01", "999999.99")),
        (
            "d38",
            is(
                1,
                "-12345678901234567890123456789012345.678",
                "12345678901234567890123456789012345.678",
            ),
        ),
        ("day", is(1, "1969-12-31", "2025-01-01")),
        ("at", is(1, "-1", "1735732800000001")),
        ("yes", is(1, "false", "false")),
        ("text", is(1, "", "")),
        ("none", is(3, "", "")),
    ];
    for (name, statistics) in expected {
        assert_eq!(files[0].statistics[name], statistics, "column {name}");
    }
}

#[tokio::test]
async fn rows_that_do_not_fit_are_refused() {
    let id_only =
        RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(vec![1])) as ArrayRef)])
            .unwrap();
    let good = batch(&[(1, 1)]);
    let null_id: ArrayRef = Arc::new(Int64Array::from(vec![None::<i64>]));
    let text_id: ArrayRef = Arc::new(StringArray::from(vec!["1"]));
    let swap = |id: ArrayRef| {
        RecordBatch::try_from_iter_with_nullable([
            ("id", id, true),
            ("amount", Arc::clone(good.column(1)), true),
            ("note", Arc::clone(good.column(2)), true),
        ])
        .unwrap()
    };
    let cases = [
        (vec![id_only], ErrorKind::Internal, "columns"),
        (vec![swap(null_id)], ErrorKind::Data, "NULL"),
        (vec![swap(text_id)], ErrorKind::Internal, "type"),
        (vec![batch(&[(1, 1_000_000_000_000)])], ErrorKind::Data, "digits"),
        (vec![batch(&[(2, 1), (1, 1)])], ErrorKind::Internal, "order"),
        (vec![batch(&[(2, 1)]), batch(&[(1, 1)])], ErrorKind::Internal, "order"),
    ];
    for (batches, kind, part) in cases {
        let dir = tempfile::tempdir().unwrap();
        let error = write(dir.path(), &spec("fact_a"), stream(batches)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(part), "{error}");
        assert_eq!(error.context("table"), Some("fact_a"), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let mixed = monthly_batch(&[(202501, 1, 1), (202502, 1, 1), (202501, 2, 1)]);
    let error = write(dir.path(), &monthly("fact_m"), stream(vec![mixed])).await.unwrap_err();
    assert!(error.message().contains("clustered"), "{error}");
}

#[tokio::test]
async fn no_rows_make_no_files_and_a_failed_stream_fails() {
    let dir = tempfile::tempdir().unwrap();
    let files = write(dir.path(), &spec("fact_a"), stream(vec![batch(&[])])).await.unwrap();
    assert!(files.is_empty());
    let broken: Rows = Box::pin(futures::stream::iter([
        Ok(batch(&[(1, 1)])),
        Err(starhouse::error::Error::data("the source broke")),
    ]));
    let warehouse = open(dir.path()).await;
    let load = warehouse.begin(run("r2"), warehouse.latest().await.unwrap());
    let error = load.write(&spec("fact_b"), broken).await.unwrap_err();
    assert_eq!(error.message(), "the source broke");
    assert!(data_files(dir.path()).is_empty());
}

#[tokio::test]
async fn staged_rows_live_as_long_as_their_load() {
    let dir = tempfile::tempdir().unwrap();
    let warehouse = open(dir.path()).await;
    let load = warehouse.begin(run("r1"), warehouse.latest().await.unwrap());
    let columns = spec("x").columns;
    let one = load
        .write_staged("rows", columns.clone(), stream(vec![batch(&[(2, 2), (1, 1)])]))
        .await
        .unwrap();
    let two = load.write_staged("rows", columns, stream(vec![])).await.unwrap();
    assert_ne!(one.location, two.location);
    assert!(two.files.is_empty());
    let path = dir.path().join(&one.location).join(&one.files[0].path);
    assert_eq!(read_file(&path), [(2, 2), (1, 1)]);
    load.publish("nothing".to_owned()).await.unwrap();
    assert!(!path.exists());
}
