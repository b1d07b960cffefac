//! Rows into a table's Parquet files, on a blocking thread, one file open at a time.

use super::check::{BatchCheck, SortCheck};
use super::durable::{Disk, Landing, TempFile};
use super::parquet_file::{ParquetFile, Purpose};
use super::release::DataFile;
use super::{Rows, TableSpec, paths};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::RunId;
use crate::model::{Column, ColumnType, arrow_schema};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::partition;
use arrow::datatypes::{Int32Type, SchemaRef};
use futures::StreamExt;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Rows a file: large enough to be few, small enough to rewrite.
pub(crate) const FILE_ROWS: u64 = 8 * 1024 * 1024;

/// Batches that may wait for the disk.
const QUEUED_BATCHES: usize = 4;

/// The data files a load has given names to.
#[derive(Debug, Default)]
pub(crate) struct LandedFiles {
    sequence: AtomicU64,
    paths: Mutex<Vec<object_store::path::Path>>,
}

impl LandedFiles {
    /// Forgets the files and gives them to the caller.
    pub(crate) fn take(&self) -> Vec<object_store::path::Path> {
        std::mem::take(&mut *self.paths.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, path: &object_store::path::Path) {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
    }
}

/// Where finished files go: durably into the table's folder.
pub(crate) struct Target {
    /// The warehouse's disk.
    pub(crate) disk: Arc<Disk>,
    /// The run that writes.
    pub(crate) run: RunId,
    /// Files that were given names.
    pub(crate) landed: Arc<LandedFiles>,
}

/// Writes all rows; returns the files in the order they were written.
pub(crate) async fn write_rows(
    target: Target,
    spec: &TableSpec,
    mut rows: Rows,
) -> Result<Vec<DataFile>> {
    let mut writer = TableWriter::new(target, spec)?;
    let (sender, mut receiver) = mpsc::channel::<Option<RecordBatch>>(QUEUED_BATCHES);
    let thread = tokio::task::spawn_blocking(move || {
        while let Some(message) = receiver.blocking_recv() {
            match message {
                Some(batch) => writer.write(&batch)?,
                None => return writer.finish(),
            }
        }
        Err(Error::new(ErrorKind::Cancelled, "writing ended before the rows did"))
    });
    let mut failed = None;
    while let Some(batch) = rows.next().await {
        match batch {
            Ok(batch) => {
                // The thread hangs up only if it failed: it says why below.
                if sender.send(Some(batch)).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    if failed.is_none() {
        let _ = sender.send(None).await;
    }
    drop(sender);
    let written = thread.await;
    match failed {
        Some(error) => Err(error),
        None => written
            .map_err(|error| Error::internal("a storage thread ended early").caused_by(error))?,
    }
}

/// Splits rows into files by partition and size.
struct TableWriter {
    target: Target,
    spec: TableSpec,
    check: BatchCheck,
    order: Option<SortCheck>,
    /// The columns within files: all but the partition column, which is the last.
    file_schema: SchemaRef,
    open: Option<OpenFile>,
    /// The partition being written.
    partition: Option<i32>,
    /// All partitions begun so far, the present one included.
    partitions: BTreeSet<i32>,
    files: Vec<DataFile>,
}

struct OpenFile {
    temp: TempFile,
    parquet: ParquetFile,
}

impl TableWriter {
    fn new(target: Target, spec: &TableSpec) -> Result<Self> {
        let check = BatchCheck::new(&spec.name, &spec.columns);
        let file_columns = file_columns(spec)?;
        let order = SortCheck::new(&spec.name, &spec.sort_by, check.schema())?;
        Ok(Self {
            target,
            spec: spec.clone(),
            check,
            order,
            file_schema: arrow_schema(file_columns),
            open: None,
            partition: None,
            partitions: BTreeSet::new(),
            files: Vec::new(),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = self.check.checked(batch)?;
        for (partition, range) in self.runs(&batch)? {
            if let Some(value) = partition.filter(|_| partition != self.partition) {
                self.begin_partition(value)?;
            }
            self.write_run(&batch.slice(range.start, range.len()))?;
        }
        Ok(())
    }

    /// Runs of rows with the same partition.
    fn runs(&self, batch: &RecordBatch) -> Result<Vec<(Option<i32>, Range<usize>)>> {
        if batch.num_rows() == 0 {
            return Ok(Vec::new());
        }
        if self.spec.partition_by.is_none() {
            return Ok(vec![(None, 0..batch.num_rows())]);
        }
        let column = batch.columns().last().ok_or_else(|| self.fault("a table has no columns"))?;
        let values = column
            .as_primitive_opt::<Int32Type>()
            .ok_or_else(|| self.fault("the partition column is no int32"))?;
        let runs = partition(std::slice::from_ref(column))
            .map_err(|error| self.fault("cannot split rows by partition").caused_by(error))?;
        Ok(runs.ranges().into_iter().map(|run| (Some(values.value(run.start)), run)).collect())
    }

    fn begin_partition(&mut self, value: i32) -> Result<()> {
        self.end_file()?;
        if !self.partitions.insert(value) {
            return Err(self.fault("rows do not come clustered by partition"));
        }
        if let Some(order) = &mut self.order {
            order.restart();
        }
        self.partition = Some(value);
        Ok(())
    }

    fn write_run(&mut self, rows: &RecordBatch) -> Result<()> {
        if let Some(order) = &mut self.order {
            order.check(rows)?;
        }
        let kept: Vec<usize> = (0..self.file_schema.fields().len()).collect();
        let rows = rows
            .project(&kept)
            .map_err(|error| self.fault("cannot take the partition out").caused_by(error))?;
        let mut from = 0;
        while from < rows.num_rows() {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => self.begin_file()?,
            };
            let room = usize::try_from(FILE_ROWS - open.parquet.rows()).unwrap_or(usize::MAX);
            let count = room.min(rows.num_rows() - from);
            open.parquet.write(&rows.slice(from, count))?;
            from += count;
            let full = open.parquet.rows() >= FILE_ROWS;
            self.open = Some(open);
            if full {
                self.end_file()?;
            }
        }
        Ok(())
    }

    fn begin_file(&self) -> Result<OpenFile> {
        let disk = &self.target.disk;
        disk.points().hit("data_file.before_put")?;
        disk.points().hit("temp.before_write")?;
        let mut temp = disk.temp()?;
        let file = temp.duplicate()?;
        let schema = SchemaRef::clone(&self.file_schema);
        let purpose = match self.spec.partition_by {
            Some(_) => Purpose::Partitioned,
            None => Purpose::Whole,
        };
        let parquet = ParquetFile::begin(file, schema, &self.spec.sort_by, purpose)?;
        Ok(OpenFile { temp, parquet })
    }

    fn end_file(&mut self) -> Result<()> {
        let Some(OpenFile { temp, parquet }) = self.open.take() else { return Ok(()) };
        let written = parquet.finish(temp.path())?;
        let path = self.land(temp)?;
        self.files.push(DataFile {
            path,
            size_bytes: written.size_bytes,
            rows: written.rows,
            sha256: written.sha256,
            partition: self.partition,
            statistics: written.statistics,
            cluster_by: Vec::new(),
        });
        Ok(())
    }

    /// Gives a finished file the load's next free name.
    fn land(&self, mut temp: TempFile) -> Result<String> {
        let Target { disk, run, landed } = &self.target;
        disk.points().hit("temp.after_write")?;
        let location = paths::table(&self.spec.name)?;
        loop {
            let sequence = landed.sequence.fetch_add(1, Ordering::Relaxed) + 1;
            let partition = self.spec.partition_by.as_deref().zip(self.partition);
            let name = paths::data_file(partition, run, sequence)?;
            let path = paths::table_file(location.as_ref(), &name)?;
            match disk.land(temp, &path)? {
                Landing::Landed => {
                    landed.note(&path);
                    disk.points().hit("data_file.after_put")?;
                    return Ok(name);
                }
                // An earlier attempt of the same run left it.
                Landing::Taken(back) => temp = back,
            }
        }
    }

    fn finish(mut self) -> Result<Vec<DataFile>> {
        self.end_file()?;
        Ok(self.files)
    }

    fn fault(&self, message: &str) -> Error {
        Error::internal(message).with("table", &self.spec.name)
    }
}

/// The columns that files hold; the partition column, checked here, stands in their paths.
fn file_columns(spec: &TableSpec) -> Result<&[Column]> {
    let Some(name) = &spec.partition_by else { return Ok(&spec.columns) };
    match spec.columns.split_last() {
        Some((last, others))
            if last.name == *name && last.ty == ColumnType::Int32 && !last.nullable =>
        {
            Ok(others)
        }
        _ => Err(Error::internal("a partition column must be the last one, an int32, NOT NULL")
            .with("table", &spec.name)
            .with("column", name)),
    }
}
