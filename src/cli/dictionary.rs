//! `starhouse dictionary`: what every table, column and measure means.

use super::failure::Failure;
use super::project::Declared;
use crate::error::Error;
use crate::model::dictionary;
use std::io::{self, Write};
use std::path::Path;

/// What every table, column and measure means, as Markdown
///
/// Opens nothing but the models. `system.catalog` has the same as rows.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  starhouse dictionary > dictionary.md\n  \
                        starhouse dictionary sales")]
pub(super) struct Args {
    /// Only tables and cubes with this in their name
    about: Option<String>,
}

/// Prints it.
pub(super) fn run(project: &Path, args: &Args) -> Result<(), Failure> {
    let declared = Declared::read(project)?;
    let text = dictionary(&declared.model, args.about.as_deref());
    if !text.contains("\n## ") {
        let about = args.about.as_deref().unwrap_or_default();
        return Err(Error::not_found(format!("no table or cube has `{about}` in its name"))
            .hint("`starhouse dictionary` shows all")
            .into());
    }
    write!(io::stdout(), "{text}")?;
    Ok(())
}
