//! Regular expressions: what they match, replace and take out.

use regex::Regex;

/// Texts that match as a whole.
#[derive(Debug, Clone)]
pub struct Matching {
    pattern: String,
    regex: Regex,
}

/// Every match becomes something else.
#[derive(Debug, Clone)]
pub struct Replacing {
    regex: Regex,
    with: String,
}

/// The first match, or a group of it.
#[derive(Debug, Clone)]
pub struct Extracting {
    regex: Regex,
    group: usize,
}

impl Matching {
    /// What matches an expression from end to end.
    ///
    /// # Errors
    /// Where the expression is none.
    pub fn new(pattern: &str) -> Result<Self, String> {
        // checked by itself first: `a)(b` must not become right by being wrapped
        regex(pattern)?;
        Ok(Self { pattern: pattern.to_owned(), regex: regex(&format!(r"\A(?:{pattern})\z"))? })
    }

    /// Whether a text matches.
    ///
    /// # Errors
    /// That it does not, in words.
    pub fn check(&self, text: &str) -> Result<(), String> {
        match self.regex.is_match(text) {
            true => Ok(()),
            false => Err(format!("`{text}` does not match `{}`", self.pattern)),
        }
    }
}

impl Replacing {
    /// What replaces each match of an expression; `$1` stands for its first group.
    ///
    /// # Errors
    /// Where the expression is none, or has no group that the replacement names.
    pub fn new(pattern: &str, with: &str) -> Result<Self, String> {
        let regex = regex(pattern)?;
        check_groups(&regex, with)?;
        Ok(Self { regex, with: with.to_owned() })
    }

    /// A text with every match replaced.
    pub fn apply(&self, text: &str) -> String {
        self.regex.replace_all(text, &self.with).into_owned()
    }
}

impl Extracting {
    /// The first match of an expression, or a group of it; its only group where none is named.
    ///
    /// # Errors
    /// Where the expression is none, or has no such group.
    pub fn new(pattern: &str, group: Option<usize>) -> Result<Self, String> {
        let regex = regex(pattern)?;
        let group = group.unwrap_or(usize::from(regex.captures_len() == 2));
        if group >= regex.captures_len() {
            let groups = regex.captures_len() - 1;
            return Err(format!("the pattern has {groups} groups, and no group {group}"));
        }
        Ok(Self { regex, group })
    }

    /// The part of a text; none where nothing matches.
    pub fn apply(&self, text: &str) -> Option<String> {
        let found = self.regex.captures(text)?;
        found.get(self.group).map(|part| part.as_str().to_owned())
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("`{pattern}` is not a regular expression: {error}"))
}

/// A group that does not exist would be replaced by nothing, silently.
fn check_groups(regex: &Regex, with: &str) -> Result<(), String> {
    let names = self::regex(r"\$\$|\$(?:\{([^}]*)\}|(\w+))")?;
    for named in names.captures_iter(with) {
        let Some(group) = named.get(1).or_else(|| named.get(2)).map(|group| group.as_str()) else {
            continue;
        };
        let is_there = match group.parse::<usize>() {
            Ok(number) => number < regex.captures_len(),
            Err(_) => regex.capture_names().flatten().any(|name| name == group),
        };
        if !is_there {
            return Err(format!(
                "`{with}` names a group `{group}` that the pattern does not have (`${{1}}x` is the \
                 first group before an x, `$$` a $)"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_must_match() {
        let rule = Matching::new("a|[0-9]{3}").unwrap();
        for (text, right) in
            [("a", true), ("123", true), ("ab", false), ("1234", false), ("a\n", false)]
        {
            assert_eq!(rule.check(text).is_ok(), right, "{text}");
        }
        assert!(Matching::new("a)(b").is_err());
    }

    #[test]
    fn every_match_is_replaced() {
        let apply = |pattern, with, text| Replacing::new(pattern, with).unwrap().apply(text);
        assert_eq!(apply("[^0-9]", "", "a1-b2"), "12");
        assert_eq!(apply(r"(\d+)/(\d+)", "$2.$1", "3/4 5/6"), "4.3 6.5");
        assert_eq!(apply("x", "$$", "axb"), "a$b");
        assert!(Replacing::new("(", "").unwrap_err().contains("not a regular expression"));
        let told = Replacing::new("(a)", "$1x").unwrap_err();
        assert!(told.contains("group `1x`"), "{told}");
        assert!(Replacing::new("(?<n>a)", "${n}x$1").is_ok());
    }

    #[test]
    fn the_first_match_or_a_group_of_it() {
        let apply = |pattern, group, text| Extracting::new(pattern, group).unwrap().apply(text);
        assert_eq!(apply(r"\d+", None, "a12b34").as_deref(), Some("12"));
        assert_eq!(apply(r"#(\d+)", None, "order #77").as_deref(), Some("77"));
        assert_eq!(apply(r"(a)(b)?", Some(2), "a"), None);
        assert_eq!(apply(r"\d", None, "none"), None);
        assert!(Extracting::new("a", Some(1)).is_err());
    }
}
