//! The types answers have: what every client reads, not what is quickest inside.
//!
//! Text and binary views become plain, dictionaries are hydrated, decimals have 128 bits where they
//! fit, lists are of one kind; also inside lists, structs and maps.

use crate::error::{Error, Result};
use arrow::array::{ArrayRef, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// The schema that answers of a plan's schema have. Metadata of fields is dropped: it is
/// DataFusion's own business.
pub(crate) fn schema(inside: &Schema) -> SchemaRef {
    Arc::new(Schema::new(inside.fields().iter().map(field).collect::<Vec<_>>()))
}

fn field(inside: &FieldRef) -> FieldRef {
    let ty = data_type(inside.data_type());
    Arc::new(Field::new(inside.name(), ty, inside.is_nullable()))
}

/// The type on the wire.
pub(crate) fn data_type(inside: &DataType) -> DataType {
    match inside {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, value) => data_type(value),
        DataType::RunEndEncoded(_, values) => data_type(values.data_type()),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Decimal256(precision, scale) if *precision <= DECIMAL128_MAX_PRECISION => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Float16 => DataType::Float32,
        // Large lists too: arrow-flight's encoder makes them plain whatever was announced.
        DataType::List(item)
        | DataType::ListView(item)
        | DataType::LargeList(item)
        | DataType::LargeListView(item) => DataType::List(field(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(field(item), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(field(entries), *sorted),
        other => other.clone(),
    }
}

/// A schema of answers whose texts are views.
pub(super) fn in_views(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => field.as_ref().clone().with_data_type(DataType::Utf8View),
        _ => field.as_ref().clone(),
    });
    Schema::new(fields.collect::<Vec<_>>())
}

/// A batch of an answer, in the schema that was promised for it.
///
/// # Errors
/// Internal where the batch does not fit: planning promised something else than execution gave.
pub(crate) fn batch(promised: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    // A value that does not fit is an error, never NULL.
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let arrays: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .zip(promised.fields())
        .map(|(array, field)| {
            if array.data_type() == field.data_type() {
                Ok(Arc::clone(array))
            } else {
                cast_with_options(array, field.data_type(), &strict)
            }
        })
        .collect::<Result<_, _>>()
        .map_err(misfit)?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(promised), arrays, &options).map_err(misfit)
}

/// A batch of a schema that is as promised.
///
/// # Errors
/// Internal where it is not.
pub(crate) fn made(promised: SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(promised, columns).map_err(misfit)
}

fn misfit(error: arrow::error::ArrowError) -> Error {
    Error::internal("an answer does not have the schema planned for it").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray, DictionaryArray, StringArray, StringViewArray};
    use arrow::datatypes::Int8Type;

    #[test]
    fn views_and_dictionaries_become_plain() {
        let words = ["north", "south", "north"];
        let view: ArrayRef = Arc::new(StringViewArray::from_iter_values(words));
        let dictionary: DictionaryArray<Int8Type> = words.into_iter().collect();
        let inside = Schema::new(vec![
            Field::new("view", view.data_type().clone(), false),
            Field::new("dictionary", dictionary.data_type().clone(), true),
        ]);
        let outside = schema(&inside);
        let arrays = vec![view, Arc::new(dictionary) as ArrayRef];
        let given = RecordBatch::try_new(Arc::new(inside), arrays).unwrap();

        let sent = batch(&outside, &given).unwrap();

        assert_eq!(sent.schema(), outside);
        let expected = StringArray::from(words.to_vec());
        assert_eq!(sent.column(0).as_string::<i32>(), &expected);
        assert_eq!(sent.column(1).as_string::<i32>(), &expected);
        assert!(!sent.schema().field(0).is_nullable());
    }

    #[test]
    fn decimals_and_nested_types_widen() {
        let list = DataType::List(Arc::new(Field::new("item", DataType::Utf8View, true)));
        let plain = DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)));
        assert_eq!(data_type(&list), plain);
        assert_eq!(data_type(&DataType::Decimal64(10, 2)), DataType::Decimal128(10, 2));
        assert_eq!(data_type(&DataType::Int16), DataType::Int16);
    }
}
