//! Questions as clients write them: SQL, or a plan in Substrait's form.

use crate::engine::{Query, Session};
use crate::error::{Error, ErrorKind, Result};
use arrow_flight::sql::SubstraitPlan;
use bytes::Bytes;
use std::sync::Arc;

/// A statement as it was sent.
#[derive(Debug, Clone)]
pub(super) enum Written {
    Sql(Arc<str>),
    Substrait(Bytes),
}

impl Written {
    pub(super) fn sql(text: &str) -> Self {
        Self::Sql(text.into())
    }

    /// # Errors
    /// Usage where there is no plan.
    pub(super) fn substrait(plan: Option<SubstraitPlan>) -> Result<Self> {
        match plan {
            Some(plan) => Ok(Self::Substrait(plan.plan)),
            None => Err(Error::new(ErrorKind::Usage, "the command has no Substrait plan")),
        }
    }

    /// How many bytes there are to plan.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Sql(text) => text.len(),
            Self::Substrait(plan) => plan.len(),
        }
    }

    /// Plans it as a question.
    ///
    /// # Errors
    /// As the session's.
    pub(super) async fn question(&self, session: &Session) -> Result<Query> {
        match self {
            Self::Sql(text) => session.plan_sql(text).await,
            Self::Substrait(plan) => session.plan_substrait(plan).await,
        }
    }
}

/// Refuses a statement that is to be part of a transaction: there are none.
///
/// # Errors
/// Unsupported.
pub(super) fn outside_transactions(transaction: Option<&Bytes>) -> Result<()> {
    match transaction {
        Some(id) if !id.is_empty() => Err(Error::unsupported("there are no transactions")
            .hint("a question sees one release; a change is there whole or not at all")),
        _ => Ok(()),
    }
}
