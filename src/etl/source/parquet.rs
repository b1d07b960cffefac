//! Parquet: columns arrive typed and stay whole.
//!
//! Only the wanted columns are decoded, a batch at a time. Their types are checked against the
//! declared ones in `clean`, a whole column at a time. Bytes that the file does not call text are
//! `\x` and hexadecimal digits, as those of databases are.

use super::batch::{Places, Raw};
use super::files::{Files, hexadecimal};
use super::headings::Wanted;
use super::{Alive, Cells, Found, Piece, RawBatch, Sink, Source, headings};
use crate::error::{Error, Result};
use crate::etl::job::FilePlace;
use crate::store::Input;
use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// Rows a batch of typed columns holds.
const BATCH_ROWS: usize = 65_536;

/// Parquet files.
pub(super) struct Parquet {
    files: Files,
    columns: Wanted,
}

impl Parquet {
    pub(super) fn new(project: &Path, place: &FilePlace, columns: Wanted) -> Result<Self> {
        Ok(Self { files: Files::new(project, &place.path, place.access.as_ref())?, columns })
    }

    fn read_rows(&self, found: &Found, sink: &mut Sink<'_>) -> Result<()> {
        let name = &found.input.name;
        let file = self
            .files
            .open(found, &mut || sink(RawBatch::nothing(name, self.columns.len()).into()))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(broken)?;
        let have: Vec<String> =
            builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        let wanted = headings::positions(&have, &self.columns)?;
        let mut decoded: Vec<usize> = wanted.iter().flatten().copied().collect();
        decoded.sort_unstable();
        decoded.dedup();
        let mask = ProjectionMask::roots(builder.parquet_schema(), decoded.iter().copied());
        let total = builder.metadata().file_metadata().num_rows().max(1) as u64;
        let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
        sink(Piece::Headings(have))?;
        let names: Arc<[String]> = headings::headings(&self.columns).into();
        let file: Arc<str> = found.input.name.as_str().into();
        let mut rows = 0;
        for batch in reader.map_err(broken)? {
            let batch = batch.map_err(broken)?;
            let columns = wanted.iter().map(|at| cells(&batch, &decoded, *at));
            let columns = columns.collect::<Result<_, ArrowError>>().map_err(broken)?;
            let first = rows + 1;
            rows += batch.num_rows() as u64;
            let raw = RawBatch {
                file: Arc::clone(&file),
                columns,
                rows: batch.num_rows(),
                places: Places::From(first),
                raw: Raw::Cells(Arc::clone(&names)),
                unreadable: Vec::new(),
                bytes_read: share(found.input.size_bytes, rows, total),
            };
            sink(raw.into())?;
        }
        Ok(())
    }
}

impl Source for Parquet {
    fn inputs(&self, alive: &mut Alive<'_>) -> Result<Vec<Found>> {
        self.files.inputs(alive)
    }

    fn read_before(&mut self, names: HashSet<String>) {
        self.files.read_before(names);
    }

    fn nothing_found(&self) -> Error {
        self.files.nothing_found()
    }

    fn read(&self, found: &Found, sink: &mut Sink<'_>) -> Result<Input> {
        self.files.hashing(found, || {
            self.read_rows(found, sink).map_err(|error| error.with("file", &found.input.name))
        })
    }
}

/// The column that stood at a place in the file, of those decoded.
fn cells(batch: &RecordBatch, decoded: &[usize], at: Option<usize>) -> Result<Cells, ArrowError> {
    let Some(at) = at else {
        return Ok(Cells::Text { values: StringArray::new_null(batch.num_rows()), native: None });
    };
    let column = batch.column(decoded.partition_point(|other| *other < at));
    Ok(match column.data_type() {
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => {
            Cells::Text { values: hexadecimals(column)?, native: None }
        }
        _ => Cells::Typed(Arc::clone(column)),
    })
}

/// Bytes as text.
fn hexadecimals(bytes: &ArrayRef) -> Result<StringArray, ArrowError> {
    let bytes = cast(bytes, &DataType::LargeBinary)?;
    let text = |bytes: &[u8]| format!("\\x{}", hexadecimal(bytes));
    Ok(bytes.as_binary::<i64>().iter().map(|bytes| bytes.map(text)).collect())
}

/// That part of the bytes which the rows read are of all rows.
fn share(bytes: u64, rows: u64, total: u64) -> u64 {
    u64::try_from(u128::from(bytes) * u128::from(rows) / u128::from(total)).unwrap_or(bytes)
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::data("the Parquet file is damaged or none at all").caused_by(error)
}
