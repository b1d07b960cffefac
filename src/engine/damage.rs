//! Which stored file is damaged: asked only once reading has failed.
//!
//! A damaged page shows as a decoder's error without a file's name. The release knows every file's
//! checksum, so the files of the failed plan are read again and the first that differs is named.

use super::catalog::Catalogs;
use super::star;
use crate::error::{Error, ErrorKind};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::Arc;

/// The error, with the damaged file named if it is a file's fault and none was named yet.
pub(crate) async fn name(
    error: Error,
    plan: &Arc<dyn ExecutionPlan>,
    catalogs: &Catalogs,
    store: &dyn ObjectStore,
) -> Error {
    if error.kind() != ErrorKind::Damaged || error.context("file").is_some() {
        return error;
    }
    for path in scanned(plan) {
        let Some((table, checksum)) = catalogs.checksum(path.as_ref()) else {
            continue;
        };
        if digest(store, &path).await.as_deref() != Some(checksum) {
            return Error::damaged("a stored file is damaged")
                .with("table", table)
                .with("file", &path)
                .caused_by(error)
                .hint("restore the file, or run the jobs again");
        }
    }
    error
}

/// The files that a plan reads.
fn scanned(plan: &Arc<dyn ExecutionPlan>) -> Vec<Path> {
    let mut paths = Vec::new();
    if let Some(config) = plan
        .downcast_ref::<DataSourceExec>()
        .and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>())
    {
        let files = config.file_groups.iter().flat_map(|group| group.iter());
        paths.extend(files.map(|file| file.object_meta.location.clone()));
    }
    paths.extend(star::files(plan).iter().map(|file| file.object_meta.location.clone()));
    for child in plan.children() {
        paths.extend(scanned(child));
    }
    paths
}

async fn digest(store: &dyn ObjectStore, path: &Path) -> Option<String> {
    let bytes = store.get(path).await.ok()?.bytes().await.ok()?;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(&bytes) {
        write!(hex, "{byte:02x}").ok()?;
    }
    Some(hex)
}
