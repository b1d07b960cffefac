//! `case`: upper, lower or title case.

use super::{Cell, Clean};
use crate::etl::job::Case;

/// Changes letters' case, by Unicode's rules.
pub(super) struct ToCase(pub(super) Case);

impl Clean for ToCase {
    fn name(&self) -> &'static str {
        "case"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.map(|text| {
            match self.0 {
                Case::Upper => text.to_uppercase(),
                Case::Lower => text.to_lowercase(),
                Case::Title => title(&text),
            }
            .into()
        }))
    }
}

/// Each word's first letter a capital, the others not. A word begins after anything but a letter,
/// a digit or an apostrophe.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut inside = false;
    for character in text.chars() {
        if inside {
            titled.extend(character.to_lowercase());
        } else {
            titled.extend(character.to_uppercase());
        }
        inside = character.is_alphanumeric() || matches!(character, '\'' | '’');
    }
    titled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases() {
        let apply = |case, text: &'static str| {
            ToCase(case).apply(Some(text.into())).unwrap().unwrap().into_owned()
        };
        assert_eq!(apply(Case::Upper, "straße"), "STRASSE");
        assert_eq!(apply(Case::Lower, "ÅSE"), "åse");
        assert_eq!(apply(Case::Title, "jean-LUC o'neill 3rd"), "Jean-Luc O'neill 3rd");
        assert_eq!(ToCase(Case::Upper).apply(None), Ok(None));
    }
}
