//! `starhouse vacuum`: deletes what no retained release needs.

use super::failure::Failure;
use super::project::Project;
use super::table;
use std::io::{self, Write};
use std::path::Path;

/// Delete old releases and the files only they need
///
/// What somebody is reading is kept, whatever its age.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  starhouse vacuum\n  starhouse vacuum --keep 30\n  \
                        starhouse vacuum --keep 3 --keep-days 30")]
pub(super) struct Args {
    /// How many of the newest releases stay
    #[arg(long, default_value_t = 10, value_name = "N",
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    keep: usize,
    /// Releases that were the latest one within so many days stay as well
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u32>,
}

/// Deletes, and says what.
pub(super) async fn run(project: &Path, args: &Args) -> Result<(), Failure> {
    let project = Project::open(project).await?;
    let done = match args.keep_days {
        None => project.warehouse.vacuum(args.keep).await?,
        Some(days) => {
            let since = project.clock.now() - chrono::Duration::days(i64::from(days));
            project.warehouse.vacuum_before(args.keep, since).await?
        }
    };
    let mut out = io::stdout();
    writeln!(
        out,
        "deleted {} releases and {} files ({}); the oldest release kept is {}",
        table::count(done.releases),
        table::count(done.files),
        table::bytes(done.bytes),
        done.oldest_kept,
    )?;
    if let Some(held) = done.held {
        writeln!(out, "release {held} is being read and was kept, with all after it")?;
    }
    Ok(())
}
