//! `fold` and `simplified`: text as it is compared, and Chinese in simplified characters.

use super::{Cell, Clean};
use crate::text::{fold, to_simplified};

/// Lower case, without accents, width and punctuation, in simplified characters; NULL where
/// nothing is left.
pub(super) struct Fold;

impl Clean for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.map(|text| fold(&text)).filter(|text| !text.is_empty()).map(Into::into))
    }
}

/// Simplified in place of traditional characters.
pub(super) struct Simplified;

impl Clean for Simplified {
    fn name(&self) -> &'static str {
        "simplified"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.map(|text| if text.is_ascii() { text } else { to_simplified(&text).into() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_as_it_is_compared() {
        assert_eq!(Fold.apply(Some(" Müller-Ｚ ".into())), Ok(Some("muller z".into())));
        assert_eq!(Fold.apply(Some("--".into())), Ok(None));
        assert_eq!(Simplified.apply(Some("張偉 Z".into())), Ok(Some("张伟 Z".into())));
    }
}
