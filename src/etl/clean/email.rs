//! `email`: an e-mail address in lower case.

use super::{Cell, Clean};
use crate::text::email;

/// Takes e-mail addresses out of what is written around them, and refuses what is none.
pub(super) struct Email;

impl Clean for Email {
    fn name(&self) -> &'static str {
        "email"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        cell.map(|text| email(&text).map(Into::into)).transpose()
    }
}
