//! Joins next to each other as a graph: what is joined, and by what.

use crate::engine::estimate::{Estimate, estimate};
use crate::engine::star::{self, plain_column};
use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::logical_expr::logical_plan::{Filter, Join};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Relations, each a bit.
pub(super) type Set = u64;

/// The relations of a graph, at most.
const MOST: usize = Set::BITS as usize;

/// Something that is joined.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) plan: Arc<LogicalPlan>,
    pub(super) estimate: Estimate,
    /// Whether it holds a fact.
    pub(super) holds_fact: bool,
    /// By what it keeps rows of others, if it has no other part in the answer.
    pub(super) keeps: Option<Keeping>,
}

impl Relation {
    /// Keeps only the rows for which this is true.
    fn filter(&mut self, condition: &Expr) -> Option<()> {
        let filter = Filter::try_new(condition.clone(), Arc::clone(&self.plan)).ok()?;
        self.plan = Arc::new(LogicalPlan::Filter(filter));
        self.estimate = estimate(&self.plan);
        Some(())
    }
}

/// A semi or anti join.
#[derive(Debug)]
pub(super) struct Keeping {
    /// The same, but the expressions on the left are those of whose rows are kept.
    pub(super) on: Vec<(Expr, Expr)>,
    pub(super) filter: Option<Expr>,
    /// `LeftSemi` or `LeftAnti`.
    pub(super) join_type: JoinType,
    pub(super) null_aware: bool,
    /// The relations whose columns it asks.
    pub(super) asks: Set,
}

/// What must be equal of two sets of relations.
#[derive(Debug)]
pub(super) struct Equality {
    pub(super) left: (Set, Expr),
    pub(super) right: (Set, Expr),
}

/// Anything else that must be true.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) of: Set,
    pub(super) expr: Expr,
}

/// A tree of joins.
#[derive(Debug)]
pub(super) enum Tree {
    One(usize),
    Join(Arc<Self>, Arc<Self>),
}

#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) relations: Vec<Relation>,
    pub(super) equalities: Vec<Equality>,
    pub(super) conditions: Vec<Condition>,
    /// The tree as it was written.
    pub(super) written: Option<Arc<Tree>>,
    /// The relation of each column.
    owners: HashMap<Column, usize>,
}

impl Graph {
    /// The graph of the joins at the top of a plan; `None` where they must stay as they are.
    pub(super) fn of(plan: &LogicalPlan) -> Option<Self> {
        let mut graph = Self::default();
        let mut pending = Vec::new();
        let written = graph.take(plan, &mut pending)?;
        for part in pending {
            graph.add(part)?;
        }
        graph.written = Some(written);
        let is_known = |column| graph.owners.contains_key(column);
        plan.schema().columns().iter().all(is_known).then_some(graph)
    }

    fn take<'a>(
        &mut self,
        plan: &'a LogicalPlan,
        pending: &mut Vec<Pending<'a>>,
    ) -> Option<Arc<Tree>> {
        match plan {
            LogicalPlan::Projection(projection)
                if projection.expr.iter().all(|expr| matches!(expr, Expr::Column(_)))
                    && is_of_joins(&projection.input) =>
            {
                self.take(&projection.input, pending)
            }
            LogicalPlan::Filter(filter) if is_of_joins(&filter.input) => {
                pending.extend(split_conjunction(&filter.predicate).into_iter().map(Pending::True));
                self.take(&filter.input, pending)
            }
            LogicalPlan::Join(join) if may_move(join) => self.joined(join, pending),
            other => self.relation(other, None),
        }
    }

    fn joined<'a>(&mut self, join: &'a Join, pending: &mut Vec<Pending<'a>>) -> Option<Arc<Tree>> {
        let (of, kept, members) = match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti => (join.join_type, &join.left, &join.right),
            JoinType::RightSemi => (JoinType::LeftSemi, &join.right, &join.left),
            JoinType::RightAnti => (JoinType::LeftAnti, &join.right, &join.left),
            _ => {
                let left = self.take(&join.left, pending)?;
                let right = self.take(&join.right, pending)?;
                pending.extend(join.on.iter().map(Pending::Equal));
                let filter = join.filter.iter().flat_map(split_conjunction);
                pending.extend(filter.map(Pending::True));
                return Some(Arc::new(Tree::Join(left, right)));
            }
        };
        let left = self.take(kept, pending)?;
        let is_left = std::ptr::eq(kept, &join.left);
        let on = join.on.iter().cloned();
        let keeping = Keeping {
            on: on
                .map(|(left, right)| if is_left { (left, right) } else { (right, left) })
                .collect(),
            filter: join.filter.clone(),
            join_type: of,
            null_aware: join.null_aware,
            asks: 0,
        };
        let right = self.relation(members, Some(keeping))?;
        if let Tree::One(relation) = *right {
            pending.push(Pending::Keeps(relation));
        }
        Some(Arc::new(Tree::Join(left, right)))
    }

    fn relation(&mut self, plan: &LogicalPlan, keeps: Option<Keeping>) -> Option<Arc<Tree>> {
        let number = self.relations.len();
        if number >= MOST {
            return None;
        }
        for column in plan.schema().columns() {
            // Two columns of one name were told apart by what lies between them.
            if self.owners.insert(column, number).is_some() {
                return None;
            }
        }
        self.relations.push(Relation {
            plan: Arc::new(plan.clone()),
            estimate: estimate(plan),
            holds_fact: star::holds_fact(plan),
            keeps,
        });
        Some(Arc::new(Tree::One(number)))
    }

    fn add(&mut self, pending: Pending<'_>) -> Option<()> {
        match pending {
            Pending::Equal((left, right)) => {
                let (left, right) =
                    ((self.set(left)?, left.clone()), (self.set(right)?, right.clone()));
                let apart = left.0 & right.0 == 0 && left.0 != 0 && right.0 != 0;
                apart.then(|| self.equalities.push(Equality { left, right }))
            }
            Pending::True(expr) => match self.set(expr)? {
                0 => None,
                of if of.is_power_of_two() => self.relations[number(of)].filter(expr),
                of => {
                    self.conditions.push(Condition { of, expr: expr.clone() });
                    Some(())
                }
            },
            Pending::Keeps(relation) => {
                let keeping = self.relations[relation].keeps.as_ref()?;
                let exprs = keeping.on.iter().map(|(own, _)| own).chain(&keeping.filter);
                let sets = exprs.map(|expr| self.set(expr)).collect::<Option<Vec<_>>>()?;
                let asks = sets.into_iter().fold(0, |all, set| all | set) & !(1 << relation);
                self.relations[relation].keeps.as_mut()?.asks = asks;
                (asks != 0).then_some(())
            }
        }
    }

    /// The relations of an expression's columns; `None` where it is not the same each time.
    fn set(&self, expr: &Expr) -> Option<Set> {
        let mut columns = expr.column_refs().into_iter();
        let set = columns.try_fold(0, |all, column| Some(all | 1 << self.owners.get(column)?))?;
        (!expr.is_volatile()).then_some(set)
    }

    /// How many values an expression of these relations has at most.
    pub(super) fn distinct(&self, expr: &Expr) -> f64 {
        let rows = |of: Set| {
            let relations = self.relations.iter().enumerate();
            let asked = relations.filter(|(number, _)| of & 1 << number != 0);
            asked.map(|(_, relation)| relation.estimate.rows).fold(1.0, f64::max)
        };
        match self.set(expr) {
            Some(of) if of.is_power_of_two() => {
                let Relation { plan, estimate, .. } = &self.relations[number(of)];
                estimate.distinct(plain_column(expr, plan.schema()))
            }
            Some(of) => rows(of),
            None => 1.0,
        }
    }

    /// The columns of what is still to be done when a set is joined.
    pub(super) fn needed_beyond(&self, set: Set) -> HashSet<&Column> {
        let is_open = |of: Set| of & !set != 0;
        let equalities = self.equalities.iter().filter(|pair| is_open(pair.left.0 | pair.right.0));
        let equal = equalities.flat_map(|pair| [&pair.left.1, &pair.right.1]);
        let conditions = self.conditions.iter().filter(|condition| is_open(condition.of));
        let relations = self.relations.iter().enumerate();
        let keeping = relations.filter(|(number, _)| is_open(1 << number));
        let kept = keeping.filter_map(|(_, relation)| relation.keeps.as_ref());
        let kept = kept.flat_map(|own| own.on.iter().map(|(own, _)| own).chain(&own.filter));
        let exprs = equal.chain(conditions.map(|condition| &condition.expr)).chain(kept);
        exprs.flat_map(Expr::column_refs).collect()
    }
}

/// The number of the one relation of a set.
pub(super) fn number(set: Set) -> usize {
    set.trailing_zeros() as usize
}

/// What is true of a graph's relations, while they are still being found.
enum Pending<'a> {
    Equal(&'a (Expr, Expr)),
    True(&'a Expr),
    Keeps(usize),
}

/// Whether a join may change places with others.
fn may_move(join: &Join) -> bool {
    use JoinType::{Inner, LeftAnti, LeftSemi, RightAnti, RightSemi};
    let is_kind = match join.join_type {
        // One without an equality too: tables were named in an order in which they have nothing to do with
        // each other.
        Inner => true,
        LeftSemi | RightSemi | LeftAnti | RightAnti => !join.on.is_empty(),
        _ => false,
    };
    is_kind && join.null_equality == NullEquality::NullEqualsNothing
}

/// Whether a plan is such a join below filters and plain columns.
pub(super) fn is_of_joins(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            let is_plain = |expr: &Expr| matches!(expr, Expr::Column(_));
            projection.expr.iter().all(is_plain) && is_of_joins(&projection.input)
        }
        LogicalPlan::Filter(filter) => is_of_joins(&filter.input),
        LogicalPlan::Join(join) => may_move(join),
        _ => false,
    }
}
