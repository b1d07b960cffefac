//! `extract`: the part of a text that matches a regular expression.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use crate::etl::job::Extraction;
use crate::text::Extracting;

/// Takes the first match, or a group of it; NULL where nothing matches.
pub(super) struct Extract(Extracting);

impl Extract {
    /// # Errors
    /// User where the expression is none, or has no such group.
    pub(super) fn new(rule: &Extraction) -> Result<Self> {
        Extracting::new(&rule.pattern, rule.group).map(Self).map_err(Error::user)
    }
}

impl Clean for Extract {
    fn name(&self) -> &'static str {
        "extract"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.and_then(|text| self.0.apply(&text)).map(Into::into))
    }
}
