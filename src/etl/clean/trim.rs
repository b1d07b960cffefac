//! `trim`: no space at the ends, single spaces inside, nothing but space is NULL.

use super::{Cell, Clean};
use std::borrow::Cow;

/// Cuts and folds space of any kind (tabs, line ends and no-break spaces are space).
pub(super) struct Trim;

impl Clean for Trim {
    fn name(&self) -> &'static str {
        "trim"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        let Some(text) = cell else { return Ok(None) };
        if is_tidy(&text) {
            return Ok(Some(text).filter(|text| !text.is_empty()));
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        Ok(Some(words.join(" ")).filter(|text| !text.is_empty()).map(Cow::Owned))
    }
}

/// Whether a text is ASCII without space to cut or fold: most texts are, and stay as they are.
fn is_tidy(text: &str) -> bool {
    let mut after_space = true;
    for byte in text.as_bytes() {
        match byte {
            b' ' if after_space => return false,
            b' ' => after_space = true,
            b'!'..=b'~' => after_space = false,
            _ => return false,
        }
    }
    text.is_empty() || !after_space
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_folded() {
        for (text, expected) in [
            ("a b", Some("a b")),
            ("  a \t b\n", Some("a b")),
            ("\u{a0}a\u{3000}b\u{a0}", Some("a b")),
            ("", None),
            (" \n", None),
        ] {
            let trimmed = Trim.apply(Some(text.into())).unwrap();
            assert_eq!(trimmed.as_deref(), expected, "{text:?}");
        }
        assert_eq!(Trim.apply(None), Ok(None));
    }
}
