//! The sample projects' models, jobs and questions, embedded in the binary.

use crate::error::{Error, ErrorKind, Result};
use include_dir::{Dir, include_dir};
use std::path::Path;

static RETAIL_SCHEMAS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/schemas/retail");
static RETAIL_JOBS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/etl/retail");

/// The settings file of a sample project: every setting has a default, so it only says what the
/// folder is.
const SETTINGS: &str = "\
# The sample warehouse of a retail group, made by `starhouse demo`.
# Models are in schemas/, jobs in etl/, the source systems' files in sources/, the analysts'
# questions in questions/, the warehouse itself in warehouse/.
";

/// Writes the retail project's settings, models, jobs and questions into a folder. Files that are there
/// already stay as they are: whoever plays with the sample keeps their changes.
///
/// # Errors
/// Unavailable where the folder cannot be written.
pub fn write_retail(folder: &Path) -> Result<()> {
    write_new(&folder.join("starhouse.yaml"), SETTINGS.as_bytes())?;
    write_tree(&RETAIL_SCHEMAS, &folder.join("schemas"))?;
    write_tree(&RETAIL_JOBS, &folder.join("etl"))?;
    let questions = folder.join("questions");
    super::retail::questions::files()
        .try_for_each(|(path, content)| write_new(&questions.join(path), content))
}

fn write_tree(tree: &Dir<'_>, folder: &Path) -> Result<()> {
    for file in tree.files() {
        write_new(&folder.join(file.path()), file.contents())?;
    }
    tree.dirs().try_for_each(|inner| write_tree(inner, folder))
}

/// Writes a file unless it exists, in one step, so that a kill leaves no half of it.
fn write_new(path: &Path, content: &[u8]) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    write_whole(path, content)
}

/// Puts a whole file in place, whatever stood there: a reader sees the old one or the new one.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let fault = |error: std::io::Error| {
        Error::new(ErrorKind::Unavailable, "cannot write a file of the sample")
            .with("file", path.display())
            .caused_by(error)
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fault)?;
    }
    let unfinished = unfinished_name(path);
    std::fs::write(&unfinished, content).map_err(fault)?;
    std::fs::rename(&unfinished, path).map_err(fault)
}

/// The name a file bears until it is whole; no job's pattern matches it.
pub(crate) fn unfinished_name(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    path.with_file_name(name)
}
