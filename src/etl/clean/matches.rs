//! `matches`: a regular expression for the whole text.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use regex::Regex;

/// Refuses what the expression does not match from end to end.
pub(super) struct Matches {
    pattern: String,
    regex: Regex,
}

impl Matches {
    /// # Errors
    /// User where the expression is none.
    pub(super) fn new(pattern: &str) -> Result<Self> {
        // checked by itself first: `a)(b` must not become right by being wrapped
        let regex = Regex::new(pattern).and_then(|_| Regex::new(&format!(r"\A(?:{pattern})\z")));
        let regex = regex.map_err(|error| {
            Error::user(format!("`{pattern}` is not a regular expression")).caused_by(error)
        })?;
        Ok(Self { pattern: pattern.to_owned(), regex })
    }
}

impl Clean for Matches {
    fn name(&self) -> &'static str {
        "matches"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        match &cell {
            Some(text) if !self.regex.is_match(text) => {
                Err(format!("`{text}` does not match `{}`", self.pattern))
            }
            _ => Ok(cell),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_must_match() {
        let rule = Matches::new("a|[0-9]{3}").unwrap();
        for (text, right) in [("a", true), ("123", true), ("ab", false), ("1234", false)] {
            assert_eq!(rule.apply(Some(text.into())).is_ok(), right, "{text}");
        }
        assert_eq!(rule.apply(None), Ok(None));
        assert!(rule.apply(Some("a\n".into())).is_err());
        assert!(Matches::new("a)(b").is_err());
    }
}
