//! Parquet readers that say which table and file failed.

use crate::error::{Error, ErrorKind};
use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::ops::Range;
use std::sync::Arc;

/// DataFusion's readers with cached footers, and a name on every error.
#[derive(Debug)]
pub(crate) struct NamingReaders {
    table: Arc<str>,
    store: Arc<dyn ObjectStore>,
    inner: CachedParquetFileReaderFactory,
}

impl NamingReaders {
    pub(crate) fn new(
        table: &str,
        runtime: &RuntimeEnv,
        url: &ObjectStoreUrl,
    ) -> datafusion::error::Result<Self> {
        let store = runtime.object_store(url)?;
        let footers = runtime.cache_manager.get_file_metadata_cache();
        let inner = CachedParquetFileReaderFactory::new(Arc::clone(&store), footers);
        Ok(Self { table: table.into(), store, inner })
    }
}

impl ParquetFileReaderFactory for NamingReaders {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> datafusion::error::Result<Box<dyn AsyncFileReader + Send>> {
        let origin = Origin {
            table: Arc::clone(&self.table),
            store: Arc::clone(&self.store),
            path: file.object_meta.location.clone(),
        };
        let inner = self.inner.create_reader(partition_index, file, metadata_size_hint, metrics)?;
        Ok(Box::new(NamingReader { inner, origin }))
    }
}

struct NamingReader {
    inner: Box<dyn AsyncFileReader + Send>,
    origin: Origin,
}

/// Which table and file a reader reads.
#[derive(Clone)]
struct Origin {
    table: Arc<str>,
    store: Arc<dyn ObjectStore>,
    path: Path,
}

impl Origin {
    /// What a read gives, with its origin on an error.
    async fn named<T>(
        self,
        read: BoxFuture<'_, datafusion::parquet::errors::Result<T>>,
    ) -> datafusion::parquet::errors::Result<T> {
        match read.await {
            Ok(value) => Ok(value),
            Err(error) => Err(self.name(error).await),
        }
    }

    /// The error with its table and file; a file that is not there is told from one that is broken.
    async fn name(self, error: ParquetError) -> ParquetError {
        let named = match self.store.head(&self.path).await {
            Err(object_store::Error::NotFound { .. }) => Error::damaged("a stored file is missing"),
            Err(error) => {
                Error::new(ErrorKind::Unavailable, "a stored file cannot be read for now")
                    .caused_by(error)
            }
            Ok(_) => Error::damaged("a stored file cannot be read").caused_by(error),
        };
        let named = named.with("table", &self.table).with("file", &self.path);
        ParquetError::External(Box::new(named))
    }
}

impl AsyncFileReader for NamingReader {
    fn get_bytes(
        &mut self,
        range: Range<u64>,
    ) -> BoxFuture<'_, datafusion::parquet::errors::Result<Bytes>> {
        let origin = self.origin.clone();
        let read = self.inner.get_bytes(range);
        origin.named(read).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, datafusion::parquet::errors::Result<Vec<Bytes>>> {
        let origin = self.origin.clone();
        let read = self.inner.get_byte_ranges(ranges);
        origin.named(read).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, datafusion::parquet::errors::Result<Arc<ParquetMetaData>>> {
        let origin = self.origin.clone();
        let read = self.inner.get_metadata(options);
        origin.named(read).boxed()
    }
}
