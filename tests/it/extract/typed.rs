//! Parquet columns become the declared types whole, exact or refused.

use super::writers::write_parquet;
use super::{Project, causes, row, spec};
use arrow::array::*;
use arrow::datatypes::{DataType, Int32Type};
use std::sync::Arc;

#[tokio::test]
async fn columns_are_cast_whole_and_lossy_values_refused() {
    let project = Project::new().await;
    let nanos = 1_709_251_199_123_456_789_i64; // 2024-02-29T23:59:59.123456789Z
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("n", Arc::new(Int32Array::from_iter_values(1..=6)), false),
        (
            "money",
            Arc::new(Float64Array::from(vec![
                Some(19.99),
                Some(0.1 + 0.2),
                Some(1.005),
                None,
                Some(1e15),
                Some(-2.5),
            ])),
            true,
        ),
        ("narrow", Arc::new(Int64Array::from(vec![1, -32768, 3, 4, 5, 32768])), false),
        ("at", Arc::new(TimestampNanosecondArray::from(vec![nanos, -1, 0, 0, 0, 0])), false),
        (
            "label",
            Arc::new(DictionaryArray::<Int32Type>::from_iter([
                Some("a"),
                None,
                Some("b"),
                Some("b"),
                Some("c"),
                Some("d"),
            ])),
            true,
        ),
        ("code", Arc::new(StringArray::from(vec!["7", "8", "9", "10", "11", "12"])), false),
        ("f", Arc::new(Float32Array::from(vec![19.99, 0.1, 1.0, 2.0, 3.0, 4.0])), false),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    write_parquet(&project.path().join("t.parquet"), &batch);
    let outcome = project
        .extract(&spec(
            r#"
name: t
from: {parquet: {path: t.parquet}}
columns:
  - {name: money, type: "decimal(12,2)"}
  - {name: narrow, type: int16}
  - {name: at, type: timestamp}
  - {name: label, type: text, clean: [required]}
  - {name: code, type: int32, clean: [{range: {max: "11"}}]}
  - {name: f, type: "decimal(6,2)"}
  - {name: n, type: text}
"#,
        ))
        .await
        .unwrap();
    assert_eq!(
        outcome.rows,
        vec![
            row(&["19.99", "1", "2024-02-29T23:59:59.123456Z", "a", "7", "19.99", "1"]),
            row(&["~", "4", "1970-01-01T00:00:00Z", "b", "10", "2.00", "4"]),
        ]
    );
    assert_eq!(
        causes(&outcome.rejects),
        vec![
            (2, "required", Some("label")),
            (3, "type", Some("money")),
            (5, "type", Some("money")),
            (6, "type", Some("narrow")),
        ]
    );
    assert!(outcome.rejects[1].raw.contains("\"money\":1.005,"), "{:?}", outcome.rejects[1]);
}

#[tokio::test]
async fn a_column_that_can_never_fit_is_an_error_not_a_heap_of_rejects() {
    let project = Project::new().await;
    let batch = RecordBatch::try_from_iter([(
        "n",
        arrow::compute::cast(&Int64Array::from(vec![1]), &DataType::Int64).unwrap(),
    )])
    .unwrap();
    write_parquet(&project.path().join("t.parquet"), &batch);
    let yaml = "name: t\nfrom: {parquet: {path: t.parquet}}\ncolumns: [{name: n, type: date}]";
    let error = project.extract(&spec(yaml)).await.err().unwrap();
    assert!(error.to_string().contains("cannot become date"), "{error}");
    assert_eq!(error.context("column"), Some("n"));
}

#[tokio::test]
async fn moments_days_and_numbers_that_are_none() {
    let project = Project::new().await;
    let day = 86_400_000_000_i64;
    let columns: Vec<(&str, ArrayRef)> = vec![
        // a nanosecond before 1970 is in the microsecond before it
        ("nanos", Arc::new(TimestampNanosecondArray::from(vec![-1, 1_999, 0, 0]))),
        (
            "millis",
            Arc::new(TimestampMillisecondArray::from(vec![-1, 1, 0, 0]).with_timezone("+02:00")),
        ),
        ("day", Arc::new(TimestampMicrosecondArray::from(vec![-day, 0, day, day + 1]))),
        ("ratio", Arc::new(Float64Array::from(vec![0.5, f64::MAX, f64::NAN, 1.0]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    write_parquet(&project.path().join("t.parquet"), &batch);
    let outcome = project
        .extract(&spec(
            "
name: t
from: {parquet: {path: t.parquet}}
columns:
  - {name: nanos, type: timestamp}
  - {name: millis, type: timestamp}
  - {name: day, type: date}
  - {name: ratio, type: float64}
",
        ))
        .await
        .unwrap();
    let rows = &outcome.rows;
    assert_eq!(rows.len(), 2);
    let before = ["1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999Z", "1969-12-31", "0.5"];
    assert_eq!(rows[0], row(&before));
    assert_eq!(
        rows[1][..3],
        row(&["1970-01-01T00:00:00.000001Z", "1970-01-01T00:00:00.001Z", "1970-01-01"])[..]
    );
    let ratio: f64 = rows[1][3].as_ref().unwrap().parse().unwrap();
    assert_eq!(ratio, f64::MAX);
    assert_eq!(
        causes(&outcome.rejects),
        vec![(3, "type", Some("ratio")), (4, "type", Some("day"))]
    );
}

#[tokio::test]
async fn bytes_are_hexadecimal_digits_and_finer_moments_are_told() {
    let project = Project::new().await;
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "b",
            Arc::new(BinaryArray::from_opt_vec(vec![
                Some(&b"a"[..]),
                Some(&b"\xff\x00"[..]),
                None,
            ])),
        ),
        (
            "f",
            Arc::new(
                FixedSizeBinaryArray::try_from_iter([[1_u8, 2], [3, 255], [0, 0]].into_iter())
                    .unwrap(),
            ),
        ),
        ("at", Arc::new(TimestampNanosecondArray::from(vec![1_001, 2_000, -1]))),
    ];
    write_parquet(
        &project.path().join("t.parquet"),
        &RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
            .unwrap(),
    );
    let yaml = "name: t\nfrom: {parquet: {path: t.parquet}}\ncolumns: [{name: b, type: text}, \
                {name: f, type: text}, {name: at, type: timestamp}]";
    let outcome = project.extract(&spec(yaml)).await.unwrap();
    let digits: Vec<_> = outcome.rows.iter().map(|row| row[..2].to_vec()).collect();
    assert_eq!(
        digits,
        [row(&["\\x61", "\\x0102"]), row(&["\\xff00", "\\x03ff"]), row(&["~", "\\x0000"])]
    );
    let told = &outcome.extracted.extent.counts.told;
    assert!(told.iter().any(|told| told.starts_with("2 values were finer")), "{told:?}");

    project.write("t.csv", "at\n2024-01-01 00:00:00.1234567\n2024-01-01 00:00:00.1234560\n");
    let yaml = "name: t\nfrom: {csv: {path: t.csv}}\ncolumns: [{name: at, type: timestamp}]";
    let outcome = project.extract(&spec(yaml)).await.unwrap();
    assert_eq!(outcome.rows[0], outcome.rows[1]);
    let told = &outcome.extracted.extent.counts.told;
    assert!(
        told.iter().any(|told| told.starts_with("1 value was finer than a microsecond in `at`")),
        "{told:?}"
    );
}

/// The same doubles from a Parquet file, a database and a sheet are the same decimals and texts.
#[tokio::test]
async fn floats_become_the_same_from_every_source() {
    let project = Project::new().await;
    let floats =
        [0.1 + 0.2, 12345678901234.56, 99999999999999.98, 1.005, 1234.5, -12345678901234.57];
    let numbers: Vec<i32> = (0..6).collect();
    let float: ArrayRef = Arc::new(Float64Array::from(floats.to_vec()));
    let n: ArrayRef = Arc::new(Int32Array::from(numbers.clone()));
    let batch = RecordBatch::try_from_iter([("n", n), ("a", Arc::clone(&float)), ("b", float)]);
    write_parquet(&project.path().join("t.parquet"), &batch.unwrap());
    let database = rusqlite::Connection::open(project.path().join("t.db")).unwrap();
    database.execute("CREATE TABLE t (n INT, a REAL, b REAL)", []).unwrap();
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (at, head) in (0..).zip(["n", "a", "b"]) {
        sheet.write_string(0, at, head).unwrap();
    }
    for (n, value) in numbers.iter().zip(floats) {
        database.execute("INSERT INTO t VALUES (?1, ?2, ?2)", (n, value)).unwrap();
        let row = u32::try_from(n + 1).unwrap();
        sheet.write_number(row, 0, *n).unwrap();
        sheet.write_number(row, 1, value).unwrap();
        sheet.write_number(row, 2, value).unwrap();
    }
    // as many digits as the format has room for, so that the value comes back
    drop(database);
    book.save(project.path().join("t.xlsx")).unwrap();
    for from in
        ["parquet: {path: t.parquet}", "sqlite: {path: t.db, table: t}", "excel: {path: t.xlsx}"]
    {
        let yaml = format!(
            "name: t\nfrom: {{{from}}}\ncolumns: [{{name: n, type: int32}}, {{name: a, type: \"decimal(20,4)\", \
             clean: [{{range: {{min: \"-99999999999999\"}}}}]}}, {{name: b, type: text}}]"
        );
        let outcome = project.extract(&spec(&yaml)).await.unwrap();
        let rows = [
            ["0", "0.3000", "0.30000000000000004"],
            ["1", "12345678901234.5600", "12345678901234.56"],
            ["2", "99999999999999.9800", "99999999999999.98"],
            ["3", "1.0050", "1.005"],
            ["4", "1234.5000", "1234.5"],
            ["5", "-12345678901234.5700", "-12345678901234.57"],
        ];
        assert_eq!(outcome.rows, rows.map(|cells| row(&cells)), "{from}");
    }
}
