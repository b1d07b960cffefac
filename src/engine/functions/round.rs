//! `round(x, 2)` of a decimal has one type from the start.
//!
//! Its type has the places that a literal says. DataFusion's own wants them as a 32-bit number and has them
//! converted while types are settled, which leaves no literal until later: what was compared or put together
//! with it had the other type. This one takes them as they are.

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, internal_err};
use datafusion::functions::math;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use std::sync::Arc;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Round {
    own: Arc<ScalarUDF>,
    signature: Signature,
}

impl Round {
    pub(super) fn new() -> Self {
        Self { own: math::round(), signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Round {
    fn name(&self) -> &str {
        self.own.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let keeps_places = matches!(types, [_, places] if places.is_integer());
        let taken = types.iter().enumerate().map(|(place, own)| match place {
            1 if keeps_places => DataType::Int32,
            _ => own.clone(),
        });
        let fields = taken.map(|taken| Arc::new(Field::new("", taken, true)));
        let coerced = fields_with_udf(&fields.collect::<Vec<_>>(), self.own.as_ref())?;
        let coerced = coerced.iter().zip(types).enumerate();
        let types = coerced.map(|(place, (coerced, own))| match place {
            1 if keeps_places => own.clone(),
            _ => coerced.data_type().clone(),
        });
        Ok(types.collect())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type of round follows from its places")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.own.return_field_from_args(args)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let Some(places) = args.args.get_mut(1) {
            *places = places.cast_to(&DataType::Int32, None)?;
        }
        self.own.invoke_with_args(args)
    }

    fn is_strict(&self) -> bool {
        self.own.is_strict()
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        self.own.evaluate_bounds(inputs)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.own.output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.own.documentation()
    }
}
