//! A tree of joins as a plan.

use super::graph::{Equality, Graph, Set, Tree};
use datafusion::common::{Column, DFSchema, JoinConstraint, JoinType, NullEquality, Result};
use datafusion::logical_expr::logical_plan::{Join, Projection};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::collections::HashSet;
use std::sync::Arc;

/// The joins of a tree, with the columns of the plan that they take the place of.
pub(super) fn plan(graph: &Graph, tree: &Tree, schema: &DFSchema) -> Result<LogicalPlan> {
    let columns = schema.columns();
    let answer = columns.iter().collect();
    let (plan, _) = Builder { graph, answer }.tree(tree)?;
    match plan.schema().columns() == columns {
        true => Ok(plan),
        false => projected(plan, columns.iter()),
    }
}

struct Builder<'a> {
    graph: &'a Graph,
    answer: HashSet<&'a Column>,
}

impl Builder<'_> {
    /// A part of the tree, without the columns that nobody needs any more, and its relations.
    fn tree(&self, tree: &Tree) -> Result<(LogicalPlan, Set)> {
        let (plan, set) = match tree {
            Tree::One(number) => (self.graph.relations[*number].plan.as_ref().clone(), 1 << number),
            Tree::Join(left, right) => {
                let (left, right) = (self.tree(left)?, self.tree(right)?);
                let set = left.1 | right.1;
                (self.joined(left, right)?, set)
            }
        };
        let beyond = self.graph.needed_beyond(set);
        let columns = plan.schema().columns();
        let is_needed = |column: &&Column| self.answer.contains(column) || beyond.contains(column);
        let needed: Vec<&Column> = columns.iter().filter(is_needed).collect();
        let is_whole = needed.len() == columns.len() || self.keeping(set).is_some();
        let plan = if is_whole { plan } else { projected(plan, needed.into_iter())? };
        Ok((plan, set))
    }

    /// The relation that only keeps rows of others, if a set is that.
    fn keeping(&self, set: Set) -> Option<usize> {
        let number = set.trailing_zeros() as usize;
        let is_keeping = set.is_power_of_two() && self.graph.relations[number].keeps.is_some();
        is_keeping.then_some(number)
    }

    fn joined(&self, left: (LogicalPlan, Set), right: (LogicalPlan, Set)) -> Result<LogicalPlan> {
        let keeps = self.keeping(right.1).and_then(|one| self.graph.relations[one].keeps.as_ref());
        let (on, filter, join_type, null_aware) = match keeps {
            Some(own) => (own.on.clone(), own.filter.clone(), own.join_type, own.null_aware),
            None => {
                let (on, others) = self.conditions(left.1, right.1);
                (on, conjunction(others), JoinType::Inner, false)
            }
        };
        let (left, right) = (Arc::new(left.0), Arc::new(right.0));
        let (constraint, nulls) = (JoinConstraint::On, NullEquality::NullEqualsNothing);
        let join = Join::try_new(left, right, on, filter, join_type, constraint, nulls, null_aware);
        join.map(LogicalPlan::Join)
    }

    /// What must be true of two sets together: pairs that are equal, and all else.
    fn conditions(&self, left: Set, right: Set) -> (Vec<(Expr, Expr)>, Vec<Expr>) {
        let is_new = |of: Set| of & !(left | right) == 0 && of & !left != 0 && of & !right != 0;
        let conditions = self.graph.conditions.iter().filter(|condition| is_new(condition.of));
        let mut others: Vec<Expr> = conditions.map(|condition| condition.expr.clone()).collect();
        let mut on = Vec::new();
        for Equality { left: (own, a), right: (other, b) } in &self.graph.equalities {
            if !is_new(own | other) {
                continue;
            }
            let lie_in = |first: Set, second: Set| own & !first == 0 && other & !second == 0;
            match (lie_in(left, right), lie_in(right, left)) {
                (true, _) => on.push((a.clone(), b.clone())),
                (_, true) => on.push((b.clone(), a.clone())),
                _ => others.push(a.clone().eq(b.clone())),
            }
        }
        (on, others)
    }
}

fn projected<'a>(
    plan: LogicalPlan,
    columns: impl Iterator<Item = &'a Column>,
) -> Result<LogicalPlan> {
    let columns = columns.map(|column| Expr::Column(column.clone())).collect();
    Projection::try_new(columns, Arc::new(plan)).map(LogicalPlan::Projection)
}
