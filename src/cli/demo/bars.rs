//! Progress bars of a load: one over the jobs, one over the source being read.

use crate::etl::extract;
use crate::etl::progress::Progress;
use crate::etl::run::JobSummary;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The bars; hidden where stderr is no terminal.
#[derive(Debug)]
pub(super) struct Bars {
    all: MultiProgress,
    jobs: ProgressBar,
    source: ProgressBar,
}

impl Bars {
    pub(super) fn new(what: String) -> Self {
        let all = MultiProgress::new();
        let jobs = all.add(ProgressBar::new(1));
        jobs.set_style(style("{prefix} [{bar:30}] {pos}/{len} {msg}"));
        jobs.set_prefix(what);
        let source = all.add(ProgressBar::new(1));
        source.set_style(style("  {msg} [{bar:30}] {bytes}/{total_bytes}"));
        Self { all, jobs, source }
    }

    pub(super) fn clear(&self) {
        self.source.finish_and_clear();
        self.jobs.finish_and_clear();
        // a terminal that is gone needs no clearing
        let _ = self.all.clear();
    }
}

/// A template that does not hold is replaced by the plain bar.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Progress for Bars {
    fn job_started(&self, job: &str, position: usize, jobs: usize) {
        self.jobs.set_length(jobs as u64);
        self.jobs.set_position(position.saturating_sub(1) as u64);
        self.jobs.set_message(job.to_owned());
    }

    fn source_read(&self, _job: &str, source: &str, progress: extract::Progress) {
        self.source.set_length(progress.bytes_total);
        self.source.set_position(progress.bytes);
        self.source.set_message(format!("{source}, {} rows", progress.rows));
    }

    fn loading(&self, _job: &str, table: &str) {
        self.source.set_message(format!("loading {table}"));
    }

    fn job_finished(&self, _summary: &JobSummary) {
        self.jobs.inc(1);
    }

    fn summarising(&self, table: &str) {
        self.jobs.set_message(format!("summarising {table}"));
    }

    fn publishing(&self) {
        self.jobs.set_message("publishing");
    }
}
