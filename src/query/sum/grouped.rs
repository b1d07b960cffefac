//! The sums of groups.

use super::width::{Native, Width, beyond, plus};
use arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, AsArray, BooleanArray, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType};
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::accumulate::NullState;
use std::sync::Arc;

/// A sum a group; NULL for those without values.
#[derive(Debug)]
pub(super) struct Totals<W: Width> {
    held: Vec<Native<W>>,
    seen: NullState,
    name: String,
    ty: DataType,
}

impl<W: Width> Totals<W> {
    pub(super) fn new(name: &str, ty: &DataType) -> Self {
        Self { held: Vec::new(), seen: NullState::new(), name: name.to_owned(), ty: ty.clone() }
    }

    /// Adds values, or sums of others, to those of their groups.
    fn add<T: ArrowPrimitiveType + Send>(
        &mut self,
        (values, widened): (&PrimitiveArray<T>, impl Fn(T::Native) -> Native<W> + Send + Sync),
        groups: &[usize],
        filter: Option<&BooleanArray>,
        number: usize,
    ) -> Result<()> {
        self.held.resize(number, Native::<W>::ZERO);
        let (held, mut fits) = (self.held.as_mut_slice(), true);
        self.seen.accumulate(groups, values, filter, number, |group, value| {
            let held = &mut held[group];
            match plus::<W>(*held, widened(value)) {
                Some(sum) => *held = sum,
                None => fits = false,
            }
        });
        match fits {
            true => Ok(()),
            false => Err(beyond(&self.name, &self.ty)),
        }
    }
}

impl<W: Width> GroupsAccumulator for Totals<W> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        number: usize,
    ) -> Result<()> {
        let values = values.iter();
        let mut values = values.map(|values| values.as_primitive::<W>());
        values.try_for_each(|values| self.add((values, W::widened), groups, filter, number))
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], number: usize) -> Result<()> {
        let states = states.iter();
        let mut states = states.map(|states| states.as_primitive::<W::Held>());
        states.try_for_each(|states| self.add((states, |held| held), groups, None, number))
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let held = emit.take_needed(&mut self.held);
        let nulls = self.seen.build(emit);
        let sums = held.into_iter().map(|held| W::narrowed(held, &self.ty));
        let sums: Option<Vec<W::Native>> = sums.collect();
        let sums = sums.ok_or_else(|| beyond(&self.name, &self.ty))?;
        let sums = PrimitiveArray::<W>::try_new(sums.into(), nulls)?;
        Ok(Arc::new(sums.with_data_type(self.ty.clone())))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let held = emit.take_needed(&mut self.held);
        let nulls = self.seen.build(emit);
        let held = PrimitiveArray::<W::Held>::try_new(held.into(), nulls)?;
        Ok(vec![Arc::new(held.with_data_type(W::held(&self.ty)))])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let kept = filter.map(|filter| match filter.nulls() {
            Some(nulls) => NullBuffer::new(filter.values() & nulls.inner()),
            None => NullBuffer::new(filter.values().clone()),
        });
        let states = values.iter().map(|values| {
            let values = values.as_primitive::<W>();
            let held = values.values().iter().map(|value| W::widened(*value)).collect();
            let nulls = NullBuffer::union(values.nulls(), kept.as_ref());
            let held = PrimitiveArray::<W::Held>::try_new(held, nulls)?;
            Ok(Arc::new(held.with_data_type(W::held(&self.ty))) as ArrayRef)
        });
        states.collect()
    }

    fn size(&self) -> usize {
        self.held.capacity() * size_of::<Native<W>>() + self.seen.size() + self.name.capacity()
    }
}
