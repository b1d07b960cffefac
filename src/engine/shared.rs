//! The engine: what all sessions share.

use super::answers::{AnswerCounts, Answers, Counts};
use super::catalog::ReleaseCatalog;
use super::distrusted::Distrusted;
use super::erased::{Erased, erased};
use super::known::{Known, automatic_aggregates};
use super::shadow::Shadow;
use super::streamed::Streamed;
use super::system::SystemSource;
use super::{EngineSettings, Session, memory, state};
use crate::clock::Clock;
use crate::config::Room;
use crate::error::Result;
use crate::model::{AUTOMATIC_AGGREGATES, AutomaticAggregate, Model};
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
    /// The model, and the aggregates that are kept beside it.
    known: Arc<Known>,
    /// The model as files declare it.
    declared: Arc<Known>,
    /// Room for the aggregates that releases keep by themselves.
    automatic: Option<Room>,
    /// What the last such release adds to the model, and in which words.
    extended: Mutex<Option<(String, Arc<Known>)>>,
    policy: Policy,
    clock: Arc<dyn Clock>,
    template: Arc<dyn Erased<SessionState>>,
    shadow: Arc<Shadow>,
    /// Aggregates that were seen to be wrong.
    distrusted: Arc<Distrusted>,
    /// How often answers are given again.
    answer_counts: Arc<Counts>,
    /// Bytes of all temporary tables, and how many they may have.
    temporary: (Arc<AtomicUsize>, usize),
    /// How many bytes of answers a release keeps.
    answers_bytes: usize,
    /// The newest catalog asked for: most sessions are on it.
    recent: Mutex<Option<Arc<ReleaseCatalog>>>,
    /// Held for its queries: they spill there.
    spill: Arc<LiveFolder>,
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
        let known = Arc::new(Known::new(model)?);
        let recent = Mutex::new(None);
        let shared = Shared {
            warehouse,
            declared: Arc::clone(&known),
            known,
            automatic: settings.automatic_aggregates,
            extended: Mutex::new(None),
            policy,
            clock,
            template,
            shadow: Arc::new(Shadow::new(settings.shadow_one_in)),
            distrusted: Arc::default(),
            answer_counts: Arc::default(),
            temporary: (Arc::default(), settings.memory_limit_bytes / TEMPORARY_SHARE),
            answers_bytes: settings.result_cache_bytes,
            recent,
            spill: Arc::new(spill),
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

    /// How many answers from aggregates passed by while another was computed again.
    pub fn shadow_passed(&self) -> u64 {
        self.0.shadow.passed()
    }

    /// Where every answer is looked at again: waits for the one under way, and says how answers so far
    /// were others than base rows give.
    pub async fn shadow_told(&self) -> Vec<String> {
        self.0.shadow.told().await
    }

    /// How often answers were given again, and what those of the newest release take that was asked.
    pub fn answer_counts(&self) -> AnswerCounts {
        let recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = recent.as_ref().map_or(0, |catalog| catalog.answers().bytes());
        self.0.answer_counts.so_far(bytes)
    }

    /// Aggregates that were seen to be wrong.
    pub(crate) fn distrusted(&self) -> &Distrusted {
        &self.0.distrusted
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.0.known.model
    }

    /// The same engine with the aggregates in its model that a release keeps by itself.
    #[must_use]
    pub fn of(&self, release: &Release) -> Self {
        self.with(self.known_of(release))
    }

    /// The same engine with such aggregates, and no others that no file declares.
    ///
    /// # Errors
    /// User errors where one keeps what cannot be put together from parts.
    pub fn keeping(&self, automatic: &[AutomaticAggregate]) -> Result<Self> {
        Ok(self.with(Arc::new(self.0.declared.with_automatic(automatic)?)))
    }

    /// Room for the aggregates that releases keep by themselves; none where they do not.
    pub fn automatic(&self) -> Option<Room> {
        self.0.automatic
    }

    fn with(&self, known: Arc<Known>) -> Self {
        let shared = self.0.as_ref();
        Self(Arc::new(Shared {
            warehouse: shared.warehouse.clone(),
            known,
            declared: Arc::clone(&shared.declared),
            automatic: shared.automatic,
            extended: Mutex::new(None),
            policy: shared.policy.clone(),
            clock: Arc::clone(&shared.clock),
            template: Arc::clone(&shared.template),
            shadow: Arc::clone(&shared.shadow),
            distrusted: Arc::clone(&shared.distrusted),
            answer_counts: Arc::clone(&shared.answer_counts),
            temporary: shared.temporary.clone(),
            answers_bytes: shared.answers_bytes,
            recent: Mutex::new(None),
            spill: Arc::clone(&shared.spill),
        }))
    }

    /// The model of a release.
    fn known_of(&self, release: &Release) -> Arc<Known> {
        let Shared { declared, automatic, extended, .. } = self.0.as_ref();
        let text = release.cursors.get(AUTOMATIC_AGGREGATES).filter(|_| automatic.is_some());
        let Some(text) = text else { return Arc::clone(declared) };
        let mut extended = extended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = extended.as_ref().filter(|(of, _)| of == text) {
            return Arc::clone(known);
        }
        let known = automatic_aggregates(release).and_then(|more| declared.with_automatic(&more));
        let known = known.map(Arc::new).unwrap_or_else(|error| {
            tracing::warn!(%error, release = %release.id, "its automatic aggregates do not answer");
            Arc::clone(declared)
        });
        *extended = Some((text.clone(), Arc::clone(&known)));
        known
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
        let catalog = self.new_catalog(&preview, &self.0.known, staged, streamed);
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
        let catalog = self.new_catalog(release, &self.known_of(release), Vec::new(), None);
        if recent.as_ref().is_none_or(|recent| recent.release().id <= release.id) {
            *recent = Some(Arc::clone(&catalog));
        }
        catalog
    }

    /// The catalog of a release that is none yet: nobody else may find it.
    pub(crate) fn catalog_to_be(&self, preview: &Arc<Release>) -> Arc<ReleaseCatalog> {
        self.new_catalog(preview, &self.known_of(preview), Vec::new(), None)
    }

    fn new_catalog(
        &self,
        release: &Arc<Release>,
        known: &Known,
        staged: Vec<(String, TableState)>,
        streamed: Option<Streamed>,
    ) -> Arc<ReleaseCatalog> {
        let Known { model, lattice, cubes } = known;
        let source = SystemSource {
            distrusted: Arc::clone(&self.0.distrusted),
            warehouse: self.0.warehouse.clone(),
            model: Arc::clone(model),
            lattice: Arc::clone(lattice),
            release: Arc::clone(release),
        };
        let counts = Arc::clone(&self.0.answer_counts);
        let answers = Answers::new(self.0.answers_bytes, self.reserve("answers"), counts);
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
        &self.0.known.lattice
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
