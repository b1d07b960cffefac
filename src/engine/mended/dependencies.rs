//! What a column says about others is said no further than it holds.
//!
//! Of groups DataFusion says that a key among what they are grouped by determines the whole row, as if no
//! other column had been grouped by: after `dim JOIN fact ... GROUP BY dim.key, fact.order` it would not
//! order by `order` after `key`, and keep doubles from `SELECT DISTINCT`. The key determines its own
//! dimension's columns; the row is determined by all that is grouped by (upstream: apache/datafusion#23548,
//! #23818). Rows that `unnest` makes of one have its key each.
//!
//! The rules that act on such dependencies find them mended, by [`Dependencies`] before each; and so does
//! the planner, that adds to GROUP BY what its columns determine, by [`Relations`] in FROM.

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Dependency, FunctionalDependence, FunctionalDependencies, Result};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Unnest};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::sql::sqlparser::ast::TableFactor;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

/// DataFusion's rules that act on dependencies.
const ACT_ON_THEM: [&str; 4] = [
    "replace_distinct_aggregate",
    "eliminate_join",
    "eliminate_duplicated_expr",
    "optimize_projections",
];

/// The rules with dependencies mended before those that act on them.
pub(super) fn mended(
    rules: Vec<Arc<dyn OptimizerRule + Send + Sync>>,
) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let with_mending = |rule: Arc<dyn OptimizerRule + Send + Sync>| {
        let acts = ACT_ON_THEM.contains(&rule.name());
        let before = acts.then(|| Arc::new(Dependencies) as Arc<dyn OptimizerRule + Send + Sync>);
        before.into_iter().chain([rule])
    };
    rules.into_iter().flat_map(with_mending).collect()
}

#[derive(Debug)]
struct Dependencies;

impl OptimizerRule for Dependencies {
    fn name(&self) -> &str {
        "true_dependencies"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        as_they_hold(plan)
    }
}

/// Plans what stands in FROM as DataFusion does, with dependencies mended.
#[derive(Debug)]
pub(in crate::engine) struct Relations;

thread_local! {
    /// Whether the relation that is asked for next is one that was handed back to DataFusion: its
    /// planner asks for that one again, and at once.
    static HANDED_BACK: Cell<bool> = const { Cell::new(false) };
}

impl RelationPlanner for Relations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        if HANDED_BACK.replace(false) {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        HANDED_BACK.set(true);
        let planned = context.plan(relation);
        HANDED_BACK.set(false);
        let plan = as_they_hold(planned?)?.data;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}

/// The plan with dependencies that hold.
fn as_they_hold(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut all_hold = true;
    plan.apply_with_subqueries(|node| {
        all_hold = that_hold(node).is_none();
        Ok(if all_hold { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    if all_hold {
        return Ok(Transformed::no(plan));
    }
    // What lies above has its dependencies from below.
    plan.transform_up_with_subqueries(|node| {
        let mut node = node.recompute_schema()?;
        let Some(known) = that_hold(&node) else { return Ok(Transformed::yes(node)) };
        if let LogicalPlan::Aggregate(Aggregate { schema, .. })
        | LogicalPlan::Unnest(Unnest { schema, .. }) = &mut node
        {
            let mended = schema.as_ref().clone().with_functional_dependencies(known)?;
            *schema = Arc::new(mended);
        }
        Ok(Transformed::yes(node))
    })
}

/// The dependencies of a node's rows, if it says others.
fn that_hold(node: &LogicalPlan) -> Option<FunctionalDependencies> {
    let holding = match node {
        LogicalPlan::Aggregate(aggregate) => of_groups(aggregate),
        LogicalPlan::Unnest(_) => FunctionalDependencies::empty(),
        _ => return None,
    };
    (&holding != node.schema().functional_dependencies()).then_some(holding)
}

/// What holds of groups: what held of the rows among the columns that they are grouped by, and that
/// these together determine the whole.
fn of_groups(aggregate: &Aggregate) -> FunctionalDependencies {
    let (input, groups) = (aggregate.input.schema(), &aggregate.group_expr);
    let known = input.functional_dependencies();
    if groups.is_empty() || groups.iter().any(|group| matches!(group, Expr::GroupingSet(_))) {
        return FunctionalDependencies::empty();
    }
    let of_input = |group: &Expr| match group {
        Expr::Column(column) => input.maybe_index_of_column(column),
        _ => None,
    };
    let places: HashMap<usize, usize> = (groups.iter().enumerate())
        .filter_map(|(place, group)| Some((of_input(group)?, place)))
        .collect();
    let all: Vec<usize> = (0..aggregate.schema.fields().len()).collect();
    let among_groups = |known: &FunctionalDependence| {
        let sources = known.source_indices.iter().map(|source| places.get(source).copied());
        let sources: Vec<usize> = sources.collect::<Option<_>>()?;
        let targets = known.target_indices.iter().filter_map(|target| places.get(target).copied());
        let mut targets: Vec<usize> = targets.chain(sources.iter().copied()).collect();
        targets.sort_unstable();
        targets.dedup();
        let (targets, mode) = match targets.len() == groups.len() {
            true => (all.clone(), Dependency::Single),
            false => (targets, Dependency::Multi),
        };
        Some(FunctionalDependence::new(sources, targets, known.nullable).with_mode(mode))
    };
    let mut holding: Vec<FunctionalDependence> = known.iter().filter_map(among_groups).collect();
    if !holding.iter().any(|known| known.mode == Dependency::Single) {
        let fields = aggregate.schema.fields().iter().take(groups.len());
        let nullable = fields.into_iter().any(|field| field.is_nullable());
        let whole = FunctionalDependence::new((0..groups.len()).collect(), all.clone(), nullable);
        holding.push(whole.with_mode(Dependency::Single));
    }
    FunctionalDependencies::new(holding)
}
