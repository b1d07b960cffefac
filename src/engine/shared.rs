//! The engine: what all sessions share.

use super::answers::Answers;
use super::catalog::{self, CubeTables, ReleaseCatalog};
use super::erased::{Erased, erased};
use super::shadow::Shadow;
use super::streamed::Streamed;
use super::system::SystemSource;
use super::{EngineSettings, Session, memory, state};
use crate::clock::Clock;
use crate::error::Result;
use crate::model::Model;
use crate::policy::{Policy, Principal};
use crate::query::Lattice;
use crate::store::{LiveFolder, Release, TableState, Warehouse};
use datafusion::execution::SessionState;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// Temporary tables take at most this part of the memory of all queries.
const TEMPORARY_SHARE: usize = 4;

/// Plans and runs questions over one warehouse and model; clones share it.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    warehouse: Warehouse,
    model: Arc<Model>,
    cubes: Arc<CubeTables>,
    lattice: Arc<Lattice>,
    policy: Policy,
    clock: Arc<dyn Clock>,
    template: Arc<dyn Erased<SessionState>>,
    shadow: Arc<Shadow>,
    /// Bytes of all temporary tables, and how many they may have.
    temporary: (Arc<AtomicUsize>, usize),
    /// How many bytes of answers a release keeps.
    answers_bytes: usize,
    /// The newest catalog asked for: most sessions are on it.
    recent: Mutex<Option<Arc<ReleaseCatalog>>>,
    /// Held for its queries: they spill there.
    spill: LiveFolder,
}

impl Engine {
    /// An engine over a warehouse; the clock dates the query log and is SQL's `now()`.
    ///
    /// # Errors
    /// User errors where a measure or aggregate of the model does not hold; unavailable where the spill folder
    /// cannot be made.
    pub fn new(
        warehouse: Warehouse,
        model: Arc<Model>,
        settings: EngineSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Self::with_policy(warehouse, model, settings, clock, Policy::allow_all())
    }

    /// An engine that asks a policy of its own what may be read.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_policy(
        warehouse: Warehouse,
        model: Arc<Model>,
        settings: EngineSettings,
        clock: Arc<dyn Clock>,
        policy: Policy,
    ) -> Result<Self> {
        let spill = memory::spill_folder(&settings)?;
        let (runtime, hot) = memory::runtime(&settings, &spill, warehouse.object_store())?;
        let template = erased(state::template(&settings, runtime, hot));
        let cubes = Arc::new(catalog::cube_tables(&model)?);
        let lattice = Arc::new(Lattice::of(&model)?);
        let recent = Mutex::new(None);
        let shared = Shared {
            warehouse,
            model,
            cubes,
            lattice,
            policy,
            clock,
            template,
            shadow: Arc::new(Shadow::new(settings.shadow_one_in)),
            temporary: (Arc::default(), settings.memory_limit_bytes / TEMPORARY_SHARE),
            answers_bytes: settings.result_cache_bytes,
            recent,
            spill,
        };
        Ok(Self(Arc::new(shared)))
    }

    /// Which answers are looked at again.
    pub(crate) fn shadow(&self) -> &Arc<Shadow> {
        &self.0.shadow
    }

    /// How many answers from aggregates were computed again from base rows, and how many of those
    /// were others.
    pub fn shadow_counts(&self) -> (u64, u64) {
        self.0.shadow.counts()
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.0.model
    }

    /// The warehouse.
    pub fn warehouse(&self) -> &Warehouse {
        &self.0.warehouse
    }

    /// A session on a release.
    pub fn session(&self, principal: Principal, release: Arc<Release>) -> Session {
        Session::new(self.clone(), principal, self.catalog(&release))
    }

    /// A session for a load: staged tables are seen under their bare names (and as `staging.name`)
    /// and so are rows that come once; the release's (a preview's) under `warehouse`. Its queries
    /// are not logged.
    pub fn load_session(
        &self,
        principal: Principal,
        preview: Arc<Release>,
        staged: Vec<(String, TableState)>,
        streamed: Option<Streamed>,
    ) -> Session {
        let catalog = self.new_catalog(&preview, staged, streamed);
        Session::for_load(self.clone(), principal, catalog)
    }

    /// The catalog of a published release.
    pub(crate) fn catalog(&self, release: &Arc<Release>) -> Arc<ReleaseCatalog> {
        let mut recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(catalog) = recent.as_ref()
            && Arc::ptr_eq(catalog.release(), release)
        {
            return Arc::clone(catalog);
        }
        let catalog = self.new_catalog(release, Vec::new(), None);
        if recent.as_ref().is_none_or(|recent| recent.release().id <= release.id) {
            *recent = Some(Arc::clone(&catalog));
        }
        catalog
    }

    fn new_catalog(
        &self,
        release: &Arc<Release>,
        staged: Vec<(String, TableState)>,
        streamed: Option<Streamed>,
    ) -> Arc<ReleaseCatalog> {
        let Shared { warehouse, model, lattice, cubes, .. } = self.0.as_ref();
        let source = SystemSource {
            warehouse: warehouse.clone(),
            model: Arc::clone(model),
            lattice: Arc::clone(lattice),
            release: Arc::clone(release),
        };
        let answers = Answers::new(self.0.answers_bytes, self.reserve("answers"));
        Arc::new(ReleaseCatalog::new(source, cubes, answers, staged, streamed))
    }

    /// Where queries spill, and work beside them may.
    pub(crate) fn spill_folder(&self) -> &std::path::Path {
        self.0.spill.path()
    }

    /// Memory out of that of all queries, for work beside them; none yet.
    pub(crate) fn reserve(&self, what: &str) -> memory::Reserved {
        memory::Reserved::new(&self.0.template.runtime_env().memory_pool, what)
    }

    /// Bytes of all temporary tables, and how many they may have.
    pub(super) fn temporary_bytes(&self) -> &(Arc<AtomicUsize>, usize) {
        &self.0.temporary
    }

    /// The model's aggregates.
    pub(crate) fn lattice(&self) -> &Lattice {
        &self.0.lattice
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.0.policy
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// What DataFusion sessions start from.
    pub(crate) fn template(&self) -> &SessionState {
        &self.0.template
    }
}
