//! What parsing yields.

use super::catalog::Catalogs;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use std::sync::{Arc, LazyLock};

/// A question as parsed: authorised, its cubes not resolved, its parameters not bound.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    /// Made when it is asked for, since it is many small pieces of memory, and what was planned before
    /// runs without it.
    state: Arc<LazyLock<Arc<SessionState>, MakesState>>,
    /// The releases it reads.
    pub(crate) catalogs: Arc<Catalogs>,
    /// Its plan.
    pub(crate) plan: LogicalPlan,
}

type MakesState = Box<dyn FnOnce() -> Arc<SessionState> + Send>;

impl Parsed {
    /// A question planned in a session.
    pub(super) fn new(
        state: Arc<SessionState>,
        catalogs: Arc<Catalogs>,
        plan: LogicalPlan,
    ) -> Self {
        Self::lazily(move || state, catalogs, plan)
    }

    /// A question whose session is made if it is needed.
    pub(super) fn lazily(
        state: impl FnOnce() -> Arc<SessionState> + Send + 'static,
        catalogs: Arc<Catalogs>,
        plan: LogicalPlan,
    ) -> Self {
        Self { state: Arc::new(LazyLock::new(Box::new(state))), catalogs, plan }
    }

    /// The session of this plan alone.
    pub(crate) fn state(&self) -> &Arc<SessionState> {
        &self.state
    }
}
