//! Who asks, and what they may see.
//!
//! Pure. Every session and every plan carries a [`Principal`]; a [`Policy`] decides on the parsed
//! plan, never on text. The first policy allows everything to the one local user.

use crate::error::Result;

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

/// What a plan wants to read: a table as SQL names it, and the columns it uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Schema name (`warehouse`, `cubes`, `system` ...).
    pub schema: String,
    /// Table name.
    pub table: String,
}

/// Decides which tables a principal's plan may read.
#[derive(Debug, Clone, Default)]
pub struct Policy {}

impl Policy {
    /// Everything is allowed to everyone.
    pub fn allow_all() -> Self {
        Self {}
    }

    /// Whether the principal may read what a plan wants to read.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](crate::error::ErrorKind::Denied) names the table refused.
    pub fn authorize(&self, _principal: &Principal, _wanted: &[Access]) -> Result<()> {
        Ok(())
    }
}
