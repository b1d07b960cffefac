//! `starhouse schema`: what can be written in a job or a model, for editors.

use super::failure::Failure;
use std::io::{self, Write};

/// Written from the code that reads jobs; `tests/job_reference` sees to it that it is current.
const JOBS: &str = include_str!("../../docs/job.schema.json");
/// So is that of models.
const MODELS: &str = include_str!("../../docs/model.schema.json");

/// Print the JSON Schema of jobs or models, by which editors complete YAML and mark what is wrong
///
/// Put it into a file, and name that in the first line of a document:
/// `# yaml-language-server: $schema=../job.schema.json`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  starhouse schema > job.schema.json\n  starhouse schema models > model.schema.json"
)]
pub(super) struct Args {
    /// Of what: the documents in `etl/`, or those in `schemas/`
    #[arg(value_enum, default_value_t = What::Jobs)]
    what: What,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    /// Documents in `etl/`
    Jobs,
    /// Documents in `schemas/`
    Models,
}

/// Prints it.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let schema = match args.what {
        What::Jobs => JOBS,
        What::Models => MODELS,
    };
    io::stdout().write_all(schema.as_bytes())?;
    Ok(())
}
