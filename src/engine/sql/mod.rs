//! From text to a statement that DataFusion may plan: refuse what is too much, parse in our dialect,
//! refuse clauses nobody plans, number `?` parameters, keep large whole numbers exact, write what the
//! keys of `USING` stand for, and what DataFusion calls otherwise, send `VERSION AS OF` to the catalog of its release, and
//! `MEASURE(m) AT (...)` to planning as a call.

mod at;
mod changes;
mod dialect;
mod distinct;
mod fetch;
mod headings;
mod limits;
mod literals;
mod numbers;
mod ordinals;
mod own;
mod parameters;
mod relations;
mod repeated;
mod roles;
mod settings;
mod synonyms;
mod unplanned;
mod using;
mod versions;
mod whose;

pub(crate) use changes::{Change, IfExists, Verb, change, quoted};
pub(crate) use dialect::StarhouseDialect;
pub(crate) use headings::Headings;
pub(crate) use literals::without_literals;
pub(crate) use own::qualify;
pub(crate) use roles::tell as tell_roles;
pub use settings::Setting;
pub(crate) use settings::{may_set, setting};
pub(crate) use versions::{AsOf, Versions, catalog_of, parse_moment};
pub(crate) use whose::{Whose, tell_whose};

use crate::error::{Error, Result};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast;

/// How deep expressions and subqueries may nest: beyond that the parser gives up with an error
/// instead of the stack.
const RECURSION_LIMIT: usize = 60;

/// Parses one statement and refuses what nobody plans.
pub(crate) fn parse(sql: &str) -> Result<Statement> {
    Ok(parse_headed(sql)?.0)
}

/// The same, with the headings of a question's columns.
pub(crate) fn parse_headed(sql: &str) -> Result<(Statement, Headings)> {
    let mut statements = DFParserBuilder::new(limits::tokens(sql)?)
        .with_dialect(&StarhouseDialect)
        .with_recursion_limit(RECURSION_LIMIT)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| versions::placed(super::errors::from_datafusion(error)))?;
    let Some(mut statement) = statements.pop_front() else {
        return Err(Error::user("the SQL text holds no statement"));
    };
    if !statements.is_empty() {
        return Err(Error::user("the SQL text holds more than one statement")
            .hint("send one statement at a time"));
    }
    let headings = match &statement {
        Statement::Statement(statement) => Headings::of(statement),
        _ => Headings::default(),
    };
    if let Some(statement) = inner_mut(&mut statement) {
        relations::check(statement)?;
        fetch::as_limit(statement);
        unplanned::check(statement)?;
        parameters::number(statement)?;
        numbers::exact(statement)?;
        ordinals::resolve(statement);
        using::resolve(statement)?;
        synonyms::resolve(statement)?;
        repeated::name(statement);
    }
    Ok((statement, headings))
}

/// Whether a text may be a statement that changes a table: most are not, and need not be parsed to
/// be told.
pub(crate) fn may_change(sql: &str) -> bool {
    begins_with(sql, &["create", "insert", "update", "delete", "truncate", "drop"])
}

/// What a statement that answers nothing is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateKind {
    /// A table.
    Table,
    /// An option of the session.
    Option,
}

/// What a text is about by its first word, if it may be a statement that answers nothing.
pub fn update_of(sql: &str) -> Option<UpdateKind> {
    if may_change(sql) {
        return Some(UpdateKind::Table);
    }
    begins_with(sql, &["set", "reset", "use"]).then_some(UpdateKind::Option)
}

/// Whether a text's first word is one of some, after any comments.
fn begins_with(sql: &str, words: &[&str]) -> bool {
    let mut rest = sql.trim_start();
    loop {
        let after = match rest.get(..2) {
            Some("--") => rest.split_once('\n'),
            Some("/*") => rest.split_once("*/"),
            _ => break,
        };
        let Some((_, after)) = after else { return false };
        rest = after.trim_start();
    }
    let word = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// The SQL statement itself, within any `EXPLAIN`.
pub(crate) fn inner(statement: &Statement) -> Option<&ast::Statement> {
    match statement {
        Statement::Statement(statement) => Some(statement),
        Statement::Explain(explain) => inner(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => None,
    }
}

/// See [`inner`].
fn inner_mut(statement: &mut Statement) -> Option<&mut ast::Statement> {
    match statement {
        Statement::Statement(statement) => Some(statement),
        Statement::Explain(explain) => inner_mut(&mut explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => None,
    }
}

#[cfg(test)]
mod tests;
