//! The open warehouse: reading releases, beginning loads, rolling back.

use super::durable::{Disk, blocking};
use super::failpoint::FailPoints;
use super::intent::Intent;
use super::local::LocalStore;
use super::publish::{PUBLISHED_RELEASE, Proposal, Publisher, rollback_intent};
use super::query_log::QueryLog;
use super::release::Release;
use super::releases::Releases;
use super::retention::{self, Vacuumed};
use super::{Copied, CopyOptions, Load, backup, checkpoint, paths, reject_log, run_log};
use super::{QueryRecord, Reject, RunRecord, RunStatus, ScheduleLock, ScheduleState, schedule_log};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::ids::{ReleaseId, RunId};
use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// An open warehouse; clones share it.
#[derive(Debug, Clone)]
pub struct Warehouse {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    publisher: Publisher,
    store: Arc<LocalStore>,
    queries: QueryLog,
}

impl Warehouse {
    /// Opens the warehouse in a folder, making it if need be, and rolls an unfinished release
    /// forward.
    ///
    /// # Errors
    /// Unavailable where the folder cannot be written; data where the last release's file is
    /// damaged or missing, or another program has written to a table's Delta log.
    pub async fn open(root: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::open_with(root, clock, FailPoints::default()).await
    }

    /// Opens the warehouse with fail points that a test can arm.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(root: &Path, clock: Arc<dyn Clock>, points: FailPoints) -> Result<Self> {
        let root = root.to_owned();
        let publisher = blocking(move || {
            let disk = Arc::new(Disk::open(&root, points)?);
            let releases = Arc::new(Releases::new(Arc::clone(&disk)));
            releases.ids()?;
            let publisher = Publisher { disk, releases, clock };
            publisher.roll_forward()?;
            Ok(publisher)
        })
        .await?;
        let store = Arc::new(LocalStore::new(Arc::clone(&publisher.disk))?);
        let queries = QueryLog::new(Arc::clone(&publisher.disk));
        Ok(Self { shared: Arc::new(Shared { publisher, store, queries }) })
    }

    /// The last published release; release 0 with no tables where nothing was published yet.
    ///
    /// Whoever holds the [`Release`] keeps its files from vacuum.
    ///
    /// # Errors
    /// Data where the release's file is damaged.
    pub async fn latest(&self) -> Result<Arc<Release>> {
        let releases = self.releases_handle();
        blocking(move || Ok(Arc::clone(&releases.latest()?.release))).await
    }

    /// A release by number; 0 is the empty one. Held like [`latest`](Self::latest)'s.
    ///
    /// # Errors
    /// Not found where there is none of that number, or it was vacuumed.
    pub async fn release(&self, id: ReleaseId) -> Result<Arc<Release>> {
        let releases = self.releases_handle();
        blocking(move || releases.release(id)).await
    }

    /// The release that was the last at a moment. Held like [`latest`](Self::latest)'s.
    ///
    /// # Errors
    /// Not found where none was published before that moment, or it was vacuumed.
    pub async fn release_as_of(&self, at: DateTime<Utc>) -> Result<Arc<Release>> {
        let releases = self.releases_handle();
        blocking(move || releases.as_of(at)).await
    }

    /// All retained releases, oldest first: a listing. To read one's rows, ask for it by
    /// [`release`](Self::release); holding these keeps nothing from vacuum.
    ///
    /// # Errors
    /// Data where a release's file is damaged or missing.
    pub async fn releases(&self) -> Result<Vec<Arc<Release>>> {
        let releases = self.releases_handle();
        blocking(move || releases.all()).await
    }

    /// Begins a load on top of a release. From now on the run's staging folder is locked: it is
    /// what shows other processes that the load is under way.
    ///
    /// Where that fails (another load of the same run is under way, the disk is full), the load's
    /// first write or publish says so.
    pub fn begin(&self, run: RunId, base: Arc<Release>) -> Load {
        Load::begin(self.clone(), run, base)
    }

    /// Makes a new release with the tables, inputs and cursors of an older one, and records the
    /// run that did.
    ///
    /// # Errors
    /// Not found where there is no such release; conflict (retryable) where a load is published
    /// meanwhile; data where a file of the older release is missing. As for
    /// [`Load::publish`], an error with the context [`PUBLISHED_RELEASE`] came after the release
    /// was published.
    pub async fn rollback(&self, to: ReleaseId, run: RunId) -> Result<Arc<Release>> {
        let started_at = self.publisher().clock.now();
        let (target, latest) = (self.release(to).await?, self.latest().await?);
        if target.id == latest.id {
            return Err(Error::user("that release is the latest one already").with("release", to));
        }
        let intent = rollback_intent(&latest, &target, Intent::nothing(run.clone()));
        let changed: BTreeSet<String> = intent.tables.keys().cloned().collect();
        let proposal = Proposal {
            base: latest,
            intent,
            summary: format!("rollback to release {to}"),
            committing: Arc::new(AtomicBool::new(false)),
            read_back: false,
        };
        let publisher = self.publisher().clone();
        // The target goes with the work: it is what keeps the target's files from vacuum.
        let published = move || {
            let published = publisher.publish(&proposal);
            drop(target);
            published
        };
        let release = blocking(published).await?;
        self.checkpoint(&release, &changed).await;
        self.record_run(&RunRecord {
            run,
            started_at,
            as_of: None,
            finished_at: Some(self.publisher().clock.now()),
            status: RunStatus::Published,
            release: Some(release.id),
            error: None,
            steps: Vec::new(),
            quality: Vec::new(),
        })
        .await
        .map_err(|error| error.with(PUBLISHED_RELEASE, release.id))?;
        Ok(release)
    }

    /// Deletes what no retained release needs: keeps the newest `keep` releases (at least one),
    /// and of older ones all from the oldest that anybody is reading. See [`Vacuumed`].
    ///
    /// # Errors
    /// Unavailable where the disk refuses; data where a retained release's file is damaged.
    pub async fn vacuum(&self, keep: usize) -> Result<Vacuumed> {
        let publisher = self.publisher().clone();
        blocking(move || retention::vacuum(&publisher, keep)).await
    }

    /// As [`vacuum`](Self::vacuum); releases published since a moment stay as well, however many
    /// they are.
    ///
    /// # Errors
    /// As [`vacuum`](Self::vacuum).
    pub async fn vacuum_before(&self, keep: usize, since: DateTime<Utc>) -> Result<Vacuumed> {
        let releases = self.releases().await?;
        // A release is what readers saw until the next one came: it is that old.
        let replaced = |pair: &&[Arc<Release>]| pair[1].created_at < since;
        let old = releases.windows(2).take_while(replaced).count();
        self.vacuum(keep.max(releases.len() - old)).await
    }

    /// Copies releases, and all that they name, to another folder, each file checked against its
    /// checksum: a backup, or the restoring of one. What is there already is not copied again.
    ///
    /// # Errors
    /// User where nothing was published, or the folder holds another warehouse; data where a file
    /// is not what its release says; unavailable where a disk refuses.
    pub async fn copy_to(&self, folder: &Path, options: CopyOptions) -> Result<Copied> {
        let (publisher, folder) = (self.publisher().clone(), folder.to_owned());
        blocking(move || {
            publisher.roll_forward()?;
            let points = publisher.disk.points().clone();
            backup::copy(&publisher, &Disk::open(&folder, points)?, options)
        })
        .await
    }

    /// The store that [`TableState::location`](super::TableState::location) and file paths are
    /// relative to. What is put through it is durable.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.shared.store) as Arc<dyn ObjectStore>
    }

    /// The folder the warehouse is in, as an absolute path.
    pub fn root(&self) -> &Path {
        self.disk().root()
    }

    /// Records a run's present state, durably, replacing what was recorded of it.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn record_run(&self, run: &RunRecord) -> Result<()> {
        let (disk, run) = (Arc::clone(self.disk()), run.clone());
        blocking(move || run_log::record(&disk, &run)).await
    }

    /// All recorded runs, oldest first. One that was killed shows as what became of it: published
    /// where a release names it, else interrupted.
    ///
    /// # Errors
    /// Data where a record is damaged.
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

    /// Rejected rows of one run, or of all.
    ///
    /// # Errors
    /// Data where the log is damaged.
    pub async fn rejects(&self, run: Option<&RunId>) -> Result<Vec<Reject>> {
        let (disk, run) = (Arc::clone(self.disk()), run.cloned());
        blocking(move || reject_log::read(&disk, run.as_ref())).await
    }

    /// What is remembered of schedules, by name.
    ///
    /// # Errors
    /// Data where it is damaged.
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

    /// Adds a query to the log. Never waits for the disk and never fails: a record that the log
    /// cannot take is dropped, with a warning in the program's own log.
    pub fn record_query(&self, query: &QueryRecord) {
        self.shared.queries.record(query);
    }

    /// The logged queries, oldest first, those of other processes included.
    ///
    /// # Errors
    /// Unavailable where the log cannot be read.
    pub async fn queries(&self) -> Result<Vec<QueryRecord>> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.queries.read()).await
    }

    pub(crate) fn publisher(&self) -> &Publisher {
        &self.shared.publisher
    }

    pub(crate) fn disk(&self) -> &Arc<Disk> {
        &self.shared.publisher.disk
    }

    /// Writes the Delta checkpoints that a release makes due; a failure is only logged, for a
    /// checkpoint only saves outside readers time.
    pub(crate) async fn checkpoint(&self, release: &Release, changed: &BTreeSet<String>) {
        checkpoint::write_due(&self.object_store(), release, changed).await;
    }

    fn releases_handle(&self) -> Arc<Releases> {
        Arc::clone(&self.shared.publisher.releases)
    }
}
