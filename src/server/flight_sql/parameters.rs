//! Values for the parameters of a prepared statement, from the Arrow data a client binds.

use super::arriving::Arriving;
use crate::error::{Error, ErrorKind, Result};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::FlightData;
use datafusion::scalar::ScalarValue;
use futures::stream::Stream;
use tonic::Status;

/// Rows that may be bound at once; each is a query of its own.
const MAX_ROWS: usize = 10_000;
/// Bytes that may be bound at once.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Reads the rows of values that a client sends. Columns count by position, as `?` and `$n` do.
///
/// # Errors
/// Usage where the data cannot be read, user where it does not fit the parameters, limit where it
/// is too much.
pub(super) async fn read(
    data: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
    parameters: &Schema,
) -> Result<Vec<Vec<ScalarValue>>> {
    let mut batches = Arriving::new(data, Some(MAX_BYTES));
    let mut rows = Vec::new();
    while let Some(batch) = batches.next().await.transpose()? {
        if batch.num_rows() > MAX_ROWS - rows.len() {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("more than {MAX_ROWS} rows of parameters"),
            ));
        }
        rows.extend(values(&batch, parameters)?);
    }
    Ok(rows)
}

/// The values of each row of a batch.
fn values(batch: &RecordBatch, parameters: &Schema) -> Result<Vec<Vec<ScalarValue>>> {
    let expected = parameters.fields().len();
    if batch.num_columns() != expected {
        return Err(Error::user(format!(
            "the statement has {expected} parameter(s), but values for {} were bound",
            batch.num_columns()
        )));
    }
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .zip(parameters.fields())
        .map(|(column, parameter)| fit(column, parameter))
        .collect::<Result<_>>()?;
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| value(column, row)).collect())
        .collect()
}

fn value(column: &ArrayRef, row: usize) -> Result<ScalarValue> {
    match ScalarValue::try_from_array(column, row) {
        Ok(ScalarValue::Dictionary(_, value)) => Ok(*value),
        Ok(value) => Ok(value),
        Err(error) => {
            let text = format!("a value of type {} cannot be bound", column.data_type());
            Err(Error::unsupported(text).caused_by(error))
        }
    }
}

/// Values keep the type the client gave them, as literals in the statement would, and planning
/// widens both sides to a common type: `quantity > 2.5` means what it says. But a text bound where
/// planning knows of a number, date or truth value is converted, as `PREPARE` does; else
/// `'07' = 7` would compare letters.
fn fit(column: &ArrayRef, parameter: &Field) -> Result<ArrayRef> {
    let wanted = parameter.data_type();
    if !is_text(column.data_type()) || is_text(wanted) {
        return Ok(ArrayRef::clone(column));
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(column, wanted, &strict).map_err(|error| {
        Error::user(format!("the value of parameter {} is no {wanted}", parameter.name()))
            .caused_by(error)
    })
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{DictionaryArray, Float64Array, NullArray, StringArray};
    use arrow::datatypes::Int32Type;
    use std::sync::Arc;

    fn schema(types: &[DataType]) -> Schema {
        let field =
            |(n, ty): (usize, &DataType)| Field::new(format!("${}", n + 1), ty.clone(), true);
        Schema::new(types.iter().enumerate().map(field).collect::<Vec<_>>())
    }

    fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
        let names = ["0", "1", "2"];
        RecordBatch::try_from_iter(names.into_iter().zip(columns)).unwrap()
    }

    #[test]
    fn numbers_keep_their_type_and_text_is_parsed() {
        let given = batch(vec![
            Arc::new(Float64Array::from(vec![2.5])),
            Arc::new(StringArray::from(vec!["07"])),
            Arc::new(StringArray::from(vec!["07"])),
        ]);
        let wanted = schema(&[DataType::Int32, DataType::Int32, DataType::Utf8]);
        let expected = vec![vec![
            ScalarValue::Float64(Some(2.5)),
            ScalarValue::Int32(Some(7)),
            ScalarValue::Utf8(Some("07".to_owned())),
        ]];
        assert_eq!(values(&given, &wanted).unwrap(), expected);
    }

    #[test]
    fn each_row_is_bound_and_nulls_and_dictionaries_are_values() {
        let codes: DictionaryArray<Int32Type> = [Some("a"), None].into_iter().collect();
        let given = batch(vec![Arc::new(codes), Arc::new(NullArray::new(2))]);
        let rows = values(&given, &schema(&[DataType::Utf8, DataType::Int32])).unwrap();
        let text = |value: Option<&str>| ScalarValue::Utf8(value.map(str::to_owned));
        assert_eq!(rows, [[text(Some("a")), ScalarValue::Null], [text(None), ScalarValue::Null]]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let text = || -> ArrayRef { Arc::new(StringArray::from(vec!["x"])) };
        let error = values(&batch(vec![text()]), &schema(&[DataType::Date32])).unwrap_err();
        assert!(error.message().contains("the value of parameter $1"), "{error}");
        let error = values(&batch(vec![text(), text()]), &schema(&[DataType::Utf8])).unwrap_err();
        assert!(error.message().contains("has 1 parameter(s), but values for 2"), "{error}");
    }
}
