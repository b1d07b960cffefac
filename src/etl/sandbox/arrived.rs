//! Rows of a client that are all there, and what they make of their table.

use super::staging::{append, replace};
use super::target::{IfExists, Target, check};
use crate::engine::{Engine, Session, quoted, sandbox_table};
use crate::error::Result;
use crate::etl::rows::stream_sql;
use crate::model::Column;
use crate::store::{Load, TableSpec, TableState};

/// Staged rows, seen as a table.
pub(super) const ROWS: &str = "rows_of_a_client";

/// Rows that are all there.
pub(super) struct Arrived<'a> {
    /// Whose session brought them.
    pub(super) session: &'a Session,
    /// Where they go.
    pub(super) target: &'a Target,
    /// The rows.
    pub(super) staged: TableState,
}

impl Arrived<'_> {
    /// Stages what they make of their table, and counts them.
    pub(super) async fn taken_in(&self, engine: &Engine, load: &mut Load) -> Result<u64> {
        let Self { target, staged, .. } = self;
        let session = self.session.on(load.base());
        check(&session, target, &staged.columns)?;
        let name = sandbox_table(&target.table);
        let there = session.release().tables.get(&name);
        let joins = there.filter(|_| target.if_exists == IfExists::Append);
        let spec = TableSpec {
            name,
            description: format!("Written by {}.", session.principal().name()),
            columns: joins.unwrap_or(staged).columns.clone(),
            partition_by: None,
            sort_by: Vec::new(),
        };
        let principal = session.principal().clone();
        let tables = vec![(ROWS.to_owned(), staged.clone())];
        let reading = engine.load_session(principal, load.preview(), tables, None);
        let rows = match joins {
            None => stream_sql(&reading, &format!("SELECT * FROM {ROWS}"), &spec.columns).await?,
            Some(table) => {
                let lacking =
                    |column: &&Column| !staged.columns.iter().any(|c| c.name == column.name);
                let nulls = table.columns.iter().filter(lacking);
                let nulls = nulls.map(|c| format!(", NULL AS {}", quoted(&c.name)));
                let sql = format!("SELECT *{} FROM {ROWS}", nulls.collect::<String>());
                stream_sql(&reading, &sql, &spec.columns).await?
            }
        };
        match joins {
            Some(_) => append(load, spec, rows).await,
            None => replace(load, spec, rows).await,
        }
    }
}
