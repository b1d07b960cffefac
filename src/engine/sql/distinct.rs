//! `a IS [NOT] DISTINCT FROM b`, which binds as tightly as `IS NULL` does: sqlparser takes all that
//! follows for `b`, an `AND` and what stands behind it as well.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// Whether the next tokens are `IS DISTINCT FROM` or `IS NOT DISTINCT FROM`.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    let is = |position: usize, keyword: Keyword| {
        let token = &parser.peek_nth_token(position).token;
        matches!(token, Token::Word(word) if word.keyword == keyword && word.quote_style.is_none())
    };
    let from = |position| is(position, Keyword::DISTINCT) && is(position + 1, Keyword::FROM);
    is(0, Keyword::IS) && (from(1) || is(1, Keyword::NOT) && from(2))
}

/// Parses it behind `a`; `precedence` is that of `IS`.
pub(super) fn compared(
    parser: &mut Parser<'_>,
    a: &Expr,
    precedence: u8,
) -> Result<Expr, ParserError> {
    parser.expect_keyword(Keyword::IS)?;
    let is_not = parser.parse_keyword(Keyword::NOT);
    parser.expect_keywords(&[Keyword::DISTINCT, Keyword::FROM])?;
    let (a, b) = (Box::new(a.clone()), Box::new(parser.parse_subexpr(precedence)?));
    Ok(if is_not { Expr::IsNotDistinctFrom(a, b) } else { Expr::IsDistinctFrom(a, b) })
}
