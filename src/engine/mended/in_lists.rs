//! Several `IN` lists over the same value stay what they are, each for itself.
//!
//! DataFusion makes one list of `a IN (...) AND a IN (...)` by comparing what is written in them. But
//! other columns in them may be equal without looking so, `NULL` is equal to nothing, and a list in
//! which nothing is left is not false of a value that is NULL:
//!
//! ```text
//! a IN (b, 5) AND a IN (c, 6)            was false, also where a, b and c are all 1
//! a IN (1, NULL) AND a NOT IN (3, NULL)  was true of 1, and is not known
//! NOT (a IN (1, 2) AND a IN (3))         was true of NULL, and is not known
//! ```
//!
//! It also makes lists of equalities (`a = 1 OR a = 2`), and does the same to them. While expressions are
//! simplified, the value of each such list is told apart from the others' by names that change nothing.
//! And what compares with nothing but NULL is unknown, and is said to be before: `a = 2 AND a <> NULL` was
//! simplified to `a = 2`, as if NULL were a value other than 2.

use super::wrapped::Logical;
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::{Alias, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, lit};
use datafusion::optimizer::OptimizerConfig;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What the names that tell lists apart are known by.
const MARK: &str = "starhouse.in_list";

/// Simplifies with lists left apart.
pub(super) fn simplify(
    rule: &Logical,
    plan: LogicalPlan,
    config: &dyn OptimizerConfig,
) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&plan);
    let plan = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let told = expr.transform_up(unknown)?;
        Ok(told.update_data(|expr| name.restore(expr)))
    })?;
    let was_unknown = plan.transformed;
    let marked = plan.data.map_expressions(apart)?;
    let simplified = rule.rewrite(marked.data, config)?;
    let is_other = simplified.transformed || was_unknown;
    if !marked.transformed {
        return Ok(Transformed::new(simplified.data, is_other, TreeNodeRecursion::Continue));
    }
    let plan = simplified.data.map_expressions(as_before)?.data;
    Ok(Transformed::new(plan, is_other, TreeNodeRecursion::Continue))
}

/// What compares with nothing but NULL, as the unknown that it is.
fn unknown(expr: Expr) -> Result<Transformed<Expr>> {
    let is_null = |expr: &Expr| matches!(expr, Expr::Literal(value, _) if value.is_null());
    let compares_with_null = match &expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let compares = matches!(
                op,
                Operator::Eq
                    | Operator::NotEq
                    | Operator::Lt
                    | Operator::LtEq
                    | Operator::Gt
                    | Operator::GtEq
            );
            compares && (is_null(left) || is_null(right))
        }
        Expr::InList(InList { list, .. }) => !list.is_empty() && list.iter().all(is_null),
        _ => false,
    };
    Ok(match compares_with_null {
        true => Transformed::yes(lit(ScalarValue::Boolean(None))),
        false => Transformed::no(expr),
    })
}

/// An expression whose lists over the same value are told apart, to be simplified.
pub(in crate::engine) fn apart(expr: Expr) -> Result<Transformed<Expr>> {
    let mut lists = HashMap::new();
    count(&expr, false, &mut lists)?;
    lists.retain(|_, lists| *lists > 1);
    if lists.is_empty() {
        return Ok(Transformed::no(expr));
    }
    let mut met: HashMap<Expr, usize> = HashMap::new();
    expr.transform_up(|part| match part {
        Expr::InList(list) if lists.contains_key(list.expr.as_ref()) => {
            let others = met.entry(list.expr.as_ref().clone()).or_default();
            *others += 1;
            let named = (0..*others).fold(*list.expr, |value, _| named(value));
            let list = InList { expr: Box::new(named), ..list };
            Ok(Transformed::yes(Expr::InList(list)))
        }
        // several of them would be made a list
        Expr::BinaryExpr(equal) if compared(&equal).is_some_and(|c| lists.contains_key(c)) => {
            let BinaryExpr { left, op, right } = equal;
            let side = |side: Box<Expr>| match *side {
                literal @ Expr::Literal(..) => Box::new(literal),
                column => Box::new(named(column)),
            };
            let named = BinaryExpr { left: side(left), op, right: side(right) };
            Ok(Transformed::yes(Expr::BinaryExpr(named)))
        }
        other => Ok(Transformed::no(other)),
    })
}

/// Counts lists by their value, and what would be made a list: equalities in a chain of OR.
fn count(expr: &Expr, within_or: bool, lists: &mut HashMap<Expr, usize>) -> Result<()> {
    let is_or = matches!(expr, Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. }));
    match expr {
        Expr::InList(list) => *lists.entry(list.expr.as_ref().clone()).or_default() += 1,
        _ if is_or && !within_or => {
            let mut columns = HashSet::new();
            equalities(expr, &mut columns);
            for column in columns {
                *lists.entry(column.clone()).or_default() += 1;
            }
        }
        _ => {}
    }
    expr.apply_children(|child| {
        count(child, is_or, lists)?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn equalities<'a>(expr: &'a Expr, columns: &mut HashSet<&'a Expr>) {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            equalities(left, columns);
            equalities(right, columns);
        }
        Expr::BinaryExpr(equal) => columns.extend(compared(equal)),
        _ => {}
    }
}

/// The column that is to be equal to a literal.
fn compared(BinaryExpr { left, op, right }: &BinaryExpr) -> Option<&Expr> {
    match (left.as_ref(), op, right.as_ref()) {
        (column @ Expr::Column(_), Operator::Eq, Expr::Literal(..))
        | (Expr::Literal(..), Operator::Eq, column @ Expr::Column(_)) => Some(column),
        _ => None,
    }
}

/// A value by the name that it has.
fn named(value: Expr) -> Expr {
    let name = value.schema_name().to_string();
    let mark = BTreeMap::from([(MARK.to_owned(), String::new())]);
    Expr::Alias(Alias {
        expr: Box::new(value),
        relation: None,
        name,
        metadata: Some(FieldMetadata::new(mark)),
    })
}

/// An expression without the names that told its lists apart.
pub(in crate::engine) fn as_before(expr: Expr) -> Result<Transformed<Expr>> {
    let is_mark = |alias: &Alias| {
        alias.metadata.as_ref().is_some_and(|metadata| metadata.inner().contains_key(MARK))
    };
    expr.transform_up(|part| match part {
        Expr::Alias(alias) if is_mark(&alias) => Ok(Transformed::yes(*alias.expr)),
        other => Ok(Transformed::no(other)),
    })
}
