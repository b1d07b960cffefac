//! The order of joins that are no star: from the model's keys and what statistics tell, not as written.
//!
//! ```text
//! joins of a plan, through filters and plain columns        graph
//! how many rows each of them has, and different values      engine/estimate
//! the cheapest tree of joins                                search
//! the tree as a plan, without columns that nobody needs     build
//! ```
//!
//! DataFusion joins tables in the order in which a statement names them. Here the sizes of all subsets are
//! estimated, and the cheapest tree is found by dynamic programming over them (Selinger et al., 1979; bushy trees
//! too), or greedily where there are many. What matters is known exactly: how many rows tables have, and
//! which columns tell rows apart, so that a join by a key has no more rows than its other side (Leis et al., 2015,
//! show that sizes decide, and the model of costs hardly).
//!
//! Inner joins change places, and so do semi and anti joins, which keep rows of one side by that side's columns
//! alone. Tables that have nothing to do with each other are joined last: DataFusion multiplies those that are
//! named next to each other. Outer joins, and what is a star already, stay where they are.
//!
//! As in any order that a planner chooses, a condition may meet rows that another join would have taken away.

mod build;
mod graph;
mod search;

use super::star;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use graph::Graph;
use std::sync::Arc;

/// Fewer tables have one order: which side is collected is for the physical plan to say.
const FEWEST: usize = 3;

/// What another order must save at least, as a part: estimates are no more exact than that.
const SAVED: f64 = 0.1;

/// Puts joins in the order that is likely the cheapest.
pub(super) fn arrange(plan: LogicalPlan, session: &SessionState) -> Result<LogicalPlan> {
    arranged(plan, star::is_sought(session)).map(|plan| plan.data)
}

fn arranged(plan: LogicalPlan, finds_stars: bool) -> Result<Transformed<LogicalPlan>> {
    plan.transform_down_with_subqueries(|node| {
        let is_star = match &node {
            LogicalPlan::Aggregate(aggregate) => finds_stars && star::is_star(&aggregate.input),
            _ => false,
        };
        if is_star {
            return Ok(Transformed::new(node, false, TreeNodeRecursion::Jump));
        }
        let graph = graph::is_of_joins(&node).then(|| Graph::of(&node)).flatten();
        match graph.filter(|graph| graph.relations.len() >= FEWEST) {
            Some(graph) => joined(node, graph, finds_stars),
            None => Ok(Transformed::no(node)),
        }
    })
}

/// Joins in the cheapest order, what they join arranged as well.
fn joined(
    plan: LogicalPlan,
    mut graph: Graph,
    finds_stars: bool,
) -> Result<Transformed<LogicalPlan>> {
    let written = graph.written.clone();
    let cheaper = match (search::as_written(&graph), search::cheapest(&graph)) {
        (Some(written), Some(best)) if best.cost < (1.0 - SAVED) * written.cost => Some(best.tree),
        _ => None,
    };
    let mut is_other = cheaper.is_some();
    for relation in &mut graph.relations {
        let own = arranged(relation.plan.as_ref().clone(), finds_stars)?;
        is_other |= own.transformed;
        relation.plan = Arc::new(own.data);
    }
    let tree = cheaper.or(written).filter(|_| is_other);
    // A tree that cannot be built is no reason not to answer.
    let built = tree.map(|tree| build::plan(&graph, &tree, plan.schema()));
    match built {
        Some(Ok(built)) => Ok(Transformed::new(built, true, TreeNodeRecursion::Jump)),
        Some(Err(error)) => {
            tracing::debug!(%error, "joins stay as they are written");
            Ok(Transformed::new(plan, false, TreeNodeRecursion::Jump))
        }
        None => Ok(Transformed::new(plan, false, TreeNodeRecursion::Jump)),
    }
}
