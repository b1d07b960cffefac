//! From text to a statement that DataFusion may plan: parse in our dialect, refuse clauses nobody
//! plans, number `?` parameters, send `VERSION AS OF` to the catalog of its release, and
//! `MEASURE(m) AT (...)` to planning as a call.

mod at;
mod dialect;
mod ordinals;
mod parameters;
mod unplanned;
mod versions;

pub(crate) use dialect::StarhouseDialect;
pub(crate) use versions::{AsOf, Versions, catalog_of};

use crate::error::{Error, Result};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast;

/// How deep expressions and subqueries may nest: beyond that the parser gives up with an error
/// instead of the stack.
const RECURSION_LIMIT: usize = 60;

/// Parses one statement and refuses what nobody plans.
pub(crate) fn parse(sql: &str) -> Result<Statement> {
    let mut statements = DFParserBuilder::new(sql)
        .with_dialect(&StarhouseDialect)
        .with_recursion_limit(RECURSION_LIMIT)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(super::errors::from_datafusion)?;
    let Some(mut statement) = statements.pop_front() else {
        return Err(Error::user("the SQL text holds no statement"));
    };
    if !statements.is_empty() {
        return Err(Error::user("the SQL text holds more than one statement")
            .hint("send one statement at a time"));
    }
    if let Some(statement) = inner_mut(&mut statement) {
        unplanned::check(statement)?;
        parameters::number(statement)?;
        ordinals::resolve(statement);
    }
    Ok(statement)
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
