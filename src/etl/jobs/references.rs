//! Which tables a transformation reads, found in its syntax tree.

use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, Query, Statement, TableFactor, Visit, Visitor, visit_expressions,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// The tables that a transformation names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct References {
    /// Tables of the warehouse, without the schema's name.
    pub(crate) warehouse: BTreeSet<String>,
    /// Bare names: sources.
    pub(crate) sources: BTreeSet<String>,
    /// Any other name, as written.
    pub(crate) other: BTreeSet<String>,
}

/// The tables that a SQL query names, its own common table expressions apart.
///
/// # Errors
/// User errors where the text is not one SQL query.
pub(crate) fn references(sql: &str) -> Result<References> {
    let statements = Parser::parse_sql(&GenericDialect {}, sql)
        .map_err(|error| Error::user("the transformation is not SQL").caused_by(error))?;
    let [Statement::Query(query)] = statements.as_slice() else {
        return Err(Error::user("the transformation must be one SELECT"));
    };
    let mut found = Found::default();
    let _ = query.visit(&mut found);
    let mut references = References::default();
    for name in found.tables {
        match name.as_slice() {
            [table] if found.own.contains(table) => {}
            [table] => drop(references.sources.insert(table.clone())),
            [schema, table] if schema == "warehouse" => {
                references.warehouse.insert(table.clone());
            }
            parts => drop(references.other.insert(parts.join("."))),
        }
    }
    Ok(references)
}

/// Checks that a text is one SQL expression.
///
/// # Errors
/// User errors where it is not.
pub(super) fn check_expression(sql: &str) -> Result<Expr> {
    let wrong = |error| Error::user(format!("`{sql}` is not a SQL expression")).caused_by(error);
    let mut parser = Parser::new(&GenericDialect {}).try_with_sql(sql).map_err(wrong)?;
    let expression = parser.parse_expr().map_err(wrong)?;
    parser.expect_token(&datafusion::sql::sqlparser::tokenizer::Token::EOF).map_err(wrong)?;
    Ok(expression)
}

/// The columns that an expression names, as far as it is one.
pub(crate) fn columns_of(sql: &str) -> BTreeSet<String> {
    let mut columns = BTreeSet::new();
    if let Ok(expression) = check_expression(sql) {
        let _ = visit_expressions(&expression, |expression: &Expr| {
            let ident = match expression {
                Expr::Identifier(ident) => Some(ident),
                Expr::CompoundIdentifier(parts) => parts.last(),
                _ => None,
            };
            columns.extend(ident.map(|ident| normal(&ident.value, ident.quote_style)));
            ControlFlow::<()>::Continue(())
        });
    }
    columns
}

/// Names as they are met in the tree.
#[derive(Default)]
struct Found {
    tables: BTreeSet<Vec<String>>,
    own: BTreeSet<String>,
}

impl Visitor for Found {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let own = query.with.iter().flat_map(|with| &with.cte_tables);
        self.own
            .extend(own.map(|table| normal(&table.alias.name.value, table.alias.name.quote_style)));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            self.tables.insert(parts(name));
        }
        ControlFlow::Continue(())
    }
}

fn parts(name: &ObjectName) -> Vec<String> {
    let parts = name.0.iter().filter_map(|part| part.as_ident());
    parts.map(|ident| normal(&ident.value, ident.quote_style)).collect()
}

/// SQL's rule: a name without quotes is written in lower case.
fn normal(name: &str, quote: Option<char>) -> String {
    if quote.is_some() { name.to_owned() } else { name.to_lowercase() }
}
