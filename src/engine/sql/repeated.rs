//! `SELECT count(*), count(*)`: columns without a name of their own may be written twice. DataFusion
//! wants each to have another name, so all but the first get one, as DuckDB gives them: `count(*):1`.

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Select, SelectItem, Statement, VisitMut, VisitorMut,
};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Names what is repeated.
pub(super) fn name(statement: &mut Statement) {
    let _: ControlFlow<()> = statement.visit(&mut Name);
}

struct Name;

impl VisitorMut for Name {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            let times = seen.entry(read(expr)).and_modify(|times| *times += 1).or_default();
            if *times > 0 {
                let alias = Ident::with_quote('"', format!("{}:{times}", shown(expr)));
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        }
        ControlFlow::Continue(())
    }
}

/// An expression as it is told from others: a bare name is read in lower case.
fn read(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(Ident { value, quote_style: None, .. }) => value.to_lowercase(),
        Expr::Identifier(ident) => ident.value.clone(),
        other => other.to_string(),
    }
}

/// What its column is called after.
fn shown(expr: &Expr) -> String {
    match expr {
        Expr::CompoundIdentifier(parts) => {
            parts.last().map_or_else(String::new, |part| part.value.clone())
        }
        other => read(other),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    #[test]
    fn what_is_written_twice_has_two_names() {
        for (sql, meant) in [
            ("SELECT count(*), count(*)", "SELECT count(*), count(*) AS \"count(*):1\""),
            ("SELECT 1, 1, 1", "SELECT 1, 1 AS \"1:1\", 1 AS \"1:2\""),
            ("SELECT a, A, t.a FROM t", "SELECT a, A AS \"a:1\", t.a FROM t"),
            ("SELECT t.a, t.a FROM t", "SELECT t.a, t.a AS \"a:1\" FROM t"),
            ("SELECT 1, (SELECT 1)", "SELECT 1, (SELECT 1)"),
            ("SELECT 1 AS x, 1 AS y", "SELECT 1 AS x, 1 AS y"),
        ] {
            assert_eq!(parse(sql).unwrap().to_string(), meant);
        }
    }
}
