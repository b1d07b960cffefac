//! States of values that can be put together: as aggregate functions.
//!
//! How many different values there are does not add up, nor does the value in the middle, but what is
//! remembered of values does: all different ones, as a bitmap (Roaring, for integers and days) or texts, a
//! HyperLogLog sketch of them, theta sketches of several kinds of them that can be intersected (both
//! Apache DataSketches'), or how they are distributed (a DDSketch). All but the last are kept in the
//! portable formats of their libraries, so that other tools can read an aggregate's table. An answer is
//! the same however values were parted before: a HyperLogLog is asked for the estimate that does not
//! depend on order, a theta sketch for the smallest hashes and no others.
//!
//! Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog" (2007); Lemire et al., "Roaring Bitmaps" (2018);
//! Dasgupta, Lang, Rhodes, Thaler, "A Framework for Estimating Stream Expression Cardinalities" (2016);
//! Masson, Rim, Lee, "DDSketch" (2019).

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility,
};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

mod distinct;
mod hashing;
mod hyperloglog;
mod kinds;
mod quantiles;

use distinct::Distinct;
pub(crate) use distinct::is_too_large;
use hyperloglog::Hyperloglog;
use kinds::OfKinds;
use quantiles::Quantiles;

/// What is remembered of values.
trait Memory: Default + fmt::Debug + Send + Sync + 'static {
    /// What it is asked.
    type Question: Copy + fmt::Debug + Send + Sync + 'static;
    /// The type of its answers.
    const ANSWER: DataType;
    /// Takes in the values of an array; NULLs are none.
    fn see(&mut self, values: &dyn Array) -> Result<(), DataFusionError>;
    /// Takes in what another remembers.
    fn take_in(&mut self, bytes: &[u8]) -> Result<(), DataFusionError>;
    /// All of it, in a form that [`take_in`](Self::take_in) reads.
    fn bytes(&self) -> Result<Vec<u8>, DataFusionError>;
    /// What it says of all values.
    fn answer(&self, question: Self::Question) -> Result<ScalarValue, DataFusionError>;
    /// Its size in memory.
    fn size(&self) -> usize;
}

/// What a function reads, and what it makes of it.
#[derive(Debug, Clone, Copy)]
struct Form<Question> {
    reads_states: bool,
    /// The answer it gives; a state where there is none.
    question: Option<Question>,
}

/// A function over what is remembered of values.
fn function<M: Memory>(
    name: String,
    reads_states: bool,
    question: Option<M::Question>,
) -> AggregateUDF {
    let signature = Signature::any(1, Volatility::Immutable);
    let form = Form { reads_states, question };
    AggregateUDF::new_from_impl(Remembering::<M> { name, form, signature, memory: PhantomData })
}

/// The functions of what is remembered of different values.
#[derive(Debug)]
pub(super) struct Different {
    word: &'static str,
    function: fn(String, bool, Option<()>) -> AggregateUDF,
}

impl Different {
    /// How many different values there are.
    pub(super) fn count(&self, value: Expr) -> Expr {
        (self.function)(format!("{}_distinct", self.word), false, Some(())).call(vec![value])
    }

    /// The state of values.
    pub(super) fn state(&self, value: Expr) -> Expr {
        (self.function)(format!("{}_state", self.word), false, None).call(vec![value])
    }

    /// How many different values states know of.
    pub(super) fn count_of_states(&self, state: Expr) -> Expr {
        (self.function)(format!("{}_count", self.word), true, Some(())).call(vec![state])
    }

    /// States as one.
    pub(super) fn state_of_states(&self, state: Expr) -> Expr {
        (self.function)(format!("{}_union", self.word), true, None).call(vec![state])
    }
}

/// Different values exactly.
pub(super) static EXACT: Different = Different { word: "exact", function: function::<Distinct> };

/// Different values by a sketch.
pub(super) static HYPERLOGLOG: Different =
    Different { word: "hll", function: function::<Hyperloglog> };

/// The functions of what is remembered of how values are distributed.
pub(super) mod percentiles {
    use super::{Expr, Quantiles, function};

    /// About the value below which so many thousandths of the values lie.
    pub(in super::super) fn of(value: Expr, thousandths: u32) -> Expr {
        let name = format!("ddsketch_percentile_{thousandths}");
        function::<Quantiles>(name, false, Some(thousandths)).call(vec![value])
    }

    /// The state of values.
    pub(in super::super) fn state(value: Expr) -> Expr {
        function::<Quantiles>("ddsketch_state".to_owned(), false, None).call(vec![value])
    }

    /// About the value below which so many thousandths of the values lie that states know of.
    pub(in super::super) fn of_states(state: Expr, thousandths: u32) -> Expr {
        let name = format!("ddsketch_merged_percentile_{thousandths}");
        function::<Quantiles>(name, true, Some(thousandths)).call(vec![state])
    }

    /// States as one.
    pub(in super::super) fn state_of_states(state: Expr) -> Expr {
        function::<Quantiles>("ddsketch_union".to_owned(), true, None).call(vec![state])
    }
}

/// The functions of what is remembered of different values of several kinds.
pub(super) mod overlaps {
    use super::{Expr, OfKinds, function};

    /// How many different values are of each of the first kinds, so many, and of none of the others.
    pub(in super::super) fn count(kinds: Expr, each: usize) -> Expr {
        function::<OfKinds>(format!("theta_overlap_{each}"), false, Some(each)).call(vec![kinds])
    }

    /// The state of values.
    pub(in super::super) fn state(kinds: Expr) -> Expr {
        function::<OfKinds>("theta_state".to_owned(), false, None).call(vec![kinds])
    }

    /// How many states know of, as [`count`].
    pub(in super::super) fn count_of_states(state: Expr, each: usize) -> Expr {
        let name = format!("theta_merged_overlap_{each}");
        function::<OfKinds>(name, true, Some(each)).call(vec![state])
    }

    /// States as one.
    pub(in super::super) fn state_of_states(state: Expr) -> Expr {
        function::<OfKinds>("theta_union".to_owned(), true, None).call(vec![state])
    }
}

/// Whether a bitmap can hold values of a type.
pub(super) fn fits_a_bitmap(ty: &DataType) -> bool {
    matches!(ty, DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Date32)
}

/// Whether values of a type are texts, which can be remembered one by one.
pub(super) fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

#[derive(Debug)]
struct Remembering<M: Memory> {
    name: String,
    form: Form<M::Question>,
    signature: Signature,
    memory: PhantomData<M>,
}

// A name says all.
impl<M: Memory> PartialEq for Remembering<M> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<M: Memory> Eq for Remembering<M> {}

impl<M: Memory> Hash for Remembering<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl<M: Memory> Remembering<M> {
    /// What it gives of no values.
    fn of_nothing(&self) -> Result<ScalarValue, DataFusionError> {
        match self.form.question {
            Some(question) => M::default().answer(question),
            None => Ok(ScalarValue::Binary(None)),
        }
    }
}

impl<M: Memory> AggregateUDFImpl for Remembering<M> {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        match arguments {
            [DataType::Binary] if self.form.reads_states => {}
            [other] if self.form.reads_states => return plan_err!("{other} is no state"),
            _ => {}
        }
        Ok(if self.form.question.is_some() { M::ANSWER } else { DataType::Binary })
    }

    fn is_nullable(&self) -> bool {
        self.of_nothing().is_ok_and(|nothing| nothing.is_null())
    }

    fn accumulator(
        &self,
        _arguments: AccumulatorArgs,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        Ok(Box::new(Accumulating { form: self.form, memory: M::default() }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>, DataFusionError> {
        Ok(vec![Arc::new(Field::new(format!("{}[state]", arguments.name), DataType::Binary, true))])
    }

    fn default_value(&self, _data_type: &DataType) -> Result<ScalarValue, DataFusionError> {
        self.of_nothing()
    }
}

#[derive(Debug)]
struct Accumulating<M: Memory> {
    form: Form<M::Question>,
    memory: M,
}

impl<M: Memory> Accumulator for Accumulating<M> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        match self.form.reads_states {
            true => self.merge_batch(values),
            false => values.iter().try_for_each(|values| self.memory.see(values)),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        for states in states {
            let states = states
                .as_binary_opt::<i32>()
                .ok_or_else(|| exec_datafusion_err!("states of values are no bytes"))?;
            states.iter().flatten().try_for_each(|state| self.memory.take_in(state))?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        Ok(vec![ScalarValue::Binary(Some(self.memory.bytes()?))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        match self.form.question {
            Some(question) => self.memory.answer(question),
            None => Ok(ScalarValue::Binary(Some(self.memory.bytes()?))),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.memory.size()
    }
}

#[cfg(test)]
mod tests;
