//! `clean_range(value, min, max)`: a value that lies within inclusive bounds; a bound that is NULL is
//! none.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::kernels::cmp::{gt, lt};
use arrow::compute::{nullif, or};
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Range {
    signature: Signature,
}

impl Range {
    pub(super) fn new() -> Self {
        Self { signature: Signature::comparable(3, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Range {
    fn name(&self) -> &str {
        "clean_range"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [value, _, _] => Ok(value.clone()),
            _ => plan_err!("clean_range needs a value and two bounds, NULL where there is none"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [value, min, max] = arrays.as_slice() else {
            return plan_err!("clean_range needs a value and two bounds");
        };
        let (below, above) = (outside(&lt(value, min)?), outside(&gt(value, max)?));
        let within: ArrayRef = nullif(value, &or(&below, &above)?)?;
        Ok(ColumnarValue::Array(within))
    }
}

/// What is not known is outside of nothing.
fn outside(compared: &BooleanArray) -> BooleanArray {
    (0..compared.len()).map(|row| Some(compared.is_valid(row) && compared.value(row))).collect()
}
