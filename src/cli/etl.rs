//! `starhouse etl`: what would be loaded, and loading it.

pub(super) mod bars;
mod fixtures;
mod replay;

use super::failure::Failure;
use super::project::{Declared, Project, jobs};
use super::table::{self, headed, number};
use crate::error::{Error, Result};
use crate::etl::extract::Counts;
use crate::etl::jobs::Jobs;
use crate::etl::plan::{JobPlan, plan};
use crate::etl::progress::{Progress, Quiet};
use crate::etl::quarantine::{RejectSummary, summarise};
use crate::etl::run::{Request, RunSummary, Window, backfill, run as run_jobs};
use crate::ids::RunId;
use crate::store::Reject;
use bars::Bars;
use chrono::{DateTime, Utc};
use comfy_table::Cell;
use replay::Again;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Load what is new, or say what would be loaded
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  starhouse etl plan
  starhouse etl run
  starhouse etl run customers sales
  starhouse etl run --as-of 2025-03-31
  starhouse etl backfill sales --from 2025-01-01 --to 2025-04-01
  starhouse etl test
  starhouse etl rejects
  starhouse etl rejects --run 20250331T235900000000Z sales
  starhouse etl rejects sales --out mended.csv
  starhouse etl replay sales mended.csv";

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// What a run would do; reads no rows and writes nothing
    Plan {
        /// The jobs; all where none is named
        jobs: Vec<String>,
    },
    /// Run jobs and publish what they load as one release
    ///
    /// A run on inputs that were read before changes nothing.
    Run {
        /// The jobs; all where none is named
        jobs: Vec<String>,
        /// The business time of the run: since when changes hold where rows do not say so
        #[arg(long, value_name = "TIME", value_parser = super::project::moment)]
        as_of: Option<DateTime<Utc>>,
    },
    /// Load rows of a span of event time anew, as one release
    ///
    /// The jobs read all that their sources hold, and upsert the rows of that span. What else is
    /// new stays for the next run.
    Backfill {
        /// The jobs; all that upsert facts where none is named
        jobs: Vec<String>,
        /// Start of the span, inclusive
        #[arg(long, value_name = "TIME", value_parser = super::project::moment)]
        from: DateTime<Utc>,
        /// End of the span, exclusive
        #[arg(long, value_name = "TIME", value_parser = super::project::moment)]
        to: DateTime<Utc>,
    },
    /// Run the tests in fixtures/: jobs on fixture files, each in an empty warehouse of its own
    Test {
        /// The tests; all where none is named
        tests: Vec<String>,
    },
    /// The rows in quarantine by cause, the first of each as an example
    ///
    /// Every row with its text is in the table system.rejects.
    Rejects {
        /// The jobs; all where none is named
        jobs: Vec<String>,
        /// Of one run only; system.runs lists them
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
        /// Write the rows of one job as they stood to a file, to be mended and replayed
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Load mended rows of a job as of the run that refused them, and publish a release
    ///
    /// The file is in the source's own format, as `etl rejects --out` writes it. Replaying it twice
    /// changes nothing.
    Replay {
        /// The job
        job: String,
        /// The file of mended rows, in the project's folder
        file: String,
        /// The run that refused them, for its business time; the last that did where left out
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
        /// The job's source; the one that reads each file once where left out
        #[arg(long, value_name = "SOURCE")]
        source: Option<String>,
    },
}

/// Plans, runs, or shows what was refused.
pub(super) async fn run(folder: &Path, args: Args) -> std::result::Result<(), Failure> {
    if let Command::Test { tests } = &args.command {
        let declared = Declared::read(folder)?;
        let all = jobs(&declared)?;
        return Ok(fixtures::test(&declared, &all, tests, &mut io::stdout()).await?);
    }
    let project = Project::open(folder).await?;
    let all = jobs(&project.declared)?;
    match args.command {
        // Needs no warehouse, and was dealt with above.
        Command::Test { .. } => {}
        Command::Backfill { jobs: only, from, to } => {
            let request = request(&project, &all, &only, None);
            let summary = backfill(&request, Window { from, to }).await?;
            write!(io::stdout(), "{}", in_words(&summary))?;
        }
        Command::Plan { jobs: only } => {
            let planned = plan(&project.declared.root, &project.engine, &all, &only).await?;
            write!(io::stdout(), "{}", planned_in_words(&planned))?;
        }
        Command::Run { jobs: only, as_of } => {
            let request = request(&project, &all, &only, as_of);
            let summary = run_jobs(&request).await?;
            write!(io::stdout(), "{}", in_words(&summary))?;
        }
        Command::Replay { job, file, run, source } => {
            let again = Again { job, file, run: run.map(RunId), source };
            let summary = again.run(&project, &all).await?;
            write!(io::stdout(), "{}", in_words(&summary))?;
        }
        Command::Rejects { jobs: only, run, out: Some(out) } => {
            let written = replay::write(&project, &all, &only, run.map(RunId), &out).await?;
            writeln!(io::stdout(), "{written} rows are in {}", out.display())?;
        }
        Command::Rejects { jobs: only, run, out: None } => {
            all.select(&only)?;
            write!(io::stdout(), "{}", rejects(&project, &only, run).await?)?;
        }
    }
    Ok(())
}

/// A run that tells how it goes on where somebody looks.
fn request<'a>(
    project: &'a Project,
    jobs: &'a Jobs,
    only: &'a [String],
    as_of: Option<DateTime<Utc>>,
) -> Request<'a> {
    let progress: Arc<dyn Progress> = match io::stderr().is_terminal() {
        true => Arc::new(Bars::default()),
        false => Arc::new(Quiet),
    };
    Request {
        project: &project.declared.root,
        engine: &project.engine,
        jobs,
        only,
        as_of: as_of.unwrap_or_else(|| project.clock.now()),
        replay: None,
        clock: Arc::clone(&project.clock),
        progress,
    }
}

/// What is in quarantine, of all runs or one.
async fn rejects(project: &Project, only: &[String], run: Option<String>) -> Result<String> {
    let run = run.map(RunId);
    if let Some(run) = &run
        && !project.warehouse.knows_run(run).await?
    {
        return Err(Error::not_found("there is no such run")
            .with("run", run)
            .hint("`starhouse sql 'SELECT run, status FROM system.runs'` lists them"));
    }
    let rejects = project.warehouse.rejects(run.as_ref()).await?;
    let of_jobs = |reject: &&Reject| only.is_empty() || only.contains(&reject.job);
    let summary = summarise(rejects.iter().filter(of_jobs));
    Ok(match rejects_in_words(summary.iter()) {
        nothing if nothing.is_empty() => "nothing was rejected\n".to_owned(),
        list => list,
    })
}

fn planned_in_words(planned: &[JobPlan]) -> String {
    let mut list = headed(["job", "loads", "how", "to read", "size", "why"]);
    for job in planned {
        let inputs = || job.sources.iter().flat_map(|source| &source.to_read);
        let size: u64 = inputs().map(|input| input.size_bytes).sum();
        let why = match job.reasons.as_slice() {
            [] => "nothing new: would be skipped".to_owned(),
            reasons => reasons.join("; "),
        };
        list.add_row([
            Cell::new(&job.job),
            Cell::new(&job.table),
            Cell::new(&job.mode),
            number(inputs().count()),
            number(table::bytes(size)),
            Cell::new(why),
        ]);
    }
    format!("{list}\n")
}

/// What a run did, for people.
pub(crate) fn in_words(summary: &RunSummary) -> String {
    let mut list =
        headed(["job", "table", "read", "doubled", "rejected", "written", "deleted", "seconds"]);
    for job in &summary.jobs {
        let sum = |of: fn(&Counts) -> u64| job.sources.iter().map(|s| of(&s.counts)).sum();
        let (read, doubled): (u64, u64) = (sum(|c| c.read), sum(|c| c.duplicates));
        let rejected: u64 = sum(|c| c.rejected);
        let written = match &job.skipped {
            Some(why) => Cell::new(why),
            None => number(table::count(job.rows_written)),
        };
        list.add_row([
            Cell::new(&job.job),
            Cell::new(&job.table),
            number(table::count(read)),
            number(table::count(doubled)),
            number(table::count(rejected)),
            written,
            number(table::count(job.rows_deleted)),
            number(table::seconds(job.elapsed_ms)),
        ]);
    }
    for fact in &summary.repointed {
        list.add_row([
            Cell::new("late changes"),
            Cell::new(&fact.table),
            Cell::new(""),
            Cell::new(""),
            Cell::new(""),
            number(table::count(fact.rows_written)),
            Cell::new(""),
            number(table::seconds(fact.elapsed_ms)),
        ]);
    }
    for aggregate in &summary.aggregates {
        list.add_row([
            Cell::new(format!("cube {}", aggregate.cube)),
            Cell::new(&aggregate.table),
            Cell::new(""),
            Cell::new(""),
            Cell::new(""),
            number(table::count(aggregate.rows)),
            Cell::new(""),
            number(table::seconds(aggregate.elapsed_ms)),
        ]);
    }
    let outcome = match summary.release {
        Some(release) => format!("published release {release}"),
        None => "nothing new; nothing published".to_owned(),
    };
    let rejects = summary.jobs.iter().flat_map(|job| &job.sources).flat_map(|s| &s.rejects);
    let (rejects, notes) = (rejects_in_words(rejects), notes_in_words(summary));
    format!(
        "{list}\n{rejects}{notes}{outcome} in {} s (run {})\n",
        table::seconds(summary.elapsed_ms),
        summary.run
    )
}

fn rejects_in_words<'a>(rejects: impl Iterator<Item = &'a RejectSummary>) -> String {
    let mut list = headed(["rejected", "source", "column", "rule", "first of them"]);
    for reject in rejects {
        let example = &reject.example;
        list.add_row([
            number(table::count(reject.rows)),
            Cell::new(format!("{}.{}", reject.job, reject.source)),
            Cell::new(reject.column.as_deref().unwrap_or_default()),
            Cell::new(&reject.rule),
            Cell::new(format!("{}:{}: {}", example.file, example.line, example.reason)),
        ]);
    }
    if list.is_empty() { String::new() } else { format!("{list}\n") }
}

fn notes_in_words(summary: &RunSummary) -> String {
    let mut notes = String::new();
    for job in &summary.jobs {
        for source in &job.sources {
            let of = format!("{}.{}", job.job, source.source);
            notes.extend(source.counts.told.iter().map(|told| format!("{of}: {told}\n")));
            for ((column, rule), values) in &source.counts.nulled {
                let values = table::count(*values);
                notes += &format!("{of}: {values} values of `{column}` became NULL ({rule})\n");
            }
        }
        notes.extend(job.notes.iter().map(|note| format!("{}: {note}\n", job.job)));
    }
    notes.extend(summary.repointed.iter().map(|fact| format!("{}\n", fact.in_words())));
    notes.extend(summary.notes.iter().map(|note| format!("{note}\n")));
    notes
}
