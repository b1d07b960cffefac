//! A tiny warehouse whose numbers fit in the head: stores 1, 2 and 3 sell on days 1 to 10 of each
//! month, `day * store` pieces at 1.25. So a month has 30 lines, 330 pieces and 412.50.
//! Release 1 has January and February 2025, release 2 March as well.

use crate::support::engine_settings;
use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Int32Array, StringArray, TimestampMicrosecondArray,
};
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, Duration, TimeZone, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use starhouse::clock::Clock;
use starhouse::engine::{Engine, EngineSettings, Query, Session, error_of};
use starhouse::error::{Error, Result};
use starhouse::ids::RunId;
use starhouse::model::{Model, arrow_schema, load};
use starhouse::policy::{Policy, Principal};
use starhouse::store::{Change, Load, Release, TableSpec, Warehouse};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

/// Every look at the clock is a minute later; the first shows 2025-04-01.
#[derive(Debug, Default)]
pub(crate) struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> DateTime<Utc> {
        let minutes = self.0.fetch_add(1, Ordering::SeqCst);
        Utc.with_ymd_and_hms(2025, 4, 1, 0, 0, 0).unwrap() + Duration::minutes(minutes)
    }
}

const STORE: &str = "
dimension: store
description: A place where customers buy.
natural_key:
  - {name: store_id, type: text, description: The store's number.}
attributes:
  - {name: store_name, type: text, description: Its name.}
  - {name: region, type: text, description: Where it is.}
hierarchies:
  - {name: geography, levels: [region, store_name]}
";

const DATE: &str = "
dimension: date
description: Days.
calendar: {from: 2025-01-01, to: 2025-12-31, fiscal_year_start_month: 1}
";

const SALES: &str = "
fact: sales
description: What was sold.
grain: one row a store and day
kind: transaction
dimensions:
  - date
  - store
degenerate:
  - {name: receipt_no, type: text, description: The receipt.}
columns:
  - {name: quantity, type: int32, description: Pieces.}
  - {name: net_amount, type: \"decimal(12,2)\", unit: EUR, description: Net of tax.}
  - {name: discount, type: \"decimal(12,2)\", nullable: true, description: NULL in store 2.}
key: [receipt_no]
partition_by_month_of: date
sort_by: [date_key, store_key]
";

const CUBE: &str = "
cube: sales
description: What was sold, by store.
facts: [sales]
dimensions: [store]
measures:
  - {name: revenue, sum: net_amount, unit: EUR, description: Net revenue.}
  - {name: pieces, sum: quantity, description: Pieces sold.}
  - {name: lines, count: true, description: Lines.}
";

/// Each region's value has room in 64 bits, both together have not.
const LARGE: &str = "
cube: large
description: Numbers that do not fit.
facts: [sales]
dimensions: [store]
measures:
  - {name: huge, sum: quantity * 10000000000000000, description: Many pieces.}
";

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) warehouse: Warehouse,
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<Ticking>,
}

pub(crate) fn model() -> Model {
    let files = [
        ("store.yaml", STORE),
        ("date.yaml", DATE),
        ("sales.yaml", SALES),
        ("cube.yaml", CUBE),
        ("large.yaml", LARGE),
    ];
    load(&files).unwrap_or_else(|faults| panic!("{faults}"))
}

impl Fixture {
    /// The warehouse with both releases.
    pub(crate) async fn new() -> Self {
        Self::with_memory(256 << 20).await
    }

    /// The same, with so much memory for queries.
    pub(crate) async fn with_memory(memory_limit_bytes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Ticking::default());
        let now = Arc::clone(&clock) as Arc<dyn Clock>;
        let warehouse = Warehouse::open(&folder.path().join("warehouse"), now).await.unwrap();
        let model = Arc::new(model());
        publish_first(&warehouse, &model).await;
        publish_march(&warehouse, &model).await;
        let settings = settings(&folder, memory_limit_bytes);
        let now = Arc::clone(&clock) as Arc<dyn Clock>;
        let engine = Engine::new(warehouse.clone(), model, settings, now).unwrap();
        Self { folder, warehouse, engine, clock }
    }

    /// Another engine over the same warehouse, with a policy of its own.
    pub(crate) fn guarded_by(&self, policy: Policy) -> Engine {
        let (warehouse, model) = (self.warehouse.clone(), Arc::clone(self.engine.model()));
        let now = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Engine::with_policy(warehouse, model, settings(&self.folder, 256 << 20), now, policy)
            .unwrap()
    }

    /// Another engine over the same warehouse, which keeps answers.
    pub(crate) fn remembering(&self) -> Engine {
        let (warehouse, model) = (self.warehouse.clone(), Arc::clone(self.engine.model()));
        let now = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let plain = settings(&self.folder, 256 << 20);
        let settings = EngineSettings { result_cache_bytes: 1 << 20, ..plain };
        Engine::new(warehouse, model, settings, now).unwrap()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("warehouse")
    }

    /// A session on the last release.
    pub(crate) async fn session(&self) -> Session {
        let release = self.warehouse.latest().await.unwrap();
        self.engine.session(Principal::local(), release)
    }

    /// Where a file of a table lies on disk.
    pub(crate) async fn file_of(&self, table: &str) -> PathBuf {
        let release = self.warehouse.latest().await.unwrap();
        let state = &release.tables[table];
        self.root().join(Path::new(&state.location)).join(&state.files[0].path)
    }
}

fn settings(folder: &TempDir, memory_limit_bytes: usize) -> EngineSettings {
    engine_settings(memory_limit_bytes, 2, folder.path().join("spill"))
}

/// All batches of an answer; each has the schema that was promised.
pub(crate) async fn answer(query: &Query) -> Result<Vec<RecordBatch>> {
    let promised = query.schema();
    let stream = query.execute().await?;
    assert_eq!(stream.schema(), promised);
    let batches: Vec<RecordBatch> = stream.map_err(error_of).try_collect().await?;
    for batch in &batches {
        assert_eq!(batch.schema(), promised);
    }
    Ok(batches)
}

/// The answer as text: columns apart by `|`, rows by newline.
pub(crate) async fn ask(session: &Session, sql: &str) -> Result<String> {
    let query = session.plan_sql(sql).await?;
    Ok(text(&answer(&query).await?))
}

pub(crate) async fn refusal(session: &Session, sql: &str) -> Error {
    match ask(session, sql).await {
        Ok(answer) => panic!("{sql} was answered: {answer}"),
        Err(error) => error,
    }
}

pub(crate) fn text(batches: &[RecordBatch]) -> String {
    rows(batches).into_iter().map(|row| row.join("|")).collect::<Vec<_>>().join("\n")
}

pub(crate) fn rows(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    use arrow::util::display::{ArrayFormatter, FormatOptions};
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect());
        }
    }
    rows
}

async fn publish_first(warehouse: &Warehouse, model: &Model) {
    let base = warehouse.latest().await.unwrap();
    let mut load = warehouse.begin(RunId("run-1".into()), base);
    stage(&mut load, store_spec(model), stores(model), true).await;
    stage(&mut load, sales_spec(model), sales(model, &[1, 2]), true).await;
    load.publish("January and February".into()).await.unwrap();
}

async fn publish_march(warehouse: &Warehouse, model: &Model) -> Arc<Release> {
    let base = warehouse.latest().await.unwrap();
    let mut load = warehouse.begin(RunId("run-2".into()), base);
    stage(&mut load, sales_spec(model), sales(model, &[3]), false).await;
    load.publish("March".into()).await.unwrap()
}

async fn stage(load: &mut Load, spec: TableSpec, batch: RecordBatch, replace: bool) {
    let files = load.write(&spec, stream::iter([Ok(batch)]).boxed()).await.unwrap();
    let change = if replace { Change::Replace(files) } else { Change::Append(files) };
    load.stage(spec, change).unwrap();
}

fn store_spec(model: &Model) -> TableSpec {
    let dimension = model.dimension("store").unwrap();
    TableSpec {
        name: dimension.table(),
        description: dimension.description.clone(),
        columns: dimension.table_columns(),
        partition_by: None,
        sort_by: vec!["store_key".into()],
    }
}

fn sales_spec(model: &Model) -> TableSpec {
    let fact = model.fact("sales").unwrap();
    TableSpec {
        name: fact.table(),
        description: fact.description.clone(),
        columns: fact.table_columns(),
        partition_by: fact.partition_column().map(str::to_owned),
        sort_by: fact.sort_by.clone(),
    }
}

fn stores(model: &Model) -> RecordBatch {
    let moment = |year| Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap().timestamp_micros();
    let open = Utc.with_ymd_and_hms(9999, 12, 31, 0, 0, 0).unwrap().timestamp_micros();
    let keys = [-2, -1, 1, 2, 3];
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(keys.to_vec())),
        Arc::new(StringArray::from(vec!["Not applicable", "Unknown", "S1", "S2", "S3"])),
        Arc::new(StringArray::from(vec!["Not applicable", "Unknown", "Alpha", "Beta", "Gamma"])),
        Arc::new(StringArray::from(vec!["Not applicable", "Unknown", "North", "South", "North"])),
        Arc::new(Int32Array::from(keys.to_vec())),
        Arc::new(TimestampMicrosecondArray::from(vec![moment(1900); 5]).with_timezone("UTC")),
        Arc::new(TimestampMicrosecondArray::from(vec![open; 5]).with_timezone("UTC")),
        Arc::new(BooleanArray::from(vec![true; 5])),
    ];
    let columns = model.dimension("store").unwrap().table_columns();
    RecordBatch::try_new(arrow_schema(&columns), arrays).unwrap()
}

fn sales(model: &Model, months: &[i32]) -> RecordBatch {
    let lines: Vec<(i32, i32, i32)> = months
        .iter()
        .flat_map(|month| (1..=10).flat_map(move |day| (1..=3).map(move |s| (*month, day, s))))
        .collect();
    let int = |value: fn(&(i32, i32, i32)) -> i32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(lines.iter().map(value)))
    };
    let money = |values: Vec<Option<i128>>| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(12, 2).unwrap())
    };
    let receipts = lines.iter().map(|(month, day, store)| format!("R{month}-{day}-{store}"));
    let arrays: Vec<ArrayRef> = vec![
        int(|(month, day, _)| 20_250_000 + month * 100 + day),
        int(|(_, _, store)| *store),
        Arc::new(StringArray::from_iter_values(receipts)),
        int(|(_, day, store)| day * store),
        money(lines.iter().map(|(_, day, store)| Some(i128::from(day * store * 125))).collect()),
        money(lines.iter().map(|(_, day, s)| (*s != 2).then(|| i128::from(*day))).collect()),
        int(|(month, _, _)| 202_500 + month),
    ];
    let columns = model.fact("sales").unwrap().table_columns();
    RecordBatch::try_new(arrow_schema(&columns), arrays).unwrap()
}
