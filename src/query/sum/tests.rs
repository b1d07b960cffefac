use super::total::Total;
use super::{CheckedSum, Totals};
use arrow::array::{ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, Schema, UInt64Type};
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::{Accumulator, AggregateUDF, EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::Column;
use proptest::prelude::*;
use std::sync::Arc;

fn total() -> Total<Int64Type> {
    Total::new("sum(x)", &DataType::Int64)
}

fn whole(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

/// SUM(DISTINCT x) of a column of that type.
fn different(ty: DataType) -> AggregateFunctionExpr {
    let schema = Arc::new(Schema::new(vec![arrow::datatypes::Field::new("x", ty, true)]));
    let function = Arc::new(AggregateUDF::new_from_impl(CheckedSum(Sum::new())));
    AggregateExprBuilder::new(function, vec![Arc::new(Column::new("x", 0))])
        .schema(schema)
        .alias("sum(DISTINCT x)")
        .distinct()
        .build()
        .unwrap()
}

#[test]
fn a_sum_that_does_not_fit_is_an_error_that_says_what_does() {
    let mut sum = total();
    sum.update_batch(&[whole(&[Some(i64::MAX), Some(1), None])]).unwrap();
    let error = sum.evaluate().unwrap_err().to_string();
    assert!(error.contains("arithmetic overflow: sum(x) is beyond what Int64 holds"), "{error}");
    assert!(error.contains("SUM(CAST(x AS DECIMAL(38, 0)))"), "{error}");

    let decimal = DataType::Decimal128(38, 2);
    let nines = i128::pow(10, 38) - 1;
    let nines = Decimal128Array::from(vec![nines, 1]).with_precision_and_scale(38, 2).unwrap();
    let mut sum = Total::<Decimal128Type>::new("sum(x)", &decimal);
    sum.update_batch(&[Arc::new(nines.clone())]).unwrap();
    let error = sum.evaluate().unwrap_err().to_string();
    assert!(error.contains("beyond what Decimal128(38, 2) holds"), "{error}");

    let mut sums = Totals::<Decimal128Type>::new("sum(x)", &decimal);
    sums.update_batch(&[Arc::new(nines)], &[0, 0], None, 1).unwrap();
    assert!(sums.evaluate(EmitTo::All).is_err());
}

#[test]
fn of_different_values_it_does_not_wrap_either() {
    let mut sum = different(DataType::Int64).create_accumulator().unwrap();
    sum.update_batch(&[whole(&[Some(i64::MAX), Some(i64::MAX), None])]).unwrap();
    assert_eq!(sum.evaluate().unwrap(), ScalarValue::from(i64::MAX));
    sum.update_batch(&[whole(&[Some(1)])]).unwrap();
    assert!(sum.evaluate().is_err());
    sum.update_batch(&[whole(&[Some(-3)])]).unwrap();
    assert_eq!(sum.evaluate().unwrap(), ScalarValue::from(i64::MAX - 2));
    let mut of_nothing = different(DataType::Int64).create_accumulator().unwrap();
    assert_eq!(of_nothing.evaluate().unwrap(), ScalarValue::Int64(None));
}

#[test]
fn unsigned_integers_use_all_their_bits() {
    let values: ArrayRef = Arc::new(arrow::array::UInt64Array::from(vec![u64::MAX - 1, 1]));
    let mut sum = Total::<UInt64Type>::new("sum(x)", &DataType::UInt64);
    sum.update_batch(&[Arc::clone(&values)]).unwrap();
    assert_eq!(sum.evaluate().unwrap(), ScalarValue::from(u64::MAX));
    sum.update_batch(&[values]).unwrap();
    assert!(sum.evaluate().is_err());
    sum.retract_batch(&[Arc::new(arrow::array::UInt64Array::from(vec![u64::MAX]))]).unwrap();
    assert_eq!(sum.evaluate().unwrap(), ScalarValue::from(u64::MAX));
}

/// A row: its value, its group, whether a filter keeps it.
type Row = (Option<i64>, usize, bool);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let large = prop_oneof![Just(i64::MAX), Just(i64::MIN), -9..9_i64, any::<i64>()];
    prop::collection::vec((prop::option::of(large), 0..4_usize, any::<bool>()), 0..40)
}

/// The sum that there is, if there is one and it fits.
fn expected<'a>(rows: impl Iterator<Item = &'a Row>) -> Result<Option<i64>, ()> {
    let values: Vec<i128> = rows.filter_map(|(value, _, _)| value.map(i128::from)).collect();
    match values.as_slice() {
        [] => Ok(None),
        values => i64::try_from(values.iter().sum::<i128>()).map(Some).map_err(drop),
    }
}

fn values(rows: &[Row]) -> ArrayRef {
    whole(&rows.iter().map(|(value, _, _)| *value).collect::<Vec<_>>())
}

fn found(value: datafusion::error::Result<ScalarValue>) -> Result<Option<i64>, ()> {
    match value {
        Ok(ScalarValue::Int64(value)) => Ok(value),
        Ok(other) => panic!("{other:?} is no int64"),
        Err(_) => Err(()),
    }
}

proptest! {
    /// In whatever order and parts: only whether the sum fits decides.
    #[test]
    fn one_sum_is_the_same_however_it_is_parted(rows in rows(), cut in 0..40_usize) {
        let (first, second) = rows.split_at(cut.min(rows.len()));
        let mut parts = [total(), total()];
        for (part, rows) in parts.iter_mut().zip([second, first]) {
            part.update_batch(&[values(rows)]).unwrap();
        }
        let mut sum = total();
        for part in &mut parts {
            let states = part.state().unwrap();
            sum.merge_batch(&[states[0].to_array().unwrap()]).unwrap();
        }
        prop_assert_eq!(found(sum.evaluate()), expected(rows.iter()));
        let mut window = total();
        window.update_batch(&[values(&rows)]).unwrap();
        window.retract_batch(&[values(first)]).unwrap();
        prop_assert_eq!(found(window.evaluate()), expected(second.iter()));
    }

    #[test]
    fn the_sums_of_groups_are_the_same_however_they_are_parted(rows in rows(), cut in 0..40_usize) {
        let new = || Totals::<Int64Type>::new("sum(x)", &DataType::Int64);
        let (first, second) = rows.split_at(cut.min(rows.len()));
        let of = |rows: &[Row]| rows.iter().map(|(_, group, _)| *group).collect::<Vec<_>>();
        let kept = |rows: &[Row]| BooleanArray::from_iter(rows.iter().map(|row| Some(row.2)));
        let mut sums = new();
        // One part by its groups' states, the other row by row.
        let mut part = new();
        part.update_batch(&[values(first)], &of(first), Some(&kept(first)), 4).unwrap();
        sums.merge_batch(&part.state(EmitTo::All).unwrap(), &[0, 1, 2, 3], 4).unwrap();
        let states = new().convert_to_state(&[values(second)], Some(&kept(second))).unwrap();
        sums.merge_batch(&states, &of(second), 4).unwrap();
        let of_group = |group: usize| rows.iter().filter(move |row| row.1 == group && row.2);
        let wanted: Vec<_> = (0..4).map(|group| expected(of_group(group))).collect();
        match sums.evaluate(EmitTo::All) {
            Err(_) => prop_assert!(wanted.contains(&Err(()))),
            Ok(sums) => {
                let sums = sums.as_primitive::<Int64Type>();
                let sums: Vec<_> = sums.iter().map(Ok).collect();
                prop_assert_eq!(sums, wanted);
            }
        }
    }
}
