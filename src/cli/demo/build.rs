//! Two days of loading: each day's sources, then its release.
//!
//! What is there says what is missing: release 1 holds the first day, release 2 the second. A day
//! whose release is missing gets its sources written again (the same bytes) and is loaded.

use super::bars::Bars;
use super::report;
use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::error::{Error, Result};
use crate::etl::jobs::Jobs;
use crate::etl::run::{Request, run};
use crate::sample::retail::{self, Retail, SEED};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Loads the days that no release holds yet.
pub(super) async fn missing_days(project: &Project, out: &mut impl Write) -> Result<(), Failure> {
    let latest = project.warehouse.latest().await?.id.0;
    if latest >= 2 {
        writeln!(out, "Both days are loaded; nothing is missing, so nothing is published.\n")?;
        return Ok(());
    }
    let jobs = project.jobs()?;
    let folder = project.declared.root.clone();
    let retail = Arc::new(blocking(|| Ok(Retail::generate(SEED))).await?);
    if latest == 0 {
        let (sources, path) = (Arc::clone(&retail), folder.clone());
        blocking(move || sources.write_day_one(&path)).await?;
        load(project, &jobs, &folder, retail::day_one(), out).await?;
    }
    blocking(move || retail.write_day_two(&folder)).await?;
    load(project, &jobs, &project.declared.root, retail::day_two(), out).await
}

async fn load(
    project: &Project,
    jobs: &Jobs,
    folder: &Path,
    day: NaiveDate,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let bars = Arc::new(Bars::new(format!("day of {day}")));
    let summary = run(&Request {
        project: folder,
        engine: &project.engine,
        jobs,
        only: &[],
        as_of: close_of(day),
        clock: Arc::clone(&project.clock),
        progress: Arc::<Bars>::clone(&bars),
    })
    .await;
    bars.clear();
    report::day(day, &summary?, out)
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
