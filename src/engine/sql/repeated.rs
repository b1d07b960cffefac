//! `SELECT count(*), count(*)`: columns without a name of their own may be written twice. DataFusion
//! wants each to have another name, so all but the first get one, as DuckDB gives them: `count(*):1`. To it
//! `k` and `CAST(k AS TEXT)` have one name as well: beside each other, the cast is named as it is written.

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
        let columns = columns(select);
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            let times = seen.entry(read(expr)).and_modify(|times| *times += 1).or_default();
            let alias = match *times {
                0 if is_cast(expr) && is_beside(expr, &columns) => expr.to_string(),
                0 => continue,
                times => format!("{}:{times}", shown(expr)),
            };
            let alias = Ident::with_quote('"', alias);
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
        ControlFlow::Continue(())
    }
}

/// The columns of a list that are called after a column: themselves, or casts of it.
fn columns(select: &Select) -> HashMap<String, usize> {
    let mut columns = HashMap::new();
    for item in &select.projection {
        if let SelectItem::UnnamedExpr(expr) = item
            && let Some(column) = column(expr)
        {
            *columns.entry(column).or_default() += 1;
        }
    }
    columns
}

/// The name of the column that an expression is, or is a cast of.
fn column(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Some(shown(expr)),
        Expr::Cast { expr: inner, .. } => column(inner),
        _ => None,
    }
}

fn is_cast(expr: &Expr) -> bool {
    matches!(expr, Expr::Cast { .. })
}

/// Whether another item of the list is called after the same column.
fn is_beside(expr: &Expr, columns: &HashMap<String, usize>) -> bool {
    column(expr).and_then(|column| columns.get(&column)).is_some_and(|same| *same > 1)
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
            (
                "SELECT CAST(t.k AS TEXT), k, k::int FROM t",
                "SELECT CAST(t.k AS TEXT) AS \"CAST(t.k AS TEXT)\", k, k::INT AS \"k::INT\" FROM t",
            ),
            ("SELECT CAST(k AS TEXT), j FROM t", "SELECT CAST(k AS TEXT), j FROM t"),
            ("SELECT 1 AS x, 1 AS y", "SELECT 1 AS x, 1 AS y"),
        ] {
            assert_eq!(parse(sql).unwrap().to_string(), meant);
        }
    }
}
