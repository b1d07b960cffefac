//! `starhouse etl replay`, and the rows to be mended for it.

use crate::cli::project::Project;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::jobs::Jobs;
use crate::etl::replay::{Replay, ToMend, is_row, to_mend, unmended};
use crate::etl::run::{Request, RunSummary, run as run_jobs};
use crate::ids::RunId;
use crate::store::Reject;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// What is asked for.
pub(super) struct Again {
    /// The job.
    pub(super) job: String,
    /// The file of mended rows.
    pub(super) file: String,
    /// The run that refused them.
    pub(super) run: Option<RunId>,
    /// The job's source.
    pub(super) source: Option<String>,
}

impl Again {
    /// Loads the mended rows, as of the run that refused them.
    pub(super) async fn run(self, project: &Project, all: &Jobs) -> Result<RunSummary> {
        let only = [self.job.clone()];
        let jobs = all.select(&only)?;
        let job =
            jobs.first().ok_or_else(|| Error::internal("a job was found and is not there"))?;
        let replay = Replay::new(job, self.source.as_deref(), &self.file)?;
        let rejects = project.warehouse.rejects(self.run.as_ref()).await?;
        let refused = rejects.iter().filter(|reject| reject.job == self.job);
        let run = refused.map(|reject| &reject.run).max();
        let run = run.ok_or_else(|| {
            let error = Error::not_found("no row of the job was refused").with("job", &self.job);
            self.run.iter().fold(error, |error, run| error.with("run", run))
        })?;
        let of_job: Vec<&Reject> = rejects.iter().filter(|reject| reject.job == self.job).collect();
        let path = project.declared.root.join(&self.file);
        check_mended(&path, &self.file, &of_job)?;
        let runs = project.warehouse.runs().await?;
        let record = runs.iter().find(|record| record.run == *run);
        let as_of = record.map(|record| record.as_of.unwrap_or(record.started_at));
        let replay = match record {
            Some(record) => replay.refused_by(&project.warehouse, record).await?,
            None => replay,
        };
        let clock = Arc::clone(&project.clock);
        let mut summary = run_jobs(&Request {
            only: &only,
            as_of: as_of.unwrap_or_else(|| project.clock.now()),
            replay: Some(replay),
            ..Request::new(&project.declared.root, &project.engine, all, clock)
        })
        .await?;
        let settled = settle(project, &self.job, &path, &summary).await?;
        summary.notes.push(settled);
        Ok(summary)
    }
}

/// Refuses a file in which bytes that were no text still stand as they were shown.
fn check_mended(path: &Path, file: &str, rejects: &[&Reject]) -> Result<()> {
    let Ok(text) = std::fs::read_to_string(path) else { return Ok(()) };
    let Some((line, bytes)) = unmended(&text, rejects) else { return Ok(()) };
    let message =
        format!("`{bytes}` stands for bytes that were no text, and would be loaded as it is");
    Err(Error::user(message)
        .with("file", file)
        .with("line", line)
        .hint("write the text that is meant, or take the row out of the file"))
}

/// Rows that were written to the file are settled: they are in the warehouse, refused anew, or were
/// taken out of the file. Says how many they are.
async fn settle(project: &Project, job: &str, path: &Path, summary: &RunSummary) -> Result<String> {
    let (job, file, run) = (job.to_owned(), place(path), summary.run.clone());
    let marked = project.warehouse.mark_rejects(move |reject| {
        let is_of = reject.job == job && reject.mended_in.as_deref() == Some(file.as_str());
        let settles = is_of && reject.settled_by.is_none();
        if settles {
            reject.settled_by = Some(run.clone());
        }
        settles
    });
    Ok(match marked.await? {
        0 => "no refused row was written to this file by `etl rejects --out`, or all are settled: \
              `etl rejects` lists what it did"
            .to_owned(),
        1 => "1 refused row is settled".to_owned(),
        rows => format!("{rows} refused rows are settled"),
    })
}

/// What a file is called in the log: the same from wherever it is named.
fn place(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Writes refused rows of a job that are open to a new file, each row once.
pub(super) async fn write(
    project: &Project,
    all: &Jobs,
    only: &[String],
    run: Option<RunId>,
    out: &Path,
) -> Result<ToMend> {
    let [name] = only else {
        return Err(Error::new(ErrorKind::Usage, "--out takes the rows of one job")
            .hint("name the job: `starhouse etl rejects sales --out mended.csv`"));
    };
    let jobs = all.select(only)?;
    let rejects = project.warehouse.rejects(run.as_ref()).await?;
    let of_job = rejects.iter().filter(|reject| reject.job == *name);
    let rejects: Vec<&Reject> = of_job.filter(|reject| reject.settled_by.is_none()).collect();
    let first = rejects.first().ok_or_else(|| {
        Error::not_found("no row of the job was refused, or all are settled").with("job", name)
    })?;
    if let Some(other) = rejects.iter().find(|reject| reject.source != first.source) {
        let message = "the rows are of several sources";
        return Err(Error::user(message)
            .with("sources", format!("{}, {}", first.source, other.source))
            .hint("take those of one run at a time, with --run"));
    }
    let sources = jobs.iter().flat_map(|job| &job.sources);
    let source = sources.into_iter().find(|source| source.name == first.source);
    let source = source.ok_or_else(|| {
        Error::not_found("the job does not have the source any more").with("source", &first.source)
    })?;
    // a source read by several runs refuses the same row each time
    let mut seen = BTreeSet::new();
    let mut once = rejects.clone();
    once.retain(|reject| seen.insert((&reject.file, reject.line, &reject.raw)));
    let mend = to_mend(&project.declared.root, source, &once)?;
    let wrong = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::user("there is such a file already")
            .with("file", out.display())
            .hint("rows may be mended in it: name another file, or take it away first"),
        _ => Error::user("the file cannot be written").with("file", out.display()).caused_by(error),
    };
    let mut file = std::fs::File::create_new(out).map_err(wrong)?;
    std::io::Write::write_all(&mut file, mend.text.as_bytes()).map_err(wrong)?;
    let (name, run, out) = (name.clone(), run, place(out));
    let all = mend.left == 0;
    let written = project.warehouse.mark_rejects(move |reject| {
        let is_written = reject.job == name
            && (all || is_row(reject))
            && reject.settled_by.is_none()
            && run.as_ref().is_none_or(|run| reject.run == *run);
        if is_written {
            reject.mended_in = Some(out.clone());
        }
        is_written
    });
    written.await?;
    Ok(mend)
}
