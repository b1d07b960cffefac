//! The semi-additive aggregation: the sum of the values at the last key.
//!
//! A balance adds up over customers but not over days: of a quarter it is the balance of its last
//! day. Rows whose value or key is NULL do not count, nor do they move the last key.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::kernels::cmp::eq;
use arrow::compute::{cast, filter};
use arrow::datatypes::{DataType, Field, FieldRef, Int32Type};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility,
};
use std::mem::size_of_val;
use std::sync::{Arc, LazyLock};

static SUM_AT_LAST: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::new_from_impl(SumAtLast::new())));

/// The sum of `value` over the rows that have the largest `key` (Int32) of those with a value.
pub(super) fn sum_at_last(value: Expr, key: Expr) -> Expr {
    let arguments = vec![value, key];
    Expr::AggregateFunction(AggregateFunction::new_udf(
        Arc::clone(&SUM_AT_LAST),
        arguments,
        false,
        None,
        vec![],
        None,
    ))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SumAtLast {
    signature: Signature,
}

impl SumAtLast {
    fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for SumAtLast {
    fn name(&self) -> &str {
        "sum_at_last"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [value, DataType::Int32] => summed(value),
            _ => plan_err!("sum_at_last takes a number and an Int32 key"),
        }
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let ty = arguments.return_field.data_type().clone();
        Ok(Box::new(Last { last: None, sum: ScalarValue::try_from(&ty)?, ty }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![
            Arc::new(Field::new("sum", arguments.return_field.data_type().clone(), true)),
            Arc::new(Field::new("last", DataType::Int32, true)),
        ])
    }
}

/// The type of a sum, as the stock sum has it.
fn summed(value: &DataType) -> Result<DataType> {
    let widened = match value {
        DataType::Int8 | DataType::Int16 | DataType::Int32 => DataType::Int64,
        DataType::Float32 => DataType::Float64,
        other => other.clone(),
    };
    sum_udaf().return_type(&[widened])
}

/// The last key seen and the sum at it.
#[derive(Debug)]
struct Last {
    last: Option<i32>,
    sum: ScalarValue,
    ty: DataType,
}

impl Last {
    /// Takes in values of the result's type with their keys.
    fn take(&mut self, values: &ArrayRef, keys: &ArrayRef) -> Result<()> {
        let keys = keys.as_primitive::<Int32Type>();
        let counts = arrow::compute::is_not_null(values)?;
        let Some(newest) = (0..keys.len())
            .filter(|row| keys.is_valid(*row) && counts.value(*row))
            .map(|row| keys.value(row))
            .max()
        else {
            return Ok(());
        };
        if self.last.is_some_and(|last| last > newest) {
            return Ok(());
        }
        let at_newest: BooleanArray = eq(keys, &arrow::array::Int32Array::new_scalar(newest))?;
        let added = sum_of(&filter(values, &at_newest)?, &self.ty)?;
        self.sum = match self.last {
            // adding widens a decimal; the result's type stays
            Some(last) if last == newest => self.sum.add_checked(&added)?.cast_to(&self.ty)?,
            _ => added,
        };
        self.last = Some(newest);
        Ok(())
    }
}

impl Accumulator for Last {
    fn update_batch(&mut self, inputs: &[ArrayRef]) -> Result<()> {
        match inputs {
            [values, keys] => self.take(&cast(values, &self.ty)?, keys),
            _ => internal_err!("sum_at_last takes two columns"),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        match states {
            [sums, keys] => self.take(sums, keys),
            _ => internal_err!("sum_at_last keeps two states"),
        }
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.sum.clone(), ScalarValue::Int32(self.last)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.sum.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sum.size()
    }
}

/// The exact sum of a column that already has the result's type; overflow is an error.
fn sum_of(values: &ArrayRef, ty: &DataType) -> Result<ScalarValue> {
    let mut sum = ScalarValue::try_from(ty)?;
    for row in 0..values.len() {
        if values.is_valid(row) {
            let value = ScalarValue::try_from_array(values, row)?;
            sum = if sum.is_null() { value } else { sum.add_checked(&value)? };
        }
    }
    sum.cast_to(ty)
}
