//! How much a statement may be: told from its tokens, before it is parsed, planned or dropped. All
//! of these recurse, and a stack that ends takes the whole process with it.
//!
//! The parser bounds how deep parentheses and subqueries nest. It does not bound what it reads in a
//! loop and then hangs below each other: operators in a row, set operations, brackets after a type,
//! `EXPLAIN EXPLAIN ...`.

use super::dialect::StarhouseDialect;
use crate::error::{Error, ErrorKind, Result};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// Words and signs of a statement.
const MOST_TOKENS: usize = 1_000_000;
/// Operators that hang below each other, as those of `1 + 1 + ...` do.
const DEEPEST_OPERATORS: usize = 2_000;
/// Brackets within each other, and after a type; the parser gives up long before where they hold
/// expressions.
const DEEPEST_BRACKETS: usize = 200;
/// `UNION`s.
const MOST_UNIONS: usize = 1_000;
/// `INTERSECT`, `EXCEPT` and `MINUS`: each is a join.
const MOST_INTERSECTIONS: usize = 100;
/// `EXPLAIN`s: one explains, but others may be names.
const MOST_EXPLAINS: usize = 16;
/// The tokens of a text, unless they are too many or nest too deep.
///
/// # Errors
/// User where it is no SQL at all, limit where it is too much of it.
pub(super) fn tokens(sql: &str) -> Result<Vec<TokenWithSpan>> {
    let tokens = Tokenizer::new(&StarhouseDialect, sql)
        .tokenize_with_location()
        .map_err(|error| Error::user(error.to_string()))?;
    let mut counts = Counts { open: vec![Open::default()], ..Counts::default() };
    for token in &tokens {
        counts.count(&token.token);
    }
    counts.check()?;
    Ok(tokens)
}

/// Refuses a count beyond what is let in.
///
/// # Errors
/// Limit.
pub(super) fn within(count: usize, most: usize, what: &str) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Limit, format!("the statement has {count} {what}, more than {most}"))
        .hint("split it, write `x IN (...)`, or join a table of the sandbox that holds the values"))
}

#[derive(Default)]
struct Counts {
    tokens: usize,
    unions: usize,
    intersections: usize,
    explains: usize,
    deepest_brackets: usize,
    /// Brackets after types: `INT[]`, and `ARRAY<`, for the angle alone may mean "less than".
    of_types: usize,
    last: Last,
    open: Vec<Open>,
    /// Operators of the expressions being read, in all that are open.
    open_operators: usize,
    deepest_operators: usize,
}

/// A bracket, or a CASE, that is open, and the operators of the expression being read in it.
#[derive(Default)]
struct Open {
    is_case: bool,
    operators: usize,
}

/// What the token before was, where that matters.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    Bracket,
    Type,
    /// A word that follows is a name, whatever it says.
    Operator,
}

impl Counts {
    fn count(&mut self, token: &Token) {
        if matches!(token, Token::Whitespace(_)) {
            return;
        }
        self.tokens += 1;
        let last = std::mem::take(&mut self.last);
        match token {
            Token::LParen | Token::LBrace => self.open(false),
            Token::LBracket => {
                self.last = Last::Bracket;
                self.open(false);
            }
            Token::RParen | Token::RBrace => self.close(),
            Token::RBracket => {
                self.of_types += usize::from(last == Last::Bracket);
                self.close();
            }
            Token::Comma | Token::SemiColon => self.ends(),
            Token::Word(word) => self.word(word.keyword, last == Last::Operator),
            Token::Period => self.last = Last::Operator,
            Token::Number(..) | Token::Placeholder(_) | Token::EOF => {}
            Token::Lt if last == Last::Type => self.of_types += 1,
            text if is_text(text) => {}
            _ => self.operator(),
        }
    }

    fn word(&mut self, keyword: Keyword, is_name: bool) {
        // After `SELECT *`, which looks like an operator, too.
        match keyword {
            Keyword::UNION => self.unions += 1,
            Keyword::INTERSECT | Keyword::EXCEPT | Keyword::MINUS => self.intersections += 1,
            _ => {}
        }
        let in_case = self.open.last().is_some_and(|open| open.is_case);
        match keyword {
            Keyword::CASE => self.open(true),
            Keyword::ARRAY | Keyword::STRUCT | Keyword::MAP => self.last = Last::Type,
            Keyword::EXPLAIN => self.explains += 1,
            Keyword::AND
            | Keyword::OR
            | Keyword::XOR
            | Keyword::NOT
            | Keyword::IS
            | Keyword::IN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::SIMILAR
            | Keyword::RLIKE
            | Keyword::REGEXP
            | Keyword::BETWEEN
            | Keyword::COLLATE
            | Keyword::AT
            | Keyword::DIV => self.operator(),
            _ if is_name => {}
            Keyword::END if in_case => self.close_one(),
            Keyword::WHEN | Keyword::THEN | Keyword::ELSE if in_case => self.ends(),
            Keyword::SELECT | Keyword::JOIN | Keyword::ON | Keyword::WHERE | Keyword::HAVING => {
                self.ends();
            }
            Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::MINUS => self.ends(),
            _ => {}
        }
    }

    fn open(&mut self, is_case: bool) {
        self.open.push(Open { is_case, operators: 0 });
        self.deepest_brackets = self.deepest_brackets.max(self.open.len() - 1);
    }

    /// A bracket closes, and with it whatever was left open in it.
    fn close(&mut self) {
        while self.open.last().is_some_and(|open| open.is_case) {
            self.close_one();
        }
        self.close_one();
    }

    fn close_one(&mut self) {
        // What closes nothing is for the parser to tell.
        if self.open.len() > 1 {
            self.open_operators -= self.open.pop().map_or(0, |open| open.operators);
        }
    }

    fn operator(&mut self) {
        self.last = Last::Operator;
        if let Some(open) = self.open.last_mut() {
            open.operators += 1;
            self.open_operators += 1;
            self.deepest_operators = self.deepest_operators.max(self.open_operators);
        }
    }

    /// An expression ends, but not what it is within.
    fn ends(&mut self) {
        if let Some(open) = self.open.last_mut() {
            self.open_operators -= std::mem::take(&mut open.operators);
        }
    }

    fn check(&self) -> Result<()> {
        within(self.tokens, MOST_TOKENS, "words and signs")?;
        within(self.deepest_brackets, DEEPEST_BRACKETS, "brackets within each other")?;
        within(self.of_types, DEEPEST_BRACKETS, "brackets after types")?;
        within(self.deepest_operators, DEEPEST_OPERATORS, "operators in one expression")?;
        within(self.unions, MOST_UNIONS, "UNIONs")?;
        within(self.intersections, MOST_INTERSECTIONS, "INTERSECTs and EXCEPTs")?;
        within(self.explains, MOST_EXPLAINS, "EXPLAINs")
    }
}

fn is_text(token: &Token) -> bool {
    matches!(
        token,
        Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
    )
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use crate::error::ErrorKind;

    fn refused(sql: &str) -> Option<String> {
        match parse(sql) {
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::Limit => Some(error.to_string()),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn what_people_and_programs_write_is_let_in() {
        let numbers = vec!["-1"; 50_000].join(", ");
        let arms = "WHEN a = 1 AND b > 2 THEN 3 ".repeat(5_000);
        for sql in [
            format!("SELECT {}", vec!["1"; 1_000].join(" + ")),
            format!("SELECT 1 WHERE {}", vec!["a = 1"; 900].join(" OR ")),
            format!("SELECT 1 WHERE a IN ({numbers})"),
            format!("SELECT {}", vec!["a || b"; 500].join(", ")),
            format!("SELECT {}", vec!["a"; 1_900].join(" || ")),
            format!("SELECT CASE {arms} END"),
            format!("INSERT INTO t VALUES {}", vec!["(-1, 'x'::text, 2 + 3)"; 5_000].join(", ")),
            vec!["SELECT 1"; 500].join(" UNION ALL "),
        ] {
            assert_eq!(refused(&sql), None, "{}", &sql[..100]);
        }
    }

    #[test]
    fn what_would_end_the_stack_is_refused_before_it_is_parsed() {
        let many = 200_000;
        let case = "CASE WHEN true THEN 1 END";
        for (sql, words) in [
            (format!("SELECT {}", vec!["1"; many].join("+")), "operators"),
            (format!("SELECT {}", vec![case; many / 10].join("-")), "operators"),
            (format!("SELECT {}", vec!["f(1)"; many / 10].join("||")), "operators"),
            (format!("SELECT {} t.from", "t.from + ".repeat(many / 10)), "operators"),
            (
                format!("SELECT {} end", "end + when + on + select + ".repeat(many / 10)),
                "operators",
            ),
            (format!("SELECT 1{}", " IS DISTINCT FROM 1".repeat(many)), "operators"),
            (format!("SELECT {}1", "(1 + end + ".repeat(many / 10)), "brackets"),
            (format!("SELECT 1{}", "::int".repeat(many)), "operators"),
            (format!("SELECT 1{}", " IS NULL".repeat(many)), "operators"),
            (format!("SELECT {} 1", "NOT ".repeat(many)), "operators"),
            (format!("SELECT {}1", "- ".repeat(many)), "operators"),
            (format!("SELECT {}1{}", "(".repeat(many), ")".repeat(many)), "brackets"),
            (format!("SELECT {}", "(1 + ".repeat(many)), "brackets"),
            (format!("SELECT CAST(1 AS INT{})", "[]".repeat(many)), "brackets"),
            (format!("SELECT CAST(1 AS {}INT", "ARRAY<".repeat(many)), "brackets"),
            (vec!["SELECT 1"; many / 10].join(" UNION ALL "), "UNIONs"),
            (vec!["SELECT *"; many / 10].join(" UNION ALL "), "UNIONs"),
            (vec!["SELECT 1"; 200].join(" EXCEPT "), "INTERSECTs"),
            (format!("{} SELECT 1", "EXPLAIN ".repeat(many)), "EXPLAINs"),
            (format!("SELECT 1 IN ({})", vec!["1"; 1_000_000].join(",")), "words and signs"),
        ] {
            let error = refused(&sql).unwrap_or_else(|| panic!("{}", &sql[..100]));
            assert!(error.contains(words), "{error}");
        }
    }
}
