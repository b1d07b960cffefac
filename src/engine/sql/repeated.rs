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
        let uncast = uncast(select);
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            let times = seen.entry(read(expr)).and_modify(|times| *times += 1).or_default();
            let (bare, is_cast) = without_casts(expr);
            let alias = match *times {
                0 if is_cast && uncast.get(&bare).is_some_and(|same| *same > 1) => expr.to_string(),
                0 => continue,
                times => format!("{}:{times}", shown(expr)),
            };
            let alias = Ident::with_quote('"', alias);
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
        ControlFlow::Continue(())
    }
}

/// How many unnamed columns are the same but for casts.
fn uncast(select: &Select) -> HashMap<String, usize> {
    let mut same = HashMap::new();
    for item in &select.projection {
        if let SelectItem::UnnamedExpr(expr) = item {
            *same.entry(without_casts(expr).0).or_default() += 1;
        }
    }
    same
}

/// An expression without casts, its columns by their names alone; and whether it had casts.
fn without_casts(expr: &Expr) -> (String, bool) {
    let mut expr = expr.clone();
    let mut bare = Bare { had_casts: false };
    let _: ControlFlow<()> = expr.visit(&mut bare);
    (expr.to_string(), bare.had_casts)
}

struct Bare {
    had_casts: bool,
}

impl VisitorMut for Bare {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let bare = match expr {
            Expr::Cast { expr: inner, .. } => {
                self.had_casts = true;
                inner.as_ref().clone()
            }
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                Expr::Identifier(Ident::with_quote('"', shown(expr).to_lowercase()))
            }
            _ => return ControlFlow::Continue(()),
        };
        *expr = bare;
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
            (
                "SELECT CAST(t.k AS TEXT), k, sum(k), sum(k::int) FROM t",
                "SELECT CAST(t.k AS TEXT) AS \"CAST(t.k AS TEXT)\", k, sum(k), \
                 sum(k::INT) AS \"sum(k::INT)\" FROM t",
            ),
            ("SELECT CAST(k AS TEXT), j FROM t", "SELECT CAST(k AS TEXT), j FROM t"),
            ("SELECT 1 AS x, 1 AS y", "SELECT 1 AS x, 1 AS y"),
        ] {
            assert_eq!(parse(sql).unwrap().to_string(), meant);
        }
    }
}
