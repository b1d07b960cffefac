//! What of a fact's files has drifted from how the model wants them, and writing that anew.
//!
//! Loads sort what they bring, not what is there: rows that come late to a month are in a file of
//! their own, and a fact whose `sort_by` or `cluster_by` has changed is in the old order until it is
//! written again.

use super::clustered::Clustered;
use super::{fact_sql, fact_table, stage};
use crate::engine::Engine;
use crate::error::Result;
use crate::model::Fact;
use crate::store::{Change, DataFile, FILE_ROWS, Load, TableState};
use std::collections::BTreeMap;

/// The rows to be written anew, seen as a table.
const OLD: &str = "rows_old";

/// What of a fact is to be written anew.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drift {
    /// Its files by partition, each partition whole.
    pub(crate) partitions: BTreeMap<Option<i32>, Vec<DataFile>>,
    /// Why, in words.
    pub(crate) why: &'static str,
}

impl Drift {
    /// The files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &DataFile> {
        self.partitions.values().flatten()
    }
}

/// What of a fact has drifted; `all` of it if so asked.
pub(crate) fn drift(fact: &Fact, table: &TableState, all: bool) -> Option<Drift> {
    let mut partitions: BTreeMap<Option<i32>, Vec<DataFile>> = BTreeMap::new();
    for file in &table.files {
        partitions.entry(file.partition).or_default().push(file.clone());
    }
    let why = if all {
        "asked for"
    } else if fact.cluster_by.is_empty() && table.sort_by != fact.sort_by {
        "sorted otherwise than the model says"
    } else {
        partitions.retain(|_, files| is_scattered(files) || !is_along_curve(fact, files));
        match partitions.values().all(|files| is_along_curve(fact, files)) {
            true => "in more files than needed",
            false => "not along the curve that the model says",
        }
    };
    (!partitions.is_empty()).then_some(Drift { partitions, why })
}

/// Whether files lie along the fact's curve, if it has one: those of which nobody noted a curve, as
/// before it was noted at all, count as lying elsewhere until they are written anew.
fn is_along_curve(fact: &Fact, files: &[DataFile]) -> bool {
    fact.cluster_by.is_empty() || files.iter().all(|file| file.cluster_by == fact.cluster_by)
}

/// Whether rows of a partition are in more files than they would be if written at once.
fn is_scattered(files: &[DataFile]) -> bool {
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    files.len() as u64 > rows.div_ceil(FILE_ROWS).max(1)
}

/// Writes what has drifted anew and stages it in place of what was; returns the new files.
///
/// # Errors
/// User errors where the stored table is of another form than the model's; internal errors where
/// rows would be lost.
pub(crate) async fn rewrite(
    engine: &Engine,
    load: &mut Load,
    fact: &Fact,
    table: &TableState,
    drift: &Drift,
) -> Result<Vec<DataFile>> {
    let spec = fact_table::spec(fact);
    stage::check_partitions(table, &spec)?;
    stage::check_columns(table, &spec)?;
    let old: Vec<DataFile> = drift.files().cloned().collect();
    let table = stage::only(&stage::as_specified(table, &spec), &old);
    let names: Vec<String> = spec.columns.iter().map(|column| column.name.clone()).collect();
    let names = fact_sql::list("", &names);
    let rows = |partition| {
        let here = fact_sql::in_partition(fact, "", partition);
        format!("SELECT {names} FROM {OLD} WHERE {here}")
    };
    let clustered = Clustered { engine, load, fact, tables: &[(OLD, &table)], rows };
    let files = clustered.write(drift.partitions.keys().copied()).await?;
    fact_table::check_rows(fact, fact_table::count(&old), fact_table::count(&files))?;
    let remove = old.into_iter().map(|file| file.path).collect();
    load.stage(spec, Change::Exchange { remove, add: files.clone() })?;
    Ok(files)
}
