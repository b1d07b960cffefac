//! The engines that need nothing but Rust: Starhouse, and DataFusion as it comes.

use super::cell::Cell;
use super::flight::Served;
use super::load::{clock, files_of, open};
use super::measured::{Column, Measured};
use super::{Args, Asked, Benchmark, Engine, Outcome, WARM_UPS, Way, process};
use arrow::record_batch::RecordBatch;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use futures::TryStreamExt;
use starhouse::engine::{EngineSettings, Session};
use starhouse::model::{self, Model};
use starhouse::policy::Principal;
use starhouse::store::Release;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

/// Asks in every way, each in a process of its own.
pub(crate) fn all(benchmark: &Benchmark, dir: &Path, args: &Args) -> Outcome<Vec<Column>> {
    let ways = benchmark.ways.iter().enumerate();
    ways.map(|(number, way)| {
        eprintln!("{}", way.title);
        match way.engine {
            Engine::Cold => cold(benchmark, number, dir, args),
            _ => process::printed(&mut command(number, dir, args)?),
        }
    })
    .collect()
}

/// Each query by itself in a fresh process: from opening the warehouse to the last row.
fn cold(benchmark: &Benchmark, way: usize, dir: &Path, args: &Args) -> Outcome<Column> {
    let title = benchmark.ways[way].title.to_owned();
    let mut all = Column { title, measured: Vec::new(), peak_bytes: None };
    for (name, _) in &benchmark.queries {
        let mut times_ms = Vec::new();
        for run in 0..args.runs {
            let mut once: Column =
                process::printed(command(way, dir, args)?.args(["--query", name]))?;
            let Some(mut measured) = once.measured.pop() else { continue };
            times_ms.append(&mut measured.times_ms);
            all.peak_bytes = all.peak_bytes.max(once.peak_bytes);
            if run + 1 == args.runs {
                all.measured.push(Measured { times_ms: times_ms.clone(), ..measured });
            }
        }
    }
    Ok(all)
}

/// This program, to ask in one way.
fn command(way: usize, dir: &Path, args: &Args) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    let figures = [
        ("--way", way),
        ("--runs", args.runs),
        ("--threads", args.threads),
        ("--memory-gib", args.memory_gib),
    ];
    for (name, figure) in figures {
        command.arg(name).arg(figure.to_string());
    }
    command.arg("--scale").arg(args.scale.to_string()).arg("--dir").arg(dir);
    Ok(command)
}

/// Asks in one way and prints what it took: the process that [`all`] starts.
pub(crate) fn child(benchmark: &Benchmark, way: usize, dir: &Path, args: &Args) -> Outcome<()> {
    let way = benchmark.ways.get(way).ok_or("no such way")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(args.threads)
        .enable_all()
        .build()?;
    let (measured, peak_bytes) = runtime.block_on(measure(benchmark, way, dir, args))?;
    let peak_bytes = Some(peak_bytes);
    let column = Column { title: way.title.to_owned(), measured, peak_bytes };
    println!("{}", serde_json::to_string(&column)?);
    Ok(())
}

async fn measure(
    benchmark: &Benchmark,
    way: &Way,
    dir: &Path,
    args: &Args,
) -> Outcome<(Vec<Measured>, u64)> {
    let opened = Instant::now();
    let opening = Opened::new(way.engine, dir, args).await?;
    let (warm_ups, runs) = if way.engine == Engine::Cold { (0, 1) } else { (WARM_UPS, args.runs) };
    let mut all = Vec::new();
    for ((name, _), asked) in benchmark.queries.iter().zip(&way.asked) {
        if args.query.as_deref().is_some_and(|wanted| wanted != *name) {
            continue;
        }
        let query = (*name).to_owned();
        let mut one = Measured { query, times_ms: vec![], rows: vec![], failed: None };
        for run in 0..warm_ups + runs {
            let started = if way.engine == Engine::Cold { opened } else { Instant::now() };
            match opening.ask(asked).await {
                Ok(batches) => {
                    let elapsed = started.elapsed().as_secs_f64() * 1000.0;
                    if run >= warm_ups {
                        one.times_ms.push(elapsed);
                    }
                    one.rows = Cell::rows(&batches)?;
                }
                Err(error) => {
                    one = Measured { times_ms: vec![], failed: Some(error.to_string()), ..one };
                    break;
                }
            }
        }
        let failed = one.failed.as_deref().unwrap_or_default();
        eprintln!("  {name} {:.1} ms, {} MB {failed}", one.median_ms(), opening.peak() >> 20);
        all.push(one);
    }
    Ok((all, opening.peak()))
}

/// An engine that can be asked.
enum Opened {
    Starhouse(Session),
    Flight(Box<Served>),
    DataFusion(SessionContext),
}

impl Opened {
    async fn new(engine: Engine, dir: &Path, args: &Args) -> Outcome<Self> {
        if engine == Engine::Flight {
            return Ok(Self::Flight(Box::new(Served::start(dir, args).await?)));
        }
        let base = engine == Engine::Base;
        let warehouse = open(dir).await?;
        let release = warehouse.latest().await?;
        if engine == Engine::DataFusion {
            return Ok(Self::DataFusion(plain(dir, &release, args).await?));
        }
        let mut settings =
            EngineSettings::new(args.memory_gib << 30, args.threads, dir.join(".spill"));
        if engine == Engine::Files {
            settings.hot_columns_bytes = 0;
        }
        let engine = starhouse::engine::Engine::new(warehouse, model(dir)?, settings, clock())?;
        let session = engine.session(Principal::local(), release);
        Ok(Self::Starhouse(session.with_aggregates(!base)))
    }

    /// The most memory that was held.
    fn peak(&self) -> u64 {
        match self {
            Self::Flight(served) => served.peak(),
            _ => process::own_peak(),
        }
    }

    async fn ask(&self, asked: &Asked) -> Outcome<Vec<RecordBatch>> {
        let query = match (self, asked) {
            (Self::Starhouse(session), Asked::Sql(sql)) => session.plan_sql(sql).await?,
            (Self::Starhouse(session), Asked::Cube(query)) => {
                session.plan_cube_query(query).await?
            }
            (Self::DataFusion(context), Asked::Sql(sql)) => {
                let sql = sql.replace("warehouse.", "");
                return Ok(context.sql(&sql).await?.collect().await?);
            }
            (Self::Flight(served), Asked::Sql(sql)) => return served.ask(sql).await,
            (Self::Flight(_), Asked::Cube(_)) => return Err("ask in SQL over Flight SQL".into()),
            (Self::DataFusion(_), Asked::Cube(_)) => return Err("DataFusion has no cubes".into()),
        };
        Ok(query.execute().await?.try_collect().await?)
    }
}

/// The model of a project.
pub(crate) fn model(dir: &Path) -> Outcome<Arc<Model>> {
    let mut schemas = Vec::new();
    documents(&dir.join("schemas"), &mut schemas)?;
    Ok(Arc::new(model::load(&schemas)?))
}

fn documents(folder: &Path, found: &mut Vec<(String, String)>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            documents(&path, found)?;
        } else {
            found.push((path.display().to_string(), std::fs::read_to_string(path)?));
        }
    }
    Ok(())
}

/// DataFusion as it comes, over the same files.
#[allow(clippy::disallowed_methods, reason = "this is the rival, not ours")]
async fn plain(dir: &Path, release: &Release, args: &Args) -> Outcome<SessionContext> {
    let config = SessionConfig::new().with_target_partitions(args.threads);
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(args.memory_gib << 30, 1.0);
    let context = SessionContext::new_with_config_rt(config, runtime.build_arc()?);
    for (name, files) in files_of(dir, release) {
        let paths: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let table = context.read_parquet(paths, ParquetReadOptions::default()).await?;
        context.register_table(&name, table.into_view())?;
    }
    Ok(context)
}
