//! `address`: a part of a postal address.

use super::{Cell, Clean};
use crate::text::{AddressPart, address};

/// Takes a part of postal addresses; NULL where an address does not have it.
pub(super) struct Address(pub(super) AddressPart);

impl Clean for Address {
    fn name(&self) -> &'static str {
        "address"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        let Some(text) = cell else { return Ok(None) };
        Ok(address(&text, self.0)?.map(Into::into))
    }
}
