//! The jobs of a project: read, checked against the model, put in order.

mod bridge;
mod check;
mod columns;
mod lookups;
mod matching;
mod order;
mod places;
mod references;

pub(crate) use order::{tables_loaded, tables_used};
pub(crate) use references::{columns_of, references};

use super::job::{Job, LoadSpec};
use crate::error::{Error, Result, did_you_mean};
use crate::model::Model;
use crate::yaml::{Document, Fault, Faults};
use places::Places;
use std::collections::BTreeSet;

/// Every job of a project, each after the jobs whose tables it uses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Jobs(Vec<Job>);

/// A job with the file it was read from.
struct Written {
    file: String,
    places: Places,
    job: Job,
}

impl Written {
    /// A fault at a path into the document, or at the nearest place above it that was written.
    fn fault(&self, path: &[&str], message: impl Into<String>) -> Fault {
        Fault::new(&self.file, self.places.at(path), message)
    }

    /// Checks that a name is one that SQL takes as it is.
    fn name(&self, what: &str, path: &[&str], name: &str, faults: &mut Faults) {
        let good = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !good {
            let message = format!(
                "`{name}` is no name for a {what}, expected lower-case letters, digits and _"
            );
            faults.push(self.fault(path, message));
        }
    }

    /// The table it loads.
    fn target(&self) -> String {
        target_table(&self.job)
    }
}

impl Jobs {
    /// Reads the documents of `etl/` (file name and text), checks them against the model and puts
    /// them in order.
    ///
    /// # Errors
    /// Every fault with its place: what is not of a job's form, unknown names, natural keys of the
    /// wrong arity, transformations that are no SQL, jobs that wait for each other.
    pub fn load<F: AsRef<str>, T: AsRef<str>>(
        files: &[(F, T)],
        model: &Model,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let mut written = Vec::new();
        for (file, text) in files {
            written.extend(faults.take(read(file.as_ref(), text.as_ref())));
        }
        let matched = written.iter().filter(|job| matches!(job.job.load, LoadSpec::Match(_)));
        let matched: Vec<String> = matched.flat_map(|job| target_tables(&job.job)).collect();
        for job in &written {
            faults.extend(check::check(job, model, &matched));
        }
        faults.extend(check::together(&written));
        let whole = files.len() == written.len();
        let ordered = if whole { faults.take(order::order(&written, model)) } else { None };
        faults.or(Self(ordered.unwrap_or_default()))
    }

    /// The jobs, each after those whose tables it uses.
    pub fn iter(&self) -> std::slice::Iter<'_, Job> {
        self.0.iter()
    }

    /// Whether the project has no jobs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many jobs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The jobs of these names, in running order; all of them where no name is given.
    ///
    /// # Errors
    /// Usage errors name a job that does not exist, and the one that may have been meant.
    pub fn select(&self, names: &[String]) -> Result<Vec<&Job>> {
        for name in names {
            if !self.0.iter().any(|job| job.job == *name) {
                return Err(unknown_job(name, self.0.iter().map(|job| job.job.as_str())));
            }
        }
        let wanted: BTreeSet<&String> = names.iter().collect();
        let chosen = self.0.iter().filter(|job| wanted.is_empty() || wanted.contains(&job.job));
        Ok(chosen.collect())
    }
}

impl<'a> IntoIterator for &'a Jobs {
    type Item = &'a Job;
    type IntoIter = std::slice::Iter<'a, Job>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The table that a job loads; the first, where it loads several.
pub(crate) fn target_table(job: &Job) -> String {
    match &job.load {
        LoadSpec::Dimension(load) => format!("dim_{}", load.dimension),
        LoadSpec::Fact(load) => format!("fact_{}", load.fact),
        LoadSpec::Bridge(load) => format!("bridge_{}", load.bridge),
        LoadSpec::Match(load) => load.table(),
    }
}

/// The tables that a job loads.
fn target_tables(job: &Job) -> Vec<String> {
    match &job.load {
        LoadSpec::Match(load) => load.tables().into(),
        LoadSpec::Dimension(_) | LoadSpec::Fact(_) | LoadSpec::Bridge(_) => {
            vec![target_table(job)]
        }
    }
}

fn read(file: &str, text: &str) -> Result<Written, Faults> {
    let document = Document::read(file, text)?;
    let mut job: Job = document.parse()?;
    job.count_each_change();
    let places = document.parse()?;
    Ok(Written { file: file.to_owned(), places, job })
}

fn unknown_job<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Error {
    let names: Vec<&str> = names.collect();
    let error = Error::new(crate::error::ErrorKind::Usage, format!("there is no job `{name}`"));
    match did_you_mean(name, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("the jobs are {}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests;
