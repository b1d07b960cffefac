//! `replace`: what matches a regular expression becomes something else.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use crate::etl::job::Replacement;
use regex::Regex;

/// Replaces every match; `$1` in the replacement stands for the first group.
pub(super) struct Replace {
    regex: Regex,
    with: String,
}

impl Replace {
    /// # Errors
    /// User where the expression is none, or has no group that the replacement names.
    pub(super) fn new(rule: &Replacement) -> Result<Self> {
        let regex = regex(&rule.pattern)?;
        check_groups(&regex, &rule.with)?;
        Ok(Self { regex, with: rule.with.clone() })
    }
}

impl Clean for Replace {
    fn name(&self) -> &'static str {
        "replace"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.map(|text| self.regex.replace_all(&text, &self.with).into_owned().into()))
    }
}

/// A regular expression.
///
/// # Errors
/// User where it is none.
pub(super) fn regex(pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|error| {
        Error::user(format!("`{pattern}` is not a regular expression")).caused_by(error)
    })
}

/// A group that does not exist would be replaced by nothing, silently.
fn check_groups(regex: &Regex, with: &str) -> Result<()> {
    let names = Regex::new(r"\$\$|\$(?:\{([^}]*)\}|(\w+))").map_err(|error| {
        Error::internal("the pattern of replacements is wrong").caused_by(error)
    })?;
    for named in names.captures_iter(with) {
        let Some(group) = named.get(1).or_else(|| named.get(2)).map(|group| group.as_str()) else {
            continue;
        };
        let is_there = match group.parse::<usize>() {
            Ok(number) => number < regex.captures_len(),
            Err(_) => regex.capture_names().flatten().any(|name| name == group),
        };
        if !is_there {
            let message =
                format!("`{with}` names a group `{group}` that the pattern does not have");
            return Err(
                Error::user(message).hint("`${1}x` is the first group before an x, `$$` a $")
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(pattern: &str, with: &str) -> Result<Replace> {
        Replace::new(&Replacement { pattern: pattern.to_owned(), with: with.to_owned() })
    }

    #[test]
    fn every_match_is_replaced() {
        let apply = |pattern, with, text: &'static str| {
            rule(pattern, with).unwrap().apply(Some(text.into())).unwrap().unwrap().into_owned()
        };
        assert_eq!(apply("[^0-9]", "", "a1-b2"), "12");
        assert_eq!(apply(r"(\d+)/(\d+)", "$2.$1", "3/4 5/6"), "4.3 6.5");
        assert_eq!(apply("x", "$$", "axb"), "a$b");
        assert_eq!(rule("x", "y").unwrap().apply(None), Ok(None));
    }

    #[test]
    fn wrong_expressions_are_told() {
        assert!(rule("(", "").err().unwrap().to_string().contains("not a regular expression"));
        let told = rule("(a)", "$1x").err().unwrap().to_string();
        assert!(told.contains("group `1x`"), "{told}");
        assert!(rule("(?<n>a)", "${n}x$1").is_ok());
    }
}
