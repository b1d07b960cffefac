//! `starhouse profile`: what a file or a source holds.

use super::failure::Failure;
use super::project::{Declared, jobs};
use super::table::{self, headed, number};
use crate::error::{Error, ErrorKind, Result};
use crate::etl::job::SourceSpec;
use crate::etl::profile::{ColumnProfile, Profile, draft, profile, source_of_file};
use comfy_table::Cell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Say what a file or a source of a job holds: types, ranges, patterns, keys, what is suspicious
///
/// A file needs no project. Of a source the columns are shown as they stand, before their rules.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A file (.csv, .json, .jsonl, .parquet, .xlsx ...), or JOB.SOURCE of the project, of any kind
    what: String,
    /// Print a draft of the source's YAML in place of the table
    #[arg(long)]
    yaml: bool,
}

const EXAMPLES: &str = "\
Examples:
  starhouse profile customers.csv
  starhouse profile customers.csv --yaml
  starhouse profile orders.orders --project shop";

/// Profiles a file or a source.
pub(super) async fn run(project: &Path, args: Args) -> std::result::Result<(), Failure> {
    let (root, source) = find(project, &args.what)?;
    let reading = tokio::task::spawn_blocking(move || profile(&root, &source));
    let found = reading
        .await
        .map_err(|error| Error::internal("the profiling broke down").caused_by(error))??;
    let told = if args.yaml { draft(&found) } else { in_words(&found) };
    write!(io::stdout(), "{told}")?;
    Ok(())
}

/// The source that is meant, and the folder its paths are relative to.
fn find(project: &Path, what: &str) -> Result<(PathBuf, SourceSpec)> {
    let is_file = Path::new(what).is_file();
    let named = what.split_once('.').filter(|_| !is_file);
    let Some((job, name)) = named.filter(|(job, _)| !job.contains(['/', '\\'])) else {
        return Ok((PathBuf::from("."), source_of_file(what)?));
    };
    let declared = match Declared::read(project) {
        Ok(declared) => declared,
        // without a project only a file can be meant
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok((PathBuf::from("."), source_of_file(what)?));
        }
        Err(error) => return Err(error),
    };
    let all = jobs(&declared)?;
    let jobs = all.select(&[job.to_owned()])?;
    let sources: Vec<&SourceSpec> = jobs.iter().flat_map(|job| &job.sources).collect();
    let source = sources.iter().find(|source| source.name == name).ok_or_else(|| {
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        Error::new(ErrorKind::Usage, format!("the job `{job}` has no source `{name}`"))
            .hint(format!("it has {}", names.join(", ")))
    })?;
    Ok((declared.root.clone(), (*source).clone()))
}

fn in_words(found: &Profile) -> String {
    let heading = ["column", "type", "missing", "distinct", "from", "to", "looks like", "remarks"];
    let mut list = headed(heading);
    for column in &found.columns {
        let distinct = column.distinct.map_or_else(|| "over 1,000,000".to_owned(), table::count);
        list.add_row([
            Cell::new(&column.name),
            Cell::new(column.ty),
            number(share(column.nulls, found.rows)),
            number(distinct),
            Cell::new(short(column.min.as_deref().unwrap_or_default())),
            Cell::new(short(column.max.as_deref().unwrap_or_default())),
            Cell::new(patterns(column)),
            Cell::new(remarks(column)),
        ]);
    }
    let unreadable = match &found.unreadable {
        Some((rows, first)) => {
            format!("{} unreadable, such as {first}\n", table::rows(*rows))
        }
        None => String::new(),
    };
    format!("{list}\n{}\n{unreadable}", table::rows(found.rows))
}

fn share(part: u64, whole: u64) -> String {
    match part {
        0 => String::new(),
        _ => format!("{:.1} %", part as f64 * 100.0 / (whole as f64).max(1.0)),
    }
}

/// A value that fits a table.
fn short(value: &str) -> String {
    const MOST: usize = 24;
    if value.chars().count() <= MOST {
        return value.to_owned();
    }
    value.chars().take(MOST - 1).chain(['…']).collect()
}

fn patterns(column: &ColumnProfile) -> String {
    let of = |count: u64| share(count, column.values);
    let told = column.patterns.iter().take(2).map(|(pattern, n)| format!("{pattern} {}", of(*n)));
    told.collect::<Vec<_>>().join("\n")
}

fn remarks(column: &ColumnProfile) -> String {
    let mut remarks = Vec::new();
    if column.is_key {
        remarks.push("may be a key".to_owned());
    }
    if let Some(format) = column.day_format {
        remarks.push(format!("days as {format}"));
    }
    if let Some(format) = &column.number_format {
        remarks.push(format!("decimal sign `{}`", format.decimal));
    }
    if !column.null_tokens.is_empty() {
        remarks.push(format!("for nothing: {}", column.null_tokens.join(", ")));
    }
    let frequent = column.frequent.first().filter(|(_, n)| n * 2 > column.values);
    remarks.extend(
        frequent.map(|(value, n)| format!("{} are `{}`", share(*n, column.values), short(value))),
    );
    remarks.extend(column.suspicious.iter().cloned());
    remarks.join("\n")
}
