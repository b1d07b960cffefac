//! `person_name`: a name of a person, or a part of it.

use super::{Cell, Clean};
use crate::etl::job::PersonNameFormat;
use crate::text::person_name;

/// Writes names in one order, without titles, or takes a part of them; NULL where a name does not
/// have the part.
pub(super) struct PersonName(pub(super) PersonNameFormat);

impl Clean for PersonName {
    fn name(&self) -> &'static str {
        "person_name"
    }

    fn apply<'a>(&self, cell: Cell<'a>) -> Result<Cell<'a>, String> {
        let Some(text) = cell else { return Ok(None) };
        Ok(person_name(&text, self.0.part, self.0.order)?.map(Into::into))
    }
}
