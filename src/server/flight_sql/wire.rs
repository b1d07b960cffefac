//! Types at the wire: what every Flight SQL client can read.
//!
//! Inside plans text is a view, and functions may give dictionaries, narrow decimals and the like;
//! JDBC before 18.3, older ADBC and Grafana read none of these. So they are converted to the plain
//! type that holds the same values, the schema when it is promised and each batch as it leaves.

use crate::error::{Error, Result};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Schema, SchemaRef};
use std::sync::Arc;

/// The plain type that holds the same values.
pub(super) fn data_type(from: &DataType) -> DataType {
    match from {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => data_type(values),
        DataType::RunEndEncoded(_, values) => data_type(values.data_type()),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Decimal256(precision, scale) if *precision <= DECIMAL128_MAX_PRECISION => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::List(items)
        | DataType::LargeList(items)
        | DataType::ListView(items)
        | DataType::LargeListView(items) => DataType::List(field(items)),
        DataType::FixedSizeList(items, size) => DataType::FixedSizeList(field(items), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(field(entries), *sorted),
        plain => plain.clone(),
    }
}

fn field(from: &FieldRef) -> FieldRef {
    let plain = data_type(from.data_type());
    if plain == *from.data_type() {
        return Arc::clone(from);
    }
    Arc::new(from.as_ref().clone().with_data_type(plain))
}

/// The schema that goes over the wire.
///
/// # Errors
/// Unsupported where a column's type has no plain form.
pub(super) fn schema(from: &Schema) -> Result<Schema> {
    let fields: Vec<FieldRef> = from.fields().iter().map(field).collect();
    for (given, plain) in from.fields().iter().zip(&fields) {
        if !can_cast_types(given.data_type(), plain.data_type()) {
            return Err(Error::unsupported(format!(
                "column `{}` has the type {}, which clients cannot read",
                given.name(),
                given.data_type()
            ))
            .hint("cast it to another type in the query"));
        }
    }
    Ok(Schema::new_with_metadata(fields, from.metadata().clone()))
}

/// A batch in the promised schema.
///
/// # Errors
/// Internal where it does not keep the promise (another number of columns, NULL in a column
/// promised without).
pub(super) fn batch(from: &RecordBatch, promised: &SchemaRef) -> Result<RecordBatch> {
    if from.schema_ref() == promised {
        return Ok(from.clone());
    }
    let broken = || Error::internal("the answer is not of the promised schema");
    if from.num_columns() != promised.fields().len() {
        return Err(broken());
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let columns: Vec<ArrayRef> = from
        .columns()
        .iter()
        .zip(promised.fields())
        .map(|(column, field)| {
            if column.data_type() == field.data_type() {
                return Ok(ArrayRef::clone(column));
            }
            cast_with_options(column, field.data_type(), &strict)
                .map_err(|error| broken().with("column", field.name()).caused_by(error))
        })
        .collect::<Result<_>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(from.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(promised), columns, &rows)
        .map_err(|error| broken().caused_by(error))
}

/// A client's batch in plain types.
///
/// # Errors
/// As [`schema`] and [`batch`].
pub(super) fn plain(from: &RecordBatch) -> Result<RecordBatch> {
    batch(from, &Arc::new(schema(from.schema_ref())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        Array, AsArray, Decimal64Array, DictionaryArray, Int32RunArray, ListArray, StringViewArray,
    };
    use arrow::datatypes::{Decimal128Type, Int32Type};
    use arrow_flight::encode::FlightDataEncoderBuilder;
    use futures::stream::{self, StreamExt};

    fn odd_batch() -> RecordBatch {
        let words = ["north", "south", "south"];
        let dictionary: DictionaryArray<Int32Type> = words.into_iter().collect();
        let runs: Int32RunArray = words.into_iter().collect();
        let decimals = Decimal64Array::from(vec![Some(1234), None, Some(-5)])
            .with_precision_and_scale(10, 2)
            .unwrap();
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1)]),
            None,
            Some(vec![]),
        ]);
        RecordBatch::try_from_iter_with_nullable([
            ("view", Arc::new(StringViewArray::from(words.to_vec())) as ArrayRef, false),
            ("dictionary", Arc::new(dictionary), false),
            ("runs", Arc::new(runs), false),
            ("decimal", Arc::new(decimals), true),
            ("list", Arc::new(lists), true),
        ])
        .unwrap()
    }

    #[test]
    fn values_stay_and_types_are_plain() {
        let plain = plain(&odd_batch()).unwrap();
        for column in ["view", "dictionary", "runs"] {
            let text = plain.column_by_name(column).unwrap().as_string::<i32>();
            let values: Vec<_> = text.iter().flatten().collect();
            assert_eq!(values, ["north", "south", "south"], "{column}");
        }
        let decimals = plain.column(3).as_primitive::<Decimal128Type>();
        assert_eq!(decimals.data_type(), &DataType::Decimal128(10, 2));
        assert_eq!(decimals.iter().collect::<Vec<_>>(), [Some(1234), None, Some(-5)]);
        assert!(!plain.schema().field(0).is_nullable());
    }

    #[tokio::test]
    async fn the_encoder_sends_the_promised_schema_as_it_is() {
        let promised = Arc::new(schema(odd_batch().schema_ref()).unwrap());
        let encoder = FlightDataEncoderBuilder::new().with_schema(Arc::clone(&promised));
        let mut encoded = encoder.build(stream::empty());
        let first = encoded.next().await.unwrap().unwrap();
        assert_eq!(Schema::try_from(&first).unwrap(), *promised);
    }

    #[test]
    fn a_broken_promise_is_an_error() {
        let batch_ = odd_batch();
        let mut fields: Vec<Field> =
            batch_.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        fields[3] = fields[3].clone().with_nullable(false);
        let promised = Arc::new(schema(&Schema::new(fields)).unwrap());
        let error = batch(&batch_, &promised).unwrap_err();
        assert_eq!(error.kind(), crate::error::ErrorKind::Internal);
    }
}
