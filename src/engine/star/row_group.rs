//! Rows of a row group under way: those still asked for, and the columns decoded so far.
//!
//! A column is fetched and decoded when it is first needed, and then only the pages that hold rows
//! still asked for (late materialisation: Abadi, Madden and Hachem, 2008).

use super::facts::{Bounds, Facts, OpenFile};
use super::hot::Chunk;
use super::metrics::Read;
use super::narrow::widened;
use super::prepare::Morsel;
use super::rows::{Column, Rows};
use super::scan::Partition;
use super::texts;
use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use arrow::datatypes::DataType;
use bytes::{Buf, Bytes};
use datafusion::common::{Result, ScalarValue, internal_datafusion_err, internal_err};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReaderBuilder, RowSelection, RowSelectionPolicy,
};
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::reader::{ChunkReader, Length};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A row group being read.
pub(super) struct RowGroup {
    facts: Arc<Facts>,
    file: Arc<OpenFile>,
    index: usize,
    /// What reads the file, as soon as anything of it is read.
    reader: Option<Box<dyn AsyncFileReader + Send>>,
    /// The partition that reads, and what it counts in.
    partition: usize,
    metrics: ExecutionPlanMetricsSet,
    /// The footer as Arrow's reader wants it, for plain values and for codes of texts.
    arrow: [Option<ArrowReaderMetadata>; 2],
    columns: HashMap<usize, Column>,
    /// Bytes at hand, by the column's place in the file.
    fetched: HashMap<usize, Fetched>,
    /// Which chunks are decoded whole, to be kept.
    keeps: HashMap<usize, bool>,
    /// Which rows were asked for at first.
    asked: Range<u32>,
    memory: MemoryReservation,
    /// Rows still asked for.
    pub(super) rows: Rows,
    /// What was read so far.
    read: Read,
    /// Pages of columns whose values were found in memory.
    pages_in_memory: usize,
}

impl RowGroup {
    /// Begins with all rows of a morsel; what is decoded is taken from `memory`.
    pub(super) fn new(
        facts: Arc<Facts>,
        morsel: &Morsel,
        partition: &Partition,
        memory: MemoryReservation,
    ) -> Self {
        Self {
            facts,
            file: Arc::clone(&morsel.file),
            index: morsel.row_group,
            reader: None,
            partition: partition.number,
            metrics: partition.metrics.clone(),
            arrow: [None, None],
            columns: HashMap::new(),
            fetched: HashMap::new(),
            keeps: HashMap::new(),
            asked: morsel.rows.clone(),
            memory,
            rows: Rows::Ranges(std::iter::once(morsel.rows.clone()).collect()),
            read: Read::default(),
            pages_in_memory: 0,
        }
    }

    /// What was read, out of these columns.
    pub(super) fn read_of(&self, columns: &[usize]) -> Read {
        let leaves = columns.iter().filter_map(|column| self.file.leaf(*column));
        let all: usize =
            leaves.map(|leaf| self.pages(leaf, std::slice::from_ref(&self.asked))).sum();
        let pages_skipped = all.saturating_sub(self.read.pages + self.pages_in_memory);
        Read { pages_skipped, ..self.read }
    }

    /// How many pages of a column hold any of these rows.
    fn pages(&self, leaf: usize, ranges: &[Range<u32>]) -> usize {
        let starts = self.file.page_starts(self.index, leaf);
        let pages = ranges.iter().map(|range| {
            let first = starts.partition_point(|start| *start <= range.start).saturating_sub(1);
            starts.partition_point(|start| *start < range.end) - first
        });
        pages.sum()
    }

    /// The smallest and largest value of an integer column in the whole row group.
    pub(super) fn bounds(&self, column: usize) -> Option<Bounds> {
        self.file.bounds(self.index, column)
    }

    /// Decodes a column, of the rows now asked for, unless it is there.
    pub(super) async fn load(&mut self, column: usize) -> Result<()> {
        if !self.columns.contains_key(&column) {
            let read = self.read(column).await?;
            self.columns.insert(column, read);
        }
        Ok(())
    }

    /// A column that was loaded.
    pub(super) fn loaded(&self, column: usize) -> Result<&Column> {
        let loaded = self.columns.get(&column);
        loaded.ok_or_else(|| internal_datafusion_err!("column {column} was not loaded"))
    }

    /// The values of a column in the rows now asked for.
    pub(super) async fn values(&mut self, column: usize) -> Result<ArrayRef> {
        texts::plain(self.coded_values(column).await?)
    }

    /// The same, texts maybe as codes.
    pub(super) async fn coded_values(&mut self, column: usize) -> Result<ArrayRef> {
        self.load(column).await?;
        let values = self.loaded(column)?.of(&self.rows)?;
        widened(values, self.facts.schema.field(column).data_type())
    }

    /// Fetches, in one go, what columns will need of the rows now asked for.
    pub(super) async fn fetch(&mut self, columns: &[usize]) -> Result<()> {
        let whole = self.file.rows(self.index);
        let mut wanted: Vec<(usize, Range<u64>)> = Vec::new();
        for column in columns {
            let Some(leaf) = self.file.leaf(*column) else { continue };
            let is_there =
                self.columns.contains_key(column) || wanted.iter().any(|(other, _)| *other == leaf);
            if is_there || self.facts.hot.has(&self.chunk(leaf)) {
                continue;
            }
            let keeps = self.keeps(leaf, *column);
            let ranges = self.ranges(leaf, keeps);
            wanted.extend(self.bytes(leaf, &ranges, whole).into_iter().map(|range| (leaf, range)));
        }
        let ranges: Vec<Range<u64>> = wanted.iter().map(|(_, range)| range.clone()).collect();
        if ranges.is_empty() {
            return Ok(());
        }
        let bytes = self.bytes_of(ranges).await?;
        let length = self.file.file.object_meta.size;
        for ((leaf, range), bytes) in wanted.into_iter().zip(bytes) {
            let fetched = self.fetched.entry(leaf);
            let fetched = fetched.or_insert_with(|| Fetched { pieces: Vec::new(), length });
            fetched.pieces.push((range.start, bytes));
        }
        Ok(())
    }

    /// Bytes of the file.
    async fn bytes_of(&mut self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => {
                let file = &self.file.file;
                none.insert(self.facts.reader(self.partition, file, &self.metrics)?)
            }
        };
        Ok(reader.get_byte_ranges(ranges).await?)
    }

    async fn read(&mut self, column: usize) -> Result<Column> {
        let whole = self.file.rows(self.index);
        let ty = self.facts.schema.field(column).data_type().clone();
        let all = std::iter::once(0..whole);
        let leaf =
            match (self.facts.partition_value(&self.file.file, column), self.file.leaf(column)) {
                (None, Some(leaf)) => leaf,
                (value, _) => {
                    // The partition's value; or NULL, in a file from before the column was there.
                    let value = value.cloned().map_or_else(|| ScalarValue::try_from(&ty), Ok)?;
                    let values = value.to_array_of_size(whole as usize)?;
                    return Ok(Column { values, ranges: all.collect() });
                }
            };
        let chunk = self.chunk(leaf);
        if let Some(values) = self.facts.hot.get(&chunk, &ty) {
            self.pages_in_memory += self.pages(leaf, std::slice::from_ref(&self.asked));
            return Ok(Column { values, ranges: all.collect() });
        }
        let keeps = self.keeps(leaf, column);
        let ranges = self.ranges(leaf, keeps);
        let bytes = match self.fetched.remove(&leaf) {
            Some(fetched) => fetched,
            None => {
                let wanted = self.bytes(leaf, &ranges, whole);
                let starts: Vec<u64> = wanted.iter().map(|range| range.start).collect();
                let bytes = self.bytes_of(wanted).await?;
                let length = self.file.file.object_meta.size;
                Fetched { pieces: starts.into_iter().zip(bytes).collect(), length }
            }
        };
        let values = self.decode(leaf, &ranges, whole, bytes, &ty)?;
        self.read.values += values.len();
        self.read.pages += self.pages(leaf, &ranges);
        if keeps && let Some(values) = self.facts.hot.put(chunk, &values, &ty) {
            return Ok(Column { values, ranges });
        }
        self.memory.try_grow(values.get_array_memory_size())?;
        Ok(Column { values, ranges })
    }

    /// Whether a column chunk is decoded whole, to be kept: decided once, and only by who reads the
    /// whole row group.
    fn keeps(&mut self, leaf: usize, column: usize) -> bool {
        if let Some(keeps) = self.keeps.get(&leaf) {
            return *keeps;
        }
        let size = self.size(leaf, self.facts.schema.field(column).data_type());
        let is_whole = self.asked == (0..self.file.rows(self.index));
        let keeps = is_whole && self.facts.hot.wants(&self.chunk(leaf), size);
        self.keeps.insert(leaf, keeps);
        keeps
    }

    fn chunk(&self, leaf: usize) -> Chunk {
        Chunk { file: Arc::clone(&self.file.name), row_group: self.index, leaf }
    }

    /// The rows of the pages of a column that hold rows now asked for, or all.
    fn ranges(&self, leaf: usize, all: bool) -> Vec<Range<u32>> {
        let whole = self.file.rows(self.index);
        let starts = self.file.page_starts(self.index, leaf);
        match all || starts.is_empty() {
            true => std::iter::once(0..whole).collect(),
            false => self.rows.blocks(&starts, whole),
        }
    }

    /// About how many bytes the decoded values of a column take.
    fn size(&self, leaf: usize, ty: &DataType) -> usize {
        let chunk = self.file.metadata.row_group(self.index).column(leaf);
        let rows = self.file.rows(self.index) as usize;
        let width = if texts::is_coded(chunk) { size_of::<i32>() } else { size_of::<u128>() };
        match ty.primitive_width() {
            Some(width) => rows * width,
            None => usize::try_from(chunk.uncompressed_size()).unwrap_or_default() + rows * width,
        }
    }

    /// Where the bytes of the pages of these rows are, and the dictionary page.
    fn bytes(&self, leaf: usize, ranges: &[Range<u32>], whole: u32) -> Vec<Range<u64>> {
        let chunk = self.file.metadata.row_group(self.index).column(leaf);
        let (start, length) = chunk.byte_range();
        let all = start..start + length;
        let index = self.file.metadata.offset_index();
        let pages = index.and_then(|index| index.get(self.index)?.get(leaf));
        let (false, Some(pages)) = (is_whole(ranges, whole), pages) else { return vec![all] };
        let pages = pages.page_locations();
        let mut wanted = selection(ranges, whole).scan_ranges(pages);
        let first = pages.first().map_or(all.start, |page| page.offset.cast_unsigned());
        if first > all.start {
            wanted.insert(0, all.start..first);
        }
        joined(wanted)
    }

    fn decode(
        &mut self,
        leaf: usize,
        ranges: &[Range<u32>],
        whole: u32,
        bytes: Fetched,
        ty: &DataType,
    ) -> Result<ArrayRef> {
        let chunk = self.file.metadata.row_group(self.index).column(leaf);
        let as_codes = texts::is_text(ty) && texts::is_coded(chunk);
        let arrow = match self.arrow[usize::from(as_codes)].take() {
            Some(arrow) => arrow,
            None => self.file.arrow(&self.facts.schema, as_codes)?,
        };
        let mask =
            ProjectionMask::leaves(self.file.metadata.file_metadata().schema_descr(), [leaf]);
        let wanted: usize = ranges.iter().map(ExactSizeIterator::len).sum();
        let mut reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, arrow.clone())
            .with_row_groups(vec![self.index])
            .with_projection(mask)
            .with_batch_size(wanted.max(1));
        self.arrow[usize::from(as_codes)] = Some(arrow);
        if !is_whole(ranges, whole) {
            // Runs of rows, never a mask: that would also decode pages that were not fetched.
            reader = reader
                .with_row_selection(selection(ranges, whole))
                .with_row_selection_policy(RowSelectionPolicy::Selectors);
        }
        let mut parts = Vec::with_capacity(1);
        for batch in reader.build()? {
            parts.push(ArrayRef::clone(batch?.column(0)));
        }
        let values = match parts.as_slice() {
            [one] => ArrayRef::clone(one),
            parts => concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())?,
        };
        if values.len() != wanted {
            return internal_err!("{} values were decoded, not {wanted}", values.len());
        }
        texts::typed(values, ty)
    }
}

fn is_whole(ranges: &[Range<u32>], whole: u32) -> bool {
    matches!(ranges, [range] if *range == (0..whole))
}

fn selection(ranges: &[Range<u32>], whole: u32) -> RowSelection {
    let ranges = ranges.iter().map(|range| range.start as usize..range.end as usize);
    RowSelection::from_consecutive_ranges(ranges, whole as usize)
}

/// The ranges with those that touch made one.
fn joined(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

/// Pieces of a file, in memory, each with the place of its first byte.
struct Fetched {
    pieces: Vec<(u64, Bytes)>,
    length: u64,
}

impl Fetched {
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let after = self.pieces.partition_point(|(first, _)| *first <= start);
        let piece = after.checked_sub(1).and_then(|index| self.pieces.get(index));
        let missing = || ParquetError::General(format!("byte {start} was not fetched"));
        let (first, bytes) = piece.ok_or_else(missing)?;
        let inside = usize::try_from(start - first).map_err(|_| missing())?;
        if inside > bytes.len() {
            return Err(missing());
        }
        Ok(bytes.slice(inside..))
    }
}

impl Length for Fetched {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Fetched {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if bytes.len() < length {
            return Err(ParquetError::General(format!(
                "{length} bytes at {start} were not fetched"
            )));
        }
        Ok(bytes.slice(..length))
    }
}
