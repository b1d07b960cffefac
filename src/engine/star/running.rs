//! A partition of an aggregation over a star under way: its groups, and their states.

use super::asked::{Asked, Measure};
use super::exec::slices;
use super::grouping::{Place, Shared};
use super::groups::{Codes, Emitted, Groups};
use super::joined::{Joined, Source};
use super::members::key_values;
use super::once::Once;
use super::row_group::RowGroup;
use super::scan::Partition;
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::physical_expr::GroupsAccumulatorAdapter;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use futures::FutureExt;
use std::sync::Arc;

/// One partition under way.
pub(super) struct Running {
    pub(super) joined: Joined,
    pub(super) asked: Asked,
    pub(super) shared: Arc<Once<Shared>>,
    pub(super) partition: Partition,
    pub(super) memory: MemoryReservation,
    pub(super) found: Option<Found>,
    pub(super) ended: bool,
}

/// What a partition has found. The states of a whole are of another form than those of groups, as
/// DataFusion's final aggregation expects them.
pub(super) enum Found {
    /// One state a measure, for all rows.
    Whole(Vec<Box<dyn Accumulator>>),
    /// Groups and their states.
    Groups {
        groups: Groups,
        states: Vec<Box<dyn GroupsAccumulator>>,
        /// The group of each row of the present row group.
        assigned: Vec<usize>,
    },
}

impl Running {
    /// Batches to let out, at the end or where memory runs short; `None` after the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<RecordBatch>>> {
        if self.ended {
            return Ok(None);
        }
        let (joined, asked) = (self.joined.clone(), self.asked.clone());
        let Partition { metrics, context, .. } = &self.partition;
        let (metrics, context) = (metrics.clone(), Arc::clone(context));
        let start = || Shared::new(joined, asked, context, metrics).boxed();
        let shared = &self.shared.get(start).await?;
        if self.found.is_none() {
            self.found = Some(self.begin(shared)?);
        }
        let joined = self.joined.clone();
        let wanted = |rows: &RowGroup| shared.reads(&joined, rows);
        while let Some(mut rows) = joined.next(&shared.prepared, &self.partition, &wanted).await? {
            self.add(shared, &mut rows).boxed().await?;
            let read = rows.read_of(&joined.columns);
            shared.prepared.counters.end(rows.rows.len(), read);
            drop(rows);
            let found = self.found.as_ref().ok_or_else(defect)?;
            match (self.memory.try_resize(found.size()), found) {
                (Ok(()), _) => {}
                (Err(error), Found::Whole(_)) => return Err(error),
                (Err(_), Found::Groups { .. }) => {
                    let batches = self.emit(shared)?;
                    self.memory.free();
                    return Ok(Some(batches));
                }
            }
            tokio::task::yield_now().await;
        }
        self.ended = true;
        self.emit(shared).map(Some)
    }

    fn begin(&self, shared: &Shared) -> Result<Found> {
        let functions = self.asked.measures.iter().map(|measure| &measure.function);
        if self.asked.groups.is_empty() {
            let states = functions.map(|function| function.create_accumulator());
            return Ok(Found::Whole(states.collect::<Result<_>>()?));
        }
        let groups = Groups::new(&shared.labels, shared.own.len());
        let states = functions.map(accumulator).collect::<Result<_>>()?;
        Ok(Found::Groups { groups, states, assigned: Vec::new() })
    }

    /// Adds the rows that were kept of a row group.
    async fn add(&mut self, shared: &Shared, rows: &mut RowGroup) -> Result<()> {
        let reading = Reading { joined: &self.joined, shared };
        let found = self.found.as_mut().ok_or_else(defect)?;
        let measures = &self.asked.measures;
        match found {
            Found::Whole(states) => {
                for (measure, state) in measures.iter().zip(states) {
                    let arguments = reading.filtered(measure, rows).await?;
                    state.update_batch(&arguments)?;
                }
            }
            Found::Groups { groups, states, assigned } => {
                let (codes, own) = reading.groups(rows).await?;
                groups.assign(&codes, &own, rows.rows.len(), assigned)?;
                for (measure, state) in measures.iter().zip(states) {
                    let arguments = reading.arguments(measure, rows).await?;
                    let filter = reading.filter(measure, rows).await?;
                    state.update_batch(&arguments, assigned, filter.as_ref(), groups.len())?;
                }
            }
        }
        Ok(())
    }

    /// Takes out all that was found.
    fn emit(&mut self, shared: &Shared) -> Result<Vec<RecordBatch>> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.asked.schema.fields().len());
        match self.found.as_mut().ok_or_else(defect)? {
            Found::Whole(states) => {
                for state in states {
                    for value in state.state()? {
                        columns.push(value.to_array()?);
                    }
                }
            }
            Found::Groups { groups, .. } if groups.len() == 0 => return Ok(Vec::new()),
            Found::Groups { groups, states, .. } => {
                let Emitted { labels, own } = groups.emit(&shared.labels)?;
                columns.extend(shared.places.iter().map(|place| match place {
                    Place::Label(lookup, label) => ArrayRef::clone(&labels[*lookup][*label]),
                    Place::Own(index) => ArrayRef::clone(&own[*index]),
                }));
                for state in states {
                    columns.extend(state.state(EmitTo::All)?);
                }
            }
        }
        let rows = columns.first().map_or(1, |column| column.len());
        self.partition.baseline.record_output(rows);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = SchemaRef::clone(&self.asked.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        Ok(slices(&batch, self.partition.context.session_config().batch_size()))
    }
}

/// What is read of a row group.
struct Reading<'a> {
    joined: &'a Joined,
    shared: &'a Shared,
}

impl Reading<'_> {
    /// The codes of the rows by each dimension whose labels they are grouped by, and the values of
    /// their own that they are grouped by.
    async fn groups(&self, rows: &mut RowGroup) -> Result<(Vec<Codes>, Vec<ArrayRef>)> {
        let Self { joined, shared } = self;
        let mut codes = Vec::with_capacity(shared.lookups.len());
        for index in 0..shared.lookups.len() {
            let (lookup, labels) = (shared.lookups[index], shared.labels[index].as_ref());
            let members = &shared.prepared.members[lookup];
            let column = joined.key_column(lookup);
            codes.push(match shared.one_code(joined, index, rows) {
                Some(code) => Codes::One(code),
                None => Codes::of(&key_values(&rows.values(column).await?)?, members, labels)?,
            });
        }
        let mut own = Vec::with_capacity(shared.own.len());
        for over in &shared.own {
            own.push(match over.column().map(|wide| joined.source(wide)) {
                Some(Source::Fact(column)) => rows.coded_values(column).await?,
                _ => joined.evaluate(&shared.prepared, rows, over).await?,
            });
        }
        Ok((codes, own))
    }

    async fn arguments(&self, measure: &Measure, rows: &mut RowGroup) -> Result<Vec<ArrayRef>> {
        let mut arguments = Vec::with_capacity(measure.arguments.len());
        for over in &measure.arguments {
            arguments.push(self.joined.evaluate(&self.shared.prepared, rows, over).await?);
        }
        Ok(arguments)
    }

    async fn filter(&self, measure: &Measure, rows: &mut RowGroup) -> Result<Option<BooleanArray>> {
        let Some(over) = &measure.filter else { return Ok(None) };
        let filter = self.joined.evaluate(&self.shared.prepared, rows, over).await?;
        let filter = filter.as_boolean_opt().cloned();
        let filter = filter.ok_or_else(|| internal_datafusion_err!("a filter is not boolean"))?;
        Ok(Some(filter))
    }

    /// A measure's arguments in the rows that its filter leaves: the others may not even have any.
    async fn filtered(&self, measure: &Measure, rows: &mut RowGroup) -> Result<Vec<ArrayRef>> {
        let Some(filter) = self.filter(measure, rows).await? else {
            return self.arguments(measure, rows).await;
        };
        let wide = measure.arguments.iter().flat_map(|over| over.columns.iter().copied());
        for column in self.joined.reads_for(&wide.collect::<Vec<_>>()) {
            // Of all rows: other measures may need the others.
            rows.load(column).await?;
        }
        let left = rows.rows.masked(&filter);
        let all = std::mem::replace(&mut rows.rows, left);
        let arguments = self.arguments(measure, rows).await;
        rows.rows = all;
        arguments
    }
}

impl Found {
    fn size(&self) -> usize {
        match self {
            Self::Whole(states) => states.iter().map(|state| state.size()).sum(),
            Self::Groups { groups, states, assigned } => {
                let states: usize = states.iter().map(|state| state.size()).sum();
                states + groups.size() + assigned.capacity() * size_of::<usize>()
            }
        }
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
