//! `starhouse releases`: what was published when, and the way back.

use super::failure::Failure;
use super::project::{At, Project};
use super::table::{self, headed, number};
use crate::error::Result;
use crate::ids::{ReleaseId, RunId};
use crate::store::{Release, TableState};
use chrono::SecondsFormat;
use comfy_table::{Cell, Table};
use std::collections::{BTreeSet, HashSet};
use std::io::{self, Write};
use std::path::Path;

/// What was published when, and the way back
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  starhouse releases list
  starhouse releases show 3
  starhouse releases diff 2 3
  starhouse releases rollback 2";

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// All retained releases
    List,
    /// The tables of a release; of the latest where none is named
    Show {
        /// The release's number
        release: Option<u64>,
    },
    /// What changed from one release to another
    Diff {
        /// The earlier release
        from: u64,
        /// The later release; the latest where left out
        to: Option<u64>,
    },
    /// Publish a new release with the tables of an older one
    Rollback {
        /// The release to go back to
        to: u64,
    },
}

/// Shows, or goes back.
pub(super) async fn run(project: &Path, args: Args) -> Result<(), Failure> {
    let project = Project::open(project).await?;
    let text = match args.command {
        Command::List => list(&project).await?,
        Command::Show { release } => show(&*named(&project, release).await?),
        Command::Diff { from, to } => {
            let from = project.warehouse.release(ReleaseId(from)).await?;
            diff(&from, &*named(&project, to).await?)
        }
        Command::Rollback { to } => rollback(&project, ReleaseId(to)).await?,
    };
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

async fn named(project: &Project, number: Option<u64>) -> Result<std::sync::Arc<Release>> {
    match number {
        Some(number) => project.warehouse.release(ReleaseId(number)).await,
        None => project.release(&At::default()).await,
    }
}

/// All retained releases, as a table.
pub(super) async fn list(project: &Project) -> Result<String> {
    let releases = project.warehouse.releases().await?;
    let mut list = headed(["release", "published", "tables", "rows", "size", "what it brought"]);
    for release in releases.iter().filter(|release| release.id != ReleaseId::EMPTY) {
        let tables = release.tables.values();
        list.add_row([
            number(release.id),
            Cell::new(published(release)),
            number(release.tables.len()),
            number(table::count(tables.clone().map(TableState::rows).sum())),
            number(table::bytes(tables.map(TableState::size_bytes).sum())),
            Cell::new(&release.summary),
        ]);
    }
    if list.is_empty() {
        return Ok("nothing was published yet; `starhouse etl run` loads".to_owned());
    }
    Ok(list.to_string())
}

fn published(release: &Release) -> String {
    release.created_at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn show(release: &Release) -> String {
    let mut tables = headed(["table", "rows", "files", "size", "delta version"]);
    for (name, state) in &release.tables {
        tables.add_row([
            Cell::new(name),
            number(table::count(state.rows())),
            number(state.files.len()),
            number(table::bytes(state.size_bytes())),
            number(state.delta_version.map_or_else(String::new, |version| version.to_string())),
        ]);
    }
    let Release { id, run, summary, .. } = release;
    let inputs: usize = release.inputs.values().flat_map(|job| job.values()).map(Vec::len).sum();
    format!(
        "release {id}, published {} by run {run}: {summary}\n{tables}\ninputs read: {inputs}",
        published(release)
    )
}

fn diff(from: &Release, to: &Release) -> String {
    let names: BTreeSet<&String> = from.tables.keys().chain(to.tables.keys()).collect();
    let mut changes = headed(["table", "rows before", "rows after", "files out", "files in"]);
    for name in names {
        let (before, after) = (from.tables.get(name), to.tables.get(name));
        let (leaving, joining) = (paths(before), paths(after));
        let out = leaving.difference(&joining).count();
        let come = joining.difference(&leaving).count();
        if out == 0 && come == 0 && before.is_some() == after.is_some() {
            continue;
        }
        add_change(&mut changes, name, before, after, (out, come));
    }
    if changes.is_empty() {
        return format!("releases {} and {} hold the same tables", from.id, to.id);
    }
    format!("from release {} to {}\n{changes}", from.id, to.id)
}

fn add_change(
    changes: &mut Table,
    name: &str,
    before: Option<&TableState>,
    after: Option<&TableState>,
    (out, come): (usize, usize),
) {
    let rows = |table: Option<&TableState>| match table {
        Some(table) => table::count(table.rows()),
        None => "no table".to_owned(),
    };
    changes.add_row([
        Cell::new(name),
        number(rows(before)),
        number(rows(after)),
        number(out),
        number(come),
    ]);
}

fn paths(table: Option<&TableState>) -> HashSet<&str> {
    table.into_iter().flat_map(|table| &table.files).map(|file| file.path.as_str()).collect()
}

async fn rollback(project: &Project, to: ReleaseId) -> Result<String> {
    let run = RunId(format!("rollback-{}", project.clock.now().format("%Y%m%dT%H%M%S%.6fZ")));
    let release = project.warehouse.rollback(to, run).await?;
    Ok(format!("published release {} with the tables of release {to}", release.id))
}
