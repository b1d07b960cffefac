//! Who asks, and what they may see.
//!
//! Pure. Every session and every plan carries a [`Principal`]; a [`Policy`] decides on the parsed
//! plan, never on text. The one in force allows everything to the one local user.

use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeSet;

/// Who a session acts for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    name: String,
}

impl Principal {
    /// The user of the machine: the command line, and the server until it has users.
    pub fn local() -> Self {
        Self { name: "local".to_owned() }
    }

    /// The pipeline's own identity, for loads.
    pub fn pipeline() -> Self {
        Self { name: "pipeline".to_owned() }
    }

    /// Its name, as logged.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What a plan wants to read: a table as SQL names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// Schema name (`warehouse`, `cubes`, `system` ...).
    pub schema: String,
    /// Table name.
    pub table: String,
}

/// Decides which tables a principal's plan may read.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    denied: BTreeSet<Access>,
}

impl Policy {
    /// Everything is allowed to everyone.
    pub fn allow_all() -> Self {
        Self::default()
    }

    /// The same policy, but a table is denied to everyone.
    #[must_use]
    pub fn denying(mut self, schema: &str, table: &str) -> Self {
        self.denied.insert(Access { schema: schema.to_owned(), table: table.to_owned() });
        self
    }

    /// Whether the principal may read what a plan wants to read.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] names the table refused.
    pub fn authorize(&self, principal: &Principal, wanted: &[Access]) -> Result<()> {
        match wanted.iter().find(|access| self.denied.contains(access)) {
            None => Ok(()),
            Some(Access { schema, table }) => {
                Err(Error::new(ErrorKind::Denied, format!("`{schema}.{table}` is not for you"))
                    .with("principal", principal.name()))
            }
        }
    }
}
