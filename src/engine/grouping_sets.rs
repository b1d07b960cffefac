//! Grouping sets are aggregated without believing in an order of their input.
//!
//! DataFusion 55 gives groups out early where its input comes ordered by, or constant in, some of
//! the group columns; and it takes for ordered or constant what a grouping set turns into NULL
//! (apache/datafusion#24421). Groups then come out in pieces: `WHERE region = 'East' GROUP BY
//! CUBE (region, city)` gave wrong distinct counts. So an [`Unordered`] stands below every
//! aggregation with grouping sets: its rows are its input's, of which nothing is known.

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{
    Aggregate, Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use std::fmt::{self, Formatter};
use std::sync::Arc;

/// Puts an [`Unordered`] below every aggregation with grouping sets, in an optimised plan.
pub(super) fn forget_order(plan: LogicalPlan) -> Result<LogicalPlan> {
    let fenced = plan.transform_down_with_subqueries(|node| match node {
        LogicalPlan::Aggregate(aggregate) if has_grouping_sets(&aggregate) => {
            let input = Unordered { input: Arc::unwrap_or_clone(aggregate.input) };
            let input = LogicalPlan::Extension(Extension { node: Arc::new(input) });
            Aggregate::try_new_with_schema(
                Arc::new(input),
                aggregate.group_expr,
                aggregate.aggr_expr,
                aggregate.schema,
            )
            .map(|aggregate| Transformed::yes(LogicalPlan::Aggregate(aggregate)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(fenced.data)
}

fn has_grouping_sets(aggregate: &Aggregate) -> bool {
    let is_fenced = matches!(aggregate.input.as_ref(), LogicalPlan::Extension(extension)
        if extension.node.name() == NAME);
    !is_fenced && aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_)))
}

const NAME: &str = "Unordered";

/// Its input's rows, of which nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
struct Unordered {
    input: LogicalPlan,
}

impl UserDefinedLogicalNodeCore for Unordered {
    fn name(&self) -> &str {
        NAME
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(NAME)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.pop() {
            Some(input) => Ok(Self { input }),
            None => internal_err!("{NAME} has one input"),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }
}

/// The operator for a node of a logical plan, if that is an [`Unordered`].
pub(super) fn plan_extension(
    node: &dyn UserDefinedLogicalNode,
    inputs: &[Arc<dyn ExecutionPlan>],
) -> Option<Arc<dyn ExecutionPlan>> {
    match inputs {
        [input] if node.name() == NAME => Some(Arc::new(UnorderedExec::new(input))),
        _ => None,
    }
}

/// Passes batches through.
#[derive(Debug)]
struct UnorderedExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl UnorderedExec {
    fn new(input: &Arc<dyn ExecutionPlan>) -> Self {
        let partitions = input.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(partitions),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self { input: Arc::clone(input), properties: Arc::new(properties) }
    }
}

impl DisplayAs for UnorderedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter) -> fmt::Result {
        f.write_str("UnorderedExec")
    }
}

impl ExecutionPlan for UnorderedExec {
    fn name(&self) -> &'static str {
        "UnorderedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.as_slice() {
            // What is known of the rows is the same where that of the input is.
            [input] if Arc::ptr_eq(input.properties(), self.input.properties()) => {
                let (input, properties) = (Arc::clone(input), Arc::clone(&self.properties));
                Ok(Arc::new(Self { input, properties }))
            }
            [input] => Ok(Arc::new(Self::new(input))),
            _ => internal_err!("UnorderedExec has one input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        match inputs {
            [input] => Ok(Arc::clone(input)),
            _ => internal_err!("UnorderedExec has one input"),
        }
    }
}
