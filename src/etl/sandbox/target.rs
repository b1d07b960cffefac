//! Where a client's rows go, and what must be true of it.

use super::question::{existing, there_already};
use crate::engine::{SANDBOX, Session, sandbox_table};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::model::Column;

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The schema, where the client named one.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
    /// Whether it is the session's own.
    pub temporary: bool,
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

/// What can be told before any row came.
pub(super) fn check(session: &Session, target: &Target, columns: &[Column]) -> Result<()> {
    let name = &target.table;
    match (session.release().tables.get(&sandbox_table(name)), target.if_exists) {
        (None, _) if target.if_missing == IfMissing::Create => Ok(()),
        (None, _) => existing(session.release(), name).map(|_| ()),
        (Some(_), IfExists::Fail) => Err(there_already(name)),
        (Some(_), IfExists::Replace) => Ok(()),
        (Some(table), IfExists::Append) => same_columns(columns, &table.columns),
    }
}

/// Only the sandbox is for clients to write.
pub(super) fn allowed(session: &Session, target: &Target) -> Result<()> {
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
pub(super) fn same_columns(rows: &[Column], table: &[Column]) -> Result<()> {
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
