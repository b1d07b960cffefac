//! Rows of a client's program into a table: staged as they come, then written as one release.

use super::Sandbox;
use super::assign::{Assign, columns_of};
use super::question::{existing, there_already};
use super::write::{Work, append, recorded, replace};
use crate::engine::{Engine, SANDBOX, Session, sandbox_table};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::etl::rows::stream_sql;
use crate::etl::run::run_id;
use crate::ids::RunId;
use crate::model::Column;
use crate::store::{Load, Rows, TableSpec, TableState};
use arrow::datatypes::Schema;
use futures::StreamExt;
use std::sync::Arc;

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The schema, where the client named one.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
    /// What if there is no such table.
    pub if_missing: IfMissing,
    /// What if there is one.
    pub if_exists: IfExists,
}

/// What becomes of rows whose table is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// The table is made.
    Create,
    /// They are refused.
    Fail,
}

/// What becomes of rows whose table is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    /// They are refused.
    Fail,
    /// They join the table.
    Append,
    /// They are the table now.
    Replace,
}

/// Staged rows, seen as a table.
const ROWS: &str = "rows_of_a_client";

impl Sandbox {
    /// Takes in rows of a schema, all of them or none; gives how many.
    ///
    /// # Errors
    /// Denied where the table is none of the sandbox; user where it is there, or is not, against
    /// the target's word, or the rows' columns are not the table's; data where a value does not
    /// fit; whatever the rows end with.
    pub async fn ingest(
        &self,
        session: &Session,
        target: &Target,
        schema: &Schema,
        rows: Rows,
    ) -> Result<u64> {
        allowed(session, target)?;
        let columns = columns_of(schema, &[])?;
        check(session, target, &columns)?;
        let warehouse = self.engine.warehouse();
        let run = run_id(warehouse, self.engine.clock().now()).await?;
        // Rows may come slowly: they wait for their turn only once all are there.
        let waiting = warehouse.begin(RunId(format!("{run}-rows")), Arc::clone(session.release()));
        let assign = Assign::new(schema, &columns, &[])?;
        let fitted = rows.map(move |batch| assign.apply(&batch?)).boxed();
        let staged = waiting.write_staged(ROWS, columns, fitted).await?;
        let arrived = Arrived { session, target, staged };
        let _turn = self.turn.lock().await;
        let written = recorded(&self.engine, &target.table, Work::Rows(&arrived)).await;
        waiting.abandon().await?;
        written
    }
}

/// What can be told before any row came.
fn check(session: &Session, target: &Target, columns: &[Column]) -> Result<()> {
    let name = &target.table;
    match (session.release().tables.get(&sandbox_table(name)), target.if_exists) {
        (None, _) if target.if_missing == IfMissing::Create => Ok(()),
        (None, _) => existing(session.release(), name).map(|_| ()),
        (Some(_), IfExists::Fail) => Err(there_already(name)),
        (Some(_), IfExists::Replace) => Ok(()),
        (Some(table), IfExists::Append) => same_columns(columns, &table.columns),
    }
}

/// Rows that are all there.
pub(super) struct Arrived<'a> {
    session: &'a Session,
    target: &'a Target,
    staged: TableState,
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
                let nulls = nulls.map(|c| format!(", NULL AS {}", crate::engine::quoted(&c.name)));
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

fn allowed(session: &Session, target: &Target) -> Result<()> {
    let schema = target.schema.as_deref().unwrap_or(SANDBOX);
    if schema == SANDBOX {
        return Ok(());
    }
    let text = format!("`{schema}.{}` is not for clients to write", target.table);
    Err(Error::new(ErrorKind::Denied, text)
        .with("principal", session.principal().name())
        .hint(format!("give {SANDBOX} as the schema, or none")))
}

/// Rows that join a table bring no column that it does not have.
fn same_columns(rows: &[Column], table: &[Column]) -> Result<()> {
    let names = || table.iter().map(|column| column.name.as_str());
    let Some(unknown) = rows.iter().find(|column| !names().any(|name| name == column.name)) else {
        return Ok(());
    };
    let error = Error::user(format!("the table has no column `{}`", unknown.name));
    Err(match did_you_mean(&unknown.name, names()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("it has {}", names().collect::<Vec<_>>().join(", "))),
    })
}
