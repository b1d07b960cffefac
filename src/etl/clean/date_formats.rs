//! `date_formats`: dates and moments as people write them.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use crate::text;

/// Rewrites a date or moment in one of some formats as ISO 8601; the first format that fits wins.
pub(super) struct DateFormats(text::DateFormats);

impl DateFormats {
    /// # Errors
    /// User where a format is no strftime format or does not say the day.
    pub(super) fn new(formats: &[String]) -> Result<Self> {
        text::DateFormats::new(formats).map(Self).map_err(Error::user)
    }
}

impl Clean for DateFormats {
    fn name(&self) -> &'static str {
        "date_formats"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        cell.map(|text| self.0.read(&text).map(Into::into)).transpose()
    }

    fn is_about_writing(&self) -> bool {
        true
    }
}
