//! `extract`: the part of a text that matches a regular expression.

use super::replace::regex;
use super::{Cell, Clean};
use crate::error::{Error, Result};
use crate::etl::job::Extraction;
use regex::Regex;

/// Takes the first match, or a group of it; NULL where nothing matches.
pub(super) struct Extract {
    regex: Regex,
    group: usize,
}

impl Extract {
    /// # Errors
    /// User where the expression is none, or has no such group.
    pub(super) fn new(rule: &Extraction) -> Result<Self> {
        let regex = regex(&rule.pattern)?;
        // the only group is meant where there is one
        let group = rule.group.unwrap_or(usize::from(regex.captures_len() == 2));
        if group >= regex.captures_len() {
            let groups = regex.captures_len() - 1;
            return Err(Error::user(format!(
                "the pattern has {groups} groups, and no group {group}"
            )));
        }
        Ok(Self { regex, group })
    }
}

impl Clean for Extract {
    fn name(&self) -> &'static str {
        "extract"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        let found = cell.as_deref().and_then(|text| self.regex.captures(text));
        let part = found.and_then(|found| found.get(self.group));
        Ok(part.map(|part| part.as_str().to_owned().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_match_or_a_group_of_it() {
        let rule =
            |pattern: &str, group| Extract::new(&Extraction { pattern: pattern.to_owned(), group });
        let apply = |pattern, group, text: &'static str| {
            let cell = rule(pattern, group).unwrap().apply(Some(text.into())).unwrap();
            cell.map(|cell| cell.into_owned())
        };
        assert_eq!(apply(r"\d+", None, "a12b34").as_deref(), Some("12"));
        assert_eq!(apply(r"#(\d+)", None, "order #77").as_deref(), Some("77"));
        assert_eq!(apply(r"(a)(b)?", Some(2), "a"), None);
        assert_eq!(apply(r"\d", None, "none"), None);
        assert!(rule("a", Some(1)).is_err());
    }
}
