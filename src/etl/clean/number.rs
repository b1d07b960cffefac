//! `number`: numbers as a locale writes them.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use crate::etl::job::NumberFormat;
use crate::text::Numbers;

/// Rewrites `1.234,56` as `1234.56`.
pub(super) struct Number(Numbers);

impl Number {
    /// # Errors
    /// User where the signs cannot be told from each other or from digits.
    pub(super) fn new(format: &NumberFormat) -> Result<Self> {
        Numbers::new(format.decimal, format.group).map(Self).map_err(Error::user)
    }
}

impl Clean for Number {
    fn name(&self) -> &'static str {
        "number"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        cell.map(|text| self.0.read(&text).map(Into::into)).transpose()
    }

    fn is_about_writing(&self) -> bool {
        true
    }
}
