//! Rows of a binary COPY into columns, a column at a time.
//!
//! A column stays typed where Arrow has a place for all of its values in a batch. Where it has
//! none (infinity, NaN, years beyond 9999, more digits than declared), the batch's column is text,
//! and cleaning says which value is wrong and why, as it does for every other text.

use super::values::{self, EPOCH_DAYS, EPOCH_MICROS, Wire};
use crate::error::{Error, Result};
use crate::etl::job::SourceColumn;
use crate::etl::source::batch::{Places, Raw, Unreadable, rendered_as_json};
use crate::etl::source::lines::escape_utf8;
use crate::etl::source::{Cells, Position, RawBatch, headings};
use crate::model::ColumnType;
use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, StringArray, StringBuilder,
};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use std::sync::Arc;

/// Days and microseconds of the years 1 to 9999, which a text of the same value may have.
const DAYS: std::ops::RangeInclusive<i32> = -719_162..=2_932_896;
const MICROS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// Whole rows, as the server sent them.
pub(super) struct Block {
    /// Their bytes.
    pub(super) bytes: Vec<u8>,
    /// How many there are.
    pub(super) rows: usize,
}

/// What the columns of a row are.
pub(super) struct Layout {
    file: Arc<str>,
    names: Arc<[String]>,
    columns: Vec<(Wire, ColumnType)>,
}

/// The cells of a column: none is NULL.
type Column<'a> = Vec<Option<&'a [u8]>>;

impl Layout {
    pub(super) fn new(file: &str, wires: &[Wire], columns: &[SourceColumn]) -> Self {
        let names = headings::headings(columns).into();
        let columns = wires.iter().zip(columns).map(|(wire, column)| (*wire, column.ty)).collect();
        Self { file: file.into(), names, columns }
    }

    /// A batch without rows: a sign of life.
    pub(super) fn nothing(&self, bytes_read: u64) -> RawBatch {
        let empty = || Cells::Text { values: StringArray::new_null(0), native: None };
        self.batch(self.columns.iter().map(|_| empty()).collect(), 0, 0, bytes_read)
    }

    fn batch(&self, columns: Vec<Cells>, rows: usize, first: u64, bytes_read: u64) -> RawBatch {
        RawBatch {
            file: Arc::clone(&self.file),
            columns,
            rows,
            places: Places::From(first),
            raw: Raw::Cells(Arc::clone(&self.names)),
            unreadable: Vec::new(),
            bytes_read,
        }
    }

    /// A block's rows, the first of them being this one of all.
    ///
    /// # Errors
    /// Internal where the block is not what it should be.
    pub(super) fn decode(&self, block: &Block, first: u64, bytes_read: u64) -> Result<RawBatch> {
        let mut columns = self.columns(block)?;
        let undecodable = self.undecodable(&columns);
        if undecodable.is_empty() {
            return Ok(self.batch(self.cells(&columns)?, block.rows, first, bytes_read));
        }
        let mut lines: Vec<u64> = (first..).take(block.rows).collect();
        let mut unreadable = Vec::new();
        for (row, column) in undecodable.iter().rev() {
            let cells = self.render(&mut columns, *row);
            let names = self.names.iter().map(String::as_str);
            let raw = rendered_as_json(names.zip(cells));
            let reason = format!("`{}` holds bytes that are not text", self.names[*column]);
            let position = Position { line: lines.remove(*row), offset: None };
            unreadable.push(Unreadable { position, rule: "encoding", reason, raw });
        }
        let places = lines.into_iter().map(|line| Position { line, offset: None }).collect();
        let rows = block.rows - unreadable.len();
        let batch = self.batch(self.cells(&columns)?, rows, first, bytes_read);
        unreadable.reverse();
        Ok(RawBatch { places: Places::Each(places), unreadable, ..batch })
    }

    /// Takes the rows apart.
    fn columns<'b>(&self, block: &'b Block) -> Result<Vec<Column<'b>>> {
        let mut columns = vec![Vec::with_capacity(block.rows); self.columns.len()];
        let mut rest = block.bytes.as_slice();
        for _ in 0..block.rows {
            let (_, mut cells) = rest.split_first_chunk::<2>().ok_or_else(torn)?;
            for column in &mut columns {
                let (length, after) = cells.split_first_chunk::<4>().ok_or_else(torn)?;
                cells = after;
                column.push(match usize::try_from(i32::from_be_bytes(*length)) {
                    Err(_) => None,
                    Ok(length) => {
                        let (cell, after) = cells.split_at_checked(length).ok_or_else(torn)?;
                        cells = after;
                        Some(cell)
                    }
                });
            }
            rest = cells;
        }
        if rest.is_empty() { Ok(columns) } else { Err(torn()) }
    }

    /// The rows that hold text which is none, each with the first such column. A database may say
    /// that it does not know its own encoding (`SQL_ASCII`).
    fn undecodable(&self, columns: &[Column<'_>]) -> Vec<(usize, usize)> {
        let mut found = std::collections::BTreeMap::new();
        for (at, ((wire, _), column)) in self.columns.iter().zip(columns).enumerate() {
            if !matches!(wire, Wire::Text | Wire::Jsonb) {
                continue;
            }
            for (row, cell) in column.iter().enumerate() {
                if cell.is_some_and(|cell| std::str::from_utf8(cell).is_err()) {
                    found.entry(row).or_insert(at);
                }
            }
        }
        found.into_iter().collect()
    }

    /// Takes a row out, as text.
    fn render(&self, columns: &mut [Column<'_>], row: usize) -> Vec<Option<String>> {
        let cells = columns.iter_mut().map(|column| column.remove(row));
        let rendered = cells.zip(&self.columns).map(|(cell, (wire, _))| {
            cell.map(|cell| values::text(*wire, cell).unwrap_or_else(|| escape_utf8(cell)))
        });
        rendered.collect()
    }

    fn cells(&self, columns: &[Column<'_>]) -> Result<Vec<Cells>> {
        let columns = self.columns.iter().zip(columns);
        columns
            .map(|((wire, ty), column)| match typed(*wire, *ty, column) {
                Some(array) => Ok(Cells::Typed(array)),
                None => text(*wire, column),
            })
            .collect()
    }
}

/// The column with its type; none where not all values have a place in it.
fn typed(wire: Wire, ty: ColumnType, cells: &Column<'_>) -> Option<ArrayRef> {
    Some(match (wire, ty) {
        (Wire::Boolean, _) => {
            let values: BooleanArray =
                cells.iter().map(|cell| cell.map(|cell| cell.first() != Some(&0))).collect();
            Arc::new(values)
        }
        (Wire::Int16, _) => Arc::new(primitive::<Int16Type>(cells, |b| {
            Some(i16::from_be_bytes(b.try_into().ok()?))
        })?),
        (Wire::Int32, _) => Arc::new(primitive::<Int32Type>(cells, |b| {
            Some(i32::from_be_bytes(b.try_into().ok()?))
        })?),
        (Wire::Int64, _) => Arc::new(primitive::<Int64Type>(cells, |b| {
            Some(i64::from_be_bytes(b.try_into().ok()?))
        })?),
        (Wire::Float32, _) => {
            let value = |b: &[u8]| Some(f32::from_be_bytes(b.try_into().ok()?));
            Arc::new(primitive::<Float32Type>(cells, value)?)
        }
        (Wire::Float64, _) => {
            let value = |b: &[u8]| Some(f64::from_be_bytes(b.try_into().ok()?));
            Arc::new(primitive::<Float64Type>(cells, value)?)
        }
        (Wire::Numeric, ColumnType::Decimal { precision, scale }) => {
            let value = |bytes: &[u8]| super::numeric::decimal(bytes, precision, scale);
            let values = primitive::<Decimal128Type>(cells, value)?;
            Arc::new(values.with_data_type(ty.arrow()))
        }
        (Wire::Date, _) => {
            let value = |bytes: &[u8]| {
                let days = i32::from_be_bytes(bytes.try_into().ok()?).checked_add(EPOCH_DAYS)?;
                DAYS.contains(&days).then_some(days)
            };
            Arc::new(primitive::<Date32Type>(cells, value)?)
        }
        (Wire::Timestamp | Wire::TimestampTz, _) => {
            let value = |bytes: &[u8]| {
                let micros =
                    i64::from_be_bytes(bytes.try_into().ok()?).checked_add(EPOCH_MICROS)?;
                MICROS.contains(&micros).then_some(micros)
            };
            let values = primitive::<TimestampMicrosecondType>(cells, value)?;
            Arc::new(values.with_timezone("UTC"))
        }
        _ => return None,
    })
}

fn primitive<T: ArrowPrimitiveType>(
    cells: &Column<'_>,
    value: impl Fn(&[u8]) -> Option<T::Native>,
) -> Option<PrimitiveArray<T>> {
    let values = cells.iter().map(|cell| match cell {
        None => Some(None),
        Some(bytes) => value(bytes).map(Some),
    });
    values.collect::<Option<Vec<Option<T::Native>>>>().map(PrimitiveArray::from_iter)
}

fn text(wire: Wire, cells: &Column<'_>) -> Result<Cells> {
    let mut values = StringBuilder::with_capacity(cells.len(), cells.len() * 16);
    for cell in cells {
        match cell {
            None => values.append_null(),
            Some(bytes) if wire == Wire::Text => {
                values.append_value(std::str::from_utf8(bytes).map_err(|_| torn())?);
            }
            Some(bytes) => values.append_value(values::text(wire, bytes).ok_or_else(torn)?),
        }
    }
    let native = wire.is_native().then(|| BooleanBuffer::new_set(cells.len()));
    Ok(Cells::Text { values: values.finish(), native })
}

fn torn() -> Error {
    Error::internal("the rows that the server sent are not what was asked for")
}
