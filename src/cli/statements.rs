//! Several statements in one text, told apart.

/// The statements of a text, without the semicolons between them; empty ones left out.
/// Semicolons in quotes and comments are not between statements.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let mut start = 0;
    let mut inside = Inside::Statement;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        inside = match (inside, letter, next) {
            (Inside::Statement, ';', _) => {
                statements.extend(text.get(start..at));
                start = at + 1;
                Inside::Statement
            }
            (Inside::Statement, '\'' | '"', _) => Inside::Quotes(letter),
            (Inside::Statement, '-', Some('-')) => Inside::LineComment,
            (Inside::Statement, '/', Some('*')) => {
                letters.next();
                Inside::BlockComment
            }
            // A doubled quote ends and begins again, which comes to the same.
            (Inside::Quotes(quote), letter, _) if letter == quote => Inside::Statement,
            (Inside::LineComment, '\n', _) => Inside::Statement,
            (Inside::BlockComment, '*', Some('/')) => {
                letters.next();
                Inside::Statement
            }
            (inside, ..) => inside,
        };
    }
    statements.extend(text.get(start..));
    statements.into_iter().map(str::trim).filter(|statement| !is_blank(statement)).collect()
}

/// Whether a text ends with a complete statement, or holds none.
pub(super) fn is_complete(text: &str) -> bool {
    is_blank(text) || split(&format!("{text}\n SELECT")).len() > split(text).len()
}

#[derive(Clone, Copy)]
enum Inside {
    Statement,
    Quotes(char),
    LineComment,
    BlockComment,
}

fn is_blank(statement: &str) -> bool {
    statement.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with("--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_outside_quotes_and_comments() {
        let text = "SELECT ';' AS \"a;b\"; -- no; end\nSELECT /* ; */ 'it''s;';;\n-- the end\n";
        assert_eq!(split(text), ["SELECT ';' AS \"a;b\"", "-- no; end\nSELECT /* ; */ 'it''s;'"]);
        assert!(split(" \n-- nothing\n").is_empty());
    }

    #[test]
    fn a_statement_is_complete_with_its_semicolon() {
        for text in ["SELECT 1;", "SELECT 1; -- done", "", "-- nothing", "SELECT 1;\n"] {
            assert!(is_complete(text), "{text}");
        }
        for text in ["SELECT 1", "SELECT ';", "SELECT 1 /* ;", "SELECT 1; SELECT"] {
            assert!(!is_complete(text), "{text}");
        }
    }
}
