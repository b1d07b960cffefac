//! The real pipeline in a temporary folder: both days loaded as two releases.

use super::cell::Given;
use crate::support::engine_settings;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt;
use starhouse::clock::{Clock, FixedClock};
use starhouse::engine::{Engine, Query};
use starhouse::etl::jobs::Jobs;
use starhouse::etl::run::{Request, RunSummary, run};
use starhouse::ids::ReleaseId;
use starhouse::model;
use starhouse::policy::Principal;
use starhouse::query::CubeQuery;
use starhouse::sample::project::Sample;
use starhouse::sample::retail::write::SourceReport;
use starhouse::sample::retail::{Retail, day_one, day_two};
use starhouse::store::Warehouse;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// A warehouse with both days in it.
pub(crate) struct Built {
    pub(crate) known_rejects: [Vec<String>; 2],
    /// The second run's business time.
    pub(crate) second_run_us: i64,
    /// The release that holds the first day alone.
    pub(crate) after_day_one: ReleaseId,
    engine: Engine,
    jobs: Jobs,
    runs: Vec<RunSummary>,
    folder: TempDir,
}

fn close_of(day: NaiveDate) -> DateTime<Utc> {
    day.and_hms_opt(23, 0, 0).unwrap().and_utc()
}

impl Built {
    /// Two days, two runs, and a third that finds nothing new.
    pub(crate) async fn new(retail: &Retail) -> Self {
        let mut built = Self::empty().await;
        let one = retail.write_day_one(built.folder.path()).unwrap();
        let first = built.run(day_one()).await;
        built.runs.push(first);
        built.after_day_one = built.engine.warehouse().latest().await.unwrap().id;
        let two = retail.write_day_two(built.folder.path()).unwrap();
        let second = built.run(day_two()).await;
        built.runs.push(second);
        let third = built.run(day_two()).await;
        let releases: Vec<_> =
            built.runs.iter().chain([&third]).map(|run| run.release.map(|id| id.0)).collect();
        assert_eq!(releases, [Some(1), Some(2), None], "releases");
        rows_are_counted(&one, &built.runs[0]);
        // the rates have not changed, and are read again by the jobs that run
        let rates = one.iter().filter(|report| report.source == "rate").cloned();
        let two: Vec<_> = two.into_iter().chain(rates).collect();
        let first = known_rejects(&one, &built.jobs, |_| true);
        // What reads nothing else has nothing to do on the second day.
        let second = known_rejects(&two, &built.jobs, |job| job != "exchange_rates");
        built.known_rejects = [first, second];
        built
    }

    /// One run that finds the files of both days.
    pub(crate) async fn at_once(retail: &Retail) -> Self {
        let mut built = Self::empty().await;
        retail.write_day_one(built.folder.path()).unwrap();
        retail.write_day_two(built.folder.path()).unwrap();
        let run = built.run(day_two()).await;
        built.runs.push(run);
        built
    }

    async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Sample::Retail.write(folder.path()).unwrap();
        let schemas = texts(&folder.path().join("schemas"));
        let model = Arc::new(model::load(&schemas).unwrap());
        let jobs = Jobs::load(&texts(&folder.path().join("etl")), &model).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(FixedClock(close_of(day_two())));
        let warehouse =
            Warehouse::open(&folder.path().join("warehouse"), Arc::clone(&clock)).await.unwrap();
        let settings = engine_settings(1 << 30, 2, folder.path().join("spill"));
        let engine = Engine::new(warehouse, model, settings, clock).unwrap();
        Self {
            known_rejects: Default::default(),
            second_run_us: close_of(day_two()).timestamp_micros(),
            after_day_one: ReleaseId::EMPTY,
            engine,
            jobs,
            runs: Vec::new(),
            folder,
        }
    }

    async fn run(&self, day: NaiveDate) -> RunSummary {
        let clock = Arc::new(FixedClock(close_of(day_two())));
        run(&Request {
            as_of: close_of(day),
            ..Request::new(self.folder.path(), &self.engine, &self.jobs, clock)
        })
        .await
        .unwrap()
    }

    /// Rejected rows of a day's run, as [`known_rejects`] shows them.
    pub(crate) async fn rejects(&self, day: usize) -> Vec<String> {
        let rejects = self.engine.warehouse().rejects(Some(&self.runs[day].run)).await.unwrap();
        rejects
            .iter()
            // the source of borrowers reads the loans once more, in a query of its own
            .filter(|reject| reject.source != "borrower")
            .map(|r| {
                let column = r.column.as_deref().unwrap_or("∅");
                format!("{}|{}|{}|{}|{column}", r.job, r.source, r.file, r.line)
            })
            .collect()
    }

    pub(crate) async fn latest(&self) -> ReleaseId {
        self.engine.warehouse().latest().await.unwrap().id
    }

    pub(crate) async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        self.rows_at(self.latest().await, sql).await
    }

    pub(crate) async fn rows_at(&self, release: ReleaseId, sql: &str) -> Vec<Vec<String>> {
        let release = self.engine.warehouse().release(release).await.unwrap();
        let session = self.engine.session(Principal::local(), release);
        let query = session.plan_sql(sql).await.unwrap_or_else(|e| panic!("{e}\nin {sql}"));
        let answer = cells(&query, sql).await;
        let text = |cell: Given| cell.text.unwrap_or("∅".to_owned());
        answer.into_iter().map(|row| row.into_iter().map(text).collect()).collect()
    }

    pub(crate) async fn ask_sql(&self, sql: &str, aggregates: bool) -> Vec<Vec<Given>> {
        let session = self.session(aggregates).await;
        let query = session.plan_sql(sql).await.unwrap_or_else(|e| panic!("{e}\nin {sql}"));
        cells(&query, sql).await
    }

    pub(crate) async fn ask_cube(&self, yaml: &str, aggregates: bool) -> Vec<Vec<Given>> {
        let question: CubeQuery = serde_saphyr::from_str(yaml).unwrap();
        let session = self.session(aggregates).await;
        let query = session.plan_cube_query(&question).await;
        cells(&query.unwrap_or_else(|e| panic!("{e}\nin {yaml}")), yaml).await
    }

    async fn session(&self, aggregates: bool) -> starhouse::engine::Session {
        let release = self.engine.warehouse().latest().await.unwrap();
        self.engine.session(Principal::local(), release).with_aggregates(aggregates)
    }
}

async fn cells(query: &Query, text: &str) -> Vec<Vec<Given>> {
    let stream = query.execute().await.unwrap_or_else(|e| panic!("{e}\nin {text}"));
    let batches: Vec<RecordBatch> =
        stream.try_collect().await.unwrap_or_else(|e| panic!("{e}\nin {text}"));
    batches.iter().flat_map(rows_of).collect()
}

fn rows_of(batch: &RecordBatch) -> Vec<Vec<Given>> {
    let options = FormatOptions::default();
    let columns: Vec<_> = (batch.columns().iter())
        .map(|array| (array, ArrayFormatter::try_new(array.as_ref(), &options).unwrap()))
        .collect();
    let cell = |(array, formatter): &(&Arc<dyn Array>, ArrayFormatter<'_>), row: usize| Given {
        text: array.is_valid(row).then(|| formatter.value(row).to_string()),
        is_float: matches!(array.data_type(), DataType::Float32 | DataType::Float64),
    };
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| cell(column, row)).collect())
        .collect()
}

/// Every known reject once for each job that reads the source.
fn known_rejects(
    reports: &[SourceReport],
    jobs: &Jobs,
    runs: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut rejects = Vec::new();
    for job in jobs.iter().filter(|job| runs(&job.job)) {
        let read = |report: &&SourceReport| job.sources.iter().any(|s| s.name == report.source);
        for report in reports.iter().filter(read) {
            rejects.extend(report.rejects.iter().map(|reject| {
                let column = reject.column.unwrap_or("∅");
                let SourceReport { source, file, .. } = report;
                format!("{}|{source}|{file}|{}|{column}", job.job, reject.line)
            }));
        }
    }
    rejects
}

/// What the first run read, refused and found twice is what was written.
fn rows_are_counted(reports: &[SourceReport], summary: &RunSummary) {
    for job in &summary.jobs {
        for source in job.sources.iter().filter(|source| source.source != "borrower") {
            let of_source = || reports.iter().filter(|report| report.source == source.source);
            let rows: u64 = of_source().map(|report| report.rows).sum();
            let duplicates: u64 = of_source().map(|report| report.duplicates).sum();
            let rejected: usize = of_source().map(|report| report.rejects.len()).sum();
            let found = (source.counts.read, source.counts.duplicates, source.counts.rejected);
            assert_eq!(found, (rows, duplicates, rejected as u64), "{} {}", job.job, source.source);
        }
    }
}

/// The YAML files below a folder, by name.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let files = super::compare::files_in(folder);
    let text = |(name, bytes): (std::path::PathBuf, Vec<u8>)| {
        (name.display().to_string(), String::from_utf8(bytes).unwrap())
    };
    files.into_iter().map(text).collect()
}
