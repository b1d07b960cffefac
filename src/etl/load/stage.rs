//! Staging only what differs: files are written the same way every time, so a table whose new
//! files have the checksums of its present ones is left as it is.

use crate::error::{Error, Result};
use crate::store::{Change, DataFile, Load, TableSpec, TableState};

/// Makes these files the table, unless they hold what it holds. Returns whether they differ.
pub(crate) fn replace(load: &mut Load, spec: TableSpec, files: Vec<DataFile>) -> Result<bool> {
    let preview = load.preview();
    if preview.tables.get(&spec.name).is_some_and(|table| same(table, &spec, &files)) {
        return Ok(false);
    }
    load.stage(spec, Change::Replace(files))?;
    Ok(true)
}

/// Adds these files to the table, whose rows are not looked at; they are the table where there is
/// none yet, or one with other columns.
pub(crate) fn append(load: &mut Load, spec: TableSpec, files: Vec<DataFile>) -> Result<()> {
    let preview = load.preview();
    let table = preview.tables.get(&spec.name).filter(|table| table.columns == spec.columns);
    match table {
        Some(_) if files.is_empty() => Ok(()),
        Some(_) => load.stage(spec, Change::Append(files)),
        None => load.stage(spec, Change::Replace(files)),
    }
}

fn same(table: &TableState, spec: &TableSpec, files: &[DataFile]) -> bool {
    fn identities(files: &[DataFile]) -> Vec<(Option<i32>, &str)> {
        files.iter().map(|file| (file.partition, file.sha256.as_str())).collect()
    }
    table.columns == spec.columns
        && table.partition_by == spec.partition_by
        && table.sort_by == spec.sort_by
        && identities(&table.files) == identities(files)
}

/// Files that leave and files that join, without the partitions in which both hold the same.
pub(crate) fn without_same(
    leave: Vec<DataFile>,
    join: Vec<DataFile>,
) -> (Vec<DataFile>, Vec<DataFile>) {
    let of = |files: &[DataFile], partition: Option<i32>| -> Vec<String> {
        let files = files.iter().filter(|file| file.partition == partition);
        files.map(|file| file.sha256.clone()).collect()
    };
    let differs = |partition| of(&leave, partition) != of(&join, partition);
    let left = leave.iter().filter(|file| differs(file.partition)).cloned().collect();
    let joined = join.iter().filter(|file| differs(file.partition)).cloned().collect();
    (left, joined)
}

/// A table of which only some files are seen.
pub(crate) fn only(table: &TableState, files: &[DataFile]) -> TableState {
    TableState { files: files.to_vec(), ..table.clone() }
}

/// A table as its next version has it: columns that its files lack are NULL.
pub(crate) fn as_specified(table: &TableState, spec: &TableSpec) -> TableState {
    TableState { columns: spec.columns.clone(), ..table.clone() }
}

/// Refuses to change some files of a table that is partitioned otherwise than the model says.
///
/// # Errors
/// User errors that say both.
pub(crate) fn check_partitions(table: &TableState, spec: &TableSpec) -> Result<()> {
    if table.partition_by == spec.partition_by || table.files.is_empty() {
        return Ok(());
    }
    let by = |column: &Option<String>| match column {
        Some(column) => format!("by {column}"),
        None => "not at all".to_owned(),
    };
    let message = format!(
        "the stored table is partitioned {}, the model's {}",
        by(&table.partition_by),
        by(&spec.partition_by)
    );
    Err(Error::user(message)
        .with("table", &spec.name)
        .hint("load it whole once, with `mode: replace`"))
}

/// Refuses to write rows anew whose table has columns that the model does not know as such.
///
/// # Errors
/// User errors that name the column.
pub(crate) fn check_columns(table: &TableState, spec: &TableSpec) -> Result<()> {
    let is_known = |column: &&crate::model::Column| {
        spec.columns.iter().any(|known| known.name == column.name && known.ty == column.ty)
    };
    match table.columns.iter().find(|column| !is_known(column)) {
        None => Ok(()),
        Some(column) => {
            let message = format!("the stored column `{}` is not in the model", column.name);
            Err(Error::user(message)
                .with("table", &spec.name)
                .hint("load the table whole once, with `mode: replace`"))
        }
    }
}
