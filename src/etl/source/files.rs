//! The files that a job's path names, and their manifest.

use super::Found;
use super::packed::Text;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::etl::parallel::in_order;
use crate::store::Input;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes hashed at a time.
const HASH_BLOCK_BYTES: usize = 1 << 20;

/// The files of a path that may hold `*`, relative to the project.
#[derive(Debug)]
pub(super) struct Files {
    project: PathBuf,
    pattern: String,
}

impl Files {
    /// # Errors
    /// User where the pattern names nothing that could be a file of the project.
    pub(super) fn new(project: &Path, pattern: &str) -> Result<Self> {
        if pattern.is_empty() || pattern.contains('\\') {
            return Err(Error::user("a path is written with `/` between its parts")
                .with("path", format!("`{pattern}`")));
        }
        Ok(Self { project: project.to_owned(), pattern: pattern.to_owned() })
    }

    /// The files there are, sorted by name, each with size and checksum; none where there is none.
    pub(super) fn inputs(&self) -> Result<Vec<Found>> {
        let names = self.names()?;
        let mut inputs = Vec::with_capacity(names.len());
        in_order(
            |give| names.iter().try_for_each(give),
            |name| self.found(name),
            |found| {
                inputs.push(found);
                Ok(())
            },
        )?;
        Ok(inputs)
    }

    /// The file of an input.
    pub(super) fn path(&self, found: &Found) -> PathBuf {
        self.project.join(&found.input.name)
    }

    /// Opens an input, seeing to it that it is still the one that was hashed.
    pub(super) fn open(&self, found: &Found) -> Result<File> {
        let path = self.path(found);
        let file = File::open(&path).map_err(|error| unreadable(&found.input.name, error))?;
        self.check_unchanged(found)?;
        Ok(file)
    }

    /// Opens an input as text, compressed or not.
    pub(super) fn open_text(&self, found: &Found) -> Result<Text> {
        Text::new(self.open(found)?).map_err(|error| unreadable(&found.input.name, error))
    }

    /// To be called when all of an input was read.
    ///
    /// # Errors
    /// Unavailable (retryable) where the file was written to since it was hashed.
    pub(super) fn check_unchanged(&self, found: &Found) -> Result<()> {
        let name = &found.input.name;
        let meta = fs::metadata(self.path(found)).map_err(|error| unreadable(name, error))?;
        if meta.len() == found.input.size_bytes && meta.modified().ok() == found.modified {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, "the file changed while it was being read")
            .with("file", name)
            .hint("run again when its writer has finished"))
    }

    /// The error for a place where nothing is: says what the folder holds instead.
    pub(super) fn nothing_found(&self) -> Error {
        let path = Path::new(&self.pattern);
        let folder = path.parent().unwrap_or(Path::new(""));
        let error =
            Error::not_found("there is no such file").with("path", format!("`{}`", self.pattern));
        let mut exist: Vec<String> = match fs::read_dir(self.project.join(folder)) {
            Ok(entries) => entries
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter(|name| !name.starts_with('.'))
                .collect(),
            Err(_) => return error.hint(format!("nor is there a folder `{}`", folder.display())),
        };
        exist.sort();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match did_you_mean(name, exist.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{}`?", folder.join(near).display())),
            None if exist.is_empty() => error.hint("its folder is empty"),
            None => {
                exist.truncate(12);
                error.hint(format!("its folder holds {}", exist.join(", ")))
            }
        }
    }

    fn names(&self) -> Result<Vec<String>> {
        let mut names = vec![String::new()];
        for (depth, part) in self.pattern.split('/').enumerate() {
            let mut next = Vec::new();
            for folder in &names {
                let join = |name: &str| {
                    if depth == 0 { name.to_owned() } else { format!("{folder}/{name}") }
                };
                if part.contains('*') {
                    next.extend(self.matching(folder, part)?.iter().map(|name| join(name)));
                } else {
                    next.push(join(part));
                }
            }
            names = next;
        }
        names.retain(|name| self.project.join(name).is_file());
        names.sort();
        Ok(names)
    }

    fn matching(&self, folder: &str, part: &str) -> Result<Vec<String>> {
        let entries = match fs::read_dir(self.project.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(folder, error)),
        };
        let hidden = part.starts_with('.');
        let mut matching = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| unreadable(folder, error))?.file_name();
            let text = name.to_string_lossy();
            if (!hidden && text.starts_with('.')) || !fits(part, &text) {
                continue;
            }
            // A release remembers a file by its name, and could not tell this one from others.
            let Some(name) = name.to_str() else {
                return Err(Error::data("the name of a file is not UTF-8")
                    .with("file", format!("{folder}/{text}"))
                    .hint("rename it, or leave it out of the pattern"));
            };
            matching.push(name.to_owned());
        }
        Ok(matching)
    }

    fn found(&self, name: &str) -> Result<Found> {
        let path = self.project.join(name);
        let hash = || -> std::io::Result<Found> {
            let modified = fs::metadata(&path)?.modified().ok();
            let (size_bytes, sha256) = sha256(&mut File::open(&path)?)?;
            Ok(Found { input: Input { name: name.to_owned(), size_bytes, sha256 }, modified })
        };
        hash().map_err(|error| unreadable(name, error))
    }
}

/// The error for a file that the system does not let us read.
pub(super) fn unreadable(name: &str, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, "cannot read the file").with("file", name).caused_by(error)
}

/// Whether a name fits a pattern in which `*` stands for any text.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| fits(tail, &rest[at..]))
}

fn sha256(file: &mut File) -> std::io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; HASH_BLOCK_BYTES];
    let mut size_bytes = 0;
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok((size_bytes, hexadecimal(&hasher.finalize())));
        }
        hasher.update(&block[..read]);
        size_bytes += read as u64;
    }
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
