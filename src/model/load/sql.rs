//! The scalar SQL inside measures: that it parses, and names only what it may.

use super::super::ColumnType;
use super::super::document::Text;
use super::sheet::Sheet;
use sqlparser::ast::{Expr, FunctionArguments, Ident, Value, visit_expressions};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;
use std::ops::ControlFlow;

/// What an expression may name.
pub(super) struct Names<'a> {
    /// `column` or `measure`.
    pub(super) what: &'static str,
    /// The names, with their types where those are known.
    pub(super) names: Vec<(&'a str, Option<ColumnType>)>,
}

/// An expression that was checked.
pub(super) struct Scalar {
    /// The names it uses, each once, in order.
    pub(super) uses: Vec<String>,
    /// Its type, where it is a bare column or a literal.
    pub(super) ty: Option<ColumnType>,
}

/// Functions over many rows; a measure says by its kind how rows are put together.
const AGGREGATES: [&str; 22] = [
    "sum",
    "count",
    "avg",
    "mean",
    "min",
    "max",
    "median",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "var",
    "var_pop",
    "var_samp",
    "variance",
    "array_agg",
    "string_agg",
    "first_value",
    "last_value",
    "bool_and",
    "bool_or",
    "approx_distinct",
    "grouping",
];

/// Functions whose value depends on when or how often they are asked.
const UNSTEADY: [&str; 11] = [
    "now",
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "today",
    "random",
    "rand",
    "uuid",
    "gen_random_uuid",
];

/// Checks an expression; `None` where it had a fault.
pub(super) fn scalar(text: &Text, names: &Names<'_>, sheet: &mut Sheet<'_>) -> Option<Scalar> {
    let expression = match parse(text) {
        Ok(expression) => expression,
        Err(reason) => {
            sheet.fault(text.place, format!("`{}` is no SQL expression: {reason}", text.value));
            return None;
        }
    };
    let mut scalar = Scalar { uses: Vec::new(), ty: None };
    let mut sound = true;
    let _ = visit_expressions(&expression, |part| {
        match used(part) {
            Ok(Some(ident)) => {
                let name = normalised(ident);
                if !names.names.iter().any(|(known, _)| *known == name) {
                    sound = false;
                    let known: Vec<&str> = names.names.iter().map(|(name, _)| *name).collect();
                    let written = Text { value: name.clone(), place: text.place };
                    sheet.unknown(names.what, &written, &known);
                }
                if !scalar.uses.contains(&name) {
                    scalar.uses.push(name);
                }
            }
            Ok(None) => {}
            Err(reason) => {
                sound = false;
                sheet.fault(text.place, format!("`{}`: {reason}", text.value));
            }
        }
        ControlFlow::<()>::Continue(())
    });
    scalar.ty = type_of(&expression, names);
    sound.then_some(scalar)
}

/// An expression as it is written, without looking at its names.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(sql: &str) -> Result<Expr, String> {
    let tidy = |error: sqlparser::parser::ParserError| {
        let message = error.to_string();
        message.trim_start_matches("sql parser error: ").to_owned()
    };
    let mut parser = Parser::new(&GenericDialect {}).try_with_sql(sql).map_err(tidy)?;
    let expression = parser.parse_expr().map_err(tidy)?;
    match parser.peek_token().token {
        Token::EOF => Ok(expression),
        rest => Err(format!("unexpected `{rest}` after its end")),
    }
}

/// The name that a part of an expression uses, or why the part may not stand there.
fn used(part: &Expr) -> Result<Option<&Ident>, String> {
    match part {
        Expr::Identifier(ident) => Ok(Some(ident)),
        Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } => {
            Err(format!("`{part}`: names stand alone here, without a table"))
        }
        Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
            Err("a subquery cannot stand here".to_owned())
        }
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            if AGGREGATES.contains(&name.as_str()) || function.over.is_some() {
                return Err(format!(
                    "`{name}` works on many rows; expected an expression over one row"
                ));
            }
            if UNSTEADY.contains(&name.as_str()) {
                return Err(format!("`{name}` gives another value each time it is asked"));
            }
            if matches!(function.args, FunctionArguments::Subquery(_)) {
                return Err("a subquery cannot stand here".to_owned());
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// The name that an identifier means.
pub(super) fn normalised(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

fn type_of(expression: &Expr, names: &Names<'_>) -> Option<ColumnType> {
    match expression {
        Expr::Nested(inner) => type_of(inner, names),
        Expr::Identifier(ident) => {
            let name = normalised(ident);
            names.names.iter().find(|(known, _)| *known == name).and_then(|(_, ty)| *ty)
        }
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(_) => Some(ColumnType::Text),
            Value::Boolean(_) => Some(ColumnType::Boolean),
            _ => None,
        },
        _ => None,
    }
}
