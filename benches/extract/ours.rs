//! Starhouse: from opening the source to the last staged file, hashed, typed and checked.

use super::{Kind, Outcome, Taken, process};
use arrow::array::AsArray;
use arrow::datatypes::Decimal128Type;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use starhouse::clock::FixedClock;
use starhouse::etl::extract;
use starhouse::etl::job::SourceSpec;
use starhouse::ids::RunId;
use starhouse::store::Warehouse;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const COLUMNS: &str = "
columns:
  - {name: id, type: int64}
  - {name: day, type: date}
  - {name: channel, type: text}
  - {name: quantity, type: int16}
  - {name: amount, type: \"decimal(12,2)\"}
";

pub(crate) fn extract(dir: &Path, kind: Kind, url: Option<&str>) -> Outcome<Taken> {
    let from = match kind {
        Kind::Csv => "{csv: {path: t.csv}}".to_owned(),
        Kind::JsonLines => "{json_lines: {path: t.jsonl}}".to_owned(),
        Kind::Parquet => "{parquet: {path: t.parquet}}".to_owned(),
        Kind::Postgresql => format!(
            "{{postgresql: {{url: '{}', password: {{env: PGPASSWORD}}, table: starhouse_bench}}}}",
            url.ok_or("--postgresql names no database")?
        ),
    };
    let spec: SourceSpec = serde_saphyr::from_str(&format!("name: t\nfrom: {from}{COLUMNS}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(dir, &spec))
}

async fn run(dir: &Path, spec: &SourceSpec) -> Outcome<Taken> {
    let folder = tempfile::Builder::new().prefix("warehouse-").tempdir_in(dir)?;
    let clock = Arc::new(FixedClock("2025-01-01T00:00:00Z".parse()?));
    let warehouse = Warehouse::open(folder.path(), clock).await?;
    let load = warehouse.begin(RunId("bench".into()), warehouse.latest().await?);
    let began = Instant::now();
    let plan = extract::plan(dir, spec, None).await?;
    let extracted = extract::extract(&plan, "bench", &load, &warehouse, Arc::new(|_| {})).await?;
    let seconds = began.elapsed().as_secs_f64();
    let staged = warehouse.root().join(&extracted.staged.location);
    let mut cents = 0;
    for file in &extracted.staged.files {
        cents += sum(&staged.join(&file.path))?;
    }
    load.abandon().await?;
    let rows = extracted.extent.counts.staged;
    Ok(Taken { seconds, rows, cents: Some(cents), peak_bytes: process::own_peak() })
}

/// The amounts of a file, in cents.
fn sum(path: &Path) -> Outcome<i64> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["amount"]);
    let mut cents = 0;
    for batch in builder.with_projection(mask).build()? {
        let batch = batch?;
        let amounts = batch.column(0).as_primitive::<Decimal128Type>();
        cents += amounts.iter().flatten().sum::<i128>();
    }
    Ok(i64::try_from(cents)?)
}
