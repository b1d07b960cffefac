//! Finding the wanted columns among a file's headings.

use crate::error::{Error, Result, did_you_mean};
use crate::etl::job::{SourceColumn, SourceSpec};
use std::ops::Deref;

/// The columns that are wanted of a source.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    columns: Vec<SourceColumn>,
    /// Whether one that is not there is NULL.
    pub(super) may_lack: bool,
}

impl Wanted {
    pub(super) fn new(spec: &SourceSpec) -> Self {
        let may_lack = spec.contract.as_ref().is_some_and(|contract| contract.reads_on());
        Self { columns: spec.columns.clone(), may_lack }
    }
}

impl Deref for Wanted {
    type Target = [SourceColumn];

    fn deref(&self) -> &[SourceColumn] {
        &self.columns
    }
}

/// Names of columns told at most.
const NAMES_SHOWN: usize = 40;

/// The heading that a column is read from.
pub(super) fn heading(column: &SourceColumn) -> &str {
    column.from.as_deref().unwrap_or(&column.name)
}

/// The headings of all wanted columns.
pub(super) fn headings(columns: &[SourceColumn]) -> Vec<String> {
    columns.iter().map(|column| heading(column).to_owned()).collect()
}

/// Where each wanted column stands among the headings, which are compared trimmed; nowhere where it
/// is missing and may be.
///
/// # Errors
/// User where a heading is missing (all missing ones are named, with what the file has) or stands
/// there twice.
pub(super) fn positions(headings: &[String], columns: &Wanted) -> Result<Vec<Option<usize>>> {
    let have: Vec<&str> = headings.iter().map(|heading| tidy(heading)).collect();
    let mut missing = Vec::new();
    let mut found = Vec::with_capacity(columns.len());
    for column in columns.iter() {
        let wanted = tidy(heading(column));
        let mut at = have.iter().enumerate().filter(|(_, name)| **name == wanted);
        match (at.next(), at.next()) {
            (Some((position, _)), None) => found.push(Some(position)),
            (Some(_), Some(_)) => {
                return Err(Error::user(format!("the heading `{wanted}` stands there twice"))
                    .hint("rename one of the two, or do not read this column"));
            }
            (None, _) if columns.may_lack => found.push(None),
            (None, _) => missing.push(wanted),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(missing_columns(&missing, &have)) }
}

/// The error for wanted columns that are not there.
pub(super) fn missing_columns(missing: &[&str], have: &[&str]) -> Error {
    let have = &have[..have.len().min(NAMES_SHOWN)];
    let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
    let nearest: Vec<String> = missing
        .iter()
        .filter_map(|name| did_you_mean(name, have.iter().copied()))
        .map(|name| format!("`{name}`"))
        .collect();
    let has =
        format!("it has {}", if have.is_empty() { "none".to_owned() } else { have.join(", ") });
    let hint = if nearest.is_empty() {
        has
    } else {
        format!("did you mean {}? {has}", nearest.join(", "))
    };
    let column = if missing.len() == 1 { "column" } else { "columns" };
    Error::user(format!("no {column} {}", names.join(", "))).hint(hint)
}

fn tidy(heading: &str) -> &str {
    heading.trim_start_matches('\u{feff}').trim()
}
