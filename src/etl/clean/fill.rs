//! `fill`: NULL becomes a text.

use super::{Cell, Clean};
use std::borrow::Cow;

/// Puts a text where there is none.
pub(super) struct Fill(pub(super) String);

impl Clean for Fill {
    fn name(&self) -> &'static str {
        "fill"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(Some(cell.unwrap_or_else(|| Cow::Owned(self.0.clone()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_filled() {
        let rule = Fill("none".to_owned());
        assert_eq!(rule.apply(None).unwrap().as_deref(), Some("none"));
        assert_eq!(rule.apply(Some("x".into())).unwrap().as_deref(), Some("x"));
    }
}
