//! Two days of loading: each day's sources, then its release.
//!
//! What the latest release has read says what is missing. A day whose files it has not read gets
//! them written again (the same bytes) and is loaded.

use crate::cli::etl::{bars::Bars, in_words};
use crate::cli::failure::Failure;
use crate::cli::project::{Project, jobs};
use crate::error::{Error, Result};
use crate::etl::progress::{Progress, Quiet};
use crate::etl::run::{Request, RunSummary, run};
use crate::sample::complete_journey;
use crate::sample::retail::{self, Retail, SEED};
use crate::store::Release;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Loads the days that no release holds yet.
pub(super) async fn missing_days(project: &Project, out: &mut impl Write) -> Result<(), Failure> {
    let latest = project.warehouse.latest().await?;
    let day_one_is_loaded = has_read(&latest, retail::FIRST_DAY_FILE);
    if day_one_is_loaded && has_read(&latest, &retail::second_day_file()) {
        writeln!(out, "Both days are loaded; nothing is missing, so nothing is published.\n")?;
        return Ok(());
    }
    let folder = project.declared.root.clone();
    let retail = Arc::new(blocking(|| Ok(Retail::generate(SEED))).await?);
    if !day_one_is_loaded {
        let (sources, folder) = (Arc::clone(&retail), folder.clone());
        blocking(move || sources.write_day_one(&folder)).await?;
        let summary = load(project, retail::day_one()).await?;
        writeln!(out, "Day one, {}\n{}", retail::day_one(), in_words(&summary))?;
    }
    blocking(move || retail.write_day_two(&folder)).await?;
    let summary = load(project, retail::day_two()).await?;
    writeln!(out, "Day two, {}\n{}", retail::day_two(), in_words(&summary))?;
    Ok(())
}

/// Loads The Complete Journey unless a release holds it.
pub(super) async fn journey(
    project: &Project,
    from: Option<PathBuf>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    if has_read(&*project.warehouse.latest().await?, "sources/transactions.parquet") {
        writeln!(out, "It is loaded; nothing is missing, so nothing is published.\n")?;
        return Ok(());
    }
    let folder = project.declared.root.clone();
    blocking(move || complete_journey::fetch(&folder, from.as_deref())).await?;
    let summary = load(project, complete_journey::LAST_DAY).await?;
    writeln!(out, "The Complete Journey\n{}", in_words(&summary))?;
    Ok(())
}

/// Whether a job has read a file for that release.
fn has_read(release: &Release, file: &str) -> bool {
    let inputs = release.inputs.values().flat_map(|job| job.values()).flatten();
    inputs.into_iter().any(|input| input.name == file)
}

async fn load(project: &Project, day: NaiveDate) -> Result<RunSummary> {
    let progress: Arc<dyn Progress> = match std::io::stderr().is_terminal() {
        true => Arc::new(Bars::default()),
        false => Arc::new(Quiet),
    };
    let (root, jobs) = (&project.declared.root, jobs(&project.declared)?);
    run(&Request {
        as_of: close_of(day),
        at_once: project.declared.config.parallel_jobs,
        progress,
        ..Request::new(root, &project.engine, &jobs, Arc::clone(&project.clock))
    })
    .await
}

/// When a business day's books close.
fn close_of(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::from_hms_opt(23, 0, 0).unwrap_or_default()).and_utc()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("the sample's generator stopped").caused_by(error))?
}
