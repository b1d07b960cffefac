//! Filters that are handed down find their column where several have one name.
//!
//! DataFusion's operators hand filters down by the names of columns, and take the first where there are
//! two: `fact RIGHT JOIN dim ... WHERE fact.key IS NULL` would ask for dimensions without a key, and the
//! bound of `ORDER BY b.amount LIMIT 1` would leave out rows of `a`. Upstream it is by place since
//! apache/datafusion#25259. Until then a filter goes no further than where names tell columns apart: what
//! can go below a join has gone there in the logical plan, where names are qualified.
//!
//! Nor does a filter go below a limit, which counts rows as they are: a scan with one takes what a join has found
//! all the same, and the first ten rows became the first ten of those that the join asks for.

use super::wrapped::Physical;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use std::collections::HashSet;
use std::fmt::{self, Formatter};
use std::sync::Arc;

/// Hands filters down only where names tell columns apart.
pub(super) fn hand_filters_down(
    rule: &Physical,
    plan: Arc<dyn ExecutionPlan>,
    config: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    let fenced = plan.transform_up(|node| {
        let children = node.children().into_iter();
        let confused: Vec<bool> = children.map(|child| confuses(&node, child)).collect();
        if !confused.contains(&true) {
            return Ok(Transformed::no(node));
        }
        let children = node.children().into_iter().zip(confused);
        let fenced = children.map(|(child, confused)| match confused {
            true => Arc::new(Fence(Arc::clone(child))) as Arc<dyn ExecutionPlan>,
            false => Arc::clone(child),
        });
        let fenced = fenced.collect();
        replace_children_if_necessary(node, fenced).map(Transformed::yes)
    })?;
    let handed = rule.optimize(fenced.data, config)?;
    if !fenced.transformed {
        return Ok(handed);
    }
    let open = handed.transform_up(|node| {
        Ok(match node.downcast_ref::<Fence>() {
            Some(fence) => Transformed::yes(Arc::clone(&fence.0)),
            None => Transformed::no(node),
        })
    })?;
    Ok(open.data)
}

/// Whether a filter that an operator hands to a child, or that the child hands on, may be taken for one of
/// another column.
fn confuses(node: &Arc<dyn ExecutionPlan>, child: &Arc<dyn ExecutionPlan>) -> bool {
    if child.fetch().is_some() {
        return true;
    }
    if let Some(join) = child.downcast_ref::<HashJoinExec>() {
        // It knows its columns by their places, and so does a projection those of what is below it.
        let told_apart = node.is::<ProjectionExec>() && !has_twins(node);
        return has_twins(child) && !told_apart || is_semi_by_other_names(join);
    }
    has_twins(child) || node.is::<UnionExec>() && names(node) != names(child)
}

fn names(plan: &Arc<dyn ExecutionPlan>) -> Vec<String> {
    plan.schema().fields().iter().map(|field| field.name().clone()).collect()
}

fn has_twins(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let schema = plan.schema();
    let mut seen = HashSet::new();
    schema.fields().iter().any(|field| !seen.insert(field.name()))
}

/// Whether both sides of a semi join have columns of a name by which they are not joined: what is asked of
/// a key of the one is handed to the other by the key's name.
fn is_semi_by_other_names(join: &HashJoinExec) -> bool {
    if !matches!(join.join_type(), JoinType::LeftSemi | JoinType::RightSemi) {
        return false;
    }
    let name = |expr: &Arc<dyn PhysicalExpr>| {
        expr.downcast_ref::<Column>().map(|column| column.name().to_owned())
    };
    let is_key = |own: &String| {
        let is_it = |expr| name(expr).as_ref() == Some(own);
        join.on().iter().any(|(left, right)| is_it(left) && is_it(right))
    };
    let right: HashSet<String> = names(join.right()).into_iter().collect();
    names(join.left()).iter().any(|own| right.contains(own) && !is_key(own))
}

/// What stands above it hands no filters further.
#[derive(Debug)]
struct Fence(Arc<dyn ExecutionPlan>);

impl DisplayAs for Fence {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Fence")
    }
}

impl ExecutionPlan for Fence {
    fn name(&self) -> &'static str {
        "Fence"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.0]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self(input))),
            _ => internal_err!("a fence has one input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.0.execute(partition, context)
    }
}
