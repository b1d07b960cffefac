//! Starhouse: loading with the real binary, asking in three ways; and DataFusion as it comes.

use super::measured::{Column, Load, Measured};
use super::process;
use super::queries::{QUERIES, Query};
use super::{Args, Outcome};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use starhouse::clock::{Clock, FixedClock};
use starhouse::engine::{Engine, EngineSettings, Session};
use starhouse::model::{self, Model};
use starhouse::policy::Principal;
use starhouse::store::{Release, Warehouse};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

/// Loads the warehouse with `starhouse etl run`, unless it is there.
pub(crate) fn load(dir: &Path, again: bool) -> Outcome<Load> {
    let warehouse = dir.join("warehouse");
    if again && warehouse.exists() {
        std::fs::remove_dir_all(&warehouse)?;
    }
    let cost = match warehouse.exists() {
        true => None,
        false => {
            eprintln!("loading");
            let mut command = Command::new(env!("CARGO_BIN_EXE_starhouse"));
            Some(process::run(command.args(["etl", "run", "--project"]).arg(dir))?)
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let release = runtime.block_on(async { open(dir).await?.latest().await })?;
    let fact = &release.tables["fact_lineorder"];
    let bytes = release.tables.values().map(|table| table.size_bytes()).sum();
    let mut text_bytes = 0;
    for entry in std::fs::read_dir(dir.join("sources"))? {
        text_bytes += entry?.metadata()?.len();
    }
    Ok(Load { cost, rows: fact.rows(), bytes, text_bytes })
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(FixedClock(chrono::DateTime::UNIX_EPOCH))
}

async fn open(dir: &Path) -> starhouse::error::Result<Warehouse> {
    Warehouse::open(&dir.join("warehouse"), clock()).await
}

/// The files of every table, in their order.
pub(crate) async fn files(dir: &Path) -> Outcome<BTreeMap<String, Vec<PathBuf>>> {
    let release = open(dir).await?.latest().await?;
    Ok(files_of(dir, &release))
}

fn files_of(dir: &Path, release: &Release) -> BTreeMap<String, Vec<PathBuf>> {
    let place = |table: &starhouse::store::TableState| {
        let folder = dir.join("warehouse").join(&table.location);
        table.files.iter().map(|file| folder.join(&file.path)).collect()
    };
    release.tables.iter().map(|(name, table)| (name.clone(), place(table))).collect()
}

/// All ways that need nothing but Rust.
pub(crate) async fn all(dir: &Path, args: &Args) -> Outcome<Vec<Column>> {
    let warehouse = open(dir).await?;
    let release = warehouse.latest().await?;
    let model = model(dir)?;
    let settings = settings(dir, args);
    let session = |settings| -> starhouse::error::Result<Session> {
        let engine = Engine::new(warehouse.clone(), Arc::clone(&model), settings, clock())?;
        Ok(engine.session(Principal::local(), Arc::clone(&release)))
    };
    let from_files = session(EngineSettings { hot_columns_bytes: 0, ..settings.clone() })?;
    let from_memory = session(settings)?;
    let plain = plain(dir, &release, args).await?;
    let mut columns = Vec::new();
    for way in [Way::Star, Way::CubeSql, Way::CubeQuery, Way::Hot, Way::Plain] {
        let session = if let Way::Hot = way { &from_memory } else { &from_files };
        let mut measured = Vec::new();
        for query in &QUERIES {
            eprintln!("{} {}", way.title(), query.name);
            let mut times = Vec::new();
            let mut rows = Vec::new();
            for run in 0..WARM_UPS + args.runs {
                let started = Instant::now();
                let batches = way.ask(query, session, &plain).await?;
                let elapsed = started.elapsed().as_secs_f64() * 1000.0;
                if run >= WARM_UPS {
                    times.push(elapsed);
                }
                rows = texts(&batches)?;
            }
            measured.push(Measured { query: query.name.to_owned(), times_ms: times, rows });
        }
        let title = way.title().to_owned();
        columns.push(Column { title, measured, load: None, peak_bytes: None });
    }
    columns.insert(columns.len() - 1, cold(dir, args)?);
    Ok(columns)
}

fn model(dir: &Path) -> Outcome<Arc<Model>> {
    let schemas: Vec<(String, String)> = std::fs::read_dir(dir.join("schemas"))?
        .map(|entry| {
            let path = entry?.path();
            Ok((path.display().to_string(), std::fs::read_to_string(path)?))
        })
        .collect::<std::io::Result<_>>()?;
    Ok(Arc::new(model::load(&schemas)?))
}

fn settings(dir: &Path, args: &Args) -> EngineSettings {
    EngineSettings::new(args.memory_gib << 30, args.threads, dir.join(".spill"))
}

/// What a fresh process found.
#[derive(Serialize, Deserialize)]
struct Once {
    ms: f64,
    rows: Vec<Vec<String>>,
    peak_bytes: u64,
}

/// Each query by itself in a fresh process: from opening the warehouse to the last row.
fn cold(dir: &Path, args: &Args) -> Outcome<Column> {
    let mut peak_bytes = 0;
    let mut measured = Vec::new();
    for query in &QUERIES {
        eprintln!("Starhouse, cold {}", query.name);
        let (mut times_ms, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..args.runs {
            let mut command = Command::new(std::env::current_exe()?);
            let memory = args.memory_gib.to_string();
            command.args(["--once", query.name, "--memory-gib", &memory]);
            let output = command.arg("--threads").arg(args.threads.to_string());
            let output = output.arg("--dir").arg(dir).stderr(Stdio::inherit()).output()?;
            let once: Once = serde_json::from_slice(&output.stdout)?;
            times_ms.push(once.ms);
            peak_bytes = peak_bytes.max(once.peak_bytes);
            rows = once.rows;
        }
        measured.push(Measured { query: query.name.to_owned(), times_ms, rows });
    }
    let title = "Starhouse, star SQL, cold".to_owned();
    Ok(Column { title, measured, load: None, peak_bytes: Some(peak_bytes) })
}

/// Asks one query and prints what it took, as a process of its own.
pub(crate) async fn once(dir: &Path, args: &Args, name: &str) -> Outcome<()> {
    let query = QUERIES.iter().find(|query| query.name == name).ok_or("no such query")?;
    let started = Instant::now();
    let warehouse = open(dir).await?;
    let release = warehouse.latest().await?;
    let engine = Engine::new(warehouse, model(dir)?, settings(dir, args), clock())?;
    let session = engine.session(Principal::local(), release);
    let batches: Vec<RecordBatch> =
        session.plan_sql(&query.star()).await?.execute().await?.try_collect().await?;
    let ms = started.elapsed().as_secs_f64() * 1000.0;
    let once = Once { ms, rows: texts(&batches)?, peak_bytes: process::own_peak() };
    println!("{}", serde_json::to_string(&once)?);
    Ok(())
}

/// Runs before those that count: what is kept in memory is kept from its second use on.
pub(crate) const WARM_UPS: usize = 2;

#[derive(Clone, Copy)]
enum Way {
    Star,
    CubeSql,
    CubeQuery,
    /// Star SQL, with decoded columns kept in memory.
    Hot,
    Plain,
}

impl Way {
    fn title(self) -> &'static str {
        match self {
            Self::Star => "Starhouse, star SQL",
            Self::CubeSql => "Starhouse, cube SQL",
            Self::CubeQuery => "Starhouse, cube query",
            Self::Hot => "Starhouse, star SQL, hot columns",
            Self::Plain => "DataFusion, same files",
        }
    }

    async fn ask(
        self,
        query: &Query,
        session: &Session,
        plain: &SessionContext,
    ) -> Outcome<Vec<RecordBatch>> {
        let planned = match self {
            Self::Star | Self::Hot => session.plan_sql(&query.star()).await?,
            Self::CubeSql => session.plan_sql(&query.cube_sql()).await?,
            Self::CubeQuery => session.plan_cube_query(&query.cube_query()).await?,
            Self::Plain => {
                let sql = query.star().replace("warehouse.", "");
                return Ok(plain.sql(&sql).await?.collect().await?);
            }
        };
        Ok(planned.execute().await?.try_collect().await?)
    }
}

/// DataFusion as it comes, over the same files.
#[allow(clippy::disallowed_methods, reason = "this is the rival, not ours")]
async fn plain(dir: &Path, release: &Release, args: &Args) -> Outcome<SessionContext> {
    let config = SessionConfig::new().with_target_partitions(args.threads);
    let context = SessionContext::new_with_config(config);
    for (name, files) in files_of(dir, release) {
        let paths: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let table = context.read_parquet(paths, ParquetReadOptions::default()).await?;
        context.register_table(&name, table.into_view())?;
    }
    Ok(context)
}

fn texts(batches: &[RecordBatch]) -> Outcome<Vec<Vec<String>>> {
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter();
        let columns: Vec<_> = columns
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect());
        }
    }
    Ok(rows)
}
