//! The operational database: customers, assortment, tills and loans in one SQLite file.

mod customers;
mod goods;
mod loans;
mod table;
mod tills;

use super::Day;
use super::report::SourceReport;
use crate::error::{Error, ErrorKind, Result};
use crate::sample::project::unfinished_name;
use rusqlite::Connection;
use std::path::Path;
pub(crate) use tills::withdrawn;

/// The database, relative to the project.
const FILE: &str = "sources/operations.db";

/// Writes the whole database anew, beside the old one, and puts it in its place.
pub(crate) fn write(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let path = day.folder.join(FILE);
    let unfinished = unfinished_name(&path);
    prepare(&path, &unfinished)?;
    let reports = fill(day, &unfinished).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "cannot write the sample's database")
            .with("file", unfinished.display())
            .caused_by(error)
    })?;
    std::fs::rename(&unfinished, &path).map_err(|error| fault(&path, error))?;
    Ok(reports)
}

fn prepare(path: &Path, unfinished: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| fault(folder, error))?;
    }
    match std::fs::remove_file(unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(fault(unfinished, error)),
        _ => Ok(()),
    }
}

fn fault(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "cannot write a file of the sample")
        .with("file", path.display())
        .caused_by(error)
}

fn fill(day: &Day<'_>, path: &Path) -> rusqlite::Result<Vec<SourceReport>> {
    let mut connection = Connection::open(path)?;
    // nobody else sees the file before it is whole
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    let transaction = connection.transaction()?;
    let reports = vec![
        customers::write(&transaction, day)?,
        customers::write_log(&transaction, day)?,
        goods::write_products(&transaction, day)?,
        goods::write_stores(&transaction, day)?,
        goods::write_campaigns(&transaction, day)?,
        tills::write(&transaction, day)?,
        loans::write(&transaction, day)?,
        loans::write_payments(&transaction, day)?,
    ];
    transaction.commit()?;
    Ok(reports)
}
