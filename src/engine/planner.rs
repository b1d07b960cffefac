//! From a logical plan to operators: DataFusion's planner, and the nodes of our own that it meets.

use super::{grouping_sets, sides, star};
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::execution::context;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use std::sync::Arc;

/// Plans our own nodes; all else is DataFusion's.
#[derive(Debug)]
pub(super) struct QueryPlanner;

#[async_trait::async_trait]
impl context::QueryPlanner for QueryPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(OwnNodes)]);
        planner.create_physical_plan(plan, session).await
    }
}

struct OwnNodes;

#[async_trait::async_trait]
impl ExtensionPlanner for OwnNodes {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let passed = grouping_sets::plan_extension(node, inputs)
            .or_else(|| sides::plan_extension(node, inputs));
        match passed {
            Some(operator) => Ok(Some(operator)),
            None => star::plan_extension(planner, node, inputs, session, context),
        }
    }
}
