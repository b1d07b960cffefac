//! The open warehouse's operational log: runs, rejected rows, schedules, queries; and its erasure.

use super::durable::blocking;
use super::{
    LineageEdge, Masked, QueryCounts, QueryRecord, QueryTiming, Reject, Replaced, RunRecord,
    RunStatus, ScheduleLock, ScheduleState, Warehouse, erase, paths, reject_log, run_log,
    schedule_log,
};
use crate::error::{Error, Result};
use crate::ids::{ReleaseId, RunId};
use std::sync::Arc;
use std::time::Instant;

impl Warehouse {
    /// Records a run's present state, durably, replacing what was recorded of it.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn record_run(&self, run: &RunRecord) -> Result<()> {
        if let Some(observer) = self.shared.observer.get()
            && run.status != RunStatus::Running
        {
            observer.run(run);
        }
        let (disk, run) = (Arc::clone(self.disk()), run.clone());
        blocking(move || run_log::record(&disk, &run)).await
    }

    /// All recorded runs, oldest first. One that was killed shows as what became of it: published
    /// where a release names it, else interrupted.
    ///
    /// # Errors
    /// Damaged where a record is damaged.
    pub async fn runs(&self) -> Result<Vec<RunRecord>> {
        let publisher = self.publisher().clone();
        blocking(move || run_log::all(&publisher.disk, &publisher.releases)).await
    }

    /// Whether a run of that name is recorded.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn knows_run(&self, run: &RunId) -> Result<bool> {
        let (disk, run) = (Arc::clone(self.disk()), run.clone());
        blocking(move || disk.exists(&paths::run_record(&run)?)).await
    }

    /// Adds rejected rows to the log, durably.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn record_rejects(&self, run: &RunId, rejects: &[Reject]) -> Result<()> {
        let (disk, run, rejects) = (Arc::clone(self.disk()), run.clone(), rejects.to_vec());
        blocking(move || reject_log::record(&disk, &run, &rejects)).await
    }

    /// Takes a job's rejected rows of a run out of the log, before the job is tried again.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn forget_rejects(&self, run: &RunId, job: &str) -> Result<()> {
        let (disk, run, job) = (Arc::clone(self.disk()), run.clone(), job.to_owned());
        blocking(move || reject_log::forget(&disk, &run, &job)).await
    }

    /// Rejected rows of one run, or of all.
    ///
    /// # Errors
    /// Damaged where the log is damaged.
    pub async fn rejects(&self, run: Option<&RunId>) -> Result<Vec<Reject>> {
        let (disk, run) = (Arc::clone(self.disk()), run.cloned());
        blocking(move || reject_log::read(&disk, run.as_ref())).await
    }

    /// Writes down what became of rejected rows: `mark` changes those it is about and says whether it
    /// did. Returns how many.
    ///
    /// # Errors
    /// Damaged where the log is damaged.
    pub async fn mark_rejects(
        &self,
        mark: impl Fn(&mut Reject) -> bool + Send + 'static,
    ) -> Result<u64> {
        let disk = Arc::clone(self.disk());
        blocking(move || reject_log::mark(&disk, &mark)).await
    }

    /// What is remembered of schedules, by name.
    ///
    /// # Errors
    /// Damaged where it is damaged.
    pub async fn schedules(&self) -> Result<Vec<ScheduleState>> {
        let disk = Arc::clone(self.disk());
        blocking(move || schedule_log::all(&disk)).await
    }

    /// Remembers a schedule's state, durably.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn record_schedule(&self, state: &ScheduleState) -> Result<()> {
        let (disk, state) = (Arc::clone(self.disk()), state.clone());
        blocking(move || schedule_log::record(&disk, &state)).await
    }

    /// Takes the lock of who runs the schedules; none where another process does.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn lock_schedules(&self) -> Result<Option<ScheduleLock>> {
        let disk = Arc::clone(self.disk());
        blocking(move || schedule_log::lock(&disk)).await
    }

    /// Remembers which column comes from which, in place of what was remembered.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn record_lineage(&self, edges: Vec<LineageEdge>) -> Result<()> {
        let disk = Arc::clone(self.disk());
        blocking(move || {
            let bytes = serde_json::to_vec(&edges)
                .map_err(|error| Error::internal("lineage is no JSON").caused_by(error))?;
            match disk.read(&paths::lineage())?.as_ref() == Some(&bytes) {
                true => Ok(()),
                false => disk.replace(&paths::lineage(), &bytes),
            }
        })
        .await
    }

    /// Which column comes from which, as the last run that published found it.
    ///
    /// # Errors
    /// Damaged where that is damaged.
    pub async fn lineage(&self) -> Result<Vec<LineageEdge>> {
        let disk = Arc::clone(self.disk());
        blocking(move || {
            let Some(bytes) = disk.read(&paths::lineage())? else { return Ok(Vec::new()) };
            serde_json::from_slice(&bytes).map_err(|error| {
                Error::damaged("what is remembered of lineage is damaged")
                    .with("file", paths::lineage())
                    .hint("delete the file: the next run writes it anew")
                    .caused_by(error)
            })
        })
        .await
    }

    /// Adds a query to the log. Never waits for the disk and never fails: a record that the log
    /// cannot take is dropped, with a warning in the program's own log.
    pub fn record_query(&self, query: QueryRecord, timing: &QueryTiming) {
        self.shared.query_counters.count(&query);
        if let Some(observer) = self.shared.observer.get() {
            observer.query(&query, timing);
        }
        self.shared.queries.record(query);
    }

    /// Counts a query among those that this process is answering; gives what it is ended by.
    pub(crate) fn begin_query(&self, query: QueryRecord, started: Instant) -> u64 {
        self.shared.running.begin(query, started)
    }

    /// Counts a query among those no more.
    pub(crate) fn end_query(&self, number: u64) {
        self.shared.running.end(number);
    }

    /// The queries that this process is answering now, in the order in which they began.
    pub(crate) fn running_queries(&self) -> Vec<QueryRecord> {
        self.shared.running.now()
    }

    /// How many queries this process has answered, and how fast.
    pub fn query_counts(&self) -> QueryCounts {
        self.shared.query_counters.counts()
    }

    /// The logged queries, oldest first, those of other processes included.
    ///
    /// # Errors
    /// Unavailable where the log cannot be read.
    pub async fn queries(&self) -> Result<Vec<QueryRecord>> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.queries.read()).await
    }

    /// Replaces data files in an older release, and takes tables out of it; `false` where somebody
    /// reads it, and it is left as it is.
    ///
    /// # Errors
    /// Not found where there is no such release; unavailable where the disk refuses.
    pub(crate) async fn rewrite_release(
        &self,
        id: ReleaseId,
        replaced: Arc<Replaced>,
        drop_table: fn(&str) -> bool,
    ) -> Result<bool> {
        let publisher = self.publisher().clone();
        blocking(move || erase::rewrite_release(&publisher, id, &replaced, &drop_table)).await
    }

    /// Takes out of the operational log what is of a person.
    pub(crate) async fn mask_logs(
        &self,
        is_of: impl Fn(&str) -> bool + Send + 'static,
        texts: Vec<String>,
    ) -> Result<Masked> {
        let disk = Arc::clone(self.disk());
        blocking(move || erase::mask_logs(&disk, &is_of, &texts)).await
    }

    /// The files beside the tables' rows that hold one of these texts, with how often.
    pub(crate) async fn find_texts(&self, texts: Vec<String>) -> Result<Vec<(String, u64)>> {
        let disk = Arc::clone(self.disk());
        blocking(move || erase::find_texts(&disk, &texts)).await
    }
}
