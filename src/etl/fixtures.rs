//! Tests of a project's jobs, as people write them in `fixtures/`: files that arrive batch by batch,
//! the time of each, and what the tables must hold then.

use super::jobs::Jobs;
use crate::error::{Error, ErrorKind, Result};
use crate::yaml::{Document, Fault, Faults, Located};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A test of jobs.
#[derive(Debug, Clone, Deserialize)]
pub struct Test {
    /// Its name.
    pub test: Located<String>,
    /// What it shows.
    #[serde(default)]
    pub description: String,
    /// The jobs that run; all where left out.
    #[serde(default)]
    pub jobs: Vec<Located<String>>,
    /// What arrives, in order.
    pub batches: Vec<Batch>,
}

/// What arrives before a run, and what must be so after it.
#[derive(Debug, Clone, Deserialize)]
pub struct Batch {
    /// The time of the run.
    pub as_of: Located<String>,
    /// Files by path, with their text.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Files by path, and where they are copied from: paths from the project's folder.
    #[serde(default)]
    pub copies: BTreeMap<String, String>,
    /// Files that are gone.
    #[serde(default)]
    pub removed: Vec<String>,
    /// Words of the error with which the run must fail; it must succeed where left out.
    pub fails: Option<Located<String>>,
    /// What the tables must hold after the run.
    #[serde(default)]
    pub expect: Vec<Expected>,
}

/// A question and its answer.
#[derive(Debug, Clone, Deserialize)]
pub struct Expected {
    /// The question.
    pub sql: Located<String>,
    /// The rows, as text, in any order; `null` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

/// A test and the file it stands in.
#[derive(Debug, Clone)]
pub struct Written {
    /// The file.
    pub file: String,
    /// The test.
    pub test: Test,
}

/// Reads the documents of `fixtures/`: each a file's name and its text.
///
/// # Errors
/// Every fault with its place.
pub fn load<F: AsRef<str>, T: AsRef<str>>(
    files: &[(F, T)],
    jobs: &Jobs,
) -> Result<Vec<Written>, Faults> {
    let mut faults = Faults::default();
    let mut tests = Vec::new();
    for (file, text) in files {
        let file = file.as_ref();
        let document = Document::read(file, text.as_ref());
        let read = document.and_then(|document| document.parse::<Test>());
        let Some(test) = faults.take(read) else { continue };
        for job in &test.jobs {
            let known = || jobs.iter().map(|job| job.job.as_str());
            if !known().any(|known| known == job.value) {
                let message = format!("there is no job `{}`", job.value);
                faults.push(Fault::new(file, job.place, message).suggest(&job.value, known()));
            }
        }
        if test.batches.is_empty() {
            faults.push(Fault::new(file, test.test.place, "the test has no batches"));
        }
        for batch in &test.batches {
            if batch.moment().is_none() {
                let message =
                    format!("`{}` is no time, expected such as 2025-03-31", batch.as_of.value);
                faults.push(Fault::new(file, batch.as_of.place, message));
            }
        }
        tests.push(Written { file: file.to_owned(), test });
    }
    faults.or(tests)
}

impl Batch {
    /// The time of the run.
    pub fn moment(&self) -> Option<DateTime<Utc>> {
        let text = self.as_of.trim();
        let midnight = || Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc());
        text.parse::<DateTime<Utc>>().ok().or_else(midnight)
    }

    /// Lets its files arrive in a folder.
    ///
    /// # Errors
    /// User errors for paths that lead out of the folder, or to a file that is not there.
    pub fn arrive(&self, project: &Path, folder: &Path) -> Result<()> {
        let broken = |path: &str, error: std::io::Error| {
            Error::new(ErrorKind::User, "a test's file cannot be laid down")
                .with("file", path)
                .caused_by(error)
        };
        let inside = |path: &str| {
            let plain = |part| matches!(part, std::path::Component::Normal(_));
            match Path::new(path).components().all(plain) {
                true => Ok(folder.join(path)),
                false => Err(Error::user("a test's files stay in its folder").with("file", path)),
            }
        };
        let made = |path: &str| {
            let target = inside(path)?;
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent).map_err(|error| broken(path, error))?;
            }
            Ok::<_, Error>(target)
        };
        for (path, text) in &self.files {
            std::fs::write(made(path)?, text).map_err(|error| broken(path, error))?;
        }
        for (path, from) in &self.copies {
            let from = project.join(from);
            std::fs::copy(from, made(path)?).map_err(|error| broken(path, error))?;
        }
        for path in &self.removed {
            std::fs::remove_file(inside(path)?).map_err(|error| broken(path, error))?;
        }
        Ok(())
    }
}

impl Expected {
    /// How an answer differs, a line a row; nothing where it does not.
    pub fn differs(&self, found: &[Vec<Option<String>>]) -> Vec<String> {
        let mut counts: BTreeMap<&Vec<Option<String>>, i64> = BTreeMap::new();
        for row in &self.rows {
            *counts.entry(row).or_default() += 1;
        }
        for row in found {
            *counts.entry(row).or_default() -= 1;
        }
        let mut lines = BTreeSet::new();
        for (row, count) in counts.into_iter().filter(|(_, count)| *count != 0) {
            let cells = row.iter().map(|cell| cell.as_deref().unwrap_or("null"));
            let row = cells.collect::<Vec<_>>().join(" | ");
            let what = if count > 0 { "missing" } else { "not expected" };
            let times =
                if count.abs() > 1 { format!(" {} times", count.abs()) } else { String::new() };
            lines.insert(format!("{what}{times}: {row}"));
        }
        lines.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_as_they_are_often() {
        let row = |text: &str| vec![Some(text.to_owned()), None];
        let expected = Expected {
            sql: Located { value: String::new(), place: crate::yaml::Place::default() },
            rows: vec![row("a"), row("a"), row("b")],
        };
        assert!(expected.differs(&[row("b"), row("a"), row("a")]).is_empty());
        let lines = expected.differs(&[row("a"), row("c"), row("c")]);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let expected = ["missing: a | null", "missing: b | null", "not expected 2 times: c | null"];
        assert_eq!(lines, expected);
    }
}
