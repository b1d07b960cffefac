//! `case`: upper, lower or title case.

use super::{Cell, Clean};
use crate::text::{Case, to_case};

/// Changes letters' case, by Unicode's rules.
pub(super) struct ToCase(pub(super) Case);

impl Clean for ToCase {
    fn name(&self) -> &'static str {
        "case"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.map(|text| to_case(&text, self.0).into()))
    }
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
