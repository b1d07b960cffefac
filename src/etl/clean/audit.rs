//! What tells of a row how good it is and where it came from: two columns more, where a source asks
//! for them.

use crate::error::{Error, Result};
use crate::etl::job::AUDIT_COLUMNS;
use crate::etl::source::RawBatch;
use arrow::array::{Array, ArrayRef, Float64Array, StringArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;

/// Columns, and these two after them.
///
/// # Errors
/// User where there is such a column already.
pub(super) fn with_audit(schema: &Schema) -> Result<SchemaRef> {
    let mut fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone()).collect();
    for (name, ty) in AUDIT_COLUMNS {
        if schema.field_with_name(name).is_ok() {
            let message = format!("`audit` adds a column `{name}`, and there is one already");
            return Err(Error::user(message));
        }
        fields.push(Field::new(name, ty.arrow(), true));
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// Cleaned rows with the two columns. `read` is how many of the columns were read; values that a
/// rule has made NULL count as missing.
pub(super) fn add(
    rows: &RecordBatch,
    raw: &RawBatch,
    read: usize,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let count = rows.num_rows();
    let keys = (0..count).map(|row| format!("{}:{}", raw.file, raw.position(row).line));
    let values = |row: usize| rows.columns().iter().take(read).filter(|c| c.is_valid(row)).count();
    let quality = (0..count).map(|row| values(row) as f64 / read.max(1) as f64);
    let mut arrays: Vec<ArrayRef> = rows.columns().to_vec();
    arrays.push(Arc::new(StringArray::from_iter_values(keys)));
    arrays.push(Arc::new(Float64Array::from_iter_values(quality)));
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
        .map_err(|error| Error::internal("rows and their audit do not fit").caused_by(error))
}
