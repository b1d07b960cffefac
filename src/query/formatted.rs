//! Values as people read them: a number by its format, beside the number itself.

use super::defect;
use crate::error::Result;
use crate::model::{Cube, Format, Separators};
use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast,
    ident,
};
use std::sync::Arc;

/// A measure's column as text; as it is where its values are no numbers.
pub(super) fn formatted(
    column: &str,
    measure: &str,
    cube: &Cube,
    (language, currency): (Option<&str>, Option<&str>),
    answer: &DFSchema,
) -> Result<Expr> {
    let field = answer.field_with_unqualified_name(column).map_err(defect)?;
    let (ty, decimals) = match field.data_type() {
        ty if ty.is_integer() => (DataType::Int64, 0),
        DataType::Decimal128(precision, scale) => {
            (DataType::Decimal128(*precision, *scale), usize::try_from(*scale).unwrap_or(0).min(2))
        }
        ty if ty.is_numeric() => (DataType::Float64, 2),
        _ => return Ok(cast(ident(column), DataType::Utf8)),
    };
    // Where the unit is the currency, it is that of the answer.
    let usual = cube.currency_to_choose(measure);
    let measure = cube.measure(measure);
    let unit = measure.and_then(|measure| measure.unit.as_deref());
    let unit = if usual.is_some() && unit == usual { currency.or(unit) } else { unit };
    let declared = measure.and_then(|measure| measure.format.clone());
    let format = declared.unwrap_or_else(|| Format::plain(decimals, unit));
    let function = ScalarUDF::new_from_impl(Formatted {
        format,
        separators: Separators::of(language),
        signature: Signature::any(1, Volatility::Immutable),
    });
    Ok(function.call(vec![cast(ident(column), ty)]))
}

/// `(number)`: the number by its format.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Formatted {
    format: Format,
    separators: Separators,
    signature: Signature,
}

impl Formatted {
    fn texts(&self, numbers: &ArrayRef) -> Option<StringArray> {
        let Self { format, separators, .. } = self;
        Some(match numbers.data_type() {
            DataType::Int64 => {
                let numbers = numbers.as_primitive::<Int64Type>().iter();
                let text = |number| format.exact(i128::from(number), 0, *separators);
                numbers.map(|number| number.map(text)).collect()
            }
            DataType::Decimal128(_, scale) => {
                let numbers = numbers.as_primitive::<Decimal128Type>().iter();
                let text = |number| format.exact(number, *scale, *separators);
                numbers.map(|number| number.map(text)).collect()
            }
            DataType::Float64 => {
                let numbers = numbers.as_primitive::<Float64Type>().iter();
                numbers.map(|number| number.map(|n| format.float(n, *separators))).collect()
            }
            _ => return None,
        })
    }
}

impl ScalarUDFImpl for Formatted {
    fn name(&self) -> &str {
        "formatted"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> datafusion::common::Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> datafusion::common::Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        match arrays.first().and_then(|numbers| self.texts(numbers)) {
            Some(texts) => Ok(ColumnarValue::Array(Arc::new(texts))),
            None => datafusion::common::plan_err!("what is formatted is no number"),
        }
    }
}
