//! Extraction and cleaning: what is read, what is refused, and that no row is lost.

mod api;
mod buckets;
mod conformance;
mod corners;
mod csv;
mod fills;
mod flight;
mod formats;
mod http;
mod json;
mod mysql;
mod packed;
pub(crate) mod postgresql;
mod quarantine;
mod references;
mod retail;
mod servers;
mod speed;
mod stores;
mod together;
mod typed;
mod ugly;
mod watermark;
mod web;
mod writers;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{TimeZone, Utc};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use starhouse::clock::FixedClock;
use starhouse::error::Result;
use starhouse::etl::extract::{self, Counts, Extracted};
use starhouse::etl::job::SourceSpec;
use starhouse::ids::RunId;
use starhouse::store::{Input, Load, Reject, Release, TableState, Warehouse};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// A project in a temporary folder.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    warehouse: Warehouse,
    postgresql: OnceLock<postgresql::Database>,
    mysql: OnceLock<mysql::Database>,
    web: OnceLock<web::Web>,
    s3: OnceLock<buckets::S3>,
    azure: OnceLock<stores::Azure>,
    google: OnceLock<stores::Google>,
    flight: OnceLock<flight::Flight>,
}

/// What came of an extraction.
pub(crate) struct Outcome {
    pub(crate) extracted: Extracted,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    pub(crate) rejects: Vec<Reject>,
}

impl Project {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock(Utc.with_ymd_and_hms(2025, 1, 1, 0, 0, 0).unwrap()));
        let warehouse = Warehouse::open(&folder.path().join("warehouse"), clock).await.unwrap();
        let (postgresql, mysql) = (OnceLock::new(), OnceLock::new());
        let (web, s3, flight) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let (azure, google) = (OnceLock::new(), OnceLock::new());
        Self { folder, warehouse, postgresql, mysql, web, s3, azure, google, flight }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn warehouse(&self) -> &Warehouse {
        &self.warehouse
    }

    pub(crate) async fn latest(&self) -> Arc<Release> {
        self.warehouse.latest().await.unwrap()
    }

    /// A load of its own.
    pub(crate) async fn load(&self) -> Load {
        self.warehouse.begin(RunId(format!("run-{}", self.count_runs())), self.latest().await)
    }

    /// The project's PostgreSQL database.
    pub(crate) fn postgresql(&self) -> postgresql::Database {
        self.postgresql.get_or_init(|| postgresql::Database::new(self.path())).clone()
    }

    /// The project's MariaDB database.
    pub(crate) fn mysql(&self) -> mysql::Database {
        self.mysql.get_or_init(|| mysql::Database::new(self.path())).clone()
    }

    /// A web server that gives the project's files out: as they are, in a bucket `bucket`, and those
    /// in `api/` page by page.
    pub(crate) fn web(&self) -> &web::Web {
        self.web.get_or_init(|| buckets::serve(self.path().to_owned()))
    }

    /// The project's bucket in an S3 server.
    pub(crate) fn s3(&self) -> &buckets::S3 {
        self.s3.get_or_init(buckets::S3::new)
    }

    /// The project's container in a server that speaks as Azure does.
    pub(crate) fn azure(&self) -> &stores::Azure {
        self.azure.get_or_init(stores::Azure::new)
    }

    /// The project's bucket in a server that speaks as Google's does.
    pub(crate) fn google(&self) -> &stores::Google {
        self.google.get_or_init(stores::Google::new)
    }

    /// A Flight SQL server of the project's own.
    pub(crate) fn flight(&self) -> &flight::Flight {
        self.flight.get_or_init(flight::Flight::new)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Plans and extracts a source, as a first run would.
    pub(crate) async fn extract(&self, spec: &SourceSpec) -> Result<Outcome> {
        self.extract_after(spec, None).await
    }

    /// Plans and extracts a source of which runs have read something before.
    pub(crate) async fn extract_after(
        &self,
        spec: &SourceSpec,
        before: Option<&[Input]>,
    ) -> Result<Outcome> {
        let plan = extract::plan(self.path(), spec, before).await?;
        let run = RunId(format!("run-{}-{}", spec.name, self.count_runs()));
        let load = self.warehouse.begin(run.clone(), self.warehouse.latest().await?);
        let progress: extract::OnProgress = Arc::new(|_| {});
        let extracted = extract::extract(&plan, "job", &load, &self.warehouse, progress).await?;
        let rows = self.rows(&extracted.staged);
        let rejects = self.warehouse.rejects(Some(&run)).await?;
        load.abandon().await?;
        let counts = &extracted.extent.counts;
        assert_eq!(counts.read, counts.staged + counts.rejected + counts.duplicates, "{counts:?}");
        assert_eq!(counts.staged, rows.len() as u64);
        assert_eq!(counts.rejected, rejects.len() as u64);
        let summarised: u64 = extracted.extent.rejects.iter().map(|cause| cause.rows).sum();
        assert_eq!(counts.rejected, summarised);
        Ok(Outcome { extracted, rows, rejects })
    }

    /// Extracts a source and only counts.
    pub(crate) async fn count(&self, spec: &SourceSpec) -> Result<Counts> {
        let plan = extract::plan(self.path(), spec, None).await?;
        let load = self.warehouse.begin(RunId("count".into()), self.warehouse.latest().await?);
        let progress: extract::OnProgress = Arc::new(|_| {});
        let extracted = extract::extract(&plan, "job", &load, &self.warehouse, progress).await?;
        load.abandon().await?;
        Ok(extracted.extent.counts)
    }

    fn count_runs(&self) -> usize {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        RUNS.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn rows(&self, staged: &TableState) -> Vec<Vec<Option<String>>> {
        let folder = self.warehouse.root().join(&staged.location);
        staged.files.iter().flat_map(|file| rows_of(&folder.join(&file.path))).collect()
    }
}

/// The rows of a Parquet file as text.
fn rows_of(path: &Path) -> Vec<Vec<Option<String>>> {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.flat_map(|batch| texts(&batch.unwrap())).collect()
}

/// The rows of a batch as text.
pub(crate) fn texts(batch: &RecordBatch) -> Vec<Vec<Option<String>>> {
    let options = FormatOptions::default();
    let columns: Vec<_> = batch.columns().iter().collect();
    let formatters: Vec<ArrayFormatter<'_>> =
        columns.iter().map(|column| ArrayFormatter::try_new(*column, &options).unwrap()).collect();
    let cell = |row: usize, column: usize| {
        (!columns[column].is_null(row)).then(|| formatters[column].value(row).to_string())
    };
    (0..batch.num_rows()).map(|row| (0..columns.len()).map(|at| cell(row, at)).collect()).collect()
}

/// A source, from YAML.
pub(crate) fn spec(yaml: &str) -> SourceSpec {
    serde_saphyr::from_str(yaml).unwrap()
}

/// A row of texts; `~` is NULL.
pub(crate) fn row(cells: &[&str]) -> Vec<Option<String>> {
    cells.iter().map(|cell| (*cell != "~").then(|| (*cell).to_owned())).collect()
}

/// Line, rule and column of each reject.
pub(crate) fn causes(rejects: &[Reject]) -> Vec<(u64, &str, Option<&str>)> {
    rejects.iter().map(|r| (r.line, r.rule.as_str(), r.column.as_deref())).collect()
}
