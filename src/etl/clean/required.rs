//! `required`: NULL is wrong.

use super::{Cell, Clean};

/// What a missing value is told.
pub(super) const REASON: &str = "a value is required";

/// Refuses NULL.
pub(super) struct Required;

impl Clean for Required {
    fn name(&self) -> &'static str {
        "required"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        if cell.is_some() { Ok(cell) } else { Err(REASON.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_refused() {
        assert_eq!(Required.apply(None), Err(REASON.to_owned()));
        assert_eq!(Required.apply(Some("".into())).unwrap().as_deref(), Some(""));
    }
}
