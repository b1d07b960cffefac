//! A load under way: files written but seen by nobody until [`Load::publish`].

use super::durable::{Disk, blocking, io_error};
use super::intent::{Intent, TableIntent};
use super::locks::LiveFolder;
use super::next::next_release;
use super::publish::Proposal;
use super::release_file::Published;
use super::runs::{staged_spec, write_runs};
use super::savepoint::{self, Savepoint};
use super::writer::{LandedFiles, Target, write_rows};
use super::{Change, DataFile, Input, Release, Rows, TableSpec, TableState, Warehouse, paths};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::RunId;
use crate::model::Column;
use object_store::path::Path as StorePath;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A load under way: files written but seen by nobody until [`Load::publish`].
///
/// Dropping it, and every branch of it, abandons it.
#[derive(Debug)]
pub struct Load {
    site: Arc<Site>,
    base: Arc<Release>,
    intent: Intent,
}

/// Where a load and its branches work, and what they have left there.
#[derive(Debug)]
struct Site {
    warehouse: Warehouse,
    /// The staging folder, or why it could not be made.
    folder: Result<LiveFolder, (ErrorKind, String)>,
    staged: AtomicU64,
    landed: Arc<LandedFiles>,
    /// Files that a savepoint names: they outlive a load that fails.
    saved: Mutex<BTreeSet<StorePath>>,
    /// Set while a release that names the load's files may exist.
    committing: Arc<AtomicBool>,
    /// Whether it only shows what a load would do.
    trial: bool,
}

impl Load {
    pub(crate) fn begin(warehouse: Warehouse, run: RunId, base: Arc<Release>, trial: bool) -> Self {
        let disk = warehouse.disk();
        let make = |folder| -> Result<LiveFolder> {
            disk.points().hit("staging.before_make")?;
            let folder = LiveFolder::make(&disk.staging(), disk.resolve(&folder))?;
            disk.points().hit("staging.after_make")?;
            Ok(folder)
        };
        let folder = paths::staging_of(&run)
            .and_then(make)
            .map_err(|error| (error.kind(), error.to_string()));
        let site = Site {
            warehouse,
            folder,
            staged: AtomicU64::new(0),
            landed: Arc::default(),
            saved: Mutex::default(),
            committing: Arc::default(),
            trial,
        };
        Self { site: Arc::new(site), base, intent: Intent::nothing(run) }
    }

    /// Begins where another run's savepoint ends.
    pub(crate) fn resume(
        warehouse: Warehouse,
        run: RunId,
        base: Arc<Release>,
        savepoint: &Savepoint,
    ) -> Self {
        let mut load = Self::begin(warehouse, run, base, false);
        load.intent.join(savepoint.intent.clone());
        load
    }

    /// Keeps what was done so far, durably, so that another run can take over from here if this one
    /// does not end well. It is forgotten when the load publishes.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn save(&self, memory: serde_json::Value) -> Result<()> {
        if self.is_trial() {
            return Ok(());
        }
        self.live_folder()?;
        let savepoint = Savepoint {
            run: self.run().clone(),
            base: self.base.id,
            memory,
            intent: self.intent.clone(),
        };
        let files = savepoint.files()?;
        let disk = Arc::clone(self.disk());
        let site = Arc::clone(&self.site);
        blocking(move || {
            // Before it is written: whatever becomes of the write, it may name them.
            site.saved.lock().unwrap_or_else(PoisonError::into_inner).extend(files);
            savepoint::record(&disk, &savepoint)
        })
        .await
    }

    /// Whether it only shows what a load would do: it leaves nothing behind and cannot be published.
    pub fn is_trial(&self) -> bool {
        self.site.trial
    }

    /// Whether what was done so far is kept, in part or in whole.
    pub fn is_saved(&self) -> bool {
        !self.site.saved.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// What was written so far stays, whatever becomes of the load: releases of old are about to
    /// name it. Vacuum takes what none does.
    pub(crate) fn keep_files(&self) {
        self.site.landed.take();
    }

    /// Forgets what [`save`](Self::save) has kept.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn forget(&self) -> Result<()> {
        let (site, run) = (Arc::clone(&self.site), self.run().clone());
        blocking(move || site.forget(&run)).await
    }

    /// A load on top of what this one has staged so far. What it stages is its own until it is
    /// [merged](Self::merge); dropped, it is as if it had never been. Several may be at work at
    /// once.
    pub fn branch(&self) -> Self {
        let (site, base) = (Arc::clone(&self.site), self.preview());
        Self { site, base, intent: Intent::nothing(self.run().clone()) }
    }

    /// Takes over what a branch has staged and remembers. Of branches that were at work at once,
    /// each must have left alone what the others changed or read.
    pub fn merge(&mut self, branch: Self) {
        self.intent.join(branch.intent);
    }

    /// The release this load builds on; of a branch, what it began with.
    pub fn base(&self) -> &Arc<Release> {
        &self.base
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.intent.run
    }

    /// Writes rows as durable Parquet files of a table, a file (or more, if large) a partition;
    /// rows come clustered by partition and, within one, sorted by `sort_by` (ascending, NULL
    /// last). Nobody sees the files yet.
    ///
    /// # Errors
    /// Data where a NOT NULL column holds NULL or a decimal has too many digits; internal where
    /// the rows' types or order are not what the specification says; unavailable where the disk
    /// refuses.
    pub async fn write(&self, spec: &TableSpec, rows: Rows) -> Result<Vec<DataFile>> {
        self.live_folder()?;
        let target = Target {
            disk: Arc::clone(self.disk()),
            run: self.intent.run.clone(),
            landed: Arc::clone(&self.site.landed),
        };
        write_rows(target, spec, rows).await
    }

    /// Writes rows to the load's staging area: readable through the engine as a table, deleted
    /// when the load ends. Not durable. No rows make a table without files.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn write_staged(
        &self,
        name: &str,
        columns: Vec<Column>,
        rows: Rows,
    ) -> Result<TableState> {
        self.write_clustered(name, columns, None, rows).await
    }

    /// Writes rows to the load's staging area so that those of one value of a column are found
    /// without reading the others; in no order else.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn write_clustered(
        &self,
        name: &str,
        columns: Vec<Column>,
        cluster_by: Option<&str>,
        rows: Rows,
    ) -> Result<TableState> {
        self.live_folder()?;
        let sequence = self.site.staged.fetch_add(1, Ordering::Relaxed) + 1;
        let location = paths::staged_table(&self.intent.run, name, sequence)?;
        let folder = self.disk().resolve(&location);
        std::fs::create_dir_all(&folder).map_err(|error| io_error("make", &folder, error))?;
        let spec = staged_spec(name, columns);
        self.disk().points().hit("staged.before_write")?;
        let files = write_runs(folder, &spec, cluster_by, rows).await?;
        self.disk().points().hit("staged.after_write")?;
        Ok(TableState {
            location: location.to_string(),
            delta_version: None,
            columns: spec.columns,
            partition_by: None,
            sort_by: Vec::new(),
            files,
        })
    }

    /// Says what becomes of a table. A second change to a table builds on the first.
    ///
    /// # Errors
    /// User where the columns change in a way that files which stay cannot follow; internal where
    /// files are named that do not fit.
    pub fn stage(&mut self, spec: TableSpec, change: Change) -> Result<()> {
        self.intent.stage(&self.base, &spec, change)
    }

    /// Says that what is staged was computed from a table's rows: another load that changes that
    /// table in the meantime is then a conflict. Tables that are changed count as read.
    pub fn depends_on(&mut self, table: &str) {
        self.intent.reads.insert(table.to_owned());
    }

    /// Remembers what a job's source has read, in place of what it had read before.
    pub fn set_inputs(&mut self, job: &str, source: &str, inputs: Vec<Input>) {
        let before = || self.base.inputs.get(job).cloned().unwrap_or_default();
        let sources = self.intent.inputs.entry(job.to_owned()).or_insert_with(before);
        sources.insert(source.to_owned(), inputs);
    }

    /// Remembers of a job's sources what the base remembers.
    pub fn forget_inputs(&mut self, job: &str) {
        self.intent.inputs.remove(job);
    }

    /// Remembers where an incremental source goes on.
    pub fn set_cursor(&mut self, name: &str, value: String) {
        self.intent.cursors.insert(name.to_owned(), Some(value));
    }

    /// Whether anything was staged or remembered that the base does not have.
    pub fn has_changes(&self) -> bool {
        self.intent.changes(&self.base)
    }

    /// The warehouse as it would be if published now on top of the base. Its Delta versions are
    /// not decided yet.
    pub fn preview(&self) -> Arc<Release> {
        let base = Published { release: Arc::clone(&self.base), logs: BTreeMap::new() };
        let now = self.site.warehouse.publisher().clock.now();
        let mut release = next_release(&base, &self.intent, "not published yet", now).release;
        for name in self.intent.tables.keys() {
            if let Some(table) = release.tables.get_mut(name) {
                table.delta_version = None;
            }
        }
        Arc::new(release)
    }

    /// Verifies and publishes everything staged as the next release.
    ///
    /// # Errors
    /// Conflict (retryable) where another load was first and touched the same tables, or what
    /// they were computed from. Damaged where a written file is not what it was, or another program
    /// wrote to a table's Delta log. An error with the context `published release` came after the
    /// release was published: it stands, and whoever opens the warehouse next completes the
    /// tables' Delta logs.
    pub async fn publish(self, summary: String) -> Result<Arc<Release>> {
        self.live_folder()?;
        if self.is_trial() {
            return Err(Error::internal("a trial cannot be published").with("run", self.run()));
        }
        let warehouse = self.site.warehouse.clone();
        let changed: BTreeSet<String> = self.intent.tables.keys().cloned().collect();
        // The load goes with the work: who stops waiting drops neither files that a release is
        // about to name nor the lock that keeps them from vacuum.
        let release = blocking(move || self.publish_blocking(summary)).await?;
        warehouse.checkpoint(&release, &changed).await;
        Ok(release)
    }

    fn publish_blocking(self, summary: String) -> Result<Arc<Release>> {
        let release = self.site.warehouse.publisher().publish(&Proposal {
            base: Arc::clone(&self.base),
            intent: self.intent.clone(),
            summary,
            committing: Arc::clone(&self.site.committing),
            read_back: true,
        })?;
        // The release stands: what cannot be tidied now is swept later.
        if let Err(error) = self.tidy() {
            tracing::warn!(%error, "files of a finished load stay until the next vacuum");
        }
        Ok(release)
    }

    /// Deletes what was written and publishes nothing.
    ///
    /// # Errors
    /// Unavailable where the disk refuses.
    pub async fn abandon(self) -> Result<()> {
        blocking(move || self.site.remove_files(&BTreeSet::new())).await
    }

    fn disk(&self) -> &Arc<Disk> {
        self.site.warehouse.disk()
    }

    fn live_folder(&self) -> Result<&LiveFolder> {
        self.site.folder.as_ref().map_err(|(kind, message)| Error::new(*kind, message))
    }

    /// After a publish: removes files that were written but not used, and the staging folder.
    fn tidy(self) -> Result<()> {
        let points = self.disk().points().clone();
        points.hit("staging.before_cleanup")?;
        let mut used = BTreeSet::new();
        for intent in self.intent.tables.values() {
            let TableIntent::Become { state, .. } = intent else { continue };
            for file in &state.files {
                used.insert(paths::table_file(&state.location, &file.path)?);
            }
        }
        self.site.forget(&self.intent.run)?;
        self.site.remove_files(&used)?;
        drop(self);
        points.hit("staging.after_cleanup")
    }
}

impl Site {
    /// Removes the files that neither a savepoint names nor the caller.
    fn remove_files(&self, except: &BTreeSet<StorePath>) -> Result<()> {
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for path in self.landed.take() {
            if !except.contains(&path) && !saved.contains(&path) {
                self.warehouse.disk().remove(&path)?;
            }
        }
        Ok(())
    }

    /// Forgets the savepoint of a run, if it has made one.
    fn forget(&self, run: &RunId) -> Result<()> {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        if !saved.is_empty() {
            savepoint::forget(self.warehouse.disk(), run)?;
            saved.clear();
        }
        Ok(())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.committing.load(Ordering::SeqCst) {
            return;
        }
        if let Err(error) = self.remove_files(&BTreeSet::new()) {
            tracing::warn!(%error, "files of an abandoned load stay until the next vacuum");
        }
    }
}
