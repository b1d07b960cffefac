//! States of different values that can be put together: as aggregate functions.
//!
//! How many different values there are does not add up, but what is remembered of them does: all of
//! them, as a bitmap (Roaring, for integers and days), or a HyperLogLog sketch of them (Apache
//! DataSketches'). Both are kept in the portable formats of their libraries, so that other tools can
//! read an aggregate's table. A count is the same however values were parted before: a sketch is
//! asked for the estimate that does not depend on order.
//!
//! Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog" (2007); Lemire et al., "Roaring Bitmaps" (2018).

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Date32Type, Field, FieldRef, Int16Type, Int32Type, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility,
};
use std::sync::{Arc, LazyLock};

mod distinct;
mod hyperloglog;

use distinct::Bitmap;
use hyperloglog::Hyperloglog;

/// What is remembered of different values.
trait Memory: Default + std::fmt::Debug + Send + Sync + 'static {
    /// Takes in the values of an array; NULLs are none.
    fn see(&mut self, values: &dyn Array) -> Result<(), DataFusionError>;
    /// Takes in what another remembers.
    fn take_in(&mut self, bytes: &[u8]) -> Result<(), DataFusionError>;
    /// All of it, in a form that [`take_in`](Self::take_in) reads.
    fn bytes(&self) -> Result<Vec<u8>, DataFusionError>;
    /// How many different values there are, or about how many.
    fn count(&self) -> i64;
    /// Its size in memory.
    fn size(&self) -> usize;
}

/// What a function makes of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// Values to their count.
    Count,
    /// Values to a state.
    State,
    /// States to the count of all.
    CountOfStates,
    /// States to one state.
    StateOfStates,
}

impl Form {
    fn reads_states(self) -> bool {
        matches!(self, Self::CountOfStates | Self::StateOfStates)
    }

    fn gives_a_count(self) -> bool {
        matches!(self, Self::Count | Self::CountOfStates)
    }
}

/// The functions of one kind of state.
#[derive(Debug)]
pub(super) struct Functions([Arc<AggregateUDF>; 4]);

impl Functions {
    fn new<M: Memory>(names: [&'static str; 4]) -> Self {
        let forms = [Form::Count, Form::State, Form::CountOfStates, Form::StateOfStates];
        let mut named = forms.into_iter().zip(names);
        Self(std::array::from_fn(|_| {
            let (form, name) = named.next().unwrap_or((Form::Count, "count"));
            Arc::new(AggregateUDF::new_from_impl(Remembering::<M>::new(name, form)))
        }))
    }

    /// How many different values there are.
    pub(super) fn count(&self, value: Expr) -> Expr {
        self.0[0].call(vec![value])
    }

    /// The state of values.
    pub(super) fn state(&self, value: Expr) -> Expr {
        self.0[1].call(vec![value])
    }

    /// How many different values states know of.
    pub(super) fn count_of_states(&self, state: Expr) -> Expr {
        self.0[2].call(vec![state])
    }

    /// States as one.
    pub(super) fn state_of_states(&self, state: Expr) -> Expr {
        self.0[3].call(vec![state])
    }
}

/// Different values exactly.
pub(super) static BITMAP: LazyLock<Functions> = LazyLock::new(|| {
    Functions::new::<Bitmap>(["bitmap_distinct", "bitmap_state", "bitmap_count", "bitmap_union"])
});

/// Different values by a sketch.
pub(super) static HYPERLOGLOG: LazyLock<Functions> = LazyLock::new(|| {
    Functions::new::<Hyperloglog>(["hll_distinct", "hll_state", "hll_count", "hll_union"])
});

/// Whether a bitmap can hold values of a type.
pub(super) fn fits_a_bitmap(ty: &DataType) -> bool {
    matches!(ty, DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Date32)
}

#[derive(Debug)]
struct Remembering<M> {
    name: &'static str,
    form: Form,
    signature: Signature,
    memory: std::marker::PhantomData<M>,
}

impl<M> PartialEq for Remembering<M> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<M> Eq for Remembering<M> {}

impl<M> std::hash::Hash for Remembering<M> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl<M: Memory> Remembering<M> {
    fn new(name: &'static str, form: Form) -> Self {
        let signature = Signature::any(1, Volatility::Immutable);
        Self { name, form, signature, memory: std::marker::PhantomData }
    }
}

impl<M: Memory> AggregateUDFImpl for Remembering<M> {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        match arguments {
            [DataType::Binary] if self.form.reads_states() => {}
            [other] if self.form.reads_states() => return plan_err!("{other} is no state"),
            _ => {}
        }
        Ok(if self.form.gives_a_count() { DataType::Int64 } else { DataType::Binary })
    }

    fn is_nullable(&self) -> bool {
        !self.form.gives_a_count()
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
        Ok(match self.form.gives_a_count() {
            true => ScalarValue::Int64(Some(0)),
            false => ScalarValue::Binary(None),
        })
    }
}

#[derive(Debug)]
struct Accumulating<M> {
    form: Form,
    memory: M,
}

impl<M: Memory> Accumulator for Accumulating<M> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        match self.form.reads_states() {
            true => self.merge_batch(values),
            false => values.iter().try_for_each(|values| self.memory.see(values)),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        for states in states {
            let states = states
                .as_binary_opt::<i32>()
                .ok_or_else(|| exec_datafusion_err!("states of different values are no bytes"))?;
            states.iter().flatten().try_for_each(|state| self.memory.take_in(state))?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        Ok(vec![ScalarValue::Binary(Some(self.memory.bytes()?))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        Ok(match self.form.gives_a_count() {
            true => ScalarValue::Int64(Some(self.memory.count())),
            false => ScalarValue::Binary(Some(self.memory.bytes()?)),
        })
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.memory.size()
    }
}

/// Every value of an array that is not NULL, as an integer, where the type is one of integers or
/// days.
fn integers(values: &dyn Array, mut each: impl FnMut(i64)) -> Result<bool, DataFusionError> {
    macro_rules! all {
        ($ty:ty) => {
            values.as_primitive::<$ty>().iter().flatten().for_each(|value| each(i64::from(value)))
        };
    }
    match values.data_type() {
        DataType::Int16 => all!(Int16Type),
        DataType::Int32 => all!(Int32Type),
        DataType::Int64 => all!(Int64Type),
        DataType::Date32 => all!(Date32Type),
        _ => return Ok(false),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};

    /// What is remembered of values that come in so many parts, each put together from its own state.
    fn in_parts<M: Memory>(values: &ArrayRef, parts: usize) -> i64 {
        let mut whole = M::default();
        let length = values.len().div_ceil(parts);
        for offset in (0..values.len()).step_by(length) {
            let mut part = M::default();
            part.see(&values.slice(offset, length.min(values.len() - offset))).unwrap();
            whole.take_in(&part.bytes().unwrap()).unwrap();
        }
        whole.count()
    }

    /// From a handful, which are listed, to many more than there are registers.
    #[test]
    fn a_count_is_the_same_however_values_were_parted() {
        for count in [1_i64, 7, 500, 5_000, 100_000] {
            // Each comes twice, and half of them are negative.
            let numbers = (0..2 * count).map(|n| (n % count - count / 2) * 7_919);
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
            let texts = (0..2 * count).map(|n| format!("customer {}", n % count));
            let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
            for parts in [1, 3, 10] {
                assert_eq!(in_parts::<Bitmap>(&numbers, parts), count, "{parts}");
            }
            for values in [numbers, texts] {
                let once = in_parts::<Hyperloglog>(&values, 1);
                // Four times the standard error of 2^14 registers, 0.8 %.
                assert!((once - count).abs() * 100 <= count * 4, "{once} for {count}");
                for parts in [2, 3, 10] {
                    assert_eq!(in_parts::<Hyperloglog>(&values, parts), once, "{count}, {parts}");
                }
            }
        }
    }
}
