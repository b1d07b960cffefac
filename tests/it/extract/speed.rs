//! How fast text and typed columns stream. Measured, not asserted: `cargo test --test it speed -- --ignored
//! --nocapture`.

use super::{Project, spec};
use arrow::array::*;
use parquet::arrow::ArrowWriter;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

const ROWS_A_BATCH: i64 = 1_000_000;
const BATCHES: i64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs half a minute: run it to measure"]
async fn twenty_million_rows_of_parquet() {
    let project = Project::new().await;
    let file = std::fs::File::create(project.path().join("t.parquet")).unwrap();
    let mut writer: Option<ArrowWriter<std::fs::File>> = None;
    for at in 0..BATCHES {
        let numbers = at * ROWS_A_BATCH..(at + 1) * ROWS_A_BATCH;
        let texts = numbers.clone().map(|n| Some(["store", "web", "app"][(n % 3) as usize]));
        let batch = RecordBatch::try_from_iter([
            ("id", Arc::new(Int64Array::from_iter_values(numbers.clone())) as ArrayRef),
            (
                "week",
                Arc::new(Int32Array::from_iter_values(numbers.clone().map(|n| (n % 53) as i32))),
            ),
            ("channel", Arc::new(texts.collect::<StringArray>())),
            (
                "amount",
                Arc::new(Float64Array::from_iter_values(
                    numbers.clone().map(|n| (n % 9_999) as f64 / 100.0),
                )),
            ),
            (
                "at",
                Arc::new(TimestampNanosecondArray::from_iter_values(
                    numbers.map(|n| n * 1_000_000),
                )),
            ),
        ])
        .unwrap();
        if writer.is_none() {
            let file = file.try_clone().unwrap();
            writer = Some(ArrowWriter::try_new(file, batch.schema(), None).unwrap());
        }
        writer.as_mut().unwrap().write(&batch).unwrap();
    }
    writer.unwrap().close().unwrap();
    let spec = spec(
        r#"
name: t
from: {parquet: {path: t.parquet}}
columns:
  - {name: id, type: int64, clean: [required]}
  - {name: week, type: int16, clean: [{range: {min: "0", max: "53"}}]}
  - {name: channel, type: text}
  - {name: amount, type: "decimal(12,2)"}
  - {name: at, type: timestamp}
"#,
    );
    let began = Instant::now();
    let counts = project.count(&spec).await.unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(counts.staged, (ROWS_A_BATCH * BATCHES) as u64);
    println!("{:.1} M rows/s, staged", counts.staged as f64 / seconds / 1e6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs half a minute: run it to measure"]
async fn ten_million_rows_of_csv() {
    let project = Project::new().await;
    let mut text = "id,day,channel,quantity,amount\n".to_owned();
    for n in 0..10_000_000 {
        let (month, day, channel) = (n % 12 + 1, n % 28 + 1, ["store", "web", "app"][n % 3]);
        let (units, cents) = (n % 9_999, n % 100);
        writeln!(text, "{n},2024-{month:02}-{day:02},{channel},{},{units}.{cents:02}", n % 50)
            .unwrap();
    }
    project.write("t.csv", &text);
    let spec = spec(
        r#"
name: t
from: {csv: {path: t.csv}}
columns:
  - {name: id, type: int64}
  - {name: day, type: date}
  - {name: channel, type: text}
  - {name: quantity, type: int16}
  - {name: amount, type: "decimal(12,2)"}
"#,
    );
    let began = Instant::now();
    let counts = project.count(&spec).await.unwrap();
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(counts.staged, 10_000_000);
    println!("{:.0} MB/s, hashed and staged", text.len() as f64 / seconds / 1e6);
}
