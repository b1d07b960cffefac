//! Numbers as a locale writes them.

/// Rewrites `1.234,56` as `1234.56`. Groups have three digits, or the number is refused: that
/// is what tells `1.234` (one thousand ...) from `1.23` (a number of another locale).
#[derive(Debug, Clone, Copy)]
pub struct Numbers {
    decimal: char,
    group: Option<char>,
}

impl Numbers {
    /// Numbers with these signs.
    ///
    /// # Errors
    /// Where the signs cannot be told from each other or from digits.
    pub fn new(decimal: char, group: Option<char>) -> Result<Self, String> {
        let odd = |sign: &char| sign.is_ascii_digit() || matches!(sign, '-' | '+');
        if group == Some(decimal) || [Some(decimal), group].iter().flatten().any(odd) {
            let why =
                "the decimal and group signs of a number differ, and are no digits or `+`, `-`";
            return Err(why.to_owned());
        }
        Ok(Self { decimal, group })
    }

    /// A number as SQL writes it.
    ///
    /// # Errors
    /// Why the text is none.
    pub fn read(&self, text: &str) -> Result<String, String> {
        self.rewrite(text).ok_or_else(|| {
            let group = self.group.map(|group| format!(" and groups by `{group}`"));
            let (group, decimal) = (group.unwrap_or_default(), self.decimal);
            format!("`{text}` is not a number with the decimal sign `{decimal}`{group}")
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrite(decimal: char, group: Option<char>, text: &str) -> Option<String> {
        Numbers::new(decimal, group).unwrap().read(text).ok()
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
        assert!(Numbers::new('.', Some('.')).is_err());
    }
}
