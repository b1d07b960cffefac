//! The file of an export: the same rows always become the same bytes, and it is there as a whole or
//! not at all.

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::engine::Query;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::ReleaseId;
use arrow::array::{Array, ArrayRef};
use arrow::compute::BatchCoalescer;
use arrow::csv::WriterBuilder;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use arrow::util::display::array_value_to_string;
use chrono::NaiveDate;
use futures::TryStreamExt;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::NamedTempFile;

/// Rows that are written at a time, however they come: where pages end depends on it.
const ROWS_AT_A_TIME: usize = 8192;

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Parquet, its provenance in its metadata.
    Parquet,
    /// Comma-separated values with a heading, their provenance in a file beside them.
    Csv,
}

impl Form {
    /// By the name of the file.
    ///
    /// # Errors
    /// Usage errors for other names.
    pub(super) fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("parquet") => Ok(Self::Parquet),
            Some("csv") => Ok(Self::Csv),
            _ => Err(Error::new(ErrorKind::Usage, "an export is a .parquet or a .csv file")
                .with("file", path.display())),
        }
    }
}

/// Where an export comes from: all that makes it again.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Provenance {
    pub(super) release: ReleaseId,
    pub(super) as_of: Option<NaiveDate>,
    pub(super) key: Vec<String>,
    pub(super) question: String,
}

/// What was written.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Exported {
    pub(super) rows: u64,
    pub(super) sha256: String,
}

/// Runs a question and writes its answer.
///
/// # Errors
/// Data errors where several rows have one key, or one has none; whatever asking and writing may fail
/// with. No file is touched before all is written.
pub(super) async fn write(
    query: &Query,
    provenance: &Provenance,
    form: Form,
    to: &Path,
) -> std::result::Result<Exported, Failure> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let file = NamedTempFile::new_in(folder).map_err(|error| unwritable(to, error))?;
    let mut writer = Writer::new(form, file, query.schema(), provenance)?;
    let mut keys = Keys::new(&query.schema(), &provenance.key)?;
    let mut rows = query.execute().await?;
    let mut coalescer = BatchCoalescer::new(query.schema(), ROWS_AT_A_TIME);
    let mut count = 0;
    while let Some(batch) = rows.try_next().await.map_err(output::failed)? {
        keys.check(&batch)?;
        count += batch.num_rows() as u64;
        coalescer.push_batch(batch).map_err(broken)?;
        while let Some(whole) = coalescer.next_completed_batch() {
            writer.write(&whole)?;
        }
    }
    coalescer.finish_buffered_batch().map_err(broken)?;
    while let Some(rest) = coalescer.next_completed_batch() {
        writer.write(&rest)?;
    }
    let file = writer.finish(to)?;
    let exported = Exported { rows: count, sha256: sha256(file.path(), to)? };
    if form == Form::Csv {
        beside(folder, to, provenance, &exported)?;
    }
    put(file, to)?;
    Ok(exported)
}

/// Says where a file comes from, in a file of its own.
fn beside(folder: &Path, to: &Path, provenance: &Provenance, exported: &Exported) -> Result<()> {
    #[derive(Serialize)]
    struct Beside<'a> {
        #[serde(flatten)]
        provenance: &'a Provenance,
        #[serde(flatten)]
        exported: &'a Exported,
    }
    let mut name = to.as_os_str().to_owned();
    name.push(".json");
    let name = PathBuf::from(name);
    let mut file = NamedTempFile::new_in(folder).map_err(|error| unwritable(&name, error))?;
    let text = serde_json::to_string_pretty(&Beside { provenance, exported })
        .map_err(|error| Error::internal("an export has no provenance").caused_by(error))?;
    writeln!(file, "{text}").map_err(|error| unwritable(&name, error))?;
    put(file, &name)
}

/// Puts a whole file in the place of what was there.
fn put(file: NamedTempFile, to: &Path) -> Result<()> {
    file.as_file().sync_all().map_err(|error| unwritable(to, error))?;
    readable(file.as_file()).map_err(|error| unwritable(to, error))?;
    file.persist(to).map_err(|error| unwritable(to, error.error))?;
    Ok(())
}

/// A temporary file is its maker's alone; an export is as any other file.
#[cfg(unix)]
fn readable(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &File) -> std::io::Result<()> {
    Ok(())
}

fn sha256(path: &Path, to: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    let mut file = File::open(path).map_err(|error| unwritable(to, error))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match std::io::Read::read(&mut file, &mut buffer) {
            Ok(0) => break,
            Ok(read) => digest.update(&buffer[..read]),
            Err(error) => return Err(unwritable(to, error)),
        }
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The keys of rows that come in their order: each is there, and once.
struct Keys {
    columns: Vec<usize>,
    names: Vec<String>,
    converter: RowConverter,
    last: Option<Vec<u8>>,
}

impl Keys {
    fn new(schema: &SchemaRef, key: &[String]) -> Result<Self> {
        let columns = key.iter().map(|name| schema.index_of(name).map_err(broken));
        let columns = columns.collect::<Result<Vec<usize>>>()?;
        let types = columns.iter().map(|column| schema.field(*column).data_type().clone());
        let converter = RowConverter::new(types.map(SortField::new).collect()).map_err(broken)?;
        Ok(Self { columns, names: key.to_vec(), converter, last: None })
    }

    fn check(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns: Vec<ArrayRef> =
            self.columns.iter().map(|column| Arc::clone(batch.column(*column))).collect();
        let rows = self.converter.convert_columns(&columns).map_err(broken)?;
        for (row, key) in rows.iter().enumerate() {
            if columns.iter().any(|column| column.is_null(row)) {
                return Err(self.refused("a row has no key", &columns, row));
            }
            if self.last.as_deref() == Some(key.data()) {
                return Err(self.refused("several rows have the same key", &columns, row));
            }
            self.last = Some(key.data().to_vec());
        }
        Ok(())
    }

    fn refused(&self, what: &str, columns: &[ArrayRef], row: usize) -> Error {
        let shown =
            self.names.iter().zip(columns).map(|(name, column)| match column.is_null(row) {
                true => format!("{name} is NULL"),
                false => {
                    format!("{name} = {}", array_value_to_string(column, row).unwrap_or_default())
                }
            });
        let hint = "`--key` names the columns that tell rows apart; GROUP BY them, and leave rows \
                    without them out";
        Error::data(what).with("key", shown.collect::<Vec<_>>().join(", ")).hint(hint)
    }
}

enum Writer {
    Parquet(Box<ArrowWriter<BufWriter<NamedTempFile>>>),
    Csv(Box<arrow::csv::Writer<BufWriter<NamedTempFile>>>),
}

impl Writer {
    fn new(form: Form, file: NamedTempFile, schema: SchemaRef, of: &Provenance) -> Result<Self> {
        let sink = BufWriter::new(file);
        Ok(match form {
            Form::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::SNAPPY)
                    .set_key_value_metadata(Some(metadata(of)))
                    .build();
                let writer = ArrowWriter::try_new(sink, schema, Some(properties));
                Self::Parquet(Box::new(writer.map_err(unencoded)?))
            }
            Form::Csv => {
                let mut writer = WriterBuilder::new().with_header(true).build(sink);
                // An answer without rows still has its heading.
                writer.write(&RecordBatch::new_empty(schema)).map_err(broken)?;
                Self::Csv(Box::new(writer))
            }
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Parquet(writer) => writer.write(batch).map_err(unencoded),
            Self::Csv(writer) => writer.write(batch).map_err(broken),
        }
    }

    fn finish(self, to: &Path) -> Result<NamedTempFile> {
        let sink = match self {
            Self::Parquet(writer) => writer.into_inner().map_err(unencoded)?,
            Self::Csv(writer) => writer.into_inner(),
        };
        sink.into_inner().map_err(|error| unwritable(to, error.into_error()))
    }
}

/// What a Parquet file says of where it comes from. Neither who wrote it, nor where or when.
fn metadata(of: &Provenance) -> Vec<KeyValue> {
    let mut pairs = vec![
        KeyValue::new("starhouse.release".to_owned(), of.release.to_string()),
        KeyValue::new("starhouse.key".to_owned(), of.key.join(", ")),
        KeyValue::new("starhouse.question".to_owned(), of.question.clone()),
    ];
    pairs
        .extend(of.as_of.map(|date| KeyValue::new("starhouse.as_of".to_owned(), date.to_string())));
    pairs
}

fn unwritable(to: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "cannot write")
        .with("file", to.display())
        .caused_by(error)
        .hint("the file that was there, if any, is as it was")
}

fn broken(error: ArrowError) -> Error {
    Error::data("the answer cannot be written in that form").caused_by(error)
}

fn unencoded(error: ParquetError) -> Error {
    Error::data("the answer cannot be written in that form").caused_by(error)
}
