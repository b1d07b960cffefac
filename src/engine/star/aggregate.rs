//! The star scan with its aggregation: groups are codes of dimensions' labels, and no joined row is
//! ever made.
//!
//! It takes the place of a partial aggregation over a star join; DataFusion's final aggregation
//! above it adds up what the partitions found. So a group may come out more than once, and memory
//! that runs short is won back by letting out the groups there are.

use super::asked::Asked;
use super::exec::properties;
use super::expr::Over;
use super::grouping::Shared;
use super::joined::Joined;
use super::metrics;
use super::once::{Once, Turns};
use super::running::Running;
use super::scan::Partition;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, apply_expression_roots,
};
use futures::{TryStreamExt, stream};
use std::fmt::{self, Formatter};
use std::sync::Arc;

/// A partial aggregation over a star.
#[derive(Debug)]
pub(super) struct StarAggregateExec {
    joined: Joined,
    asked: Asked,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    shared: Arc<Once<Shared>>,
    turns: Turns,
}

impl StarAggregateExec {
    pub(super) fn new(joined: Joined, asked: Asked, partitions: usize) -> Self {
        let properties = properties(Arc::clone(&asked.schema), partitions);
        Self::with(joined, asked, Arc::new(properties))
    }

    fn with(joined: Joined, asked: Asked, properties: Arc<PlanProperties>) -> Self {
        let metrics = ExecutionPlanMetricsSet::new();
        let (shared, turns) = (Arc::default(), Turns::default());
        Self { joined, asked, properties, metrics, shared, turns }
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
        let measures = self.asked.measures.iter();
        let overs = measures.flat_map(|measure| measure.arguments.iter().chain(&measure.filter));
        let asked = self.asked.groups.iter().chain(overs).map(Over::expr);
        apply_expression_roots(self.joined.predicates.iter().chain(asked), f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let joined = self.joined.with_children(children)?;
        Ok(Arc::new(Self::with(joined, self.asked.clone(), Arc::clone(&self.properties))))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let name = format!("StarAggregate[{partition}]");
        let memory = MemoryConsumer::new(name).with_can_spill(true).register(context.memory_pool());
        let partition = Partition::new(partition, &self.turns, &self.metrics, context);
        let time = partition.baseline.elapsed_compute().clone();
        let running = Running {
            joined: self.joined.clone(),
            asked: self.asked.clone(),
            shared: Arc::clone(&self.shared),
            partition,
            memory,
            found: None,
            ended: false,
        };
        let batches = stream::try_unfold(running, |mut running| async move {
            let batches = running.next().await?;
            Ok::<_, DataFusionError>(batches.map(|batches| (batches, running)))
        });
        let batches = batches.map_ok(|batches| stream::iter(batches.into_iter().map(Ok)));
        let batches = metrics::timed(time, batches.try_flatten());
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(metrics::told(&self.metrics))
    }
}
