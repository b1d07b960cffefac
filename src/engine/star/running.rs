//! A partition of an aggregation over a star under way: its groups, and their states.

use super::aggregate::Asked;
use super::exec::slices;
use super::grouping::{Place, Shared};
use super::groups::{Codes, Emitted, Groups};
use super::joined::Joined;
use super::members::key_values;
use super::row_group::RowGroup;
use super::scan::Partition;
use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::GroupsAccumulatorAdapter;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use futures::FutureExt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// One partition under way.
pub(super) struct Running {
    pub(super) joined: Joined,
    pub(super) asked: Asked,
    pub(super) shared: Arc<OnceCell<Shared>>,
    pub(super) partition: Partition,
    pub(super) memory: MemoryReservation,
    pub(super) found: Option<Found>,
    pub(super) ended: bool,
}

/// The groups a partition has found, and their states.
pub(super) struct Found {
    groups: Groups,
    states: Vec<Box<dyn GroupsAccumulator>>,
    /// The group of each row of the present row group.
    assigned: Vec<usize>,
}

impl Running {
    /// Batches to let out, at the end or where memory runs short; `None` after the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<RecordBatch>>> {
        if self.ended {
            return Ok(None);
        }
        let shared = Arc::clone(&self.shared);
        let Partition { metrics, context, .. } = &self.partition;
        let start = || Shared::new(&self.joined, &self.asked, context, metrics).boxed();
        let shared = shared.get_or_try_init(start).await?;
        if self.found.is_none() {
            self.found = Some(self.begin(shared)?);
        }
        let joined = self.joined.clone();
        let wanted = |rows: &RowGroup| shared.reads(&joined, rows);
        while let Some(mut rows) = joined.next(&shared.prepared, &self.partition, &wanted).await? {
            self.add(shared, &mut rows).boxed().await?;
            shared.prepared.counters.end(&rows);
            drop(rows);
            let found = self.found.as_ref().ok_or_else(defect)?;
            if self.memory.try_resize(found.size()).is_err() {
                let batches = self.emit(shared)?;
                self.memory.free();
                return Ok(Some(batches));
            }
            tokio::task::yield_now().await;
        }
        self.ended = true;
        self.emit(shared).map(Some)
    }

    fn begin(&self, shared: &Shared) -> Result<Found> {
        let measures = self.asked.measures.iter();
        let states = measures.map(|measure| accumulator(&measure.function));
        let states = states.collect::<Result<_>>()?;
        let groups = Groups::new(&shared.labels, shared.own.len());
        Ok(Found { groups, states, assigned: Vec::new() })
    }

    /// Adds the rows that were kept of a row group.
    async fn add(&mut self, shared: &Shared, rows: &mut RowGroup) -> Result<()> {
        let (joined, prepared) = (&self.joined, &shared.prepared);
        let mut codes = Vec::with_capacity(shared.lookups.len());
        for index in 0..shared.lookups.len() {
            let (lookup, labels) = (shared.lookups[index], shared.labels[index].as_ref());
            let members = &prepared.members[lookup];
            let column = joined.key_column(lookup);
            codes.push(match shared.one_code(joined, index, rows) {
                Some(code) => Codes::One(code),
                None => {
                    Codes::of(key_values(&rows.values(column).await?)?.values(), members, labels)?
                }
            });
        }
        let mut own = Vec::with_capacity(shared.own.len());
        for over in &shared.own {
            own.push(joined.evaluate(prepared, rows, over).await?);
        }
        let found = self.found.as_mut().ok_or_else(defect)?;
        let Found { groups, states, assigned } = found;
        groups.assign(&codes, &own, rows.rows.len(), assigned)?;
        for (measure, state) in self.asked.measures.iter().zip(states) {
            let mut arguments = Vec::with_capacity(measure.arguments.len());
            for over in &measure.arguments {
                arguments.push(joined.evaluate(prepared, rows, over).await?);
            }
            let filter = match &measure.filter {
                Some(over) => Some(joined.evaluate(prepared, rows, over).await?),
                None => None,
            };
            let filter = filter.as_ref().and_then(|filter| filter.as_boolean_opt());
            state.update_batch(&arguments, assigned, filter, groups.len())?;
        }
        Ok(())
    }

    /// Takes out all groups.
    fn emit(&mut self, shared: &Shared) -> Result<Vec<RecordBatch>> {
        let Found { groups, states, .. } = self.found.as_mut().ok_or_else(defect)?;
        if groups.len() == 0 {
            return self.asked.of_nothing().map(Vec::from_iter);
        }
        let Emitted { labels, own } = groups.emit(&shared.labels)?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.asked.schema.fields().len());
        columns.extend(shared.places.iter().map(|place| match place {
            Place::Label(lookup, label) => ArrayRef::clone(&labels[*lookup][*label]),
            Place::Own(index) => ArrayRef::clone(&own[*index]),
        }));
        for state in states {
            columns.extend(state.state(EmitTo::All)?);
        }
        let rows = columns.first().map_or(1, |column| column.len());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = SchemaRef::clone(&self.asked.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        Ok(slices(&batch, self.partition.context.session_config().batch_size()))
    }
}

impl Found {
    fn size(&self) -> usize {
        let states: usize = self.states.iter().map(|state| state.size()).sum();
        states + self.groups.size() + self.assigned.capacity() * size_of::<usize>()
    }
}

fn accumulator(function: &Arc<AggregateFunctionExpr>) -> Result<Box<dyn GroupsAccumulator>> {
    if function.groups_accumulator_supported() {
        return function.create_groups_accumulator();
    }
    let function = Arc::clone(function);
    Ok(Box::new(GroupsAccumulatorAdapter::new(move || function.create_accumulator())))
}

fn defect() -> DataFusionError {
    internal_datafusion_err!("a star aggregation was not begun")
}
