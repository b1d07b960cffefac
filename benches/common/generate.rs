//! A project's files: texts that are given, and data as delimited text.

use super::Outcome;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Writes the texts of a project.
pub(crate) fn texts(dir: &Path, files: &[(&str, &str)]) -> Outcome<()> {
    files.iter().try_for_each(|(name, text)| put(&dir.join(name), text))
}

/// Makes the sources, unless they are there as `made_by` makes them. What was loaded of others goes.
pub(crate) fn sources(
    dir: &Path,
    scale: f64,
    made_by: &str,
    make: impl FnOnce(&Path) -> Outcome<()>,
) -> Outcome<()> {
    let sources = dir.join("sources");
    let done = sources.join("complete");
    if fs::read_to_string(&done).is_ok_and(|found| found == made_by) {
        return Ok(());
    }
    eprintln!("generating scale {scale} in {}", dir.display());
    for folder in [&sources, &dir.join("warehouse")] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    fs::create_dir_all(&sources)?;
    make(&sources)?;
    put(&done, made_by)
}

/// Does a piece of work after the other, as many at once as there are processors; what came of each.
#[allow(dead_code, reason = "not every benchmark makes its own data")]
pub(crate) fn side_by_side<T: Sync, R: Send>(
    pieces: &[T],
    work: impl Fn(&T) -> Result<R, String> + Sync,
) -> Result<Vec<R>, String> {
    let next = AtomicUsize::new(0);
    let lane = || {
        let taken = || pieces.get(next.fetch_add(1, Ordering::Relaxed));
        std::iter::from_fn(taken).map(&work).collect::<Result<Vec<R>, String>>()
    };
    let lanes = std::thread::available_parallelism().map_or(1, usize::from).min(pieces.len());
    let mut results = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        for thread in threads {
            results.extend(thread.join().map_err(|_| "a thread panicked".to_owned())??);
        }
        Ok(results)
    })
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
