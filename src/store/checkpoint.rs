//! Delta checkpoints: they save outside readers from reading a log from its beginning.

use super::failpoint::FailPoints;
use super::release::{Release, TableState};
use crate::error::{Error, Result};
use deltalake_core::DeltaTableBuilder;
use deltalake_core::protocol::checkpoints::create_checkpoint;
use object_store::ObjectStore;
use std::collections::BTreeSet;
use std::sync::Arc;
use url::Url;

/// A checkpoint stands at every version that this divides.
const VERSIONS: u64 = 10;

/// Writes the checkpoints that a release makes due, among the tables that it changed; failures are
/// only logged.
pub(crate) async fn write_due(
    store: &Arc<dyn ObjectStore>,
    points: &FailPoints,
    release: &Release,
    changed: &BTreeSet<String>,
) {
    for (name, table) in release.tables.iter().filter(|(name, _)| changed.contains(*name)) {
        let Some(version) = table.delta_version else { continue };
        if version == 0 || version % VERSIONS != 0 {
            continue;
        }
        if let Err(error) = write(store, points, table, version).await {
            tracing::warn!(table = name, version, %error, "no Delta checkpoint was written");
        }
    }
}

async fn write(
    store: &Arc<dyn ObjectStore>,
    points: &FailPoints,
    table: &TableState,
    version: u64,
) -> Result<()> {
    points.hit("checkpoint.before_write")?;
    let failed = |error| Error::internal("cannot write a Delta checkpoint").caused_by(error);
    // Any scheme that deltalake knows a log for will do: the store is ours, and durable.
    let url = Url::parse(&format!("memory:///{}/", table.location))
        .map_err(|error| Error::internal("a table's folder is no URL").caused_by(error))?;
    let mut delta = DeltaTableBuilder::from_url(url.clone())
        .map_err(failed)?
        .with_storage_backend(Arc::clone(store), url)
        .with_version(version)
        .build()
        .map_err(failed)?;
    delta.load_version(version).await.map_err(failed)?;
    create_checkpoint(&delta, None).await.map_err(failed)?;
    points.hit("checkpoint.after_write")
}
