//! The files of a project that people write.

use crate::error::{Error, ErrorKind, Result};
use std::fs;
use std::io;
use std::path::Path;

/// A file's name relative to the project, with `/` between parts, and its text.
pub(super) type Files = Vec<(String, String)>;

/// The text of a file; `None` where there is none.
pub(super) fn text(root: &Path, name: &str) -> Result<Option<String>> {
    match fs::read_to_string(root.join(name)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(name, error)),
    }
}

/// All YAML files of a folder, at any depth, in the order of their names; none where the folder
/// does not exist.
pub(super) fn yaml(root: &Path, folder: &str) -> Result<Files> {
    let mut files = Files::new();
    collect(root, folder, &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(root: &Path, folder: &str, files: &mut Files) -> Result<()> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(folder, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(folder, error))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{folder}/{name}");
        if name.starts_with('.') {
            continue;
        }
        if entry.path().is_dir() {
            collect(root, &path, files)?;
        } else if name.ends_with(".yaml") || name.ends_with(".yml") {
            let text =
                fs::read_to_string(entry.path()).map_err(|error| unreadable(&path, error))?;
            files.push((path, text));
        }
    }
    Ok(())
}

fn unreadable(name: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData => {
            Error::data("the file is not UTF-8 text").with("file", name).hint("save it as UTF-8")
        }
        _ => Error::new(ErrorKind::Unavailable, "cannot read").with("file", name).caused_by(error),
    }
}
