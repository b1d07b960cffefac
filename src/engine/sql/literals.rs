//! SQL without what was written into it: for where others read it.

use super::StarhouseDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// A statement with `?` in place of its literals, and without comments; nothing where it is no SQL.
pub(crate) fn without_literals(sql: &str) -> Option<String> {
    let tokens = Tokenizer::new(&StarhouseDialect, sql).tokenize().ok()?;
    let mut text = String::with_capacity(sql.len());
    for token in tokens {
        match token {
            // Comments too: what is written in them is nobody else's business.
            Token::Whitespace(_) => text.push(' '),
            token if is_literal(&token) => text.push('?'),
            token => text.push_str(&token.to_string()),
        }
    }
    Some(text.trim().to_owned())
}

fn is_literal(token: &Token) -> bool {
    matches!(
        token,
        Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::TripleSingleQuotedString(_)
            | Token::TripleDoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
            | Token::DoubleQuotedByteStringLiteral(_)
            | Token::SingleQuotedRawStringLiteral(_)
            | Token::DoubleQuotedRawStringLiteral(_)
    )
}

#[cfg(test)]
mod tests {
    use super::without_literals;

    #[test]
    fn literals_and_comments_are_left_out() {
        let cases = [
            (
                "SELECT \"city\", 5 FROM t WHERE name = 'O''Brien' -- of her\nLIMIT 10",
                "SELECT \"city\", ? FROM t WHERE name = ? LIMIT ?",
            ),
            ("SELECT $$secret$$, E'a\\nb', X'ff' /* note */", "SELECT ?, ?, ?"),
            ("SELECT DATE '2025-01-01', $1", "SELECT DATE ?, $1"),
        ];
        for (sql, wanted) in cases {
            let told = without_literals(sql).unwrap();
            let told: Vec<&str> = told.split_whitespace().collect();
            assert_eq!(told.join(" "), wanted);
        }
        assert_eq!(without_literals("SELECT 'unended"), None);
    }
}
