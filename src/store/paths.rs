//! Every path of the warehouse, relative to its root. Paths are made here and nowhere else.
//!
//! ```text
//! releases/00000000000000000007.json                  a release: the commit
//! tables/fact_sales/_delta_log/00000000000000000003.json
//! tables/fact_sales/date_month=202501/<run>-00001.parquet
//! staging/lock                                        guards making and sweeping staging folders
//! staging/<run>/lock                                  held while the load lives
//! staging/<run>/<name>-1/00001.parquet                rows staged by the load
//! staging/process-<id>/lock, /<n>                     a process's temporary files
//! leases/00000000000000000007.lock                    held, shared, by who reads that release
//! leases/rolled                                       the last release known to be applied
//! leases/schedules.lock                               held by who runs the schedules
//! log/runs/<run>.json, log/rejects/<run>/00001.jsonl, log/queries/2025-01-31.jsonl
//! log/schedules/<name>.json                           where a schedule is
//! log/lineage.json                                    which column comes from which
//! log/savepoints/<run>.json                           what an unfinished run has done
//! ```

use crate::error::{Error, Result};
use crate::ids::{ReleaseId, RunId};
use chrono::NaiveDate;
use object_store::path::Path;

/// The folder of release files.
pub(crate) fn releases() -> Path {
    path("releases")
}

/// A release's file.
pub(crate) fn release(id: ReleaseId) -> Path {
    path(&format!("releases/{:020}.json", id.0))
}

/// The release whose file has this name.
pub(crate) fn release_of(file_name: &str) -> Option<ReleaseId> {
    let digits = file_name.strip_suffix(".json")?;
    let all_digits = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().ok().map(ReleaseId))?
}

/// The folder of lease files.
pub(crate) fn leases() -> Path {
    path("leases")
}

/// Holds the number of the last release known to be applied; whoever finds it need not look.
pub(crate) fn rolled() -> Path {
    path("leases/rolled")
}

/// The lock file that readers of a release hold.
pub(crate) fn lease(id: ReleaseId) -> Path {
    path(&format!("leases/{:020}.lock", id.0))
}

/// The folder of all tables.
pub(crate) fn tables() -> Path {
    path("tables")
}

/// A table's folder.
pub(crate) fn table(name: &str) -> Result<Path> {
    Ok(path(&format!("tables/{}", checked_name(name)?)))
}

/// A location out of a release file.
#[allow(clippy::disallowed_methods, reason = "the one place")]
pub(crate) fn location(written: &str) -> Result<Path> {
    Path::parse(written).map_err(|error| {
        Error::damaged("a release names a location that is no path")
            .with("location", written)
            .caused_by(error)
    })
}

/// A file of a table.
pub(crate) fn table_file(location: &str, file: &str) -> Result<Path> {
    self::location(&format!("{location}/{file}"))
}

/// The name of a data file relative to its table's folder.
pub(crate) fn data_file(
    partition: Option<(&str, i32)>,
    run: &RunId,
    sequence: u64,
) -> Result<String> {
    let run = checked_run(run)?;
    Ok(match partition {
        Some((column, value)) => {
            format!("{}={value}/{run}-{sequence:05}.parquet", checked_name(column)?)
        }
        None => format!("{run}-{sequence:05}.parquet"),
    })
}

/// The run that wrote a data file of this name (without folders); none where the name is not ours.
pub(crate) fn run_of_data_file(file_name: &str) -> Option<&str> {
    let (run, sequence) = file_name.strip_suffix(".parquet")?.rsplit_once('-')?;
    let ours = sequence.len() >= 5 && sequence.bytes().all(|byte| byte.is_ascii_digit());
    (ours && is_run(run)).then_some(run)
}

/// A commit of a table's Delta log.
pub(crate) fn delta_commit(location: &str, version: u64) -> Result<Path> {
    self::location(&format!("{location}/_delta_log/{version:020}.json"))
}

/// The folder of all staging folders.
pub(crate) fn staging() -> Path {
    path("staging")
}

/// A load's staging folder.
pub(crate) fn staging_of(run: &RunId) -> Result<Path> {
    Ok(path(&format!("staging/{}", checked_run(run)?)))
}

/// The folder of one staged table.
pub(crate) fn staged_table(run: &RunId, name: &str, sequence: u64) -> Result<Path> {
    let (run, name) = (checked_run(run)?, checked_name(name)?);
    Ok(path(&format!("staging/{run}/{name}-{sequence}")))
}

/// A process's folder for temporary files.
pub(crate) fn scratch(process: u32, sequence: u64) -> Path {
    path(&format!("staging/process-{process}-{sequence}"))
}

/// The folder of run records.
pub(crate) fn runs() -> Path {
    path("log/runs")
}

/// A run's record.
pub(crate) fn run_record(run: &RunId) -> Result<Path> {
    Ok(path(&format!("log/runs/{}.json", checked_run(run)?)))
}

/// The folder of all rejected rows.
pub(crate) fn rejects() -> Path {
    path("log/rejects")
}

/// The folder of a run's rejected rows.
pub(crate) fn rejects_of(run: &RunId) -> Result<Path> {
    Ok(path(&format!("log/rejects/{}", checked_run(run)?)))
}

/// A batch of a run's rejected rows.
pub(crate) fn reject_batch(run: &RunId, sequence: u64) -> Result<Path> {
    Ok(path(&format!("log/rejects/{}/{sequence:05}.jsonl", checked_run(run)?)))
}

/// The folder of what is remembered of schedules.
pub(crate) fn schedules() -> Path {
    path("log/schedules")
}

/// What is remembered of a schedule.
pub(crate) fn schedule(name: &str) -> Result<Path> {
    Ok(path(&format!("log/schedules/{}.json", checked_name(name)?)))
}

/// The lock that who runs schedules holds.
pub(crate) fn schedule_lock() -> Path {
    path("leases/schedules.lock")
}

/// The folder of what unfinished runs have done.
pub(crate) fn savepoints() -> Path {
    path("log/savepoints")
}

/// What an unfinished run has done.
pub(crate) fn savepoint(run: &RunId) -> Result<Path> {
    Ok(path(&format!("log/savepoints/{}.json", checked_run(run)?)))
}

/// Which column comes from which.
pub(crate) fn lineage() -> Path {
    path("log/lineage.json")
}

/// The folder of query logs.
pub(crate) fn queries() -> Path {
    path("log/queries")
}

/// The queries of a day.
pub(crate) fn queries_of(day: NaiveDate) -> Path {
    path(&format!("log/queries/{day}.jsonl"))
}

/// Parts are names checked here or numbers, so nothing in them needs encoding.
#[allow(clippy::disallowed_methods, reason = "the one place that makes paths")]
fn path(text: &str) -> Path {
    Path::from(text)
}

fn checked_name(name: &str) -> Result<&str> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain && !name.is_empty() && name.len() <= 128 {
        return Ok(name);
    }
    Err(Error::user("a name may hold only letters, digits and underscores").with("name", name))
}

fn checked_run(run: &RunId) -> Result<&str> {
    if is_run(&run.0) {
        return Ok(&run.0);
    }
    Err(Error::internal("a run's id may hold only letters, digits, `_`, `.` and `-`")
        .with("run", run))
}

fn is_run(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    text.len() <= 128
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.bytes().all(plain)
        && !text.starts_with("process-")
        && text != "lock"
}
