//! The files that a job's path names, and their manifest: on this machine, on a web server, in a
//! bucket.
//!
//! Whatever is elsewhere is fetched into a temporary file, whole, before it is read: what is read
//! is what was found, however slow or shaky the way is, and every format is read in the same
//! manner from wherever it comes.

mod bucket;
mod local;
mod web;

use super::packed::Text;
use super::{Alive, Found};
use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::Access;
use crate::store::Input;
use bucket::Bucket;
use local::Local;
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use web::Web;

/// Where files lie.
trait Folder: Send + Sync {
    /// The files there are, sorted by name, each with size and checksum; none where there is none.
    fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>>;

    /// From now on only files of these names need a checksum before they are read.
    fn read_before(&mut self, _names: HashSet<String>) {}

    /// An input with its checksum, where it was found without; `stop` ends the work early.
    fn checksum(&self, found: &Found, _stop: &AtomicBool) -> Result<Input> {
        Ok(found.input.clone())
    }

    /// A file of this machine that holds an input, as it was found.
    fn local(&self, found: &Found, alive: &mut Alive<'_>) -> Result<PathBuf>;

    /// To be called when all of an input was read.
    ///
    /// # Errors
    /// Unavailable (retryable) where the file was written to since it was found.
    fn check_unchanged(&self, found: &Found) -> Result<()>;

    /// The error for a place where nothing is: says what there is instead.
    fn nothing_found(&self) -> Error;
}

/// The files of a path.
pub(super) struct Files(Box<dyn Folder>);

impl Files {
    /// # Errors
    /// User where the path names nothing that could be a file, or is not reached that way.
    pub(super) fn new(project: &Path, path: &str, access: Option<&Access>) -> Result<Self> {
        let (scheme, _) = path.split_once("://").unwrap_or_default();
        let folder: Box<dyn Folder> = match (scheme, access) {
            ("", None) => Box::new(Local::new(project, path)?),
            ("http" | "https", None) => Box::new(Web::new(project, path, &Default::default())?),
            ("http" | "https", Some(Access::Http(access))) => {
                Box::new(Web::new(project, path, access)?)
            }
            ("s3" | "gs" | "az", access) => Box::new(Bucket::new(project, path, access)?),
            ("", Some(_)) => {
                return Err(Error::user("`access` goes with a path that is a URL")
                    .with("path", format!("`{path}`")));
            }
            ("http" | "https", Some(_)) => return Err(other_access(scheme, "http")),
            _ => {
                return Err(Error::user(format!("files are not read from `{scheme}://`"))
                    .hint("expected https://, http://, s3://, gs:// or az://"));
            }
        };
        Ok(Self(folder))
    }

    /// From now on only files of these names need a checksum before they are read: any other is new,
    /// whatever it holds.
    pub(super) fn read_before(&mut self, names: HashSet<String>) {
        self.0.read_before(names);
    }

    /// Reads an input, and says which content that was: it is hashed meanwhile, where it is not yet.
    ///
    /// # Errors
    /// Those of reading; unavailable (retryable) where the file was written to since it was found.
    pub(super) fn hashing(
        &self,
        found: &Found,
        read: impl FnOnce() -> Result<()>,
    ) -> Result<Input> {
        let read = || read().and_then(|()| self.0.check_unchanged(found));
        if !found.input.sha256.is_empty() {
            return read().map(|()| found.input.clone());
        }
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let hashed = scope.spawn(|| self.0.checksum(found, &stop));
            let read = read();
            stop.store(read.is_err(), Ordering::Relaxed);
            let hashed = hashed.join().map_err(|_| Error::internal("a thread broke down"))?;
            read.and(hashed)
        })
    }

    /// The files there are, sorted by name, each with size and checksum; none where there is none.
    pub(super) fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>> {
        self.0.inputs(alive)
    }

    /// A file of this machine that holds an input, as it was found.
    pub(super) fn local(&self, found: &Found, alive: &mut Alive<'_>) -> Result<PathBuf> {
        self.0.local(found, alive)
    }

    /// Opens an input, seeing to it that it is still the one that was found.
    pub(super) fn open(&self, found: &Found, alive: &mut Alive<'_>) -> Result<File> {
        let path = self.local(found, alive)?;
        let file = File::open(path).map_err(|error| unreadable(&found.input.name, error))?;
        self.0.check_unchanged(found)?;
        Ok(file)
    }

    /// Opens an input as text, compressed or not.
    pub(super) fn open_text(&self, found: &Found, alive: &mut Alive<'_>) -> Result<Text> {
        let file = self.open(found, alive)?;
        Text::new(file).map_err(|error| unreadable(&found.input.name, error))
    }

    /// The error for a place where nothing is: says what there is instead.
    pub(super) fn nothing_found(&self) -> Error {
        self.0.nothing_found()
    }
}

/// The error for a place with the access of another kind of place.
fn other_access(scheme: &str, expected: &str) -> Error {
    Error::user(format!("`{scheme}://` is reached by `access: {{{expected}: ...}}`"))
}

/// The error for a file that the system does not let us read.
pub(super) fn unreadable(name: &str, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, "cannot read the file").with("file", name).caused_by(error)
}

/// Whether a path lies where one with `*` looks, part by part.
pub(crate) fn lies_at(pattern: &str, path: &str) -> bool {
    let (patterns, parts) = (pattern.split('/'), path.split('/'));
    pattern.split('/').count() == path.split('/').count()
        && patterns.zip(parts).all(|(pattern, part)| fits(pattern, part))
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| fits(tail, &rest[at..]))
}

/// Bytes in hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, expected) in [
            ("*.csv", "a.csv", true),
            ("*.csv", ".csv", true),
            ("*.csv", "a.csv.gz", false),
            ("sales_*_*.csv", "sales_2024_01.csv", true),
            ("sales_*_*.csv", "sales_2024.csv", false),
            ("客户*", "客户一.csv", true),
            ("a.csv", "a.csv", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
