//! A project's files: texts that are given, and data as delimited text.

use super::Outcome;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Writes the texts of a project.
pub(crate) fn texts(dir: &Path, files: &[(&str, &str)]) -> Outcome<()> {
    files.iter().try_for_each(|(name, text)| put(&dir.join(name), text))
}

/// Makes the sources, unless they are there.
pub(crate) fn sources(
    dir: &Path,
    scale: f64,
    make: impl FnOnce(&Path) -> Outcome<()>,
) -> Outcome<()> {
    let sources = dir.join("sources");
    let done = sources.join("complete");
    if done.exists() {
        return Ok(());
    }
    eprintln!("generating scale {scale} in {}", dir.display());
    fs::create_dir_all(&sources)?;
    make(&sources)?;
    put(&done, "")
}

/// Writes a heading, and then whatever `rows` writes.
pub(crate) fn table(
    path: &Path,
    heading: &str,
    rows: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    writeln!(file, "{heading}")?;
    rows(&mut file)?;
    file.flush()
}

fn put(path: &Path, text: &str) -> Outcome<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, text)?)
}
