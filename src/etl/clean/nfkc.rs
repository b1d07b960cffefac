//! `nfkc`: one spelling for what looks the same.

use super::{Cell, Clean};
use crate::text::nfkc;

/// Unicode normalisation form KC: full-width forms, ligatures, composed accents.
pub(super) struct Nfkc;

impl Clean for Nfkc {
    fn name(&self) -> &'static str {
        "nfkc"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.map(nfkc))
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
