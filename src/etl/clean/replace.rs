//! `replace`: what matches a regular expression becomes something else.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use crate::etl::job::Replacement;
use crate::text::Replacing;

/// Replaces every match.
pub(super) struct Replace(Replacing);

impl Replace {
    /// # Errors
    /// User where the expression is none, or has no group that the replacement names.
    pub(super) fn new(rule: &Replacement) -> Result<Self> {
        Replacing::new(&rule.pattern, &rule.with).map(Self).map_err(Error::user)
    }
}

impl Clean for Replace {
    fn name(&self) -> &'static str {
        "replace"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.map(|text| self.0.apply(&text).into()))
    }
}
