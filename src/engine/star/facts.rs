//! A fact's files as the star scan reads them.

use super::hot::HotColumns;
use super::members::Cover;
use super::texts::{is_text, read_as_codes};
use crate::engine::reader::NamingReaders;
use crate::engine::scan::Scan;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{Result, ScalarValue, Statistics, internal_datafusion_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use datafusion::parquet::file::page_index::column_index::ColumnIndexMetaData;
use datafusion::parquet::file::statistics::Statistics as ParquetStatistics;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use std::ops::Range;
use std::sync::Arc;

/// The files of a fact, all columns of which are known by their index in its schema.
#[derive(Debug)]
pub(super) struct Facts {
    /// The table's name.
    pub(super) table: String,
    /// All columns; the partition column, if there is one, is the last and in no file.
    pub(super) schema: SchemaRef,
    /// Whether the last column is the partition column.
    pub(super) is_partitioned: bool,
    pub(super) files: Vec<PartitionedFile>,
    /// Of all rows.
    pub(super) statistics: Statistics,
    pub(super) readers: NamingReaders,
    pub(super) hot: Arc<HotColumns>,
}

impl Facts {
    /// Those that a table's scans read.
    pub(super) fn of(scan: &Scan, session: &dyn Session) -> Result<Self> {
        let hot = session.config().get_extension::<HotColumns>();
        Ok(Self {
            table: scan.table().to_owned(),
            schema: SchemaRef::clone(scan.schema()),
            is_partitioned: scan.is_partitioned(),
            files: scan.files().to_vec(),
            statistics: scan.statistics().clone(),
            readers: scan.readers(session)?,
            hot: hot.ok_or_else(|| internal_datafusion_err!("a session has no hot columns"))?,
        })
    }

    /// The smallest and largest value of an integer column in a file, as far as it is recorded.
    pub(super) fn bounds_in_file(&self, file: &PartitionedFile, column: usize) -> Option<Bounds> {
        match self.partition_value(file, column) {
            Some(ScalarValue::Int32(Some(value))) => Some((*value, *value)),
            Some(_) => None,
            None => bounds(file.statistics.as_deref()?, column),
        }
    }

    /// The value that a column has in a whole file, where it is the partition column.
    pub(super) fn partition_value<'a>(
        &self,
        file: &'a PartitionedFile,
        column: usize,
    ) -> Option<&'a ScalarValue> {
        let last = self.schema.fields().len() - 1;
        file.partition_values.first().filter(|_| self.is_partitioned && column == last)
    }

    /// Opens a file: its footer and page index come from a cache where they are there.
    pub(super) async fn open(
        &self,
        file: PartitionedFile,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<OpenFile> {
        let mut reader = self.reader(0, &file, metrics)?;
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = reader.get_metadata(Some(&options)).await?;
        let names = metadata.file_metadata().schema_descr();
        let leaf = |field: &Arc<Field>| {
            names.columns().iter().position(|column| column.name() == field.name())
        };
        let leaves = self.schema.fields().iter().map(leaf).collect();
        Ok(OpenFile::new(file, metadata, leaves))
    }

    pub(super) fn reader(
        &self,
        partition: usize,
        file: &PartitionedFile,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        self.readers.create_reader(partition, file.clone(), None, metrics)
    }
}

/// A smallest and a largest value.
pub(super) type Bounds = (i32, i32);

/// Exact bounds of a column of integers, or of days by their number, without NULLs.
pub(super) fn bounds(statistics: &Statistics, column: usize) -> Option<Bounds> {
    let known = statistics.column_statistics.get(column)?;
    let value = |bound: &Precision<ScalarValue>| match bound {
        Precision::Exact(ScalarValue::Int32(value) | ScalarValue::Date32(value)) => *value,
        _ => None,
    };
    let bounds = (value(&known.min_value)?, value(&known.max_value)?);
    (known.null_count == Precision::Exact(0)).then_some(bounds)
}

/// A file whose footer is known.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: PartitionedFile,
    pub(super) name: Arc<str>,
    pub(super) metadata: Arc<ParquetMetaData>,
    leaves: Leaves,
}

/// Where each column of the table stands in a file.
pub(super) type Leaves = Arc<[Option<usize>]>;

impl OpenFile {
    pub(super) fn new(
        file: PartitionedFile,
        metadata: Arc<ParquetMetaData>,
        leaves: Leaves,
    ) -> Self {
        let name = file.object_meta.location.as_ref().into();
        Self { file, name, metadata, leaves }
    }

    pub(super) fn leaves(&self) -> Leaves {
        Arc::clone(&self.leaves)
    }

    /// Where a column stands in the file, if it is there.
    pub(super) fn leaf(&self, column: usize) -> Option<usize> {
        self.leaves.get(column).copied().flatten()
    }

    pub(super) fn rows(&self, row_group: usize) -> u32 {
        u32::try_from(self.metadata.row_group(row_group).num_rows()).unwrap_or(u32::MAX)
    }

    /// The bounds of an integer column in a row group.
    pub(super) fn bounds(&self, row_group: usize, column: usize) -> Option<Bounds> {
        let chunk = self.metadata.row_group(row_group).column(self.leaf(column)?);
        match chunk.statistics()? {
            ParquetStatistics::Int32(known) if known.null_count_opt() == Some(0) => {
                Some((*known.min_opt()?, *known.max_opt()?))
            }
            _ => None,
        }
    }

    /// The first row of each page of a column chunk; empty where the file does not say.
    pub(super) fn page_starts(&self, row_group: usize, leaf: usize) -> Vec<u32> {
        let index = self.metadata.offset_index().and_then(|index| index.get(row_group)?.get(leaf));
        let pages = index.map_or(&[][..], |index| index.page_locations());
        pages.iter().map(|page| u32::try_from(page.first_row_index).unwrap_or(u32::MAX)).collect()
    }

    /// The ranges of rows whose pages may hold keys that stay, by the page index of a key column;
    /// `None` where there is none.
    pub(super) fn pages(
        &self,
        row_group: usize,
        column: usize,
        cover: impl Fn(i32, i32) -> Cover,
    ) -> Option<Vec<Range<u32>>> {
        let leaf = self.leaf(column)?;
        let ColumnIndexMetaData::INT32(index) =
            self.metadata.column_index()?.get(row_group)?.get(leaf)?
        else {
            return None;
        };
        let starts = self.page_starts(row_group, leaf);
        if starts.is_empty() {
            return None;
        }
        let mut kept = Vec::new();
        for (page, start) in starts.iter().enumerate() {
            let end = starts.get(page + 1).copied().unwrap_or(self.rows(row_group));
            let stays = match (index.min_value(page), index.max_value(page)) {
                (Some(low), Some(high)) => cover(*low, *high) != Cover::None,
                _ => true,
            };
            if stays && *start < end {
                kept.push(*start..end);
            }
        }
        Some(kept)
    }

    /// The footer as the Arrow reader wants it, with text as codes, or as the views that plans have.
    pub(super) fn arrow(&self, schema: &Schema, as_codes: bool) -> Result<ArrowReaderMetadata> {
        let options = ArrowReaderOptions::new();
        let plain = ArrowReaderMetadata::try_new(Arc::clone(&self.metadata), options.clone())?;
        let fields = plain.schema().fields().iter().map(|field| {
            match schema.field_with_name(field.name()) {
                Ok(wanted) if is_text(field.data_type()) && is_text(wanted.data_type()) => {
                    let ty = if as_codes { read_as_codes() } else { wanted.data_type().clone() };
                    Arc::new(field.as_ref().clone().with_data_type(ty))
                }
                _ => Arc::clone(field),
            }
        });
        let viewed = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = options.with_schema(viewed);
        Ok(ArrowReaderMetadata::try_new(Arc::clone(&self.metadata), options)?)
    }
}
