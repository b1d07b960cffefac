//! A join, as seen from the side that holds the fact.

use super::unique::{holds_fact, plain_column, unique};
use datafusion::common::{JoinType, NullEquality};
use datafusion::logical_expr::logical_plan::Join;
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::sync::Arc;

/// What becomes of the facts that a join is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Those with a partner stay, with its columns.
    Inner,
    /// Those with a partner stay.
    Semi,
    /// All stay, those without a partner with NULLs.
    Outer,
    /// Those without a partner stay.
    Anti,
}

impl Kind {
    /// The same of a join whose left side is kept.
    pub(super) fn join_type(self) -> JoinType {
        match self {
            Self::Inner => JoinType::Inner,
            Self::Semi => JoinType::LeftSemi,
            Self::Outer => JoinType::Left,
            Self::Anti => JoinType::LeftAnti,
        }
    }
}

/// A join of a plan that holds the fact to one of members.
pub(super) struct Sides<'a> {
    pub(super) join: &'a Join,
    pub(super) facts: &'a Arc<LogicalPlan>,
    pub(super) members: &'a Arc<LogicalPlan>,
    facts_first: bool,
    pub(super) kind: Kind,
    /// What is equal: an expression over the facts' side, and one over the members'.
    pub(super) on: Vec<(&'a Expr, &'a Expr)>,
}

impl<'a> Sides<'a> {
    /// `None` where facts may come more than once, or members without facts.
    pub(super) fn of(join: &'a Join) -> Option<Self> {
        let (kind, facts_first) = match join.join_type {
            JoinType::LeftSemi => (Kind::Semi, true),
            JoinType::RightSemi => (Kind::Semi, false),
            JoinType::LeftAnti => (Kind::Anti, true),
            JoinType::RightAnti => (Kind::Anti, false),
            kept => {
                let facts_first = match (holds_fact(&join.left), holds_fact(&join.right)) {
                    (true, false) => true,
                    (false, true) => false,
                    _ => return None,
                };
                match (kept, facts_first) {
                    (JoinType::Inner, _) => (Kind::Inner, facts_first),
                    (JoinType::Left, true) | (JoinType::Right, false) => (Kind::Outer, facts_first),
                    _ => return None,
                }
            }
        };
        let (facts, members) = match facts_first {
            true => (&join.left, &join.right),
            false => (&join.right, &join.left),
        };
        let on = join.on.iter().map(|(left, right)| match facts_first {
            true => (left, right),
            false => (right, left),
        });
        let sides = Self { join, facts, members, facts_first, kind, on: on.collect() };
        let is_plain = join.null_equality == NullEquality::NullEqualsNothing;
        (is_plain && sides.forgets_no_null()).then_some(sides)
    }

    /// `NOT IN` is false of everything where one of the members is NULL, and of what is NULL itself.
    fn forgets_no_null(&self) -> bool {
        let is_null = |expr: &Expr, plan: &LogicalPlan| {
            let column = plain_column(expr, plan.schema());
            column.is_none_or(|column| plan.schema().field(column).is_nullable())
        };
        let mut pairs = self.on.iter();
        !self.join.null_aware
            || !pairs.any(|(fact, own)| is_null(fact, self.facts) || is_null(own, self.members))
    }

    /// Whether no two members have the same values of the columns that are joined.
    pub(super) fn is_by_unique(&self) -> bool {
        let own = self.on.iter().map(|(_, own)| plain_column(own, self.members.schema()));
        let own: Vec<usize> = own.flatten().collect();
        unique(self.members).iter().any(|set| set.iter().all(|column| own.contains(column)))
    }

    /// The columns of both, in the join's order.
    pub(super) fn side_by_side(&self, facts: &[usize], members: &[usize]) -> Vec<usize> {
        match self.facts_first {
            true => [facts, members].concat(),
            false => [members, facts].concat(),
        }
    }
}
