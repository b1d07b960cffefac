//! A star join as a node of a logical plan, and how it becomes an operator.

use super::exec::StarJoinExec;
use super::facts::Facts;
use super::joined::{Joined, Keeps, Lookup, Reads};
use crate::engine::errors::to_datafusion;
use crate::engine::estimate::Estimate;
use crate::engine::scope::QueryScope;
use crate::engine::table::StoredTable;
use arrow::datatypes::{Field, Schema};
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, DFSchemaRef, Result, internal_datafusion_err, internal_err};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::logical_plan::TableScan;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::PhysicalPlanner;
use std::cmp::Ordering;
use std::fmt::{self, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

const NAME: &str = "StarJoin";

/// A fact joined to dimensions by their keys, each of which has at most one row for a key.
///
/// Its columns are known by their *wide* index: the fact's columns first, then those of each
/// dimension in turn.
#[derive(Debug, Clone)]
pub(super) struct StarJoin {
    /// The fact's scan; its columns are those that are read.
    pub(super) fact: TableScan,
    pub(super) reads: Reads,
    pub(super) dimensions: Vec<Dimension>,
    /// What rows must satisfy, over wide columns by name (see [`wide_name`]).
    pub(super) predicates: Vec<Expr>,
    /// The wide columns that come out.
    pub(super) output: Vec<usize>,
    pub(super) schema: DFSchemaRef,
    /// What is known of the rows that come out: joins to it ask which side is larger.
    pub(super) about: Option<Arc<Estimate>>,
}

/// A dimension of a star join.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Dimension {
    /// What gives its rows.
    pub(super) plan: LogicalPlan,
    /// Its key, among the plan's columns.
    pub(super) key: usize,
    /// The fact's column that holds its keys, among the fact's columns that are read.
    pub(super) fact_key: usize,
    pub(super) keeps: Keeps,
}

/// The name of a column among all columns of a star: the fact's, then those of each dimension.
pub(super) fn wide_name(index: usize) -> String {
    format!("w{index}")
}

impl StarJoin {
    pub(super) fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }

    /// The same, of whose rows this is known.
    pub(super) fn estimated(self, about: Estimate) -> Self {
        Self { about: Some(Arc::new(about)), ..self }
    }

    /// The schema of all wide columns.
    fn wide_schema(&self) -> Schema {
        let fact = self.fact.projected_schema.fields().iter().map(|field| (field, false));
        let dimensions = self.dimensions.iter().flat_map(|one| {
            one.plan.schema().fields().iter().map(|field| (field, one.keeps == Keeps::All))
        });
        let fields = fact.chain(dimensions).enumerate();
        let named = fields.map(|(index, (field, optional))| {
            let nullable = optional || field.is_nullable();
            Field::new(wide_name(index), field.data_type().clone(), nullable)
        });
        Schema::new(named.collect::<Vec<_>>())
    }

    /// The operator, given those of its dimensions.
    fn plan(
        &self,
        planner: &dyn PhysicalPlanner,
        dimensions: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let provider = source_as_provider(&self.fact.source)?;
        let table = provider
            .downcast_ref::<StoredTable>()
            .ok_or_else(|| internal_datafusion_err!("a star's fact is no stored table"))?;
        QueryScope::admit(session, table.name(), table.release()).map_err(to_datafusion)?;
        let wide = self.wide_schema();
        let wide_named = DFSchema::try_from(wide.clone())?;
        let predicates = self.predicates.iter();
        let predicates = predicates
            .map(|expr| planner.create_physical_expr(expr, &wide_named, session, context))
            .collect::<Result<Vec<_>>>()?;
        let pairs = self.dimensions.iter().zip(dimensions);
        let lookups = pairs.map(|(dimension, plan)| Lookup {
            plan: Arc::clone(plan),
            key: dimension.key,
            fact_key: dimension.fact_key,
            keeps: dimension.keeps,
        });
        let all = || (0..table.state().columns.len()).collect();
        let scan = table.prepared().map_err(to_datafusion)?;
        let joined = Joined {
            facts: Arc::new(Facts::of(scan.as_ref(), session)?),
            columns: self.fact.projection.clone().unwrap_or_else(all),
            lookups: lookups.collect(),
            wide: Arc::new(wide),
            predicates,
            about_rows: self.about.as_ref().map(|about| about.rows as usize),
            own: Arc::default(),
        };
        let schema = Arc::clone(self.schema.inner());
        let partitions = match self.reads {
            Reads::Facts => session.config().target_partitions(),
            Reads::Members => 1,
        };
        let exec = StarJoinExec::new(joined, self.output.clone(), schema, partitions, self.reads);
        Ok(Arc::new(exec))
    }
}

/// What is known of a star's rows, if the node is one.
pub(in crate::engine) fn told(extension: &Extension) -> Option<&Estimate> {
    extension.node.as_any().downcast_ref::<StarJoin>()?.about.as_deref()
}

/// The operator for a node of a logical plan, if that is a star join.
pub(in crate::engine) fn plan_extension(
    planner: &dyn PhysicalPlanner,
    node: &dyn UserDefinedLogicalNode,
    inputs: &[Arc<dyn ExecutionPlan>],
    session: &dyn Session,
    context: &PhysicalPlanningContext,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    match node.as_any().downcast_ref::<StarJoin>() {
        Some(star) => star.plan(planner, inputs, session, context).map(Some),
        None => Ok(None),
    }
}

impl PartialEq for StarJoin {
    fn eq(&self, other: &Self) -> bool {
        self.fact == other.fact
            && self.reads == other.reads
            && self.dimensions == other.dimensions
            && self.predicates == other.predicates
            && self.output == other.output
            && self.schema == other.schema
    }
}

impl Eq for StarJoin {}

impl Hash for StarJoin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fact.hash(state);
        self.dimensions.hash(state);
        self.predicates.hash(state);
        self.output.hash(state);
    }
}

impl PartialOrd for StarJoin {
    /// Stars have no order among them.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for StarJoin {
    fn name(&self) -> &str {
        NAME
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.dimensions.iter().map(|dimension| &dimension.plan).collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    /// The predicates, over wide columns: whoever plans looks here for values that are asked for
    /// once, before the facts.
    fn expressions(&self) -> Vec<Expr> {
        self.predicates.clone()
    }

    fn fmt_for_explain(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "{NAME}: {}", self.fact.table_name)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        if inputs.len() != self.dimensions.len() || exprs.len() != self.predicates.len() {
            return internal_err!("{NAME} has {} inputs", self.dimensions.len());
        }
        let mut star = Self { predicates: exprs, ..self.clone() };
        for (dimension, plan) in star.dimensions.iter_mut().zip(inputs) {
            dimension.plan = plan;
        }
        Ok(star)
    }
}
