//! What users of PostgreSQL write and DataFusion calls otherwise: `mod(a, b)`, which is `a % b`;
//! `sign(a)`, which is `signum(a)`; and `LIKE ... ESCAPE` with any character, where DataFusion's
//! patterns know the backslash only.

use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectName, Statement, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// Writes a statement in DataFusion's words.
///
/// # Errors
/// User where a pattern ends within an escape.
pub(super) fn resolve(statement: &mut Statement) -> Result<()> {
    match statement.visit(&mut Resolve) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Resolve;

impl VisitorMut for Resolve {
    type Break = Error;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        match expr {
            Expr::Function(function) => {
                if let Some(known) = in_other_words(function) {
                    *expr = known;
                }
            }
            Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
                if let Err(error) = by_backslash(pattern, escape_char) {
                    return ControlFlow::Break(error);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// A call of a function that DataFusion knows by another name.
fn in_other_words(function: &mut Function) -> Option<Expr> {
    let [name] = function.name.0.as_slice() else { return None };
    let name = name.as_ident()?.value.to_lowercase();
    if name == "sign" {
        function.name = ObjectName::from(vec![Ident::new("signum")]);
        return None;
    }
    let FunctionArguments::List(list) = &function.args else { return None };
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(left)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(right)),
    ] = list.args.as_slice()
    else {
        return None;
    };
    let nested = |expr: &Expr| Box::new(Expr::Nested(Box::new(expr.clone())));
    let (left, op, right) = (nested(left), BinaryOperator::Modulo, nested(right));
    let rest = Expr::BinaryOp { left, op, right };
    (name == "mod").then(|| Expr::Nested(Box::new(rest)))
}

/// Writes a pattern that has another escape with backslashes. One that is no literal stays as it is:
/// DataFusion says what it does not know.
fn by_backslash(pattern: &mut Expr, escape: &mut Option<ValueWithSpan>) -> Result<()> {
    let Some(Value::SingleQuotedString(character)) = escape.as_ref().map(|escape| &escape.value)
    else {
        return Ok(());
    };
    let mut characters = character.chars();
    let (character, None) = (characters.next(), characters.next()) else { return Ok(()) };
    if let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = pattern {
        *text = escaped(text, character)?;
        *escape = None;
    }
    Ok(())
}

/// A pattern with backslashes before what stands for itself.
fn escaped(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut written = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if Some(character) == escape {
            let next = characters.next();
            let next = next.ok_or_else(|| {
                Error::user("the pattern of LIKE ends with its escape character")
                    .with("pattern", pattern)
            })?;
            if ['%', '_', '\\'].contains(&next) {
                written.push('\\');
            }
            written.push(next);
        } else {
            if character == '\\' {
                written.push('\\');
            }
            written.push(character);
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    #[test]
    fn statements_are_written_in_datafusions_words() {
        for (sql, meant) in [
            ("SELECT mod(a + 1, 3)", "SELECT ((a + 1) % (3))"),
            ("SELECT Sign(a), other.mod(1, 2)", "SELECT signum(a), other.mod(1, 2)"),
            ("SELECT a LIKE 'a!%b!!_' ESCAPE '!'", r"SELECT a LIKE 'a\%b!_'"),
            (r"SELECT a NOT ILIKE '\x!\' ESCAPE '!'", r"SELECT a NOT ILIKE '\\x\\'"),
            (r"SELECT a LIKE '\%' ESCAPE ''", r"SELECT a LIKE '\\%'"),
            (r"SELECT a LIKE 'x\%\y' ESCAPE '\'", r"SELECT a LIKE 'x\%y'"),
            ("SELECT a LIKE b ESCAPE '!'", "SELECT a LIKE b ESCAPE '!'"),
        ] {
            assert_eq!(parse(sql).unwrap().to_string(), meant);
        }
        let error = parse("SELECT a LIKE 'b!' ESCAPE '!'").unwrap_err().to_string();
        assert!(error.contains("ends with its escape character"), "{error}");
    }
}
