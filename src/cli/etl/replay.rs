//! `starhouse etl replay`, and the rows to be mended for it.

use crate::cli::project::Project;
use crate::error::{Error, ErrorKind, Result};
use crate::etl::jobs::Jobs;
use crate::etl::replay::{Replay, ToMend, to_mend};
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
        let runs = project.warehouse.runs().await?;
        let record = runs.iter().find(|record| record.run == *run);
        let as_of = record.map(|record| record.as_of.unwrap_or(record.started_at));
        let clock = Arc::clone(&project.clock);
        run_jobs(&Request {
            only: &only,
            as_of: as_of.unwrap_or_else(|| project.clock.now()),
            replay: Some(replay),
            ..Request::new(&project.declared.root, &project.engine, all, clock)
        })
        .await
    }
}

/// Writes refused rows of a job to a new file, each row once.
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
    let rejects: Vec<&Reject> = rejects.iter().filter(|reject| reject.job == *name).collect();
    let first = rejects
        .first()
        .ok_or_else(|| Error::not_found("no row of the job was refused").with("job", name))?;
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
    let wrong = |error: std::io::Error| {
        Error::user("the file cannot be written").with("file", out.display()).caused_by(error)
    };
    let mut file = std::fs::File::create_new(out).map_err(wrong)?;
    std::io::Write::write_all(&mut file, mend.text.as_bytes()).map_err(wrong)?;
    Ok(mend)
}
