//! Which side of a join is the smaller one, as far as the model tells.
//!
//! A hash join collects one of its sides. DataFusion chooses it by what operators tell of their rows, which is
//! no more than what the largest join below could give. The estimates that give joins their order know better
//! ([`estimate`](super::estimate): keys, and how many members they refer to), so they go along: a [`Side`] node
//! stands on either side of a join by equality, says how many rows there are, and is gone as soon as sides are
//! chosen. Where tables do not tell how many rows they have, DataFusion chooses alone.

use super::estimate::{self, Estimate};
use super::statistics::TEXT_BYTES;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, Result, Statistics, internal_err};
use datafusion::datasource::source_as_provider;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::logical_plan::Join;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use std::cmp::Ordering;
use std::fmt::{self, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Tells the joins of an optimised plan how large their sides are.
pub(super) fn tell(plan: LogicalPlan) -> Result<LogicalPlan> {
    let told = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if !join.on.is_empty() => {
            let (left, right) = (estimated(&join.left), estimated(&join.right));
            let (Some(left), Some(right)) = (left, right) else {
                return Ok(Transformed::no(LogicalPlan::Join(join)));
            };
            let (left, right) = (sized(&join.left, left), sized(&join.right, right));
            Ok(Transformed::yes(LogicalPlan::Join(Join { left, right, ..join })))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(told.data)
}

/// What is known of a plan's rows, if all that it reads tells how many it has.
fn estimated(plan: &LogicalPlan) -> Option<Estimate> {
    let mut is_known = true;
    let looked = plan.apply(|node| {
        is_known &= match node {
            LogicalPlan::Extension(_) if estimate::told(node).is_some() => {
                return Ok(TreeNodeRecursion::Jump);
            }
            LogicalPlan::Extension(_) => false,
            LogicalPlan::TableScan(scan) => {
                let statistics = source_as_provider(&scan.source)?.statistics();
                statistics.is_some_and(|known| known.num_rows.get_value().is_some())
            }
            LogicalPlan::Unnest(_) | LogicalPlan::RecursiveQuery(_) => false,
            _ => true,
        };
        Ok(if is_known { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    looked.is_ok_and(|_| is_known).then(|| estimate::estimate(plan))
}

fn sized(plan: &Arc<LogicalPlan>, about: Estimate) -> Arc<LogicalPlan> {
    let node = Side { input: Arc::clone(plan), about: Arc::new(about) };
    Arc::new(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

/// What was told of a side before.
pub(super) fn told(extension: &Extension) -> Option<&Estimate> {
    extension.node.as_any().downcast_ref::<Side>().map(|side| side.about.as_ref())
}

const NAME: &str = "Side";

/// A side of a join, and what is known of its rows.
#[derive(Debug, Clone)]
struct Side {
    input: Arc<LogicalPlan>,
    about: Arc<Estimate>,
}

impl PartialEq for Side {
    fn eq(&self, other: &Self) -> bool {
        self.input == other.input && self.about.rows.to_bits() == other.about.rows.to_bits()
    }
}

impl Eq for Side {}

impl Hash for Side {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
        self.about.rows.to_bits().hash(state);
    }
}

impl PartialOrd for Side {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for Side {
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
        write!(f, "{NAME}: about {:.0} rows", self.about.rows)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.pop() {
            Some(input) => Ok(Self { input: Arc::new(input), about: Arc::clone(&self.about) }),
            None => internal_err!("{NAME} has one input"),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }
}

/// The operator for a node of a logical plan, if that is a [`Side`].
pub(super) fn plan_extension(
    node: &dyn UserDefinedLogicalNode,
    inputs: &[Arc<dyn ExecutionPlan>],
) -> Option<Arc<dyn ExecutionPlan>> {
    let side = node.as_any().downcast_ref::<Side>()?;
    let [input] = inputs else { return None };
    let named = named(input, side.input.schema().as_arrow()).ok()?;
    Some(Arc::new(SideExec { input: named, rows: side.about.rows as usize }))
}

/// An operator whose columns are called as in the plan: those of a union may not be, and DataFusion would take the
/// node for another.
fn named(input: &Arc<dyn ExecutionPlan>, wanted: &Schema) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = input.schema();
    let pairs = || schema.fields().iter().zip(wanted.fields());
    if pairs().all(|(own, wanted)| own.name() == wanted.name()) {
        return Ok(Arc::clone(input));
    }
    let columns = pairs().enumerate().map(|(place, (own, wanted))| {
        let column = Arc::new(Column::new(own.name(), place)) as Arc<dyn PhysicalExpr>;
        (column, wanted.name().clone())
    });
    Ok(Arc::new(ProjectionExec::try_new(columns, Arc::clone(input))?))
}

/// Its input, of which it says how many rows it has.
#[derive(Debug)]
struct SideExec {
    input: Arc<dyn ExecutionPlan>,
    rows: usize,
}

impl DisplayAs for SideExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SideExec: about_rows={}", self.rows)
    }
}

impl ExecutionPlan for SideExec {
    fn name(&self) -> &'static str {
        "SideExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
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
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self { input, rows: self.rows })),
            _ => internal_err!("SideExec has one input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let schema = self.input.schema();
        let unknown = Statistics::new_unknown(&schema);
        if args.partition().is_some() {
            return Ok(Arc::new(unknown));
        }
        let width = |ty: &DataType| ty.primitive_width().unwrap_or(TEXT_BYTES);
        let row: usize = schema.fields().iter().map(|field| width(field.data_type())).sum();
        Ok(Arc::new(Statistics {
            num_rows: Precision::Inexact(self.rows),
            total_byte_size: Precision::Inexact(self.rows.saturating_mul(row.max(1))),
            ..unknown
        }))
    }
}

/// Takes away what was said of sides, once they are chosen.
#[derive(Debug)]
pub(super) struct ForgetSizes;

impl PhysicalOptimizerRule for ForgetSizes {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plain = plan.transform_up(|node| {
            Ok(match node.downcast_ref::<SideExec>() {
                Some(side) => Transformed::yes(Arc::clone(&side.input)),
                None => Transformed::no(node),
            })
        })?;
        Ok(plain.data)
    }

    fn name(&self) -> &'static str {
        "forget_sizes"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
