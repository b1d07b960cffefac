//! Which side of a join is the smaller one, as far as the model tells.
//!
//! A hash join collects one of its sides. DataFusion chooses it by what operators tell of their rows, which is
//! no more than what the largest join below could give. The estimates that give joins their order know better
//! ([`estimate`](super::estimate): keys, and how many members they refer to), so they go along: a [`Sized`] node
//! stands on either side of every join, says how many rows there are, and is gone as soon as sides are chosen.

use super::estimate::{self, Estimate};
use arrow::datatypes::DataType;
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
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use std::cmp::Ordering;
use std::fmt::{self, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Bytes of a value whose type has no width of its own: a text's place, and a few letters.
const TEXT_BYTES: usize = 24;

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
    let node = Sized { input: Arc::clone(plan), about: Arc::new(about) };
    Arc::new(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

/// What was told of a side before.
pub(super) fn told(extension: &Extension) -> Option<&Estimate> {
    extension.node.as_any().downcast_ref::<Sized>().map(|sized| sized.about.as_ref())
}

const NAME: &str = "Sized";

/// A side of a join, and what is known of its rows.
#[derive(Debug, Clone)]
struct Sized {
    input: Arc<LogicalPlan>,
    about: Arc<Estimate>,
}

impl PartialEq for Sized {
    fn eq(&self, other: &Self) -> bool {
        self.input == other.input && self.about.rows.to_bits() == other.about.rows.to_bits()
    }
}

impl Eq for Sized {}

impl Hash for Sized {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
        self.about.rows.to_bits().hash(state);
    }
}

impl PartialOrd for Sized {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for Sized {
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

/// The operator for a node of a logical plan, if that is a [`Sized`].
pub(super) fn plan_extension(
    node: &dyn UserDefinedLogicalNode,
    inputs: &[Arc<dyn ExecutionPlan>],
) -> Option<Arc<dyn ExecutionPlan>> {
    let sized = node.as_any().downcast_ref::<Sized>()?;
    let [input] = inputs else { return None };
    Some(Arc::new(SizedExec { input: Arc::clone(input), rows: sized.about.rows as usize }))
}

/// Its input, of which it says how many rows it has.
#[derive(Debug)]
struct SizedExec {
    input: Arc<dyn ExecutionPlan>,
    rows: usize,
}

impl DisplayAs for SizedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SizedExec: about_rows={}", self.rows)
    }
}

impl ExecutionPlan for SizedExec {
    fn name(&self) -> &'static str {
        "SizedExec"
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
            _ => internal_err!("SizedExec has one input"),
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
            Ok(match node.downcast_ref::<SizedExec>() {
                Some(sized) => Transformed::yes(Arc::clone(&sized.input)),
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
