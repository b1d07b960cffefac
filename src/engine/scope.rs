//! Whom a plan is built for, and which releases it may read.

use crate::error::{Error, Result};
use crate::ids::ReleaseId;
use crate::policy::Principal;
use datafusion::catalog::Session;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Travels with every DataFusion session as an extension of its configuration.
///
/// Architecture invariant: no table is scanned without one. A plan that was built for nobody, or
/// for another release, fails when its scans are planned (see [`QueryScope::admit`]).
#[derive(Debug, Clone)]
pub(crate) struct QueryScope {
    /// Who asks.
    pub(crate) principal: Principal,
    /// The session's release.
    pub(crate) release: ReleaseId,
    /// Releases that the statement names with `VERSION AS OF`.
    pub(crate) others: BTreeSet<ReleaseId>,
    /// Whether aggregates may answer.
    pub(crate) aggregates: bool,
}

impl QueryScope {
    /// The scope that a session is bound to.
    ///
    /// # Errors
    /// Internal: the session was built elsewhere than in [`state`](super::state).
    pub(crate) fn of(session: &dyn Session) -> Result<Arc<Self>> {
        session
            .config()
            .get_extension::<Self>()
            .ok_or_else(|| Error::internal("a plan was made for nobody and no release"))
    }

    /// Refuses to scan a release's table in a session that was not bound to that release.
    ///
    /// # Errors
    /// Internal: a plan got around [`Session`](super::Session).
    pub(crate) fn admit(session: &dyn Session, table: &str, release: ReleaseId) -> Result<()> {
        let scope = Self::of(session).map_err(|error| error.with("table", table))?;
        if scope.release != release && !scope.others.contains(&release) {
            return Err(Error::internal("a table was about to be scanned in a foreign release")
                .with("table", table)
                .with("release", release)
                .with("session release", scope.release)
                .with("principal", scope.principal.name()));
        }
        Ok(())
    }
}
