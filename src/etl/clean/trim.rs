//! `trim`: no space at the ends, single spaces inside, nothing but space is NULL.

use super::{Cell, Clean};
use crate::text::trimmed;

/// Cuts and folds space of any kind (tabs, line ends and no-break spaces are space).
pub(super) struct Trim;

impl Clean for Trim {
    fn name(&self) -> &'static str {
        "trim"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.and_then(trimmed))
    }
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
