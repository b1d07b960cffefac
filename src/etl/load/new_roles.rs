//! A fact that gets a role when it has rows already: of these nobody knows the member, until the jobs
//! load them again.

use super::clustered::Clustered;
use super::fact_sql::{self, in_partition, quoted};
use super::fact_table::{check_rows, count, spec};
use super::{Loading, stage};
use crate::error::{Result, counted};
use crate::ids::SurrogateKey;
use crate::model::{Fact, FactRole};
use crate::store::{Change, DataFile, TableState};
use std::collections::BTreeSet;

/// The rows as they are stored.
const OLD: &str = "rows_old";

/// Gives the rows that a fact has the unknown member of every role that is new; says so.
///
/// # Errors
/// User errors where the fact is stored otherwise than the model says in other ways.
pub(super) async fn fill(loading: &mut Loading<'_>, fact: &Fact) -> Result<Option<String>> {
    let spec = spec(fact);
    let Some(before) = loading.load.preview().tables.get(&spec.name).cloned() else {
        return Ok(None);
    };
    let lacks = |name: &String| before.columns.iter().all(|stored| stored.name != *name);
    let is_new = |role: &&FactRole| lacks(&role.key_column());
    let roles: Vec<&FactRole> = fact.roles.iter().filter(is_new).collect();
    if roles.is_empty() || before.files.is_empty() {
        return Ok(None);
    }
    stage::check_partitions(&before, &spec)?;
    stage::check_columns(&before, &spec)?;
    let is_key = |name: &String| roles.iter().any(|role| role.key_column() == *name);
    let columns = spec.columns.iter().filter(|column| !is_key(&column.name)).cloned().collect();
    let old = TableState { columns, ..before.clone() };
    let unknown = SurrogateKey::UNKNOWN.0;
    let select = spec.columns.iter().map(|column| match is_key(&column.name) {
        true => format!("CAST({unknown} AS INT) AS {}", quoted(&column.name)),
        false => fact_sql::list("", [&column.name]),
    });
    let select = select.collect::<Vec<_>>().join(", ");
    let rows = |partition| {
        format!("SELECT {select} FROM {OLD} WHERE {}", in_partition(fact, "", partition))
    };
    let partitions: BTreeSet<Option<i32>> = old.files.iter().map(|file| file.partition).collect();
    let (engine, load) = (loading.engine, &*loading.load);
    let clustered = Clustered { engine, load, fact, tables: &[(OLD, &old)], rows };
    let files: Vec<DataFile> = clustered.write(partitions).await?;
    check_rows(fact, before.rows(), count(&files))?;
    let remove = before.files.iter().map(|file| file.path.clone()).collect();
    loading.load.stage(spec, Change::Exchange { remove, add: files })?;
    let names: Vec<&str> = roles.iter().map(|role| role.role.as_str()).collect();
    Ok(Some(format!(
        "{} before, now with an unknown {}: the role is new",
        counted(before.rows(), "row that was there", "rows that were there"),
        names.join(" and "),
    )))
}
