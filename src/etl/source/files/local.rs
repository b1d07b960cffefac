//! Files of this machine.

use super::{Folder, fits, hexadecimal, unreadable};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::etl::parallel::in_order;
use crate::etl::source::{Alive, Found};
use crate::store::Input;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes hashed at a time.
const HASH_BLOCK_BYTES: usize = 1 << 20;

/// The files of a path that may hold `*`, relative to the project.
#[derive(Debug)]
pub(super) struct Local {
    project: PathBuf,
    pattern: String,
    /// The names of files that need a checksum to be told from what was read; all where none.
    read_before: Option<HashSet<String>>,
    /// Checksums of files that were found without one, by name.
    hashed: Mutex<HashMap<String, String>>,
}

impl Local {
    /// # Errors
    /// User where the pattern names nothing that could be a file of the project.
    pub(super) fn new(project: &Path, pattern: &str) -> Result<Self> {
        if pattern.is_empty() || pattern.contains('\\') {
            return Err(Error::user("a path is written with `/` between its parts")
                .with("path", format!("`{pattern}`")));
        }
        let (project, pattern) = (project.to_owned(), pattern.to_owned());
        Ok(Self { project, pattern, read_before: None, hashed: Mutex::default() })
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
        let is_new = self.read_before.as_ref().is_some_and(|names| !names.contains(name));
        let look = || -> std::io::Result<Found> {
            let meta = fs::metadata(&path)?;
            let (size_bytes, sha256) = match is_new {
                true => (meta.len(), String::new()),
                false => sha256(&mut File::open(&path)?, &AtomicBool::new(false))?,
            };
            let input = Input { name: name.to_owned(), size_bytes, sha256 };
            Ok(Found { input, modified: meta.modified().ok() })
        };
        look().map_err(|error| unreadable(name, error))
    }
}

impl Folder for Local {
    fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>> {
        let names = self.names()?;
        let mut inputs = Vec::with_capacity(names.len());
        in_order(
            |give| names.iter().try_for_each(give),
            |name| self.found(name),
            |found| {
                inputs.push(found);
                alive()
            },
        )?;
        Ok(inputs)
    }

    fn read_before(&mut self, names: HashSet<String>) {
        self.read_before = Some(names);
    }

    fn checksum(&self, found: &Found, stop: &AtomicBool) -> Result<Input> {
        let name = &found.input.name;
        let known = || self.hashed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sha256) = known().get(name).cloned() {
            return Ok(Input { sha256, ..found.input.clone() });
        }
        let path = self.project.join(name);
        let hashed = File::open(path).and_then(|mut file| sha256(&mut file, stop));
        let (_, sha256) = hashed.map_err(|error| unreadable(name, error))?;
        if !stop.load(Ordering::Relaxed) {
            known().insert(name.clone(), sha256.clone());
        }
        Ok(Input { sha256, ..found.input.clone() })
    }

    fn local(&self, found: &Found, _alive: &mut Alive<'_>) -> Result<PathBuf> {
        self.check_unchanged(found)?;
        Ok(self.project.join(&found.input.name))
    }

    fn check_unchanged(&self, found: &Found) -> Result<()> {
        let name = &found.input.name;
        let path = self.project.join(name);
        let meta = fs::metadata(path).map_err(|error| unreadable(name, error))?;
        if meta.len() == found.input.size_bytes && meta.modified().ok() == found.modified {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, "the file changed while it was being read")
            .with("file", name)
            .hint("run again when its writer has finished"))
    }

    fn nothing_found(&self) -> Error {
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
}

/// A file's size and checksum; `stop` ends the work early, and then they mean nothing.
fn sha256(file: &mut File, stop: &AtomicBool) -> std::io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; HASH_BLOCK_BYTES];
    let mut size_bytes = 0;
    loop {
        let read = file.read(&mut block)?;
        if read == 0 || stop.load(Ordering::Relaxed) {
            return Ok((size_bytes, hexadecimal(&hasher.finalize())));
        }
        hasher.update(&block[..read]);
        size_bytes += read as u64;
    }
}
