//! How large a plan may be, with every use of a common table expression counted.
//!
//! A plan shares what it uses twice, so a short statement can name more than anyone could plan:
//! `WITH b AS (SELECT 1 AS x FROM a, a AS c), d AS (SELECT 1 AS x FROM b, b AS e), ...` doubles with
//! each name, and whatever walks over the plan walks all of it.

use super::errors::{from_datafusion, to_datafusion};
use super::sides;
use crate::error::{Error, ErrorKind, Result};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::collections::HashMap;

/// Operators of a plan.
const MOST_OPERATORS: u64 = 10_000;
/// Operators below one another.
const DEEPEST: u64 = 4_000;

/// Refuses a plan that is too large.
///
/// # Errors
/// Limit.
pub(super) fn check(plan: &LogicalPlan) -> Result<()> {
    let size = Sizes::default().of(plan)?;
    let bounds = [(size.operators, MOST_OPERATORS, "operators"), (size.depth, DEEPEST, "levels")];
    let Some((count, most, what)) = bounds.into_iter().find(|(count, most, _)| count > most) else {
        return Ok(());
    };
    let text = format!("the statement's plan has {count} {what}, more than {most}");
    Err(Error::new(ErrorKind::Limit, text).hint(
        "a common table expression counts wherever it is used; keep its rows in a table of the sandbox",
    ))
}

#[derive(Debug, Default, Clone, Copy)]
struct Size {
    operators: u64,
    depth: u64,
}

impl Size {
    fn add(&mut self, below: Self) {
        self.operators = self.operators.saturating_add(below.operators);
        self.depth = self.depth.max(below.depth);
    }
}

/// The sizes of plans by where they lie, which is the same for those that are shared: none moves
/// while the whole is borrowed.
#[derive(Default)]
struct Sizes(HashMap<*const LogicalPlan, Size>);

impl Sizes {
    fn of(&mut self, plan: &LogicalPlan) -> Result<Size> {
        if let Some(known) = self.0.get(&std::ptr::from_ref(plan)) {
            return Ok(*known);
        }
        let mut size = Size { operators: 1, depth: 0 };
        for below in plan.inputs() {
            size.add(self.of(below)?);
        }
        plan.apply_subqueries(|subquery| {
            // The node itself is made for this call; what it holds is the plan's.
            for below in subquery.inputs() {
                size.add(self.of(below).map_err(to_datafusion)?);
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .map_err(from_datafusion)?;
        size.depth += 1;
        self.0.insert(std::ptr::from_ref(plan), size);
        Ok(size)
    }
}

/// About how many bytes a plan takes to keep: its expressions, wherever they are shared.
pub(super) fn weight(plan: &LogicalPlan) -> Result<usize> {
    const EXPRESSION_BYTES: usize = 400;
    let mut expressions: usize = 0;
    plan.apply_with_subqueries(|node| {
        // What is said of a join's side has its input's schema, and little of its own.
        let is_side = matches!(node, LogicalPlan::Extension(own) if sides::told(own).is_some());
        if !is_side {
            expressions += node.schema().fields().len();
        }
        node.apply_expressions(|expr| {
            expr.apply(|_| {
                expressions += 1;
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(from_datafusion)?;
    Ok(expressions.saturating_mul(EXPRESSION_BYTES))
}

/// Bytes of the literals that a plan may repeat for each row. Small ones do not count.
pub(super) fn literal_bytes(plan: &LogicalPlan) -> Result<usize> {
    const SMALL_BYTES: usize = 1 << 10;
    let mut bytes: usize = 0;
    plan.apply_with_subqueries(|node| {
        // The rows of VALUES are what they are.
        if matches!(node, LogicalPlan::Values(_)) {
            return Ok(TreeNodeRecursion::Continue);
        }
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                if let Expr::Literal(value, _) = part
                    && value.size() > SMALL_BYTES
                {
                    bytes = bytes.saturating_add(value.size());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(from_datafusion)?;
    Ok(bytes)
}
