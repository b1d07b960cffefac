//! Declared columns as Arrow arrays: the types that rows have between transformation and file.

use crate::error::{Error, Result};
use crate::model::{Column, ColumnType, arrow_schema};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::record_batch::RecordBatch;

/// The declared type that holds an Arrow type without loss, if there is one.
pub(crate) fn declared_type(ty: &DataType) -> Option<ColumnType> {
    Some(match ty {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ColumnType::Text,
        DataType::Dictionary(_, values) => declared_type(values)?,
        DataType::Boolean => ColumnType::Boolean,
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => ColumnType::Int16,
        DataType::UInt16 | DataType::Int32 => ColumnType::Int32,
        DataType::UInt32 | DataType::Int64 => ColumnType::Int64,
        DataType::Float32 | DataType::Float64 => ColumnType::Float64,
        DataType::UInt64 => ColumnType::Decimal { precision: 20, scale: 0 },
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => {
            ColumnType::Decimal { precision: *precision, scale: u8::try_from(*scale).ok()? }
        }
        DataType::Date32 => ColumnType::Date,
        DataType::Timestamp(
            TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond,
            _,
        ) => ColumnType::Timestamp,
        _ => return None,
    })
}

/// A batch whose columns are the declared ones by position, in the types that files have.
///
/// # Errors
/// Internal errors where the batch is of another form, a NULL in a column without NULLs included.
pub(crate) fn conform(batch: &RecordBatch, columns: &[Column]) -> Result<RecordBatch> {
    let wrong = |error| Error::internal("rows do not fit their table").caused_by(error);
    if batch.num_columns() != columns.len() {
        return Err(Error::internal("rows do not have their table's columns"));
    }
    let pairs = batch.columns().iter().zip(columns);
    let arrays: Vec<_> = pairs
        .map(|(array, column)| cast(array, &column.ty.arrow()).map_err(wrong))
        .collect::<Result<_>>()?;
    let options =
        arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(arrow_schema(columns), arrays, &options).map_err(wrong)
}
