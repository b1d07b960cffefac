use super::*;
use arrow::array::{Decimal128Array, Float64Array, Int64Array, StringViewArray};
use arrow::datatypes::Field;
use std::sync::Arc;

fn fit(array: ArrayRef, to: ColumnType, nullable: bool) -> Result<ArrayRef> {
    let schema = Arc::new(Schema::new(vec![Field::new("n", array.data_type().clone(), true)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![array]).unwrap();
    let wanted = [Wanted::same(&Column::new("n", to, nullable))];
    Ok(Arc::clone(Fitting::new(&schema, &wanted)?.apply(&batch)?.column(0)))
}

#[test]
fn integers_narrow_where_every_value_fits() {
    let narrow =
        |value| fit(Arc::new(Int64Array::from(vec![Some(value), None])), ColumnType::Int32, true);
    assert_eq!(narrow(2_147_483_647).unwrap().null_count(), 1);
    let error = narrow(2_147_483_648).unwrap_err();
    assert_eq!(error.context("column"), Some("n"));
    assert!(error.to_string().contains("2147483648"), "{error}");
}

#[test]
fn decimals_lose_no_digit() {
    let decimal = |value| {
        let array = Decimal128Array::from(vec![value]).with_precision_and_scale(12, 4).unwrap();
        fit(Arc::new(array), ColumnType::Decimal { precision: 8, scale: 2 }, true)
    };
    assert!(decimal(123_400).is_ok());
    let error = decimal(123_456).unwrap_err();
    assert!(error.message().contains("12.3456"), "{error}");
    assert!(decimal(1_000_000_000_000).is_err());
}

#[test]
fn a_day_becomes_its_beginning_or_is_refused() {
    let days = Date32Array::from(vec![Some(0), None, Some(-1), Some(20_783)]);
    let moments = fit(Arc::new(days), ColumnType::Timestamp, true).unwrap();
    let moments: Vec<_> = moments.as_primitive::<TimestampMicrosecondType>().iter().collect();
    let day = 86_400_000_000;
    assert_eq!(moments, [Some(0), None, Some(-day), Some(20_783 * day)]);
    let beyond = fit(Arc::new(Date32Array::from(vec![i32::MAX])), ColumnType::Timestamp, true);
    assert_eq!(beyond.unwrap_err().context("column"), Some("n"));
}

#[test]
fn lossy_types_want_a_cast() {
    let error = fit(Arc::new(Float64Array::from(vec![1.0])), ColumnType::Int32, true).unwrap_err();
    assert_eq!(error.message(), "`n` is float64, which does not become int32 by itself");
    assert!(error.to_string().contains("the query yields n float64"), "{error}");
    assert!(fit(Arc::new(StringViewArray::from(vec!["1"])), ColumnType::Int32, true).is_err());
    assert!(fit(Arc::new(StringViewArray::from(vec!["1"])), ColumnType::Text, true).is_ok());
}

#[test]
fn a_missing_column_names_its_neighbour_and_a_null_its_column() {
    let schema = Schema::new(vec![Field::new("net_amuont", DataType::Int32, true)]);
    let wanted = [Wanted::same(&Column::new("net_amount", ColumnType::Int32, true))];
    let error = Fitting::new(&schema, &wanted).unwrap_err();
    assert!(error.message().contains("did you mean `net_amuont`?"), "{error}");
    let error = fit(Arc::new(Int64Array::from(vec![None])), ColumnType::Int64, false).unwrap_err();
    assert_eq!(error.message(), "`n` may not be NULL, but is");
}
