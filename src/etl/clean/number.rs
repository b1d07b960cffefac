//! `number`: numbers as a locale writes them.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use crate::etl::job::NumberFormat;
use std::borrow::Cow;

/// Rewrites `1.234,56` as `1234.56`. Groups have three digits, or the number is refused: that
/// is what tells `1.234` (one thousand ...) from `1.23` (a number of another locale).
pub(super) struct Number {
    decimal: char,
    group: Option<char>,
}

impl Number {
    /// # Errors
    /// User where the signs cannot be told from each other or from digits.
    pub(super) fn new(format: &NumberFormat) -> Result<Self> {
        let signs = [Some(format.decimal), format.group];
        let odd = |sign: &char| sign.is_ascii_digit() || matches!(sign, '-' | '+');
        if format.group == Some(format.decimal) || signs.iter().flatten().any(odd) {
            return Err(Error::user(
                "the decimal and group signs of a number differ, and are no digits or `+`, `-`",
            ));
        }
        Ok(Self { decimal: format.decimal, group: format.group })
    }

    fn is_group(&self, character: char) -> bool {
        let space = |sign: char| matches!(sign, ' ' | '\u{a0}' | '\u{202f}');
        let quote = |sign: char| matches!(sign, '\'' | '’');
        self.group.is_some_and(|group| {
            group == character
                || (space(group) && space(character))
                || (quote(group) && quote(character))
        })
    }

    fn rewrite(&self, text: &str) -> Option<String> {
        let text = text.trim();
        let unsigned = text.strip_prefix(['-', '−', '+']).unwrap_or(text);
        let sign = if text.starts_with(['-', '−']) { "-" } else { "" };
        let (whole, fraction) = match unsigned.split_once(self.decimal) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (unsigned, None),
        };
        let groups: Vec<&str> = whole.split(|character| self.is_group(character)).collect();
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let grouped = groups.len() == 1
            || ((1..=3).contains(&groups[0].len()) && groups[1..].iter().all(|g| g.len() == 3));
        let right = grouped && groups.iter().all(|group| digits(group));
        let whole = groups.concat();
        match fraction {
            Some(fraction) if right && digits(fraction) && !fraction.is_empty() => {
                Some(format!("{sign}{}.{fraction}", if whole.is_empty() { "0" } else { &whole }))
            }
            None if right && !whole.is_empty() => Some(format!("{sign}{whole}")),
            _ => None,
        }
    }
}

impl Clean for Number {
    fn name(&self) -> &'static str {
        "number"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        let Some(text) = cell else { return Ok(None) };
        match self.rewrite(&text) {
            Some(number) => Ok(Some(Cow::Owned(number))),
            None => {
                let group = self.group.map(|group| format!(" and groups by `{group}`"));
                let group = group.unwrap_or_default();
                let decimal = self.decimal;
                Err(format!("`{text}` is not a number with the decimal sign `{decimal}`{group}"))
            }
        }
    }

    fn is_about_writing(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrite(decimal: char, group: Option<char>, text: &str) -> Option<String> {
        let rule = Number::new(&NumberFormat { decimal, group }).unwrap();
        rule.apply(Some(text.into())).ok().flatten().map(Cow::into_owned)
    }

    #[test]
    fn locales() {
        for (decimal, group, text, expected) in [
            (',', Some('.'), "1.234,56", Some("1234.56")),
            (',', Some('.'), "-1.234.567", Some("-1234567")),
            (',', Some('.'), "1234,5", Some("1234.5")),
            (',', Some('.'), "1.23", None),
            (',', Some('.'), "1,234.56", None),
            (',', Some('.'), ",5", Some("0.5")),
            (',', Some('.'), "5,", None),
            (',', Some('.'), "1.,5", None),
            (',', None, "1.234,5", None),
            (',', Some(' '), "1\u{a0}234\u{202f}567,8", Some("1234567.8")),
            ('.', Some('\''), "1’234.50", Some("1234.50")),
            ('.', Some(','), "1,234", Some("1234")),
            ('.', Some(','), "1,2345", None),
            ('.', Some(','), "−7", Some("-7")),
            ('.', Some(','), "", None),
            ('.', Some(','), "abc", None),
        ] {
            assert_eq!(rewrite(decimal, group, text).as_deref(), expected, "{text}");
        }
        assert!(Number::new(&NumberFormat { decimal: '.', group: Some('.') }).is_err());
    }
}
