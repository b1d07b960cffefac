//! Unknown tables, told before planning and with the nearest name.

use super::catalog::{Catalogs, ReleaseCatalog};
use super::errors::from_datafusion;
use super::temporary::TEMPORARY;
use crate::error::{Error, Result, did_you_mean};
use crate::policy::Access;
use datafusion::common::TableReference;
use datafusion::sql::parser::Statement;
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{TableFactor, Visit, Visitor};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Checks that every table a statement names exists, and gives them all: of some statements
/// (`DESCRIBE`) the plan does not show what they read.
///
/// # Errors
/// Not found, with what may have been meant.
pub(crate) fn check(
    statement: &Statement,
    catalogs: &Catalogs,
    default_schema: &str,
) -> Result<Vec<Access>> {
    let (tables, _) = resolve_table_references(statement, true).map_err(from_datafusion)?;
    let functions = functions(statement);
    let mut named = Vec::new();
    for table in tables {
        if !functions.contains(&table.to_string().to_lowercase()) {
            check_table(&table, catalogs, default_schema)?;
            let schema = table.schema().unwrap_or(default_schema).to_owned();
            named.push(Access { schema, table: table.table().to_owned() });
        }
    }
    Ok(named)
}

/// What is called with arguments in a FROM clause.
fn functions(statement: &Statement) -> BTreeSet<String> {
    let mut calls = Calls::default();
    if let Some(statement) = super::sql::inner(statement) {
        let _: ControlFlow<()> = statement.visit(&mut calls);
    }
    calls.0
}

#[derive(Default)]
struct Calls(BTreeSet<String>);

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } =
            factor
        {
            self.0.insert(name.to_string().to_lowercase());
        }
        ControlFlow::Continue(())
    }
}

/// Checks that there is a table.
///
/// # Errors
/// As [`check`].
pub(super) fn check_table(
    table: &TableReference,
    catalogs: &Catalogs,
    default_schema: &str,
) -> Result<()> {
    let schema = table.schema().unwrap_or(default_schema);
    let name = table.table();
    if schema == "information_schema" {
        return Ok(());
    }
    if schema == TEMPORARY {
        if catalogs.temporary().any(|known| known == name) {
            return Ok(());
        }
        let error = Error::not_found(format!("the session has no temporary table `{name}`"));
        return Err(match did_you_mean(name, catalogs.temporary()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("CREATE TEMPORARY TABLE makes one"),
        });
    }
    let Some(catalog) = catalogs.get(table.catalog()) else {
        return Err(Error::not_found(format!("there is no catalog in `{table}`"))
            .hint("write schema.table; add VERSION AS OF n for another release"));
    };
    if catalog.has(schema, name) {
        return Ok(());
    }
    let release = catalog.release().id;
    Err(unknown(schema, name, catalog).with("release", release))
}

fn unknown(schema: &str, name: &str, catalog: &ReleaseCatalog) -> Error {
    if !catalog.schema_names().any(|known| known == schema) {
        let known: Vec<&str> = catalog.schema_names().collect();
        return Error::not_found(format!("there is no schema `{schema}`"))
            .hint(format!("there are {}", known.join(", ")));
    }
    let error = Error::not_found(format!("there is no table `{schema}.{name}`"));
    if let Some((other, _)) = catalog.names().find(|(_, table)| *table == name) {
        return error.hint(format!("did you mean `{other}.{name}`?"));
    }
    let same_schema = catalog.names().filter(|(s, _)| *s == schema).map(|(_, table)| table);
    if let Some(near) = did_you_mean(name, same_schema) {
        return error.hint(format!("did you mean `{near}`?"));
    }
    let near = did_you_mean(name, catalog.names().map(|(_, table)| table));
    match near.and_then(|near| catalog.names().find(|(_, table)| *table == near)) {
        Some((schema, near)) => error.hint(format!("did you mean `{schema}.{near}`?")),
        None => error.hint("SHOW TABLES lists them"),
    }
}
