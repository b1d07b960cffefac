//! One sum: of all rows, of a window, of different values.

use super::width::{Native, Width, beyond, plus};
use arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, AsArray, PrimitiveArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, internal_datafusion_err};
use datafusion::logical_expr::Accumulator;

/// The sum of all values, or of those in a window that slides over them.
#[derive(Debug)]
pub(super) struct Total<W: Width> {
    held: Native<W>,
    /// How many values it is of; of none it is NULL.
    values: usize,
    name: String,
    ty: DataType,
}

impl<W: Width> Total<W> {
    pub(super) fn new(name: &str, ty: &DataType) -> Self {
        Self { held: Native::<W>::ZERO, values: 0, name: name.to_owned(), ty: ty.clone() }
    }

    fn beyond(&self) -> datafusion::error::DataFusionError {
        beyond(&self.name, &self.ty)
    }

    fn add(&mut self, values: &PrimitiveArray<W>) -> Result<()> {
        let sum = match values.null_count() {
            0 => values
                .values()
                .iter()
                .try_fold(self.held, |held, value| plus::<W>(held, W::widened(*value))),
            _ => values
                .iter()
                .flatten()
                .try_fold(self.held, |held, value| plus::<W>(held, W::widened(value))),
        };
        self.held = sum.ok_or_else(|| self.beyond())?;
        self.values += values.len() - values.null_count();
        Ok(())
    }
}

impl<W: Width> Accumulator for Total<W> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().try_for_each(|values| self.add(values.as_primitive()))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values {
            let values = values.as_primitive::<W>();
            for value in values.iter().flatten() {
                let less = self.held.sub_checked(W::widened(value));
                self.held = less.map_err(|_| self.beyond())?;
            }
            self.values -= values.len() - values.null_count();
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for states in states {
            for held in states.as_primitive::<W::Held>().iter().flatten() {
                self.held = plus::<W>(self.held, held).ok_or_else(|| self.beyond())?;
                self.values += 1;
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let held = (self.values > 0).then_some(self.held);
        Ok(vec![ScalarValue::new_primitive::<W::Held>(held, &W::held(&self.ty))?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = match self.values {
            0 => None,
            _ => Some(W::narrowed(self.held, &self.ty).ok_or_else(|| self.beyond())?),
        };
        ScalarValue::new_primitive::<W>(sum, &self.ty)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.name.capacity()
    }
}

/// The sum of different values. Which these are, DataFusion's own function remembers.
#[derive(Debug)]
pub(super) struct Different<W: Width> {
    remembered: Box<dyn Accumulator>,
    /// Of no values.
    nothing: Total<W>,
}

impl<W: Width> Different<W> {
    pub(super) fn new(remembered: Box<dyn Accumulator>, nothing: Total<W>) -> Self {
        Self { remembered, nothing }
    }
}

impl<W: Width> Accumulator for Different<W> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.remembered.update_batch(values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.remembered.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.remembered.supports_retract_batch()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.remembered.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.remembered.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut total = Total::<W>::new(&self.nothing.name, &self.nothing.ty);
        for state in self.remembered.state()? {
            let ScalarValue::List(values) = state else {
                return Err(internal_datafusion_err!("different values are no list"));
            };
            total.add(values.values().as_primitive())?;
        }
        total.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.remembered.size() + self.nothing.size()
    }
}
