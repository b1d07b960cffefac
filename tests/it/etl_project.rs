//! A small project in a temporary folder: a calendar, customers with history, sales.

use crate::support::engine_settings;
use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt;
use starhouse::clock::{Clock, FixedClock};
use starhouse::engine::{Engine, EngineSettings, error_of};
use starhouse::error::Result;
use starhouse::etl::jobs::Jobs;
use starhouse::etl::plan::{JobPlan, plan};
use starhouse::etl::replay::Replay;
use starhouse::etl::run::{Request, RunSummary, Window, backfill, run};
use starhouse::policy::Principal;
use starhouse::store::{Release, Warehouse};
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) const DATE: &str = "
dimension: date
description: days
calendar: {from: 2024-01-01, to: 2024-12-31, fiscal_year_start_month: 4}
";

pub(crate) const CUSTOMER: &str = "
dimension: customer
description: who buys
natural_key:
  - {name: source_system, type: text, description: which system}
  - {name: customer_id, type: text, description: number there}
attributes:
  - {name: customer_name, type: text, description: name}
  - {name: city, type: text, history: 2, description: where}
hierarchies:
  - {name: place, levels: [city, {level: customer, attribute: customer_name, key: customer_id}]}
";

pub(crate) const SALES: &str = "
fact: sales
description: what was sold
grain: one row a receipt line
kind: transaction
dimensions:
  - date
  - {role: customer, dimension: customer, description: who bought}
degenerate:
  - {name: receipt_no, type: text, description: receipt}
  - {name: line_no, type: int32, description: line}
columns:
  - {name: quantity, type: int32, description: pieces}
  - {name: net_amount, type: \"decimal(12,2)\", unit: EUR, description: paid}
key: [receipt_no, line_no]
partition_by_month_of: date
sort_by: [date_key, customer_key]
";

pub(crate) const CUBE: &str = "
cube: sales
description: sales
facts: [sales]
measures:
  - {name: revenue, sum: net_amount, unit: EUR, description: paid}
  - {name: lines, count: true, description: lines}
aggregates:
  - {name: by_month_city, fact: sales, columns: [month, city], measures: [revenue, lines], description: months and cities}
";

/// Customers whose rows say since when they hold.
pub(crate) const CUSTOMERS_DATED: &str = "
job: customers
description: customers
sources:
  - name: customer
    from: {csv: {path: \"customers*.csv\"}}
    columns:
      - {name: source_system, type: text, clean: [trim, required]}
      - {name: customer_id, type: text, clean: [trim, required]}
      - {name: customer_name, type: text, clean: [trim]}
      - {name: city, type: text, clean: [trim, {null_if: ['']}]}
      - {name: since, type: timestamp, clean: [required, {date_formats: ['%Y-%m-%d']}]}
load: {dimension: {dimension: customer, effective_at: since}}
";

/// Customers as a full snapshot.
pub(crate) const CUSTOMERS_SNAPSHOT: &str = "
job: customers
description: customers
sources:
  - name: customer
    from: {csv: {path: customers.csv}}
    columns:
      - {name: source_system, type: text, clean: [trim, required]}
      - {name: customer_id, type: text, clean: [trim, required]}
      - {name: customer_name, type: text, clean: [trim]}
      - {name: city, type: text, clean: [trim, {null_if: ['']}]}
load: {dimension: {dimension: customer, missing: close}}
";

/// Sales, with the mode and whatever else the load says.
pub(crate) fn sales_job(strategy: &str, mode: &str, more: &str) -> String {
    format!(
        "
job: sales
description: sales
sources:
  - name: line
    from: {{csv: {{path: \"sales*.csv\"}}}}
    strategy: {strategy}
    columns:
      - {{name: receipt_no, type: text, clean: [trim, required]}}
      - {{name: line_no, type: int32, clean: [required]}}
      - {{name: sold_on, type: date, clean: [{{null_if: ['']}}, {{date_formats: ['%Y-%m-%d']}}]}}
      - {{name: source_system, type: text, clean: [{{null_if: ['']}}]}}
      - {{name: customer_id, type: text, clean: [{{null_if: ['']}}]}}
      - {{name: quantity, type: int32}}
      - {{name: net_amount, type: \"decimal(12,2)\"}}
      - {{name: gone, type: boolean}}
load:
  fact:
    fact: sales
    mode: {mode}
    event_at: sold_on
    keys: {{date: [sold_on], customer: [source_system, customer_id]}}
{more}"
    )
}

/// The first line of customer files of [`CUSTOMERS_DATED`].
pub(crate) const CUSTOMER_HEAD: &str = "source_system,customer_id,customer_name,city,since\n";
/// The first line of sales files.
pub(crate) const SALES_HEAD: &str =
    "receipt_no,line_no,sold_on,source_system,customer_id,quantity,net_amount,gone\n";

pub(crate) struct Project {
    pub(crate) dir: TempDir,
    pub(crate) memory_limit_bytes: usize,
    schemas: Vec<(String, String)>,
    jobs: Vec<(String, String)>,
}

impl Project {
    /// A project of these jobs, over the calendar, the customers and the sales.
    pub(crate) fn new(jobs: &[&str]) -> Self {
        let named = |texts: &[&str], folder: &str| -> Vec<(String, String)> {
            let name = |(index, text): (usize, &&str)| {
                (format!("{folder}/{index}.yaml"), (*text).to_owned())
            };
            texts.iter().enumerate().map(name).collect()
        };
        Self {
            dir: tempfile::tempdir().unwrap(),
            memory_limit_bytes: 256 << 20,
            schemas: named(&[DATE, CUSTOMER, SALES, CUBE], "schemas"),
            jobs: named(jobs, "etl"),
        }
    }

    /// Adds a document to the schemas.
    pub(crate) fn add_schema(&mut self, text: &str) {
        let name = format!("schemas/{}.yaml", self.schemas.len());
        self.schemas.push((name, text.to_owned()));
    }

    /// Replaces text in the schemas.
    pub(crate) fn edit_schemas(&mut self, from: &str, to: &str) {
        let before = self.schemas.clone();
        for (_, text) in &mut self.schemas {
            *text = text.replace(from, to);
        }
        assert_ne!(before, self.schemas);
    }

    /// Replaces text in the jobs.
    pub(crate) fn edit_jobs(&mut self, from: &str, to: &str) {
        let before = self.jobs.clone();
        for (_, text) in &mut self.jobs {
            *text = text.replace(from, to);
        }
        assert_ne!(before, self.jobs);
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.dir.path().join(file), text).unwrap();
    }

    pub(crate) fn remove(&self, file: &str) {
        std::fs::remove_file(self.dir.path().join(file)).unwrap();
    }

    pub(crate) fn declared(&self) -> Jobs {
        let model = starhouse::model::load(&self.schemas).unwrap();
        Jobs::load(&self.jobs, &model).unwrap_or_else(|faults| panic!("{faults}"))
    }

    /// What is said of a job that is wrong.
    pub(crate) fn told(&self, job: &str) -> String {
        let model = starhouse::model::load(&self.schemas).unwrap();
        Jobs::load(&[("etl/0.yaml", job)], &model).unwrap_err().to_string()
    }

    pub(crate) async fn engine(&self, now: DateTime<Utc>) -> Engine {
        let clock: Arc<dyn Clock> = Arc::new(FixedClock(now));
        let model =
            starhouse::model::load(&self.schemas).unwrap_or_else(|faults| panic!("{faults}"));
        let warehouse =
            Warehouse::open(&self.dir.path().join("warehouse"), Arc::clone(&clock)).await.unwrap();
        let settings = EngineSettings {
            batch_size: 1024,
            ..engine_settings(self.memory_limit_bytes, 3, self.dir.path().join("spill"))
        };
        Engine::new(warehouse, Arc::new(model), settings, clock).unwrap()
    }

    /// Runs all jobs as of a day.
    pub(crate) async fn run(&self, day: &str) -> Result<RunSummary> {
        self.run_jobs(day, &[]).await
    }

    /// Runs some jobs as of a day.
    pub(crate) async fn run_jobs(&self, day: &str, only: &[String]) -> Result<RunSummary> {
        self.run_replaying(day, only, None).await
    }

    /// Runs some jobs as of a day, with mended rows in place of a source's own.
    pub(crate) async fn run_replaying(
        &self,
        day: &str,
        only: &[String],
        replay: Option<Replay>,
    ) -> Result<RunSummary> {
        let now = moment(day);
        let engine = self.engine(now).await;
        let jobs = self.declared();
        let clock = Arc::new(FixedClock(now));
        let request =
            Request { replay, only, ..Request::new(self.dir.path(), &engine, &jobs, clock) };
        run(&request).await
    }

    /// Loads a span of days anew.
    pub(crate) async fn backfill(&self, day: &str, from: &str, to: &str) -> Result<RunSummary> {
        let now = moment(day);
        let engine = self.engine(now).await;
        let jobs = self.declared();
        let request = Request::new(self.dir.path(), &engine, &jobs, Arc::new(FixedClock(now)));
        backfill(&request, Window { from: moment(from), to: moment(to) }).await
    }

    pub(crate) async fn plan(&self, day: &str) -> Vec<JobPlan> {
        let engine = self.engine(moment(day)).await;
        plan(self.dir.path(), &engine, &self.declared(), &[]).await.unwrap()
    }

    pub(crate) async fn latest(&self) -> Arc<Release> {
        self.engine(moment("2030-01-01")).await.warehouse().latest().await.unwrap()
    }

    /// The rows of a query on the latest release, as text.
    pub(crate) async fn sql(&self, sql: &str) -> Vec<String> {
        let engine = self.engine(moment("2030-01-01")).await;
        let release = engine.warehouse().latest().await.unwrap();
        let session = engine.session(Principal::local(), release);
        let query = session.plan_sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let batches: Vec<_> =
            query.execute().await.unwrap().try_collect().await.map_err(error_of).unwrap();
        let mut rows = Vec::new();
        for batch in &batches {
            for row in 0..batch.num_rows() {
                let cell = |column: &arrow::array::ArrayRef| {
                    arrow::util::display::array_value_to_string(column, row).unwrap()
                };
                rows.push(batch.columns().iter().map(cell).collect::<Vec<_>>().join("|"));
            }
        }
        rows
    }
}

/// Midnight of a day.
pub(crate) fn moment(day: &str) -> DateTime<Utc> {
    day.parse::<NaiveDate>().unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc()
}
