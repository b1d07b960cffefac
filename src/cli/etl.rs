//! `starhouse etl`: what would be loaded, and loading it.

pub(super) mod bars;
mod fixtures;
mod json;
mod replay;
mod words;

pub(super) use words::in_words;

use super::failure::Failure;
use super::project::{Declared, Project, jobs};
use crate::error::{Error, Result};
use crate::etl::jobs::Jobs;
use crate::etl::plan::{aggregates, generated, plan};
use crate::etl::progress::{Progress, Quiet};
use crate::etl::quarantine::summarise;
use crate::etl::run::{Request, Window, backfill, resume as resume_jobs, run as run_jobs, trial};
use crate::ids::RunId;
use crate::store::Reject;
use bars::Bars;
use chrono::{DateTime, Utc};
use replay::Again;
use std::collections::BTreeSet;
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
  starhouse etl plan --rows --samples 3
  starhouse etl run
  starhouse etl run --resume
  starhouse etl run --json | jq .release
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
    /// What a run would do; publishes nothing
    ///
    /// Says which jobs would run and why, what they would read, and how tables would change their
    /// form, and reads no rows for it. With --rows it loads everything aside, and says how many
    /// rows of which partitions would be added, changed or removed, with samples.
    Plan {
        /// The jobs; all where none is named
        jobs: Vec<String>,
        /// Load everything aside to see which rows would be others
        #[arg(long)]
        rows: bool,
        /// How many rows of each table and kind of change are shown
        #[arg(long, value_name = "N", default_value_t = 5, requires = "rows")]
        samples: usize,
        /// The business time of the run, as for `etl run`
        #[arg(long, value_name = "TIME", value_parser = super::project::moment, requires = "rows")]
        as_of: Option<DateTime<Utc>>,
        /// As one JSON document, for programs
        #[arg(long)]
        json: bool,
    },
    /// Run jobs and publish what they load as one release
    ///
    /// A run on inputs that were read before changes nothing. Jobs run at once where they leave
    /// each other alone (`parallel_jobs` in starhouse.yaml says how many), and a job that fails for
    /// something that may pass is tried again (`retries` in the job).
    Run {
        /// The jobs; all where none is named
        jobs: Vec<String>,
        /// The business time of the run: since when changes hold where rows do not say so
        #[arg(long, value_name = "TIME", value_parser = super::project::moment)]
        as_of: Option<DateTime<Utc>>,
        /// Go on where the last run left off that failed or was killed, with its jobs and as of its
        /// time: what it has done is not done again
        #[arg(long, conflicts_with_all = ["jobs", "as_of"])]
        resume: bool,
        /// As one JSON document, for programs
        #[arg(long)]
        json: bool,
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
    /// The rows in quarantine that are open, by cause, the first of each as an example
    ///
    /// Every row with its text, those settled by a replay too, is in the table system.rejects.
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
    /// The file is as `etl rejects --out` writes it: in the source's own format, or in JSON lines
    /// where the source's are documents, or elements inside objects. Replaying it twice changes nothing.
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
        Command::Plan { jobs: only, rows, samples, as_of, json } => {
            let planned = plan(&project.declared.root, &project.engine, &all, &only).await?;
            let anew = generated(&project.declared.root, &project.engine).await?;
            let summed = aggregates(&project.engine, &planned, &anew).await?;
            let trial = match rows {
                true => Some(trial(&request(&project, &all, &only, as_of), samples).await?),
                false => None,
            };
            let told = match json {
                true => format!("{:#}\n", json::plan(&planned, &anew, &summed, trial.as_ref())),
                false => {
                    let tried = trial.as_ref().map(words::tried_in_words).unwrap_or_default();
                    words::planned_in_words(&planned, &anew, &summed) + &tried
                }
            };
            write!(io::stdout(), "{told}")?;
        }
        Command::Run { jobs: only, as_of, resume, json } => {
            let request = request(&project, &all, &only, as_of);
            let outcome = match resume {
                true => resume_jobs(&request).await,
                false => run_jobs(&request).await,
            };
            match (&outcome, json) {
                (Ok(summary), false) => write!(io::stdout(), "{}", in_words(summary))?,
                (Ok(summary), true) => writeln!(io::stdout(), "{:#}", json::run(summary))?,
                (Err(error), true) => writeln!(io::stdout(), "{:#}", json::failure(error))?,
                (Err(_), false) => {}
            }
            outcome?;
        }
        Command::Replay { job, file, run, source } => {
            let again = Again { job, file, run: run.map(RunId), source };
            let summary = again.run(&project, &all).await?;
            write!(io::stdout(), "{}", in_words(&summary))?;
        }
        Command::Rejects { jobs: only, run, out: Some(out) } => {
            let mend = replay::write(&project, &all, &only, run.map(RunId), &out).await?;
            write!(io::stdout(), "{}", words::to_mend(&mend, &out))?;
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
    let (root, clock) = (&project.declared.root, Arc::clone(&project.clock));
    Request {
        only,
        as_of: as_of.unwrap_or_else(|| project.clock.now()),
        at_once: project.declared.config.parallel_jobs,
        progress,
        ..Request::new(root, &project.engine, jobs, clock)
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
    let rejects: Vec<&Reject> = rejects.iter().filter(of_jobs).collect();
    // what several runs have refused is one row
    let mut seen = BTreeSet::new();
    let open = rejects.iter().copied().filter(|row| row.settled_by.is_none());
    let once = open.filter(|row| {
        seen.insert((&row.job, &row.source, &row.file, row.line, &row.raw, &row.rule, &row.column))
    });
    let once: Vec<&Reject> = once.collect();
    let summary = summarise(once);
    Ok(match words::rejects_in_words(summary.iter()) {
        nothing if nothing.is_empty() && rejects.is_empty() => "nothing was rejected\n".to_owned(),
        nothing if nothing.is_empty() => "no rejected row is open\n".to_owned(),
        list => list,
    })
}
