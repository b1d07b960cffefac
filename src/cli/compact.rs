//! `starhouse compact`: puts the files of facts in order again.

use super::etl::bars::Bars;
use super::failure::Failure;
use super::project::Project;
use super::table::{self, headed, number};
use crate::etl::compact::{self, Compacted, Request};
use crate::etl::progress::{Progress, Quiet};
use comfy_table::Cell;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

/// Put the files of facts in order again
///
/// Rows that came late to a month lie in files of their own, and a fact whose `sort_by` or
/// `cluster_by` has changed lies in the old order. What has drifted so is written anew and published
/// as a release with the same rows; a month that has not drifted stays as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  starhouse compact --dry-run\n  starhouse compact\n  \
                        starhouse compact fact_sales --all      drifted or not")]
pub(super) struct Args {
    /// The facts' tables; all where none is named
    tables: Vec<String>,
    /// Write everything anew, drifted or not
    #[arg(long)]
    all: bool,
    /// Say what would be written anew, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Compacts, or says what would be.
pub(super) async fn run(project: &Path, args: &Args) -> Result<(), Failure> {
    let project = Project::open(project).await?;
    let mut out = io::stdout();
    if args.dry_run {
        let release = project.warehouse.latest().await?;
        let model = project.engine.model();
        let planned = compact::plan(model, &release, &args.tables, args.all)?;
        write!(out, "{}", listed(&planned))?;
        return Ok(());
    }
    let progress: Arc<dyn Progress> = match io::stderr().is_terminal() {
        true => Arc::new(Bars::default()),
        false => Arc::new(Quiet),
    };
    let request = Request {
        engine: &project.engine,
        only: &args.tables,
        all: args.all,
        clock: Arc::clone(&project.clock),
        progress,
    };
    let summary = compact::run(&request).await?;
    write!(out, "{}", listed(&summary.tables))?;
    for note in &summary.notes {
        writeln!(out, "{note}")?;
    }
    if let Some(release) = summary.release {
        let seconds = table::seconds(summary.elapsed_ms);
        writeln!(out, "published release {release} in {seconds} s (run {})", summary.run)?;
    }
    Ok(())
}

fn listed(tables: &[Compacted]) -> String {
    if tables.is_empty() {
        return "nothing has drifted\n".to_owned();
    }
    let mut list = headed(["table", "why", "partitions", "rows", "files", "size"]);
    for compacted in tables {
        let (files, new_files) = compacted.files;
        let (bytes, new_bytes) = compacted.bytes;
        let files = became(files.to_string(), new_files.map(|files| files.to_string()));
        let bytes = became(table::bytes(bytes), new_bytes.map(table::bytes));
        list.add_row([
            Cell::new(&compacted.table),
            Cell::new(&compacted.why),
            number(compacted.partitions),
            number(table::count(compacted.rows)),
            number(files),
            number(bytes),
        ]);
    }
    format!("{list}\n")
}

fn became(before: String, after: Option<String>) -> String {
    match after {
        Some(after) => format!("{before} -> {after}"),
        None => before,
    }
}
