//! `matches`: a regular expression for the whole text.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use crate::text::Matching;

/// Refuses what the expression does not match from end to end.
pub(super) struct Matches(Matching);

impl Matches {
    /// # Errors
    /// User where the expression is none.
    pub(super) fn new(pattern: &str) -> Result<Self> {
        Matching::new(pattern).map(Self).map_err(Error::user)
    }
}

impl Clean for Matches {
    fn name(&self) -> &'static str {
        "matches"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        cell.as_deref().map(|text| self.0.check(text)).transpose()?;
        Ok(cell)
    }
}
