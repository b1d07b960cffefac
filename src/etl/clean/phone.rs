//! `phone`: a telephone number in the form of E.164.

use super::{Cell, Clean};
use crate::error::{Error, Result};
use crate::etl::job::PhoneFormat;
use crate::text::{is_region, phone};

/// Writes telephone numbers as `+4930123456`.
pub(super) struct Phone(Option<String>);

impl Phone {
    /// # Errors
    /// User where the region is none.
    pub(super) fn new(format: &PhoneFormat) -> Result<Self> {
        match &format.region {
            Some(region) if !is_region(region) => Err(Error::user(format!(
                "`{region}` is no region, expected the two letters of a country such as DE or CN"
            ))),
            region => Ok(Self(region.clone())),
        }
    }
}

impl Clean for Phone {
    fn name(&self) -> &'static str {
        "phone"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        cell.map(|text| phone(&text, self.0.as_deref()).map(Into::into)).transpose()
    }
}
