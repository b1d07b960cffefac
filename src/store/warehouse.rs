//! The open warehouse: reading releases, beginning loads, rolling back.

use super::durable::{Disk, blocking};
use super::failpoint::FailPoints;
use super::intent::Intent;
use super::local::LocalStore;
use super::publish::{PUBLISHED_RELEASE, Proposal, Publisher, rollback_intent};
use super::query_counts::QueryCounters;
use super::query_log::QueryLog;
use super::release::Release;
use super::releases::Releases;
use super::retention::{self, Vacuumed};
use super::running::RunningQueries;
use super::savepoint::{self, Savepoint};
use super::{Copied, CopyOptions, Load, Observer, RunRecord, RunStatus, backup, checkpoint, locks};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{ReleaseId, RunId};
use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

/// An open warehouse; clones share it.
#[derive(Debug, Clone)]
pub struct Warehouse {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    publisher: Publisher,
    store: Arc<LocalStore>,
    pub(super) queries: QueryLog,
    pub(super) query_counters: QueryCounters,
    pub(super) running: RunningQueries,
    pub(super) observer: OnceLock<Arc<dyn Observer>>,
}

impl Warehouse {
    /// Opens the warehouse in a folder, making it if need be, and rolls an unfinished release
    /// forward.
    ///
    /// # Errors
    /// Unavailable where the folder cannot be written; damaged where the last release's file is
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
        let (query_counters, running) = (QueryCounters::default(), RunningQueries::default());
        let observer = OnceLock::new();
        let shared = Shared { publisher, store, queries, query_counters, running, observer };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The last published release; release 0 with no tables where nothing was published yet.
    ///
    /// Whoever holds the [`Release`] keeps its files from vacuum.
    ///
    /// # Errors
    /// Damaged where the release's file is damaged.
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
    /// Damaged where a release's file is damaged or missing.
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
        Load::begin(self.clone(), run, base, false)
    }

    /// Begins a load that only shows what it would do.
    pub fn begin_trial(&self, run: RunId, base: Arc<Release>) -> Load {
        Load::begin(self.clone(), run, base, true)
    }

    /// The runs whose loads are under way, in any process.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn loading(&self) -> Result<Vec<RunId>> {
        let disk = Arc::clone(self.disk());
        let alive = blocking(move || locks::alive(&disk.staging())).await?;
        Ok(alive.into_iter().filter(|name| !name.starts_with("process-")).map(RunId).collect())
    }

    /// Begins a load where a run that did not end well has left off ([`Load::save`]).
    ///
    /// # Errors
    /// Conflict where releases were published since: what that run has staged does not fit any
    /// more.
    pub async fn resume(&self, run: RunId, savepoint: &Savepoint) -> Result<Load> {
        let latest = self.latest().await?;
        if latest.id != savepoint.base {
            return Err(Error::new(
                ErrorKind::Conflict,
                "the run cannot be resumed: others were published since",
            )
            .with("run", &savepoint.run)
            .with("based on release", savepoint.base)
            .with("latest release", latest.id)
            .retryable(false)
            .hint("run the jobs anew"));
        }
        Ok(Load::resume(self.clone(), run, latest, savepoint))
    }

    /// What runs have done that did not end well, oldest first; those still at work left out.
    ///
    /// # Errors
    /// Damaged where a savepoint is damaged.
    pub async fn savepoints(&self) -> Result<Vec<Savepoint>> {
        let disk = Arc::clone(self.disk());
        blocking(move || {
            let alive = locks::alive(&disk.staging())?;
            let mut savepoints = savepoint::all(&disk)?;
            savepoints.retain(|savepoint| !alive.contains(&savepoint.run.0));
            Ok(savepoints)
        })
        .await
    }

    /// Forgets what a run has done.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn forget_savepoint(&self, run: &RunId) -> Result<()> {
        let (disk, run) = (Arc::clone(self.disk()), run.clone());
        blocking(move || savepoint::forget(&disk, &run)).await
    }

    /// Makes a new release with the tables, inputs and cursors of an older one, and records the
    /// run that did.
    ///
    /// # Errors
    /// Not found where there is no such release; conflict (retryable) where a load is published
    /// meanwhile; damaged where a file of the older release is missing. As for
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
    /// Unavailable where the disk refuses; damaged where a retained release's file is damaged.
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
    /// User where nothing was published, or the folder holds another warehouse; damaged where a file
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

    pub(crate) fn publisher(&self) -> &Publisher {
        &self.shared.publisher
    }

    pub(crate) fn disk(&self) -> &Arc<Disk> {
        &self.shared.publisher.disk
    }

    /// Writes the Delta checkpoints that a release makes due; a failure is only logged, for a
    /// checkpoint only saves outside readers time.
    pub(crate) async fn checkpoint(&self, release: &Release, changed: &BTreeSet<String>) {
        let points = self.disk().points();
        checkpoint::write_due(&self.object_store(), points, release, changed).await;
    }

    fn releases_handle(&self) -> Arc<Releases> {
        Arc::clone(&self.shared.publisher.releases)
    }
}
