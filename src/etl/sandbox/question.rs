//! The question behind a change: what is asked of a release so that its answer can be written.

use crate::engine::{
    Change, IfExists, Query, SANDBOX, Session, TEMPORARY, Verb, quoted, sandbox_table,
};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::model::Column;
use crate::store::{Release, TableState};
use arrow::datatypes::DataType;
use std::collections::BTreeMap;

/// The columns beside a table's own in the question behind an UPDATE: the new values, in the order
/// of its assignments, and whether the row is changed.
const NEW_VALUE: &str = "__new_";
const CHANGED: &str = "__changed";

/// Where the table is that a change is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// In the sandbox, by its name.
    Sandbox(&'a str),
    /// Among the session's temporary tables.
    Temporary(&'a str),
}

impl<'a> Place<'a> {
    /// Where a change means: a bare name is a temporary table's before any other, except where a
    /// table is made.
    ///
    /// # Errors
    /// As [`target`]; user where a temporary table is made in a schema.
    pub(super) fn of(session: &Session, change: &'a Change) -> Result<Self> {
        let (name, schema) = (change.table.as_str(), change.schema.as_deref());
        let own = match (&change.verb, schema) {
            (_, Some(TEMPORARY)) => true,
            (Verb::Create { temporary: true, .. }, Some(schema)) => {
                let text = format!("a temporary table is in no schema, so not in `{schema}`");
                return Err(Error::user(text).hint(format!("write TEMPORARY TABLE {name}")));
            }
            (Verb::Create { temporary, .. }, None) => *temporary,
            (_, None) => session.temporary().has(name),
            (_, Some(_)) => false,
        };
        if own { Ok(Self::Temporary(name)) } else { target(session, change).map(Self::Sandbox) }
    }

    /// The columns of the table there.
    ///
    /// # Errors
    /// Not found, with what may have been meant.
    pub(super) fn columns(self, session: &Session) -> Result<Vec<Column>> {
        match self {
            Self::Sandbox(name) => Ok(existing(session.release(), name)?.columns.clone()),
            Self::Temporary(name) => {
                let own = session.temporary();
                own.columns(name).ok_or_else(|| no_temporary(name, &own.names()))
            }
        }
    }

    fn is_taken(self, session: &Session) -> bool {
        match self {
            Self::Sandbox(name) => session.release().tables.contains_key(&sandbox_table(name)),
            Self::Temporary(name) => session.temporary().has(name),
        }
    }

    /// That a table cannot be made.
    pub(super) fn there_already(self) -> Error {
        match self {
            Self::Sandbox(name) => there_already(name),
            Self::Temporary(name) => {
                Error::user(format!("the session has a temporary table `{name}` already"))
                    .hint("drop it first, or write CREATE OR REPLACE TEMPORARY TABLE")
            }
        }
    }
}

fn no_temporary(name: &str, known: &[String]) -> Error {
    let error = Error::not_found(format!("the session has no temporary table `{name}`"));
    match did_you_mean(name, known.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("CREATE TEMPORARY TABLE makes one"),
    }
}

/// Plans the question behind a change on the session's release; none where nothing need be asked.
///
/// # Errors
/// As [`Session::plan_sql`]; denied and user as [`target`] and [`existing`].
pub(super) async fn plan(
    session: &Session,
    change: &Change,
    place: Place<'_>,
) -> Result<Option<Query>> {
    match text(session, change, place)? {
        Some(sql) => session.plan_sql(&sql).await.map(Some),
        None => Ok(None),
    }
}

/// The types of a change's parameters that are columns' values, by name. Of integers always the
/// widest, for drivers cut a value down to the type announced without a word.
pub(super) fn parameter_types(
    session: &Session,
    change: &Change,
    place: Place<'_>,
) -> Result<BTreeMap<String, DataType>> {
    let mut types = BTreeMap::new();
    if change.values.is_empty() {
        return Ok(types);
    }
    let columns = place.columns(session)?;
    let named: Vec<&str> = match &change.verb {
        Verb::Insert { columns, .. } => columns.iter().map(String::as_str).collect(),
        Verb::Update { set, .. } => set.iter().map(|(column, _)| column.as_str()).collect(),
        Verb::Create { .. } | Verb::Delete { .. } | Verb::Drop { .. } => Vec::new(),
    };
    for (parameter, place) in &change.values {
        let column = match named.get(*place) {
            Some(name) => &columns[known(&columns, name)?],
            None => match columns.get(*place).filter(|_| named.is_empty()) {
                Some(column) => column,
                None => continue,
            },
        };
        let ty = match column.ty.arrow() {
            DataType::Int16 | DataType::Int32 => DataType::Int64,
            other => other,
        };
        types.insert(parameter.clone(), ty);
    }
    Ok(types)
}

fn text(session: &Session, change: &Change, place: Place<'_>) -> Result<Option<String>> {
    let columns_there = || place.columns(session);
    Ok(match &change.verb {
        Verb::Create { if_exists, query, .. } => match (if_exists, place.is_taken(session)) {
            (IfExists::Fail, true) => return Err(place.there_already()),
            (IfExists::Keep, true) => None,
            _ => Some(query.clone()),
        },
        Verb::Insert { query, columns } => {
            let there = columns_there()?;
            columns.iter().try_for_each(|column| known(&there, column).map(|_| ()))?;
            Some(query.clone())
        }
        Verb::Update { from, set, condition } => {
            Some(update(&columns_there()?, from, set, condition.as_deref())?)
        }
        Verb::Delete { from, condition } => {
            columns_there()?;
            condition
                .as_ref()
                .map(|condition| format!("SELECT * FROM {from} WHERE ({condition}) IS NOT TRUE"))
        }
        Verb::Drop { if_exists: true } => None,
        Verb::Drop { if_exists: false } => columns_there().map(|_| None)?,
    })
}

/// Every row as it is, with the new values of those that change.
fn update(
    columns: &[Column],
    from: &str,
    set: &[(String, String)],
    condition: Option<&str>,
) -> Result<String> {
    let condition = condition.unwrap_or("true");
    let mut asked: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    for (number, (column, value)) in set.iter().enumerate() {
        known(columns, column)?;
        if set.iter().filter(|(other, _)| other == column).count() > 1 {
            return Err(Error::user(format!("`{column}` is set twice")));
        }
        // Of the other rows the value is not wanted, and may not even exist.
        asked.push(format!("CASE WHEN {condition} THEN ({value}) END AS {NEW_VALUE}{number}"));
    }
    asked.push(format!("({condition}) IS TRUE AS {CHANGED}"));
    Ok(format!("SELECT {} FROM {from}", asked.join(", ")))
}

/// The table of the sandbox that a change is about.
///
/// # Errors
/// Denied where it is none of the sandbox.
pub(super) fn target<'a>(session: &Session, change: &'a Change) -> Result<&'a str> {
    let schema = change.schema.as_deref().unwrap_or(session.default_schema());
    if schema == SANDBOX {
        return Ok(&change.table);
    }
    let text = format!("`{schema}.{}` is not for clients to change", change.table);
    Err(Error::new(ErrorKind::Denied, text).hint(format!(
        "tables of the schema `{SANDBOX}` can be made and written, as in {SANDBOX}.{}; what is in \
         `warehouse` is loaded by the project's jobs",
        change.table
    )))
}

/// A table of the sandbox in a release.
///
/// # Errors
/// Not found, with what may have been meant.
pub(super) fn existing<'a>(release: &'a Release, name: &str) -> Result<&'a TableState> {
    if let Some(table) = release.tables.get(&sandbox_table(name)) {
        return Ok(table);
    }
    let error = Error::not_found(format!("there is no table `{SANDBOX}.{name}`"));
    let prefix = sandbox_table("");
    let names = release.tables.keys().filter_map(|table| table.strip_prefix(&prefix));
    Err(match did_you_mean(name, names) {
        Some(near) => error.hint(format!("did you mean `{SANDBOX}.{near}`?")),
        None => error.hint("CREATE TABLE makes one"),
    })
}

pub(super) fn there_already(name: &str) -> Error {
    Error::user(format!("there is a table `{SANDBOX}.{name}` already"))
        .hint("drop it first, or write CREATE OR REPLACE TABLE")
}

/// The place of a column.
///
/// # Errors
/// Not found, with what may have been meant.
pub(super) fn known(columns: &[Column], name: &str) -> Result<usize> {
    if let Some(place) = columns.iter().position(|column| column.name == name) {
        return Ok(place);
    }
    let names = || columns.iter().map(|column| column.name.as_str());
    let error = Error::not_found(format!("the table has no column `{name}`"));
    Err(match did_you_mean(name, names()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("it has {}", names().collect::<Vec<_>>().join(", "))),
    })
}
