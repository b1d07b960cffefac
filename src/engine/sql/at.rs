//! `MEASURE(m) AT (ALL a b SET c = CURRENT c - 1 WHERE ... VISIBLE)`: as syntax.
//!
//! Each modifier becomes a call among MEASURE's arguments, which planning reads.

use crate::query::{AT_ALL, AT_SET, AT_VISIBLE, AT_WHERE};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use std::ops::ControlFlow;

/// The call that `CURRENT c` is read as; nobody plans it but within `SET`.
pub(super) const CURRENT: &str = "CURRENT";

/// Whether the next tokens are `AT (`.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    is_word(&parser.peek_nth_token(0).token, Keyword::AT)
        && parser.peek_nth_token(1).token == Token::LParen
}

/// Whether the next tokens are `CURRENT c`.
pub(super) fn is_current_next(parser: &Parser<'_>) -> bool {
    is_word(&parser.peek_nth_token(0).token, Keyword::CURRENT)
        && matches!(parser.peek_nth_token(1).token, Token::Word(_))
}

fn is_word(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.keyword == keyword && word.quote_style.is_none())
}

/// Parses `CURRENT c`.
pub(super) fn current(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.next_token();
    let column = column(parser)?;
    Ok(call(CURRENT, vec![column]))
}

/// Parses the modifiers after a measure.
pub(super) fn modified(parser: &mut Parser<'_>, measure: &Expr) -> Result<Expr, ParserError> {
    let mut measure = match measure {
        Expr::Function(function) if is_measure(function) => function.clone(),
        other => {
            return Err(ParserError::ParserError(format!(
                "AT follows MEASURE(...), not {other}; write MEASURE({other}) AT (...)"
            )));
        }
    };
    parser.next_token();
    parser.expect_token(&Token::LParen)?;
    let mut modifiers = Vec::new();
    while !parser.consume_token(&Token::RParen) {
        modifiers.push(modifier(parser)?);
        let _ = parser.consume_token(&Token::Comma);
    }
    if let FunctionArguments::List(list) = &mut measure.args {
        // What stands further out is applied first.
        let own = list.args.split_off(list.args.len().min(1));
        list.args.extend(modifiers.into_iter().map(argument));
        list.args.extend(own);
    }
    Ok(Expr::Function(measure))
}

/// Whether a function is the one that asks for a measure.
pub(super) fn is_measure(function: &Function) -> bool {
    let name = function.name.to_string();
    name.eq_ignore_ascii_case("measure") || name.eq_ignore_ascii_case("aggregate")
}

fn modifier(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    if parser.parse_keyword(Keyword::ALL) {
        let mut columns = Vec::new();
        while matches!(&parser.peek_token_ref().token, Token::Word(_)) && !begins(parser) {
            columns.push(column(parser)?);
        }
        return Ok(call(AT_ALL, columns));
    }
    if parser.parse_keyword(Keyword::SET) {
        let column = column(parser)?;
        parser.expect_token(&Token::Eq)?;
        let mut value = parser.parse_expr()?;
        let _: ControlFlow<()> = value.visit(&mut Unwrap);
        return Ok(call(AT_SET, vec![column, value]));
    }
    if parser.parse_keyword(Keyword::WHERE) {
        return Ok(call(AT_WHERE, vec![parser.parse_expr()?]));
    }
    if is_visible(&parser.peek_token_ref().token) {
        parser.next_token();
        return Ok(call(AT_VISIBLE, Vec::new()));
    }
    parser.expected_ref("ALL, SET, WHERE or VISIBLE", parser.peek_token_ref())
}

/// Whether the next token begins a modifier.
fn begins(parser: &Parser<'_>) -> bool {
    let token = &parser.peek_token_ref().token;
    let begins = |keyword| is_word(token, keyword);
    [Keyword::ALL, Keyword::SET, Keyword::WHERE].into_iter().any(begins) || is_visible(token)
}

fn is_visible(token: &Token) -> bool {
    matches!(token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("visible"))
}

/// A column, perhaps with its table.
fn column(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let mut parts = vec![parser.parse_identifier()?];
    while parser.consume_token(&Token::Period) {
        parts.push(parser.parse_identifier()?);
    }
    Ok(match parts.len() {
        1 => Expr::Identifier(parts.remove(0)),
        _ => Expr::CompoundIdentifier(parts),
    })
}

fn argument(expr: Expr) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(argument).collect();
    let args = FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(args),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// Within SET a column is always the current one.
struct Unwrap;

impl VisitorMut for Unwrap {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && function.name.to_string() == CURRENT
            && let FunctionArguments::List(list) = &mut function.args
            && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(column))) = list.args.pop()
        {
            *expr = column;
        }
        ControlFlow::Continue(())
    }
}
