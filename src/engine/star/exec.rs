//! The star join as an operator: rows of a fact with their dimensions' columns.

use super::joined::{Joined, Keeps, Reads, Source};
use super::metrics;
use super::once::{Once, Turns};
use super::prepare::Prepared;
use super::scan::{Partition, Wanted};
use crate::error::counted;
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, apply_expression_roots,
};
use futures::{TryStreamExt, stream};
use std::fmt::{self, Formatter};
use std::sync::Arc;

/// Joins a fact to its dimensions. Each partition takes the next row group until there are none.
#[derive(Debug)]
pub(super) struct StarJoinExec {
    pub(super) joined: Joined,
    /// The wide columns that come out.
    pub(super) output: Vec<usize>,
    reads: Reads,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    prepared: Arc<Once<Prepared>>,
    turns: Turns,
}

impl StarJoinExec {
    pub(super) fn new(
        joined: Joined,
        output: Vec<usize>,
        schema: SchemaRef,
        partitions: usize,
        reads: Reads,
    ) -> Self {
        Self::with(joined, output, Arc::new(properties(schema, partitions)), reads)
    }

    fn with(
        joined: Joined,
        output: Vec<usize>,
        properties: Arc<PlanProperties>,
        reads: Reads,
    ) -> Self {
        let metrics = ExecutionPlanMetricsSet::new();
        let (prepared, turns) = (Arc::default(), Turns::default());
        Self { joined, output, reads, properties, metrics, prepared, turns }
    }
}

/// What is known of what comes out of a star scan: nothing but its schema and partitions.
pub(super) fn properties(schema: SchemaRef, partitions: usize) -> PlanProperties {
    PlanProperties::new(
        EquivalenceProperties::new(schema),
        Partitioning::UnknownPartitioning(partitions),
        EmissionType::Incremental,
        Boundedness::Bounded,
    )
}

impl Joined {
    /// The operators of its dimensions.
    pub(super) fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.lookups.iter().map(|lookup| &lookup.plan).collect()
    }

    /// The same over other operators for its dimensions.
    pub(super) fn with_children(&self, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Self> {
        if children.len() != self.lookups.len() {
            return internal_err!("a star has {} dimensions", self.lookups.len());
        }
        let mut joined = self.clone();
        for (lookup, plan) in joined.lookups.iter_mut().zip(children) {
            lookup.plan = plan;
        }
        Ok(joined)
    }

    /// The fact and what is asked of it, for `EXPLAIN`.
    pub(super) fn describe(&self, f: &mut Formatter) -> fmt::Result {
        let table = &self.facts.table;
        let name = |column: &usize| self.facts.schema.field(*column).name().as_str();
        let columns: Vec<&str> = self.columns.iter().map(name).collect();
        let keys = self.lookups.iter().enumerate().map(|(index, lookup)| {
            let key = self.key_name(index);
            if lookup.keeps == Keeps::Unmatched { format!("not {key}") } else { key.to_owned() }
        });
        let keys: Vec<String> = keys.collect();
        // Not `files=`: that is the counter of those that were read.
        let files = counted(self.facts.files.len() as u64, "file", "files");
        write!(f, "table={table} of {files}, columns=[{}]", columns.join(", "))?;
        write!(f, ", keys=[{}]", keys.join(", "))?;
        if !self.predicates.is_empty() {
            let shown: Vec<String> = self.predicates.iter().map(ToString::to_string).collect();
            let mut shown = shown.join(" AND ");
            for (index, field) in self.wide.fields().iter().enumerate() {
                let column = match self.source(index) {
                    Source::Fact(column) => name(&column).to_owned(),
                    Source::Lookup(lookup, column) => {
                        self.lookups[lookup].plan.schema().field(column).name().clone()
                    }
                };
                shown = shown.replace(&format!("{}@{index}", field.name()), &column);
            }
            write!(f, ", predicate={shown}")?;
        }
        Ok(())
    }
}

impl DisplayAs for StarJoinExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        f.write_str("StarJoinExec: ")?;
        self.joined.describe(f)
    }
}

impl ExecutionPlan for StarJoinExec {
    fn name(&self) -> &'static str {
        "StarJoinExec"
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
        apply_expression_roots(&self.joined.predicates, f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let joined = self.joined.with_children(children)?;
        // They do not depend on those of the dimensions; and operators above, whose own are worked out of
        // these, need not do so again.
        let (output, properties) = (self.output.clone(), Arc::clone(&self.properties));
        Ok(Arc::new(Self::with(joined, output, properties, self.reads)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let schema = self.schema();
        let partition = Partition::new(partition, &self.turns, &self.metrics, context);
        let time = partition.baseline.elapsed_compute().clone();
        let reading = Reading {
            joined: self.joined.clone(),
            output: self.output.clone(),
            reads: self.reads,
            schema: Arc::clone(&schema),
            prepared: Arc::clone(&self.prepared),
            partition,
        };
        let batches = stream::try_unfold(reading, |reading| async move {
            let batches = reading.next().await?;
            Ok::<_, DataFusionError>(batches.map(|batches| (batches, reading)))
        });
        let batches = batches.map_ok(|batches| stream::iter(batches.into_iter().map(Ok)));
        let batches = metrics::timed(time, batches.try_flatten());
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(metrics::told(&self.metrics))
    }

    /// Those of the table, where all of its rows come out: counts and extremes need no reading. Of
    /// a star, about how many rows it has, and no more than its fact: joins to it ask which side is larger.
    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let Joined { facts, columns, lookups, predicates, about_rows, .. } = &self.joined;
        let is_table = lookups.is_empty() && predicates.is_empty() && args.partition().is_none();
        Ok(Arc::new(match is_table {
            true => {
                let columns = self.output.iter().map(|wide| columns[*wide]).collect::<Vec<_>>();
                facts.statistics.clone().project(Some(&columns))
            }
            false => {
                let most = facts.statistics.num_rows.to_inexact();
                let rows = about_rows.map_or(most, |rows| most.min(&Precision::Inexact(rows)));
                let rows = if args.partition().is_none() { rows } else { Precision::Absent };
                Statistics { num_rows: rows, ..Statistics::new_unknown(&self.schema()) }
            }
        }))
    }
}

/// One partition under way.
struct Reading {
    joined: Joined,
    output: Vec<usize>,
    reads: Reads,
    schema: SchemaRef,
    prepared: Arc<Once<Prepared>>,
    partition: Partition,
}

impl Reading {
    /// The rows of the next row group, in batches.
    async fn next(&self) -> Result<Option<Vec<RecordBatch>>> {
        let (joined, Partition { metrics, context, .. }) = (&self.joined, &self.partition);
        let prepare = || joined.clone().prepare(Arc::clone(context), metrics.clone());
        let prepared = &self.prepared.get(prepare).await?;
        let wanted: &Wanted<'_> = &|_| joined.reads_for(&self.output);
        let Some(mut group) = joined.next(prepared, &self.partition, wanted).await? else {
            return Ok(None);
        };
        let mut columns = Vec::with_capacity(self.output.len());
        for wide in &self.output {
            columns.push(joined.column(prepared, &mut group, *wide).await?);
        }
        prepared.counters.end(group.rows.len(), group.read_of(&joined.columns));
        self.partition.baseline.record_output(group.rows.len());
        let rows = group.rows.len();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        Ok(Some(match self.reads {
            Reads::Facts => slices(&batch, context.session_config().batch_size()),
            Reads::Members => vec![batch],
        }))
    }
}

/// A batch in pieces of so many rows.
pub(super) fn slices(batch: &RecordBatch, rows: usize) -> Vec<RecordBatch> {
    let starts = (0..batch.num_rows()).step_by(rows.max(1));
    starts.map(|start| batch.slice(start, rows.min(batch.num_rows() - start))).collect()
}
