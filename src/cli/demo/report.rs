//! What a day's load did, and the releases.

use crate::cli::failure::Failure;
use crate::cli::project::Project;
use crate::cli::table::{count, headed, number};
use crate::etl::run::{JobSummary, RunSummary, SourceSummary};
use crate::ids::ReleaseId;
use chrono::{NaiveDate, SecondsFormat};
use comfy_table::Cell;
use std::io::Write;

/// Tells rows read, loaded and rejected by reason.
pub(super) fn day(
    day: NaiveDate,
    summary: &RunSummary,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let seconds = summary.elapsed_ms as f64 / 1000.0;
    let end = match summary.release {
        Some(release) => format!("release {release}"),
        None => "nothing new".to_owned(),
    };
    writeln!(out, "Day of {day}: {end}, {seconds:.1} s\n{}\n", jobs(&summary.jobs))?;
    writeln!(out, "Rows rejected, by reason\n{}\n", rejects(&summary.jobs))?;
    for note in summary.jobs.iter().flat_map(|job| &job.notes) {
        writeln!(out, "note: {note}")?;
    }
    Ok(())
}

fn jobs(jobs: &[JobSummary]) -> comfy_table::Table {
    let mut table =
        headed(["job", "rows read", "rejected", "duplicates", "loaded", "deleted", "table"]);
    for job in jobs {
        let sum = |of: fn(&SourceSummary) -> u64| number(count(job.sources.iter().map(of).sum()));
        table.add_row([
            Cell::new(&job.job),
            sum(|source| source.counts.read),
            sum(|source| source.counts.rejected),
            sum(|source| source.counts.duplicates),
            number(count(job.rows_written)),
            number(count(job.rows_deleted)),
            Cell::new(match &job.skipped {
                Some(why) => format!("{}: skipped, {why}", job.table),
                None => job.table.clone(),
            }),
        ]);
    }
    table
}

fn rejects(jobs: &[JobSummary]) -> comfy_table::Table {
    let mut table = headed(["job", "source", "column", "rule", "rows", "the first of them"]);
    let summaries = jobs.iter().flat_map(|job| &job.sources).flat_map(|source| &source.rejects);
    for reject in summaries {
        let first = &reject.example;
        table.add_row([
            Cell::new(&reject.job),
            Cell::new(&reject.source),
            Cell::new(reject.column.as_deref().unwrap_or("")),
            Cell::new(&reject.rule),
            number(count(reject.rows)),
            Cell::new(format!("{}:{}: {}", first.file, first.line, first.reason)),
            ]);
    }
    table
}

/// Lists the releases.
pub(super) async fn releases(project: &Project, out: &mut impl Write) -> Result<(), Failure> {
    let mut table = headed(["release", "published", "tables", "rows", "what it brought"]);
    let releases = project.warehouse.releases().await?;
    for release in releases.iter().filter(|release| release.id != ReleaseId::EMPTY) {
        table.add_row([
            number(release.id),
            Cell::new(release.created_at.to_rfc3339_opts(SecondsFormat::Secs, true)),
            number(release.tables.len()),
            number(count(release.tables.values().map(|table| table.rows()).sum())),
            Cell::new(&release.summary),
        ]);
    }
    writeln!(out, "Releases\n{table}\n")?;
    Ok(())
}
