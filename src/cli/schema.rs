//! `starhouse schema`: what can be written in a job, for editors.

use super::failure::Failure;
use std::io::{self, Write};

/// Written from the code that reads jobs; `tests/job_reference` sees to it that it is current.
const JOBS: &str = include_str!("../../docs/job.schema.json");

/// Print the JSON Schema of jobs, by which editors complete YAML and mark what is wrong in it
///
/// Put it into a file, and name that in the first line of a job:
/// `# yaml-language-server: $schema=../job.schema.json`
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  starhouse schema > job.schema.json")]
pub(super) struct Args {}

/// Prints it.
pub(super) fn run() -> Result<(), Failure> {
    io::stdout().write_all(JOBS.as_bytes())?;
    Ok(())
}
