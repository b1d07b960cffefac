//! Progress on a terminal: a bar a source being read, a spinner for the rest.

use crate::error::Error;
use crate::etl::extract;
use crate::etl::progress::Progress;
use crate::etl::run::JobSummary;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// One line on the terminal that says what is being done.
#[derive(Debug)]
pub(crate) struct Bars {
    bar: ProgressBar,
}

impl Default for Bars {
    fn default() -> Self {
        let bar = ProgressBar::no_length();
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar }
    }
}

impl Bars {
    fn spin(&self, message: String) {
        self.bar.unset_length();
        self.set_template("{spinner} {msg}");
        self.bar.set_message(message);
    }

    /// A template that indicatif refuses leaves the one before.
    fn set_template(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }
}

impl Progress for Bars {
    fn job_started(&self, job: &str, position: usize, jobs: usize) {
        self.spin(format!("{position}/{jobs} {job}"));
    }

    fn source_read(&self, job: &str, source: &str, progress: extract::Progress) {
        self.bar.set_length(progress.bytes_total);
        self.bar.set_position(progress.bytes);
        self.set_template("{spinner} {msg} {wide_bar} {bytes}/{total_bytes}");
        self.bar.set_message(format!("{job}.{source} {} rows", progress.rows));
    }

    fn loading(&self, job: &str, table: &str) {
        self.spin(format!("{job} -> {table}"));
    }

    fn trying_again(&self, job: &str, error: &Error, wait: Duration) {
        self.bar.println(format!("{job} is tried again in {} s: {error}", wait.as_secs_f64()));
    }

    fn job_finished(&self, summary: &JobSummary) {
        self.spin(format!("{} done", summary.job));
    }

    fn repointing(&self, table: &str) {
        self.spin(format!("late changes -> {table}"));
    }

    fn summarising(&self, table: &str) {
        self.spin(format!("summarising {table}"));
    }

    fn publishing(&self) {
        self.spin("publishing".to_owned());
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
