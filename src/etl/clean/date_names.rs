//! `date_names`: months and days of another language in English.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use crate::text::DateNames;

/// Names months and days in English, for the date formats after it.
pub(super) struct NamesOfDates(DateNames);

impl NamesOfDates {
    /// # Errors
    /// User where the language's names are not known.
    pub(super) fn new(language: &str) -> Result<Self> {
        DateNames::new(language).map(Self).map_err(Error::user)
    }
}

impl Clean for NamesOfDates {
    fn name(&self) -> &'static str {
        "date_names"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        Ok(cell.map(|text| self.0.apply(&text).into()))
    }

    fn is_about_writing(&self) -> bool {
        true
    }
}
