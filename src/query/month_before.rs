//! The month that a calendar's month stands for, by the key of its first day.
//!
//! A function of its own, so that whoever joins facts by it knows what no arithmetic tells: that no two
//! days have the same month.

use arrow::array::{ArrayRef, AsArray, Int32Array};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::any::Any;
use std::sync::Arc;

/// So many months before the month of a day's key, `yyyymmdd`, as `yyyymm`; NULL but for the first day
/// of a month.
pub(super) fn month_before(key: Expr, months: u32) -> Expr {
    let months = i32::try_from(months).unwrap_or(i32::MAX);
    let signature = Signature::exact(vec![DataType::Int32], Volatility::Immutable);
    ScalarUDF::new_from_impl(MonthBefore { months, signature }).call(vec![key])
}

/// What an expression is a function of that never has the same value, NULL apart, for two different
/// ones, if it is such a function.
pub(crate) fn told_apart(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Alias(alias) => told_apart(&alias.expr),
        Expr::ScalarFunction(call) => {
            let function: &dyn Any = call.func.inner().as_ref();
            call.args.first().filter(|_| function.is::<MonthBefore>())
        }
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MonthBefore {
    months: i32,
    signature: Signature,
}

impl MonthBefore {
    fn of(&self, key: i32) -> Option<i32> {
        let is_first = key > 0 && key % 100 == 1;
        let number = (key / 10_000).checked_mul(12)?.checked_add(key / 100 % 100 - 1)?;
        let before = number.checked_sub(self.months)?;
        is_first.then(|| before.div_euclid(12) * 100 + before.rem_euclid(12) + 1)
    }
}

impl ScalarUDFImpl for MonthBefore {
    fn name(&self) -> &str {
        "month_before"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let keys = ColumnarValue::values_to_arrays(&arguments.args)?;
        let keys = keys.first().and_then(|keys| keys.as_primitive_opt::<Int32Type>());
        let keys = keys.ok_or_else(|| internal_datafusion_err!("a day's key is no int32"))?;
        let months: Int32Array = keys.iter().map(|key| self.of(key?)).collect();
        Ok(ColumnarValue::Array(Arc::new(months) as ArrayRef))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_counted_across_years() {
        let signature = Signature::any(1, Volatility::Immutable);
        let before = |months, key| MonthBefore { months, signature: signature.clone() }.of(key);
        assert_eq!(before(12, 20_240_201), Some(202_302));
        assert_eq!(before(2, 20_240_101), Some(202_311));
        assert_eq!(before(25, 20_240_101), Some(202_112));
        assert_eq!(before(1, 20_240_102), None);
        assert_eq!((before(1, -1), before(1, 0)), (None, None));
    }
}
