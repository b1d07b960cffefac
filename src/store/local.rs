//! The object store of the warehouse: reads are `object_store`'s, writes are ours and durable.

use super::at_hand;
use super::durable::{Disk, Landing, TempFile};
use crate::error::{Error, ErrorKind};
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryFutureExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};
use std::fmt;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// A folder as an object store whose puts survive a crash.
#[derive(Debug)]
pub(crate) struct LocalStore {
    disk: Arc<Disk>,
    inner: LocalFileSystem,
}

impl LocalStore {
    pub(crate) fn new(disk: Arc<Disk>) -> crate::error::Result<Self> {
        let inner = LocalFileSystem::new_with_prefix(disk.root()).map_err(|error| {
            Error::new(ErrorKind::Unavailable, "cannot open the warehouse's folder")
                .with("folder", disk.root().display())
                .caused_by(error)
        })?;
        Ok(Self { disk, inner })
    }
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "warehouse at {}", self.disk.root().display())
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let overwrite = match opts.mode {
            PutMode::Overwrite => true,
            PutMode::Create => false,
            PutMode::Update(_) => return Err(not_implemented("update", self)),
        };
        let (disk, path) = (Arc::clone(&self.disk), location.clone());
        let put = blocking(move || {
            let mut temp = disk.temp()?;
            for bytes in payload.iter() {
                temp.write(bytes)?;
            }
            put_temp(&disk, temp, &path, overwrite)
        });
        if put.await? { Ok(done()) } else { Err(already_exists(location)) }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let temp = self.disk.temp().map_err(generic)?;
        Ok(Box::new(Upload {
            disk: Arc::clone(&self.disk),
            location: location.clone(),
            offset: 0,
            temp: Arc::new(Mutex::new(Some(temp))),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> Result<Vec<bytes::Bytes>> {
        if let Some(read) = at_hand::read(&self.inner.path_to_filesystem(location)?, ranges) {
            return Ok(read);
        }
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    /// In order of the names, as object stores list: Delta's kernel relies on it.
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        in_order(self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        in_order(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    /// Copies by bytes: a second name for the same file would share later changes of either.
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let overwrite = matches!(options.mode, CopyMode::Overwrite);
        let source = self.disk.resolve(from);
        // Tells a missing source as the trait wants it told.
        self.inner.get_opts(from, GetOptions { head: true, ..GetOptions::default() }).await?;
        let (disk, target) = (Arc::clone(&self.disk), to.clone());
        let copied = blocking(move || {
            let mut temp = disk.temp()?;
            temp.copy_from(&source)?;
            put_temp(&disk, temp, &target, overwrite)
        });
        if copied.await? { Ok(()) } else { Err(already_exists(to)) }
    }
}

/// A file that comes in parts.
#[derive(Debug)]
struct Upload {
    disk: Arc<Disk>,
    location: Path,
    offset: u64,
    /// None once completed or aborted.
    temp: Arc<Mutex<Option<TempFile>>>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let offset = self.offset;
        self.offset += data.content_length() as u64;
        let temp = Arc::clone(&self.temp);
        Box::pin(blocking(move || {
            let mut temp = temp.lock().unwrap_or_else(PoisonError::into_inner);
            let temp = temp.as_mut().ok_or_else(ended)?;
            temp.seek(offset)?;
            data.iter().try_for_each(|bytes| temp.write(bytes))
        }))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let (disk, path, temp) =
            (Arc::clone(&self.disk), self.location.clone(), Arc::clone(&self.temp));
        blocking(move || {
            let temp = temp.lock().unwrap_or_else(PoisonError::into_inner).take();
            put_temp(&disk, temp.ok_or_else(ended)?, &path, true)
        })
        .await?;
        Ok(done())
    }

    async fn abort(&mut self) -> Result<()> {
        self.temp.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(())
    }
}

impl TempFile {
    fn write(&mut self, bytes: &[u8]) -> crate::error::Result<()> {
        let written = self.file()?.write_all(bytes);
        written.map_err(|error| super::durable::io_error("write", self.path(), error))
    }

    fn seek(&mut self, offset: u64) -> crate::error::Result<()> {
        let sought = self.file()?.seek(SeekFrom::Start(offset));
        sought.map_err(|error| super::durable::io_error("write", self.path(), error)).map(|_| ())
    }

    fn copy_from(&mut self, source: &std::path::Path) -> crate::error::Result<()> {
        let copied = std::fs::File::open(source)
            .and_then(|mut source| std::io::copy(&mut source, self.file_for_copy()?));
        copied.map_err(|error| super::durable::io_error("copy", source, error)).map(|_| ())
    }

    fn file_for_copy(&mut self) -> std::io::Result<&mut std::fs::File> {
        self.file().map_err(std::io::Error::other)
    }
}

fn in_order(
    listed: BoxStream<'static, Result<ObjectMeta>>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    let sorted = async move {
        let mut found: Vec<ObjectMeta> = listed.try_collect().await?;
        found.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(futures::stream::iter(found.into_iter().map(Ok)))
    };
    sorted.try_flatten_stream().boxed()
}

/// `false` where the name was taken.
fn put_temp(
    disk: &Disk,
    temp: TempFile,
    path: &Path,
    overwrite: bool,
) -> crate::error::Result<bool> {
    if overwrite {
        return disk.land_over(temp, path).map(|()| true);
    }
    Ok(matches!(disk.land(temp, path)?, Landing::Landed))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> crate::error::Result<T> + Send + 'static,
) -> Result<T> {
    super::durable::blocking(work).await.map_err(generic)
}

fn done() -> PutResult {
    PutResult { e_tag: None, version: None }
}

fn ended() -> Error {
    Error::internal("an upload was used after its end")
}

fn generic(error: Error) -> object_store::Error {
    object_store::Error::Generic { store: "warehouse", source: Box::new(error) }
}

fn already_exists(path: &Path) -> object_store::Error {
    let source = Error::new(ErrorKind::Conflict, "the name is taken");
    object_store::Error::AlreadyExists { path: path.to_string(), source: Box::new(source) }
}

fn not_implemented(operation: &str, store: &LocalStore) -> object_store::Error {
    object_store::Error::NotImplemented {
        operation: operation.to_owned(),
        implementer: store.to_string(),
    }
}
