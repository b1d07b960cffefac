//! What several subjects share: a tiny project with a warehouse, and the real binary.
//!
//! The tiny project has one dimension and one fact, with every type a column may have, NULLs and
//! orphans among them. Its rows stand below as data, so that tests can say what is right without
//! asking the code under test.

use arrow::array::RecordBatch;
use arrow::json::ReaderBuilder;
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt};
use starhouse::clock::{Clock, FixedClock};
use starhouse::engine::EngineSettings;
use starhouse::ids::RunId;
use starhouse::model::{Column, ColumnType, Model, arrow_schema};
use starhouse::store::{Change, Load, TableSpec, Warehouse};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tempfile::TempDir;

/// Settings of an engine under test. `STARHOUSE_STAR_SCAN=off` lets the whole suite run without the
/// star scan, as it does a project.
pub(crate) fn engine_settings(
    memory_limit_bytes: usize,
    threads: usize,
    spill_dir: PathBuf,
) -> EngineSettings {
    let defaults = EngineSettings::new(memory_limit_bytes, threads, spill_dir);
    // However few rows tests have, they go the way of many.
    EngineSettings { star_scan: star_scan(), one_partition_rows: 0, ..defaults }
}

/// Whether joins in star form go to the star scan: the suite is run both ways.
pub(crate) fn star_scan() -> bool {
    std::env::var("STARHOUSE_STAR_SCAN").map_or(true, |value| value != "off")
}

const STORE: &str = "\
dimension: store
description: A place where customers buy.
natural_key:
  - {name: store_id, type: text, description: The store's number in the till system.}
attributes:
  - {name: store_name, type: text, description: Name over the door.}
  - {name: city, type: text, history: 2, description: City.}
  - {name: opened_on, type: date, description: Day of opening.}
  - {name: area_m2, type: int32, description: Sales area in square metres.}
";

const SALES: &str = "\
fact: sales
description: What was sold.
grain: one row a receipt line
kind: transaction
dimensions:
  - store
degenerate:
  - {name: receipt_no, type: text, description: Number on the receipt.}
  - {name: line_no, type: int32, description: Line on the receipt.}
columns:
  - {name: quantity, type: int32, description: Pieces.}
  - {name: net_amount, type: \"decimal(12,2)\", unit: EUR, description: Price paid.}
  - {name: weight_kg, type: float64, description: Weight.}
  - {name: sold_on, type: date, description: Day of sale.}
  - {name: sold_at, type: timestamp, description: Moment of sale.}
  - {name: gift, type: boolean, description: Whether it was wrapped as a gift.}
  - {name: remark, type: text, description: What the cashier noted.}
key: [receipt_no, line_no]
";

const SALES_CUBE: &str = "\
cube: sales
description: Sales by store.
facts: [sales]
measures:
  - {name: revenue, sum: net_amount, unit: EUR, description: Money taken.}
  - {name: lines, count: true, description: Receipt lines.}
";

const STORES: &str = r#"
{"store_key":-2,"store_id":"Not applicable","store_name":"Not applicable","city":"Not applicable","store_durable_key":-2,"valid_from":"1900-01-01T00:00:00Z","valid_to":"9999-12-31T00:00:00Z","is_current":true}
{"store_key":-1,"store_id":"Unknown","store_name":"Unknown","city":"Unknown","store_durable_key":-1,"valid_from":"1900-01-01T00:00:00Z","valid_to":"9999-12-31T00:00:00Z","is_current":true}
{"store_key":1,"store_id":"S1","store_name":"Königsallee","city":"Düsseldorf","opened_on":"2019-05-04","area_m2":400,"store_durable_key":1,"valid_from":"1900-01-01T00:00:00Z","valid_to":"9999-12-31T00:00:00Z","is_current":true}
{"store_key":2,"store_id":"S2","store_name":"Rue de Rivoli","city":"Paris","opened_on":"2020-02-29","store_durable_key":2,"valid_from":"1900-01-01T00:00:00Z","valid_to":"9999-12-31T00:00:00Z","is_current":true}
"#;

/// Four receipt lines of 17.51 EUR together, one of a store nobody knows.
const DAY_ONE: &str = r#"
{"store_key":1,"receipt_no":"R1","line_no":1,"quantity":2,"net_amount":"19.98","weight_kg":0.5,"sold_on":"2025-01-31","sold_at":"2025-01-31T10:15:30.123456Z","gift":true,"remark":"first"}
{"store_key":1,"receipt_no":"R1","line_no":2,"quantity":1,"net_amount":"5.00","sold_on":"2025-01-31","sold_at":"2025-01-31T10:15:30.123456Z","gift":false}
{"store_key":2,"receipt_no":"R2","line_no":1,"quantity":3,"net_amount":"0.03","weight_kg":0.001,"sold_on":"2024-02-29","sold_at":"2024-02-29T23:59:59.999999Z","remark":"naïve 东京"}
{"store_key":-1,"receipt_no":"R3","line_no":1,"quantity":1,"net_amount":"-7.50","weight_kg":2.25,"sold_on":"2025-12-31","sold_at":"2025-12-31T00:00:00Z","remark":""}
"#;

/// One more, of 100.00 EUR.
const DAY_TWO: &str = r#"
{"store_key":2,"receipt_no":"R4","line_no":1,"quantity":10,"net_amount":"100.00","sold_on":"2026-01-02","sold_at":"2026-01-02T09:00:00Z"}
"#;

/// A project folder that is gone when dropped.
pub(crate) struct TinyProject {
    folder: TempDir,
    model: Model,
}

impl TinyProject {
    /// A project whose warehouse has release 1: two stores and [`DAY_ONE`].
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let schemas = folder.path().join("schemas");
        std::fs::create_dir(&schemas).unwrap();
        std::fs::write(folder.path().join("starhouse.yaml"), "# a tiny project\n").unwrap();
        let files = [("store.yaml", STORE), ("sales.yaml", SALES), ("cube.yaml", SALES_CUBE)];
        for (name, text) in files {
            std::fs::write(schemas.join(name), text).unwrap();
        }
        let model = starhouse::model::load(&files).unwrap();
        let project = Self { folder, model };
        project
            .publish("2026-01-01T00:00:00Z", &[("dim_store", STORES), ("fact_sales", DAY_ONE)])
            .await;
        project
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Publishes release 2, which adds [`DAY_TWO`].
    pub(crate) async fn publish_day_two(&self) {
        self.publish("2026-01-02T00:00:00Z", &[("fact_sales", DAY_TWO)]).await;
    }

    /// Publishes a release in which `fact_sales` has one more column, `till`.
    pub(crate) async fn publish_another_column(&self) {
        let mut load = self.begin("2026-01-03T00:00:00Z").await;
        let mut spec = self.spec("fact_sales");
        spec.columns.push(Column::new("till", ColumnType::Int32, true));
        let rows = stream::iter([Ok(read_rows(&spec, DAY_ONE))]).boxed();
        let files = load.write(&spec, rows).await.unwrap();
        load.stage(spec, Change::Replace(files)).unwrap();
        load.publish("another column".to_owned()).await.unwrap();
    }

    async fn begin(&self, at: &str) -> Load {
        let now: DateTime<Utc> = at.parse().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(FixedClock(now));
        let warehouse = Warehouse::open(&self.path().join("warehouse"), clock).await.unwrap();
        let latest = warehouse.latest().await.unwrap();
        warehouse.begin(RunId(at.replace(':', "-")), latest)
    }

    async fn publish(&self, at: &str, tables: &[(&str, &str)]) {
        let mut load = self.begin(at).await;
        for (table, rows) in tables {
            let spec = self.spec(table);
            let batch = read_rows(&spec, rows);
            let files = load.write(&spec, stream::iter([Ok(batch)]).boxed()).await.unwrap();
            load.stage(spec, Change::Append(files)).unwrap();
        }
        load.publish(format!("rows of {at}")).await.unwrap();
    }

    fn spec(&self, table: &str) -> TableSpec {
        let (columns, sort_by) = match table.split_once('_') {
            Some(("dim", name)) => {
                let dimension = self.model.dimension(name).unwrap();
                (dimension.table_columns(), vec![dimension.key_column()])
            }
            Some(("fact", name)) => (self.model.fact(name).unwrap().table_columns(), Vec::new()),
            _ => panic!("no such table: {table}"),
        };
        let (name, description) = (table.to_owned(), String::new());
        TableSpec { name, description, columns, partition_by: None, sort_by }
    }
}

/// Rows written as JSON lines; a column left out is NULL.
fn read_rows(spec: &TableSpec, rows: &str) -> RecordBatch {
    let reader = ReaderBuilder::new(arrow_schema(&spec.columns)).build(rows.as_bytes());
    reader.unwrap().next().unwrap().unwrap()
}

/// A program call that must succeed; gives its standard output.
pub(crate) fn starhouse(arguments: &[&str]) -> String {
    let output = starhouse_output(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "starhouse {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A program call, however it ends.
pub(crate) fn starhouse_output(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_starhouse")).args(arguments).output().unwrap()
}

/// `starhouse serve` on a free port; killed when dropped.
pub(crate) struct ServeProcess {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl ServeProcess {
    /// Starts the server and waits until it listens.
    pub(crate) fn start(project: &Path) -> Self {
        Self::start_with(project, &[], &[])
    }

    /// The same with more arguments and variables of the environment.
    pub(crate) fn start_with(project: &Path, more: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_starhouse"))
            .args(["serve", "--address", "127.0.0.1:0", "--project"])
            .arg(project)
            .args(more)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (found, address) = mpsc::channel();
        // The thread reads to the end, so that the server never blocks on a full pipe.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let uri = line.strip_prefix("serving Flight SQL on grpc");
                if let Some((_, rest)) = uri.and_then(|uri| uri.split_once("://")) {
                    let address = rest.split_once(';').map_or(rest, |(address, _)| address);
                    let _ = found.send(address.parse().unwrap());
                }
            }
        });
        match address.recv_timeout(Duration::from_secs(60)) {
            Ok(address) => Self { child, address },
            Err(_) => {
                let _ = child.kill();
                panic!("the server said nothing of listening; it ended with {:?}", child.wait());
            }
        }
    }

    /// The process's id, for signals.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for ServeProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
