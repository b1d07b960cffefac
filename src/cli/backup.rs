//! `starhouse backup` and `starhouse restore`: the warehouse copied to another place, and back.

use super::failure::Failure;
use super::project::Project;
use super::table;
use crate::error::Error;
use crate::ids::ReleaseId;
use crate::store::{Copied, CopyOptions, Warehouse};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Copy all retained releases to a folder, each file checked against its checksum
///
/// The folder is a warehouse like any other. Copying to the same folder again brings only what is
/// new. Loads and queries go on meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  starhouse backup /mnt/backup/shop\n  \
                        starhouse backup /mnt/backup/shop --verify")]
pub(super) struct Args {
    /// The folder
    folder: PathBuf,
    /// Read and check the files that are there already, too
    #[arg(long)]
    verify: bool,
}

/// Copy a backup into this project, whose warehouse must be empty
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  starhouse restore /mnt/backup/shop --project shop\n  \
                        starhouse restore /mnt/backup/shop --release 17 --project shop")]
pub(super) struct RestoreArgs {
    /// The backup's folder
    folder: PathBuf,
    /// The last release to restore; the latest where left out
    #[arg(long, value_name = "N")]
    release: Option<u64>,
}

/// Backs up.
pub(super) async fn run(project: &Path, args: Args) -> Result<(), Failure> {
    let project = Project::open(project).await?;
    let options = CopyOptions { up_to: None, verify: args.verify };
    let copied = project.warehouse.copy_to(&args.folder, options).await?;
    write!(io::stdout(), "{}", in_words(&copied, &args.folder))?;
    Ok(())
}

/// Restores.
pub(super) async fn restore(project: &Path, args: RestoreArgs) -> Result<(), Failure> {
    let project = Project::open(project).await?;
    let latest = project.warehouse.latest().await?;
    if latest.id != ReleaseId::EMPTY {
        return Err(Error::user("the project has a warehouse already")
            .with("latest release", latest.id)
            .hint("restore into an empty one; `starhouse releases rollback` goes back in this one")
            .into());
    }
    if !args.folder.is_dir() {
        return Err(Error::not_found("there is no such folder")
            .with("folder", args.folder.display())
            .into());
    }
    let backup = Warehouse::open(&args.folder, Arc::clone(&project.clock)).await?;
    let options = CopyOptions { up_to: args.release.map(ReleaseId), verify: true };
    let copied = backup.copy_to(project.warehouse.root(), options).await?;
    write!(io::stdout(), "{}", in_words(&copied, project.warehouse.root()))?;
    Ok(())
}

fn in_words(copied: &Copied, folder: &Path) -> String {
    format!(
        "{} new releases and {} new files ({}) are in {}, {} files were there; its latest release \
         is {}\n",
        table::count(copied.releases),
        table::count(copied.files),
        table::bytes(copied.bytes),
        folder.display(),
        table::count(copied.files_before),
        copied.latest,
    )
}
