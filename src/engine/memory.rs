//! What all queries of an engine share: memory with a limit, a place to spill, object stores.

use super::EngineSettings;
use super::errors::from_datafusion;
use super::object_stores::WarehouseOnly;
use super::shares::FairShares;
use super::star::{HotColumns, HotColumnsYield};
use crate::error::{Error, ErrorKind, Result};
use crate::store::LiveFolder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryPool, MemoryReservation, TrackConsumersPool,
};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use object_store::ObjectStore;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// The folder within the spill folder that holds nothing but ours.
const OWN_FOLDER: &str = "starhouse-spill";

/// How many of the largest consumers an out-of-memory error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);

/// The folder that this process spills into, among those of others; gone with this value, or at
/// the next engine's start where its process was killed.
pub(crate) fn spill_folder(settings: &EngineSettings) -> Result<LiveFolder> {
    // A folder of our own: what is swept may be anything to whom the other belongs.
    let all = &settings.spill_dir.join(OWN_FOLDER);
    std::fs::create_dir_all(all).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the spill folder cannot be made")
            .with("folder", all.display())
            .caused_by(error)
    })?;
    LiveFolder::sweep(all)?;
    let mut sequence = 0;
    loop {
        let folder = all.join(format!("{}-{sequence}", std::process::id()));
        match LiveFolder::make(all, folder) {
            Err(error) if error.kind() == ErrorKind::Conflict => sequence += 1,
            made => return made,
        }
    }
}

/// The one runtime of an engine, and the columns that its star scans keep.
///
/// Operators that can spill share the pool fairly and go to disk beyond their share; hash joins
/// and star scans cannot, and fail with a limit error that names the largest consumers (see `frugal`).
pub(crate) fn runtime(
    settings: &EngineSettings,
    spill: &LiveFolder,
    store: Arc<dyn ObjectStore>,
) -> Result<(Arc<RuntimeEnv>, Arc<HotColumns>)> {
    let pool = FairShares::new(settings.memory_limit_bytes);
    let pool: Arc<dyn MemoryPool> = Arc::new(TrackConsumersPool::new(pool, NAMED_CONSUMERS));
    let hot = Arc::new(HotColumns::new(settings.hot_columns_bytes, &pool));
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![spill.path().to_owned()]));
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(HotColumnsYield::new(pool, Arc::clone(&hot))))
        .with_disk_manager_builder(disk)
        .with_object_store_registry(Arc::new(WarehouseOnly::new(store)))
        .build_arc()
        .map_err(from_datafusion)?;
    Ok((runtime, hot))
}

/// Memory of an engine that work beside its queries holds; given back when dropped.
#[derive(Debug)]
pub struct Reserved(MemoryReservation);

impl Reserved {
    pub(super) fn new(pool: &Arc<dyn MemoryPool>, what: &str) -> Self {
        Self(MemoryConsumer::new(what).register(pool))
    }

    /// Takes more, unless there is no more.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        self.0.try_grow(bytes).is_ok()
    }

    /// Gives some back.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        self.0.shrink(bytes);
    }
}
