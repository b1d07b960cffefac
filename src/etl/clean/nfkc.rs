//! `nfkc`: one spelling for what looks the same.

use super::{Cell, Clean};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Unicode normalisation form KC: full-width forms, ligatures, composed accents.
pub(super) struct Nfkc;

impl Clean for Nfkc {
    fn name(&self) -> &'static str {
        "nfkc"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.map(|text| {
            if text.is_ascii() || is_nfkc_quick(text.chars()) == IsNormalized::Yes {
                text
            } else {
                text.nfkc().collect::<String>().into()
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatibility_forms_are_folded() {
        for (text, expected) in
            [("ＡＢ１２", "AB12"), ("ﬁn", "fin"), ("e\u{301}", "é"), ("张伟", "张伟"), ("a", "a")]
        {
            assert_eq!(Nfkc.apply(Some(text.into())).unwrap().as_deref(), Some(expected));
        }
        assert_eq!(Nfkc.apply(None), Ok(None));
    }
}
