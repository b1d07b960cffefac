//! `current_user`, `session_user`, `current_schema` and `current_catalog`: what the session knows of
//! itself, written into the statement as texts. As in PostgreSQL the words are no columns' names.

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, Ident, Select, SelectItem, Value, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// What a session is asked for.
pub(crate) struct Whose<'a> {
    /// Who asks.
    pub(crate) user: &'a str,
    /// Where bare names are looked for.
    pub(crate) schema: &'a str,
    /// The catalog.
    pub(crate) catalog: &'a str,
}

/// Writes what a session knows of itself into a statement.
pub(crate) fn tell_whose(statement: &mut Statement, mut whose: Whose<'_>) {
    if let Some(statement) = super::inner_mut(statement) {
        let _: ControlFlow<()> = statement.visit(&mut whose);
    }
}

/// The word by which an expression may ask the session of itself, in lower case.
pub(super) fn word(expr: &Expr) -> Option<String> {
    let word = match expr {
        Expr::Identifier(Ident { value, quote_style: None, .. }) => value.to_lowercase(),
        Expr::Function(call) => {
            let bare = match &call.args {
                FunctionArguments::None => true,
                FunctionArguments::List(list) => list.args.is_empty(),
                FunctionArguments::Subquery(_) => false,
            };
            bare.then(|| call.name.to_string().to_lowercase())?
        }
        _ => return None,
    };
    WORDS.contains(&word.as_str()).then_some(word)
}

const WORDS: [&str; 5] =
    ["current_user", "session_user", "current_schema", "current_catalog", "current_database"];

impl Whose<'_> {
    /// The word that an expression is, and what is meant by it.
    fn meant(&self, expr: &Expr) -> Option<(String, &str)> {
        let word = word(expr)?;
        let meant = match word.as_str() {
            "current_user" | "session_user" => self.user,
            "current_schema" => self.schema,
            _ => self.catalog,
        };
        Some((word, meant))
    }
}

impl VisitorMut for Whose<'_> {
    type Break = ();

    /// A column of the answer is called as it was asked for.
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item
                && let Some((word, _)) = self.meant(expr)
            {
                let (expr, alias) = (expr.clone(), Ident::with_quote('"', word));
                *item = SelectItem::ExprWithAlias { expr, alias };
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some((_, meant)) = self.meant(expr) {
            *expr = Expr::value(Value::SingleQuotedString(meant.to_owned()));
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn a_session_tells_of_itself() {
        let told = |sql: &str| {
            let mut statement = parse(sql).unwrap();
            let whose = Whose { user: "ann", schema: "cubes", catalog: "starhouse" };
            tell_whose(&mut statement, whose);
            statement.to_string()
        };
        for (sql, meant) in [
            ("SELECT current_user", "SELECT 'ann' AS \"current_user\""),
            ("SELECT SESSION_USER, 1", "SELECT 'ann' AS \"session_user\", 1"),
            ("SELECT current_schema()", "SELECT 'cubes' AS \"current_schema\""),
            ("SELECT a FROM t WHERE a = current_schema", "SELECT a FROM t WHERE a = 'cubes'"),
            ("SELECT \"current_user\" FROM t", "SELECT \"current_user\" FROM t"),
            ("SELECT current_database() AS c", "SELECT 'starhouse' AS c"),
        ] {
            assert_eq!(told(sql), meant);
        }
    }
}
