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

mod build;
mod graph;
mod search;

use super::star;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
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
    Ok(arranged(plan, Around { finds_stars: star::is_sought(session), in_joins: false })?.data)
}

/// Where a part of a plan lies.
#[derive(Clone, Copy)]
struct Around {
    /// Whether stars are looked for.
    finds_stars: bool,
    /// Whether it belongs to joins that were looked at from their top.
    in_joins: bool,
}

fn arranged(plan: LogicalPlan, around: Around) -> Result<Transformed<LogicalPlan>> {
    let apart = Around { in_joins: false, ..around };
    match &plan {
        LogicalPlan::Aggregate(aggregate)
            if around.finds_stars && star::is_star(&aggregate.input) =>
        {
            return Ok(Transformed::no(plan));
        }
        _ if !around.in_joins && graph::is_of_joins(&plan) => {
            if let Some(cheapest) = cheapest(&plan, apart)? {
                return Ok(Transformed::yes(cheapest));
            }
        }
        _ => {}
    }
    let in_joins = graph::is_of_joins(&plan);
    let asked = plan.map_subqueries(|subquery| arranged(subquery, apart))?;
    asked.transform_data(|plan| {
        plan.map_children(|child| arranged(child, Around { in_joins, ..around }))
    })
}

/// The joins at the top of a plan in the cheapest order, if that is another one.
fn cheapest(plan: &LogicalPlan, apart: Around) -> Result<Option<LogicalPlan>> {
    let Some(mut graph) = Graph::of(plan).filter(|graph| graph.relations.len() >= FEWEST) else {
        return Ok(None);
    };
    let (written, best) = (search::as_written(&graph), search::cheapest(&graph));
    match (written, best) {
        (Some(written), Some(best)) if best.cost < (1.0 - SAVED) * written.cost => {
            for relation in &mut graph.relations {
                let plan = relation.plan.as_ref().clone();
                relation.plan = Arc::new(arranged(plan, apart)?.data);
            }
            build::plan(&graph, &best.tree, plan.schema()).map(Some)
        }
        _ => Ok(None),
    }
}
