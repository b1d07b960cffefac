//! A rule of DataFusion's that is applied in another way than by itself, and what is done before all rules.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{AnalyzerRule, ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// A rule for logical plans, one of several threads'.
pub(super) type Logical = dyn OptimizerRule + Send + Sync;

/// A rule for physical plans, one of several threads'.
pub(super) type Physical = dyn PhysicalOptimizerRule + Send + Sync;

/// What is done with a logical plan instead of the rule alone.
pub(super) type Rewrite =
    fn(&Logical, LogicalPlan, &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>>;

/// What is done with a physical plan instead of the rule alone.
pub(super) type Optimize =
    fn(&Physical, Arc<dyn ExecutionPlan>, &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>>;

/// A rule, under its own name and in its own order, applied in a way.
#[derive(Debug)]
pub(super) struct Wrapped<Rule: ?Sized, Way> {
    pub(super) rule: Arc<Rule>,
    pub(super) way: Way,
}

impl OptimizerRule for Wrapped<Logical, Rewrite> {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        (self.way)(self.rule.as_ref(), plan, config)
    }
}

impl PhysicalOptimizerRule for Wrapped<Physical, Optimize> {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        (self.way)(self.rule.as_ref(), plan, config)
    }

    fn name(&self) -> &str {
        self.rule.name()
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}

/// What is done with every operator of a plan, those of its subqueries too, before it is optimised.
#[derive(Debug)]
pub(in crate::engine) struct Everywhere {
    pub(super) name: &'static str,
    pub(super) tell: fn(LogicalPlan) -> Result<Transformed<LogicalPlan>>,
}

impl AnalyzerRule for Everywhere {
    fn name(&self) -> &str {
        self.name
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(self.tell)?.data)
    }
}
