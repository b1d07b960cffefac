//! The same rows as CSV, JSON lines and Parquet, made once.

use super::{Kind, Outcome};
use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Int16Array, Int64Array, StringArray};
use arrow::datatypes::Date32Type;
use arrow::record_batch::RecordBatch;
use chrono::NaiveDate;
use parquet::arrow::ArrowWriter;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

const ROWS_A_BATCH: u64 = 500_000;

/// What every way must come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) rows: u64,
    pub(crate) cents: i64,
}

/// A row.
struct Row {
    id: i64,
    day: NaiveDate,
    channel: &'static str,
    quantity: i16,
    cents: i64,
}

impl Row {
    fn new(n: u64) -> Self {
        let month = u32::try_from(n % 12 + 1).unwrap_or(1);
        let day = u32::try_from(n % 28 + 1).unwrap_or(1);
        Self {
            id: n as i64,
            day: NaiveDate::from_ymd_opt(2024, month, day).unwrap_or_default(),
            channel: ["store", "web", "app"][(n % 3) as usize],
            quantity: (n % 50) as i16,
            cents: (n % 9_999 * 100 + n % 100) as i64,
        }
    }
}

/// Makes the files, unless they are there, and says what they hold.
pub(crate) fn files(dir: &Path, rows: u64) -> Outcome<Expected> {
    let cents = (0..rows).map(|n| Row::new(n).cents).sum();
    if !dir.join("complete").exists() {
        eprintln!("making {rows} rows in {}", dir.display());
        std::fs::create_dir_all(dir)?;
        text(dir, rows)?;
        parquet(dir, rows)?;
        File::create(dir.join("complete"))?;
    }
    Ok(Expected { rows, cents })
}

/// How large a source is; PostgreSQL's as CSV, the form in which its rows are told apart.
pub(crate) fn size_bytes(dir: &Path, kind: Kind) -> Outcome<u64> {
    let file = match kind {
        Kind::Csv | Kind::Postgresql => "t.csv",
        Kind::JsonLines => "t.jsonl",
        Kind::Parquet => "t.parquet",
    };
    Ok(std::fs::metadata(dir.join(file))?.len())
}

fn text(dir: &Path, rows: u64) -> Outcome<()> {
    let mut csv = BufWriter::new(File::create(dir.join("t.csv"))?);
    let mut json = BufWriter::new(File::create(dir.join("t.jsonl"))?);
    writeln!(csv, "id,day,channel,quantity,amount")?;
    for Row { id, day, channel, quantity, cents } in (0..rows).map(Row::new) {
        let amount = format!("{}.{:02}", cents / 100, cents % 100);
        writeln!(csv, "{id},{day},{channel},{quantity},{amount}")?;
        writeln!(
            json,
            "{{\"id\":{id},\"day\":\"{day}\",\"channel\":\"{channel}\",\"quantity\":{quantity},\"amount\":{amount}}}"
        )?;
    }
    csv.flush()?;
    Ok(json.flush()?)
}

fn parquet(dir: &Path, rows: u64) -> Outcome<()> {
    let file = File::create(dir.join("t.parquet"))?;
    let mut writer = ArrowWriter::try_new(file, batch(0, 0)?.schema(), None)?;
    for from in (0..rows).step_by(ROWS_A_BATCH as usize) {
        writer.write(&batch(from, (from + ROWS_A_BATCH).min(rows))?)?;
    }
    writer.close()?;
    Ok(())
}

fn batch(from: u64, to: u64) -> Outcome<RecordBatch> {
    let rows: Vec<Row> = (from..to).map(Row::new).collect();
    let days = rows.iter().map(|row| Date32Type::from_naive_date(row.day));
    let amounts = rows.iter().map(|row| i128::from(row.cents));
    let columns: [(&str, ArrayRef); 5] = [
        ("id", Arc::new(rows.iter().map(|row| row.id).collect::<Int64Array>())),
        ("day", Arc::new(Date32Array::from_iter_values(days))),
        ("channel", Arc::new(rows.iter().map(|row| Some(row.channel)).collect::<StringArray>())),
        ("quantity", Arc::new(rows.iter().map(|row| row.quantity).collect::<Int16Array>())),
        (
            "amount",
            Arc::new(Decimal128Array::from_iter_values(amounts).with_precision_and_scale(12, 2)?),
        ),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}
