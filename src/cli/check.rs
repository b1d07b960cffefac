//! `starhouse check`: are the settings, models and jobs right?

use super::failure::Failure;
use super::project::{Declared, jobs, schedules};
use std::io::{self, Write};
use std::path::Path;

/// Validate the settings, models, jobs and schedules; every fault is told with its place
///
/// Opens nothing and changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  starhouse check\n  starhouse check --project shop")]
pub(super) struct Args {}

/// Says what is declared, or what is wrong with it.
pub(super) fn run(project: &Path) -> Result<(), Failure> {
    let declared = Declared::read(project)?;
    let (model, jobs) = (&declared.model, jobs(&declared)?);
    let measures: usize = model.cubes.iter().map(|cube| cube.measures.len()).sum();
    let all = [
        amount(model.dimensions.len(), "dimension"),
        amount(model.facts.len(), "fact"),
        amount(model.cubes.len(), "cube"),
        amount(measures, "measure"),
        amount(jobs.len(), "job"),
    ];
    let schedules = schedules(&declared, &jobs)?;
    let scheduled = (!schedules.is_empty()).then(|| amount(schedules.len(), "schedule"));
    let all: Vec<String> = all.into_iter().chain(scheduled).collect();
    writeln!(io::stdout(), "all right: {}", all.join(", "))?;
    Ok(())
}

pub(super) fn amount(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
