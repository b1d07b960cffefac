//! A fact's stored table: its columns, its files, and what must be true of them.

use super::fact_sql::WRITTEN;
use super::{Loading, fact_sql};
use crate::error::{Error, Result, counted};
use crate::etl::rows;
use crate::ids::SurrogateKey;
use crate::model::{Column, Fact, FactRole, Model};
use crate::store::{DataFile, TableSpec, TableState};

/// The table as it is to be written.
pub(crate) fn spec(fact: &Fact) -> TableSpec {
    TableSpec {
        name: fact.table(),
        description: fact.description.clone(),
        columns: stored_columns(fact),
        partition_by: fact.partition_column().map(str::to_owned),
        sort_by: fact.sort_by.clone(),
    }
}

/// The fact's columns; those that identify a row are never NULL.
pub(super) fn stored_columns(fact: &Fact) -> Vec<Column> {
    let mut columns = fact.table_columns();
    for column in &mut columns {
        column.nullable &= !fact.key.contains(&column.name);
    }
    columns
}

/// Rows in files.
pub(crate) fn count(files: &[DataFile]) -> u64 {
    files.iter().map(|file| file.rows).sum()
}

/// Stops a load that would lose or multiply rows.
pub(crate) fn check_rows(fact: &Fact, expected: u64, found: u64) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let message = format!("{expected} rows would have become {found}");
    Err(Error::internal(message).with("fact", &fact.name))
}

/// How many of the rows have an unknown member, by role.
pub(super) async fn unknown_members(
    loading: &Loading<'_>,
    fact: &Fact,
    table: &TableState,
) -> Result<Vec<String>> {
    let may_be_unknown = |role: &&FactRole| !known(&role.key_column(), &table.files);
    let roles: Vec<&FactRole> = fact.roles.iter().filter(may_be_unknown).collect();
    if roles.is_empty() {
        return Ok(Vec::new());
    }
    let unknown = SurrogateKey::UNKNOWN.0;
    let counts = roles.iter().map(|role| {
        let key = fact_sql::quoted(&role.key_column());
        format!("count(CASE WHEN {key} = {unknown} THEN 1 END)")
    });
    let counts: Vec<String> = counts.collect();
    let session = loading.session(&[(WRITTEN, table)]);
    let sql = format!("SELECT {} FROM {WRITTEN}", counts.join(", "));
    let counts = rows::counts(&session, &sql).await?;
    let pairs = roles.iter().zip(counts).filter(|(_, count)| *count > 0);
    let told = |(role, count): (&&FactRole, u64)| {
        format!("{} an unknown {}", counted(count, "row has", "rows have"), role.role)
    };
    Ok(pairs.map(told).collect())
}

/// Whether the files' statistics say that all members of a role are known.
pub(super) fn known(key: &str, files: &[DataFile]) -> bool {
    let least = |file: &DataFile| file.statistics.get(key)?.min.as_ref()?.parse::<i32>().ok();
    files.iter().all(|file| least(file).is_some_and(|least| least >= 0))
}

/// The fact's roles whose members may be inferred.
pub(super) fn inferred_roles<'a>(fact: &'a Fact, model: &Model) -> Vec<&'a FactRole> {
    let infers = |role: &&FactRole| {
        model.dimension(&role.dimension).is_some_and(|dimension| dimension.infers_members)
    };
    fact.roles.iter().filter(infers).collect()
}
