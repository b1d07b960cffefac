//! One Parquet file: written with a running checksum, read back for its footer.
//!
//! The layout below was chosen by measurement: `cargo bench --bench ssb -- --part layout` takes it again,
//! one thing changed at a time, and docs/how-fast.md has the table.

use super::durable::io_error;
use super::release::ColumnStatistics;
use super::release_file::hex;
use super::statistics::{self, Unsaid};
use crate::error::{Error, ErrorKind, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, SortingColumn};
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

/// Rows a row group: what a scan skips or reads at once.
const ROW_GROUP_ROWS: usize = 256 * 1024;

/// Rows a page of a partitioned table: what a scan that knows the keys it wants skips or decodes at
/// once. Small pages make ranges of sorted keys exact; a fifth of the usual size won a tenth of the
/// time of SSB's queries.
const PAGE_ROWS: usize = 4096;

/// Rows a page of what is read whole, dimensions above all. Each page of text is a buffer of its
/// own in memory, and joins carry along all buffers of the side they collect.
const LARGE_PAGE_ROWS: usize = 64 * 1024;

/// Bytes of a column's dictionary in a row group; beyond, values are stored as they are. A large
/// dictionary costs more to look values up in than it saves: a quarter of the time of SSB's queries.
const DICTIONARY_BYTES: usize = 64 * 1024;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be asked for long, by ranges.
    Partitioned,
    /// To be asked for long, as a whole.
    Whole,
    /// To be read once or twice, whole, by the load that writes it.
    Staging,
}

/// Fast to decode. ZSTD makes SSB's files a seventh smaller, and its queries two fifths slower.
const COMPRESSION: Compression = Compression::LZ4_RAW;

/// What of a page compression must leave at most, or the page stays as it is: numbers of many values
/// hardly become smaller, and every reader would have to unpack them all the same.
const WORTH_COMPRESSING: f64 = 0.9;

/// What is read back at once is in the memory of the system still: compressing it cost a fifth of a
/// load's time.
const STAGED_COMPRESSION: Compression = Compression::UNCOMPRESSED;

/// Bytes that go to the system at once: pages are small.
const WRITTEN_BYTES: usize = 256 * 1024;

/// A Parquet file being written.
pub(crate) struct ParquetFile {
    schema: SchemaRef,
    writer: ArrowWriter<Hashing>,
    rows: u64,
    unsaid: Unsaid,
}

/// What was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) size_bytes: u64,
    /// Of a table's file; of a staged one empty.
    pub(crate) sha256: String,
    pub(crate) statistics: BTreeMap<String, ColumnStatistics>,
}

impl ParquetFile {
    /// Begins a file of these columns, whose rows come sorted by `sort_by`.
    pub(crate) fn begin(
        file: File,
        schema: SchemaRef,
        sort_by: &[String],
        purpose: Purpose,
    ) -> Result<Self> {
        let order = sorting_columns(&schema, sort_by);
        let properties = properties(purpose).set_sorting_columns(order);
        let properties = without_bounds_of_texts(properties, purpose, &schema).build();
        // What is read by the load that wrote it is not compared with anything.
        let sha256 = (purpose != Purpose::Staging).then(Sha256::new);
        let file = BufWriter::with_capacity(WRITTEN_BYTES, file);
        let hashing = Hashing { file, sha256, size_bytes: 0 };
        let writer = ArrowWriter::try_new(hashing, SchemaRef::clone(&schema), Some(properties))
            .map_err(parquet_error)?;
        Ok(Self { schema, writer, rows: 0, unsaid: Unsaid::default() })
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.unsaid.note(batch);
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch).map_err(parquet_error)
    }

    /// Ends the row group: what is added from here on is in the next.
    pub(crate) fn end_row_group(&mut self) -> Result<()> {
        self.writer.flush().map_err(parquet_error)
    }

    /// Writes the footer and reads it back; `path` is where the file stands.
    pub(crate) fn finish(self, path: &Path) -> Result<Written> {
        let mut hashing = self.writer.into_inner().map_err(parquet_error)?;
        hashing.flush().map_err(|error| io_error("write", path, error))?;
        let metadata = footer(path)?;
        let statistics = statistics::of_file(&self.schema, &metadata, &self.unsaid)?;
        Ok(Written {
            rows: self.rows,
            size_bytes: hashing.size_bytes,
            sha256: hashing.sha256.map(|sha256| hex(&sha256.finalize())).unwrap_or_default(),
            statistics,
        })
    }
}

/// How the files of facts are written: what measures other layouts begins with it, and changes one
/// thing.
#[must_use]
pub fn fact_properties() -> WriterPropertiesBuilder {
    properties(Purpose::Partitioned)
}

fn properties(purpose: Purpose) -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_created_by(concat!("starhouse ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(match purpose {
            Purpose::Partitioned | Purpose::Whole => COMPRESSION,
            Purpose::Staging => STAGED_COMPRESSION,
        })
        // Pages of the second version: each says for itself whether it is compressed. The encodings
        // that come with it are smaller still, and slower to read.
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_encoding(Encoding::PLAIN)
        .set_data_page_v2_compression_ratio_threshold(WORTH_COMPRESSING)
        .set_data_page_row_count_limit(match purpose {
            Purpose::Partitioned => PAGE_ROWS,
            Purpose::Whole | Purpose::Staging => LARGE_PAGE_ROWS,
        })
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        // Page statistics make the page index. Neither it nor dictionaries pay for themselves in what
        // is read whole.
        .set_statistics_enabled(match purpose {
            Purpose::Partitioned | Purpose::Whole => EnabledStatistics::Page,
            Purpose::Staging => EnabledStatistics::Chunk,
        })
        .set_dictionary_enabled(purpose != Purpose::Staging)
}

/// Nobody asks for the smallest and the largest text of what is staged, and comparing them all takes long.
fn without_bounds_of_texts(
    properties: WriterPropertiesBuilder,
    purpose: Purpose,
    schema: &Schema,
) -> WriterPropertiesBuilder {
    let texts = schema.fields().iter().filter(|field| *field.data_type() == DataType::Utf8);
    texts.filter(|_| purpose == Purpose::Staging).fold(properties, |properties, text| {
        let column = ColumnPath::from(vec![text.name().clone()]);
        properties.set_column_statistics_enabled(column, EnabledStatistics::None)
    })
}

/// The footer of a Parquet file.
///
/// # Errors
/// Damaged where the file is no whole Parquet file.
pub(crate) fn footer(path: &Path) -> Result<ParquetMetaData> {
    let file = File::open(path).map_err(|error| io_error("open", path, error))?;
    ParquetMetaDataReader::new().parse_and_finish(&file).map_err(|error| {
        Error::damaged("a data file is damaged: it has no readable Parquet footer")
            .with("file", path.display())
            .caused_by(error)
    })
}

/// The SHA-256 of a file's bytes, in hexadecimal.
pub(crate) fn sha256_of(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|error| io_error("open", path, error))?;
    let (mut sha256, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer).map_err(|error| io_error("read", path, error))?;
        match buffer.get(..read) {
            Some(bytes) if !bytes.is_empty() => sha256.update(bytes),
            _ => return Ok(hex(&sha256.finalize())),
        }
    }
}

fn sorting_columns(schema: &Schema, sort_by: &[String]) -> Option<Vec<SortingColumn>> {
    let column = |name: &String| {
        let column_idx = i32::try_from(schema.index_of(name).ok()?).ok()?;
        Some(SortingColumn { column_idx, descending: false, nulls_first: false })
    };
    let columns: Option<Vec<SortingColumn>> = sort_by.iter().map(column).collect();
    columns.filter(|columns| !columns.is_empty())
}

fn parquet_error(error: ParquetError) -> Error {
    match error {
        // The disk, not the rows.
        ParquetError::External(source) => {
            Error::new(ErrorKind::Unavailable, "cannot write a Parquet file").caused_by(source)
        }
        other => Error::internal("cannot write a Parquet file").caused_by(other),
    }
}

/// A file that counts, and hashes if it is to, what goes through.
struct Hashing {
    file: BufWriter<File>,
    sha256: Option<Sha256>,
    size_bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        if let (Some(bytes), Some(sha256)) = (bytes.get(..written), &mut self.sha256) {
            sha256.update(bytes);
        }
        self.size_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
