//! `MEASURE(m)`, alias `AGGREGATE(m)`: the marker that planning replaces.

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};
use std::sync::{Arc, LazyLock};

static MEASURE: LazyLock<Arc<AggregateUDF>> =
    LazyLock::new(|| Arc::new(AggregateUDF::new_from_impl(Marker::new())));

/// The function to register in a session. It only ever stands in unresolved plans: executing it
/// is an error.
pub fn measure_function() -> Arc<AggregateUDF> {
    Arc::clone(&MEASURE)
}

/// The marker's name.
pub(super) const NAME: &str = "measure";

#[derive(Debug, PartialEq, Eq, Hash)]
struct Marker {
    signature: Signature,
    aliases: Vec<String>,
}

impl Marker {
    fn new() -> Self {
        Self {
            signature: Signature::variadic_any(Volatility::Immutable),
            aliases: vec!["aggregate".to_owned()],
        }
    }
}

impl AggregateUDFImpl for Marker {
    fn name(&self) -> &str {
        NAME
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            // The others are what is said AT the measure.
            [ty, ..] => Ok(ty.clone()),
            [] => plan_err!("MEASURE takes one measure of a cube"),
        }
    }

    fn accumulator(&self, _arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        plan_err!("MEASURE was not resolved against a cube")
    }

    fn state_fields(&self, _arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        plan_err!("MEASURE was not resolved against a cube")
    }
}
