//! `null_if`: texts that mean there is no value.

use super::{Cell, Clean};
use std::collections::HashSet;

/// Makes NULL of the listed texts, whatever their case.
pub(super) struct NullIf {
    tokens: HashSet<String>,
}

impl NullIf {
    pub(super) fn new(tokens: &[String]) -> Self {
        Self { tokens: tokens.iter().map(|token| token.to_lowercase()).collect() }
    }
}

impl Clean for NullIf {
    fn name(&self) -> &'static str {
        "null_if"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.filter(|text| !self.tokens.contains(&text.to_lowercase())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_become_null() {
        let rule = NullIf::new(&["N/A".to_owned(), "-".to_owned()]);
        for (text, expected) in [("n/a", None), ("-", None), ("--", Some("--")), ("", Some(""))] {
            assert_eq!(rule.apply(Some(text.into())).unwrap().as_deref(), expected);
        }
        assert_eq!(rule.apply(None), Ok(None));
    }
}
