//! Bare names that mean a temporary table of the session.

use super::inner_mut;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, Query, TableAlias, TableFactor, VisitMut, VisitorMut,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Gives the bare names that `is_own` knows their schema. The names of common table expressions go
/// before them, where those can be seen.
pub(crate) fn qualify(statement: &mut Statement, schema: &str, is_own: &dyn Fn(&str) -> bool) {
    let mut qualify = Qualify { schema, is_own, hidden: BTreeMap::new() };
    if let Some(statement) = inner_mut(statement) {
        let _: ControlFlow<()> = statement.visit(&mut qualify);
    }
}

struct Qualify<'a> {
    schema: &'a str,
    is_own: &'a dyn Fn(&str) -> bool,
    /// Common table expressions that can be seen, and how often.
    hidden: BTreeMap<String, usize>,
}

/// A name as SQL reads it.
fn read(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

fn expressions(query: &Query) -> impl Iterator<Item = String> {
    let tables = query.with.iter().flat_map(|with| &with.cte_tables);
    tables.map(|table| read(&table.alias.name)).collect::<Vec<_>>().into_iter()
}

impl VisitorMut for Qualify<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        expressions(query).for_each(|name| *self.hidden.entry(name).or_default() += 1);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for name in expressions(query) {
            if let Some(seen) = self.hidden.get_mut(&name) {
                *seen = seen.saturating_sub(1);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, alias, args: None, version: None, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let [part] = name.0.as_slice() else { return ControlFlow::Continue(()) };
        let Some(ident) = part.as_ident().cloned() else { return ControlFlow::Continue(()) };
        let meant = read(&ident);
        if self.hidden.get(&meant).is_none_or(|seen| *seen == 0) && (self.is_own)(&meant) {
            *name = ObjectName::from(vec![Ident::new(self.schema), ident.clone()]);
            alias.get_or_insert_with(|| TableAlias {
                explicit: true,
                name: ident,
                columns: Vec::new(),
                at: None,
            });
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn bare_names_are_the_sessions_own_before_others() {
        for (written, meant) in [
            ("SELECT t.a FROM t", "SELECT t.a FROM temporary.t AS t"),
            ("SELECT 1 FROM T AS x, u", "SELECT 1 FROM temporary.T AS x, u"),
            ("SELECT 1 FROM \"T\", s.t", "SELECT 1 FROM \"T\", s.t"),
            (
                "SELECT 1 FROM u WHERE a IN (SELECT a FROM t)",
                "SELECT 1 FROM u WHERE a IN (SELECT a FROM temporary.t AS t)",
            ),
            ("WITH t AS (SELECT 1) SELECT * FROM t", "WITH t AS (SELECT 1) SELECT * FROM t"),
            (
                "SELECT 1 FROM (WITH t AS (SELECT 1) SELECT * FROM t) AS x, t",
                "SELECT 1 FROM (WITH t AS (SELECT 1) SELECT * FROM t) AS x, temporary.t AS t",
            ),
        ] {
            let mut statement = parse(written).unwrap();
            qualify(&mut statement, "temporary", &|name| name == "t");
            assert_eq!(statement.to_string(), meant);
        }
    }
}
