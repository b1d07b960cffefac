//! Starhouse: each day `starhouse etl run`, from the start of its process to its end.

use super::data::{Truth, file};
use super::process::{self, Cost};
use super::{Args, Outcome, told};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use starhouse::clock::FixedClock;
use starhouse::engine::{Engine, EngineSettings};
use starhouse::model;
use starhouse::policy::Principal;
use starhouse::store::Warehouse;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const SCHEMA: (&str, &str) =
    ("schemas/customer.yaml", include_str!("project/schemas/customer.yaml"));
const JOB: (&str, &str) = ("etl/customers.yaml", include_str!("project/etl/customers.yaml"));

/// The dimension, as `Truth` counts it.
const CONTENT: &str = "
SELECT count(*), count(*) FILTER (WHERE is_current), CAST(sum(credit) * 100 AS BIGINT),
       CAST(sum(credit) FILTER (WHERE is_current) * 100 AS BIGINT)
FROM warehouse.dim_customer WHERE customer_key > 0";

/// Runs every day in an empty warehouse, in a process of its own.
pub(crate) fn days(dir: &Path, args: &Args) -> Outcome<Vec<Cost>> {
    for folder in ["warehouse", "sources"] {
        let folder = dir.join(folder);
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    let settings = format!("memory_limit: {}GiB\nthreads: {}\n", args.memory_gib, args.threads);
    for (name, text) in [SCHEMA, JOB, ("starhouse.yaml", settings.as_str())] {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(path, text)?;
    }
    fs::create_dir_all(dir.join("sources"))?;
    (0..=args.days).map(|day| told("Starhouse", day, run(dir, day))).collect()
}

fn run(dir: &Path, day: u64) -> Outcome<Cost> {
    fs::hard_link(dir.join("days").join(file(day)), dir.join("sources").join(file(day)))?;
    let first = chrono::NaiveDate::from_ymd_opt(2025, 1, 1).unwrap_or_default();
    let as_of = (first + chrono::Days::new(day)).to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_starhouse"));
    process::run(command.args(["etl", "run", "--as-of", &as_of, "--project"]).arg(dir))
}

/// What the warehouse holds; leaves the names of the dimension's files for the peers to look at.
pub(crate) fn found(dir: &Path) -> Outcome<Truth> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let clock = Arc::new(FixedClock(chrono::DateTime::UNIX_EPOCH));
        let warehouse = Warehouse::open(&dir.join("warehouse"), Arc::clone(&clock) as _).await?;
        let release = warehouse.latest().await?;
        let table = release.tables.get("dim_customer").ok_or("the dimension was not loaded")?;
        let folder = warehouse.root().join(&table.location);
        let files: Vec<_> = table.files.iter().map(|file| folder.join(&file.path)).collect();
        fs::write(dir.join("files.json"), serde_json::to_vec(&files)?)?;
        let model = Arc::new(model::load(&[(SCHEMA.0.to_owned(), SCHEMA.1.to_owned())])?);
        let settings = EngineSettings::new(4 << 30, 2, dir.join(".spill"));
        let engine = Engine::new(warehouse, model, settings, clock)?;
        let query = engine.session(Principal::local(), release).plan_sql(CONTENT).await?;
        let batches: Vec<RecordBatch> = query.execute().await?.try_collect().await?;
        let row = batches.iter().find(|batch| batch.num_rows() > 0).ok_or("no answer")?;
        let number = |column: usize| row.column(column).as_primitive::<Int64Type>().value(0);
        Ok(Truth {
            versions: u64::try_from(number(0))?,
            current: u64::try_from(number(1))?,
            cents: number(2),
            current_cents: number(3),
        })
    })
}
