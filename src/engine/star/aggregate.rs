//! The star scan with its aggregation: groups are codes of dimensions' labels, and no joined row is
//! ever made.
//!
//! It takes the place of a partial aggregation over a star join; DataFusion's final aggregation
//! above it adds up what the partitions found. So a group may come out more than once, and memory
//! that runs short is won back by letting out the groups there are.

use super::exec::{properties, slices};
use super::expr::Over;
use super::groups::{Codes, Emitted, Groups, Labels};
use super::members::key_values;
use super::row_group::RowGroup;
use super::scan::{Joined, Prepared, Source};
use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{GroupsAccumulatorAdapter, PhysicalExpr};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{FutureExt, TryStreamExt, stream};
use std::fmt::{self, Formatter};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// What is aggregated, over wide columns.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The group expressions.
    pub(super) groups: Vec<Over>,
    pub(super) measures: Vec<Measure>,
    /// Group columns, then the states of each measure: those of DataFusion's partial aggregation.
    pub(super) schema: SchemaRef,
}

/// An aggregate function and what it is given.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    pub(super) function: Arc<AggregateFunctionExpr>,
    pub(super) arguments: Vec<Over>,
    pub(super) filter: Option<Over>,
}

/// A partial aggregation over a star.
#[derive(Debug)]
pub(super) struct StarAggregateExec {
    joined: Joined,
    asked: Asked,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    shared: Arc<OnceCell<Shared>>,
}

impl StarAggregateExec {
    pub(super) fn new(joined: Joined, asked: Asked, partitions: usize) -> Self {
        let properties = Arc::new(properties(Arc::clone(&asked.schema), partitions));
        let metrics = ExecutionPlanMetricsSet::new();
        Self { joined, asked, properties, metrics, shared: Arc::default() }
    }

    /// What is read.
    pub(super) fn joined(&self) -> &Joined {
        &self.joined
    }
}

impl DisplayAs for StarAggregateExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        f.write_str("StarAggregateExec: ")?;
        self.joined.describe(f)?;
        let names = self.asked.schema.fields().iter().take(self.asked.groups.len());
        let groups: Vec<&str> = names.map(|field| field.name().as_str()).collect();
        let measures: Vec<&str> =
            self.asked.measures.iter().map(|measure| measure.function.name()).collect();
        write!(f, ", gby=[{}], aggr=[{}]", groups.join(", "), measures.join(", "))
    }
}

impl ExecutionPlan for StarAggregateExec {
    fn name(&self) -> &'static str {
        "StarAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.joined.children()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.joined.lookups.len()]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(&self.joined.predicates, f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let joined = self.joined.with_children(children)?;
        let partitions = self.properties.output_partitioning().partition_count();
        Ok(Arc::new(Self::new(joined, self.asked.clone(), partitions)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let name = format!("StarAggregate[{partition}]");
        let memory = MemoryConsumer::new(name).with_can_spill(true).register(context.memory_pool());
        let running = Running {
            joined: self.joined.clone(),
            asked: self.asked.clone(),
            shared: Arc::clone(&self.shared),
            metrics: self.metrics.clone(),
            partition,
            context,
            memory,
            found: None,
            ended: false,
        };
        let batches = stream::try_unfold(running, |mut running| async move {
            let batches = running.next().await?;
            Ok::<_, DataFusionError>(batches.map(|batches| (batches, running)))
        });
        let batches = batches.map_ok(|batches| stream::iter(batches.into_iter().map(Ok)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches.try_flatten())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// What the partitions share while it runs.
#[derive(Debug)]
struct Shared {
    prepared: Prepared,
    /// By what rows are grouped: labels of these lookups ...
    lookups: Vec<usize>,
    labels: Vec<Arc<Labels>>,
    /// ... and expressions over the rows themselves.
    own: Vec<Over>,
    places: Vec<Place>,
    /// The table's columns that measures and those expressions read.
    reads: Vec<usize>,
}

/// Where a group expression's values are.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Among the labels of the lookup at this place, the label at that one.
    Label(usize, usize),
    Own(usize),
}

impl Shared {
    async fn new(
        joined: &Joined,
        asked: &Asked,
        context: &Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Self> {
        let prepared = joined.prepare(context, metrics).await?;
        let mut lookups: Vec<usize> = Vec::new();
        let mut columns: Vec<Vec<ArrayRef>> = Vec::new();
        let (mut own, mut places) = (Vec::new(), Vec::new());
        for expr in &asked.groups {
            let label = label_of(joined, &prepared, expr);
            places.push(match label {
                Some((lookup, values)) => {
                    let place = lookups.iter().position(|known| *known == lookup);
                    let place = place.unwrap_or_else(|| {
                        lookups.push(lookup);
                        columns.push(Vec::new());
                        lookups.len() - 1
                    });
                    columns[place].push(values);
                    Place::Label(place, columns[place].len() - 1)
                }
                None => {
                    own.push(expr.clone());
                    Place::Own(own.len() - 1)
                }
            });
        }
        let labels = columns.iter().map(|columns| Ok(Arc::new(Labels::new(columns)?)));
        let labels = labels.collect::<Result<_>>()?;
        let measures = asked.measures.iter();
        let overs = measures.flat_map(|measure| measure.arguments.iter().chain(&measure.filter));
        let wide = overs.chain(&own).flat_map(|over| over.columns.iter().copied());
        let reads = joined.reads_for(&wide.collect::<Vec<_>>());
        Ok(Self { prepared, lookups, labels, own, places, reads })
    }

    /// The code of all rows of a row group by the labels at this place, if they have the same.
    fn one_code(&self, joined: &Joined, place: usize, rows: &RowGroup) -> Option<u32> {
        let (lookup, labels) = (self.lookups[place], &self.labels[place]);
        let (low, high) = rows.bounds(joined.key_column(lookup))?;
        self.prepared.members[lookup].uniform(labels.codes(), low, high)
    }

    /// The table's columns that are read of the rows that stay in a row group.
    fn reads(&self, joined: &Joined, rows: &RowGroup) -> Vec<usize> {
        let places = 0..self.lookups.len();
        let mixed = places.filter(|place| self.one_code(joined, *place, rows).is_none());
        let keys = mixed.map(|place| joined.key_column(self.lookups[place]));
        self.reads.iter().copied().chain(keys).collect()
    }
}

/// The lookup whose columns alone an expression is over, and its values in all the lookup's rows.
/// One that cannot be evaluated there is left to the rows that are kept: it may fail only in them.
fn label_of(joined: &Joined, prepared: &Prepared, expr: &Over) -> Option<(usize, ArrayRef)> {
    let mut lookup = None;
    let mut columns = Vec::new();
    for wide in &expr.columns {
        let Source::Lookup(index, column) = joined.source(*wide) else { return None };
        if *lookup.get_or_insert(index) != index {
            return None;
        }
        columns.push(ArrayRef::clone(prepared.members[index].rows().column(column)));
    }
    let lookup = lookup.filter(|_| !expr.is_volatile())?;
    let rows = prepared.members[lookup].rows().num_rows();
    Some((lookup, expr.evaluate(columns, rows).ok()?))
}

/// One partition under way.
struct Running {
    joined: Joined,
    asked: Asked,
    shared: Arc<OnceCell<Shared>>,
    metrics: ExecutionPlanMetricsSet,
    partition: usize,
    context: Arc<TaskContext>,
    memory: MemoryReservation,
    found: Option<Found>,
    ended: bool,
}

/// The groups a partition has found, and their states.
struct Found {
    groups: Groups,
    states: Vec<Box<dyn GroupsAccumulator>>,
    /// The group of each row of the present row group.
    assigned: Vec<usize>,
}

impl Running {
    /// Batches to let out, at the end or where memory runs short; `None` after the end.
    async fn next(&mut self) -> Result<Option<Vec<RecordBatch>>> {
        if self.ended {
            return Ok(None);
        }
        let shared = Arc::clone(&self.shared);
        let start = || Shared::new(&self.joined, &self.asked, &self.context, &self.metrics).boxed();
        let shared = shared.get_or_try_init(start).await?;
        if self.found.is_none() {
            self.found = Some(self.begin(shared)?);
        }
        let joined = self.joined.clone();
        let wanted = |rows: &RowGroup| shared.reads(&joined, rows);
        while let Some(mut rows) =
            joined.next(&shared.prepared, self.partition, &self.metrics, &wanted).await?
        {
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
        Ok(slices(&batch, self.context.session_config().batch_size()))
    }
}

impl Asked {
    /// What comes of no rows: nothing where there are groups, else the states of nothing.
    fn of_nothing(&self) -> Result<Option<RecordBatch>> {
        if !self.groups.is_empty() {
            return Ok(None);
        }
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for measure in &self.measures {
            for state in measure.function.create_accumulator()?.state()? {
                columns.push(state.to_array()?);
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let schema = SchemaRef::clone(&self.schema);
        Ok(Some(RecordBatch::try_new_with_options(schema, columns, &options)?))
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
