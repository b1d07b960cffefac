//! What parsing yields.

use super::catalog::Catalogs;
use super::sql::Headings;
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
    /// What its columns are headed, where it was written as SQL.
    pub(super) headings: Headings,
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
        let state: MakesState = Box::new(state);
        let headings = Headings::default();
        Self { state: Arc::new(LazyLock::new(state)), catalogs, plan, headings }
    }

    /// The same question with headings.
    pub(super) fn headed(self, headings: Headings) -> Self {
        Self { headings, ..self }
    }

    /// The same question in another session.
    pub(super) fn in_state(&self, state: SessionState) -> Self {
        let Self { catalogs, plan, headings, .. } = self.clone();
        Self { headings, ..Self::new(Arc::new(state), catalogs, plan) }
    }

    /// The session of this plan alone.
    pub(crate) fn state(&self) -> &Arc<SessionState> {
        &self.state
    }
}
