//! The cheapest tree of joins.

use super::graph::{Graph, Set, Tree, number};
use crate::engine::estimate::{Estimate, KEPT, Pair, equal, kept};
use crate::engine::star::plain_column;
use datafusion::common::JoinType;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// All trees are looked at up to so many relations: 3^10 ways to part them.
const ALL_TREES: u32 = 10;

/// What a row costs that is put into a hash table, beside one that is looked up in it, or comes out.
const BUILT: f64 = 2.0;
/// Rows of a hash table up to which looking up in it is fast, and from which on it is slow.
const NEAR: f64 = 4096.0;
const FAR: f64 = 1_048_576.0;
/// What a row of a fact costs whose key is looked up by a star scan.
const LOOKED_UP: f64 = 0.2;
/// A set of relations, joined.
#[derive(Debug, Clone)]
pub(super) struct Joined {
    of: Set,
    rows: f64,
    /// Rows that are built, looked up or made on the way.
    pub(super) cost: f64,
    /// The relations of which each row comes once at most.
    once: Set,
    star: Star,
    pub(super) tree: Arc<Tree>,
}

/// What a star scan could make of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Star {
    /// Members of a dimension.
    Members,
    /// A fact and its dimensions.
    Fact,
    Neither,
}

/// What is equal of two sets of relations.
#[derive(Debug)]
struct Edge {
    left: Set,
    right: Set,
    /// Of all pairs of rows, the part that is equal.
    part: f64,
    /// Whether these are keys: of the left, of the right.
    is_key: (bool, bool),
}

struct Search<'a> {
    graph: &'a Graph,
    edges: Vec<Edge>,
    /// The relations that only keep rows of others.
    keeping: Set,
}

/// What the joins cost as they are written.
pub(super) fn as_written(graph: &Graph) -> Option<Joined> {
    let search = Search::new(graph);
    search.tree(graph.written.as_ref()?)
}

/// The cheapest joins; `None` where there is no tree of them.
pub(super) fn cheapest(graph: &Graph) -> Option<Joined> {
    let search = Search::new(graph);
    let parts = search.parts().into_iter().map(|part| match part.count_ones() <= ALL_TREES {
        true => search.among_all(part),
        false => search.greedily(search.each(part)),
    });
    search.greedily(parts.collect::<Option<_>>()?)
}

impl<'a> Search<'a> {
    fn new(graph: &'a Graph) -> Self {
        let keeps = |(number, _): (usize, _)| 1 << number;
        let relations = graph.relations.iter().enumerate();
        let keeping = relations.filter(|(_, own)| own.keeps.is_some()).map(keeps);
        let keeping = keeping.fold(0, |all, own: Set| all | own);
        Self { graph, edges: edges(graph), keeping }
    }

    fn one(&self, number: usize) -> Joined {
        let relation = &self.graph.relations[number];
        let star = if relation.holds_fact { Star::Fact } else { Star::Members };
        let (of, rows) = (1 << number, relation.estimate.rows);
        Joined { of, rows, cost: 0.0, once: of, star, tree: Arc::new(Tree::One(number)) }
    }

    fn tree(&self, tree: &Tree) -> Option<Joined> {
        match tree {
            Tree::One(number) => Some(self.one(*number)),
            Tree::Join(left, right) => {
                let (left, right) = (self.tree(left)?, self.tree(right)?);
                self.join(&left, &right).or_else(|| self.matched(&left, &right, false))
            }
        }
    }

    /// Two sets joined, the one that is likely the smaller on the left; `None` where nothing is equal of them.
    fn join(&self, left: &Joined, right: &Joined) -> Option<Joined> {
        match (self.only_keeps(left), self.only_keeps(right)) {
            (false, true) => self.kept(left, right),
            (false, false) => self.matched(left, right, true),
            _ => None,
        }
    }

    /// Whether a set is a relation that only keeps rows of others.
    fn only_keeps(&self, set: &Joined) -> bool {
        set.of & self.keeping == set.of && set.of.is_power_of_two()
    }

    fn kept(&self, rows: &Joined, by: &Joined) -> Option<Joined> {
        let relation = &self.graph.relations[number(by.of)];
        let keeping = relation.keeps.as_ref()?;
        if keeping.asks & !rows.of != 0 {
            return None;
        }
        let on = keeping.on.iter().map(|(own, other)| {
            let other = plain_column(other, relation.plan.schema());
            (self.graph.distinct(own), relation.estimate.distinct(other))
        });
        let part: f64 = on.map(|(own, other)| (other / own).min(1.0)).product();
        let is_anti = keeping.join_type == JoinType::LeftAnti;
        let part = kept(part, is_anti, keeping.filter.is_some());
        let kept = (rows.rows * part).max(1.0);
        let (star, cost) = match (rows.star, by.star) {
            (Star::Fact, Star::Members) => (Star::Fact, LOOKED_UP * rows.rows + by.rows),
            (star, _) => {
                let star = if star == Star::Members { star } else { Star::Neither };
                // `NOT IN` collects the rows that it keeps.
                let cost = match keeping.null_aware {
                    true => BUILT * rows.rows + by.rows,
                    false => hashed(rows.rows, by.rows),
                };
                (star, cost + kept)
            }
        };
        let cost = rows.cost + cost;
        let tree = Arc::new(Tree::Join(Arc::clone(&rows.tree), Arc::clone(&by.tree)));
        Some(Joined { of: rows.of | by.of, rows: kept, cost, tree, star, ..rows.clone() })
    }

    /// All pairs that fit together; `None` where nothing is equal of them, and something should be.
    fn matched(&self, left: &Joined, right: &Joined, by_equality: bool) -> Option<Joined> {
        let all = left.of | right.of;
        let is_new = |set: Set| set & !all == 0 && set & !left.of != 0 && set & !right.of != 0;
        let (mut part, mut is_joined) = (1.0, false);
        // Whether each row of the left has one partner at most, and each of the right.
        let mut one_partner = (false, false);
        for edge in self.edges.iter().filter(|edge| is_new(edge.left | edge.right)) {
            part *= edge.part;
            let along = edge.left & !left.of == 0 && edge.right & !right.of == 0;
            let against = edge.left & !right.of == 0 && edge.right & !left.of == 0;
            is_joined |= along || against;
            let (of_left, of_right) = match (along, against) {
                (true, _) => (
                    edge.is_key.0 && edge.left & left.once != 0,
                    edge.is_key.1 && edge.right & right.once != 0,
                ),
                (_, true) => (
                    edge.is_key.1 && edge.right & left.once != 0,
                    edge.is_key.0 && edge.left & right.once != 0,
                ),
                _ => (false, false),
            };
            one_partner = (one_partner.0 || of_right, one_partner.1 || of_left);
        }
        if by_equality && !is_joined {
            return None;
        }
        let conditions = self.graph.conditions.iter().filter(|condition| is_new(condition.of));
        part *= KEPT.powi(i32::try_from(conditions.count()).unwrap_or(i32::MAX));
        let pairs = left.rows * right.rows;
        let rows = (pairs * part).max(1.0);
        let once = [(one_partner.0, left.once), (one_partner.1, right.once)];
        let once = once.iter().filter(|(kept, _)| *kept).fold(0, |all, (_, once)| all | once);
        let (star, cost) = match (left.star, right.star) {
            (Star::Fact, Star::Members) if one_partner.0 => {
                (Star::Fact, LOOKED_UP * left.rows + right.rows)
            }
            (Star::Members, Star::Fact) if one_partner.1 => {
                (Star::Fact, LOOKED_UP * right.rows + left.rows)
            }
            _ if !is_joined => (Star::Neither, pairs),
            (own, other) => {
                let is_of_members = own == Star::Members && other == Star::Members;
                let star = if is_of_members { Star::Members } else { Star::Neither };
                (star, hashed(left.rows, right.rows) + rows)
            }
        };
        let (smaller, larger) = if left.rows <= right.rows { (left, right) } else { (right, left) };
        let tree = Arc::new(Tree::Join(Arc::clone(&smaller.tree), Arc::clone(&larger.tree)));
        Some(Joined { of: all, rows, cost: left.cost + right.cost + cost, once, star, tree })
    }

    /// The relations that equalities join to each other, together; those that have nothing to do with others
    /// are alone.
    fn parts(&self) -> Vec<Set> {
        let asked = |number: &usize| {
            self.graph.relations[*number].keeps.as_ref().map(|own| own.asks | 1 << number)
        };
        let kept = (0..self.graph.relations.len()).filter_map(|number| asked(&number));
        let mut parts: Vec<Set> =
            (0..self.graph.relations.len()).map(|number| 1 << number).collect();
        for joined in self.edges.iter().map(|edge| edge.left | edge.right).chain(kept) {
            // More than two are joined as soon as there is a set of all but one.
            if joined.count_ones() == 2 {
                let (touched, mut apart): (Vec<Set>, Vec<Set>) =
                    parts.into_iter().partition(|part| part & joined != 0);
                apart.push(touched.into_iter().fold(0, |all, part| all | part));
                parts = apart;
            }
        }
        parts
    }

    fn each(&self, set: Set) -> Vec<Joined> {
        let relations = 0..self.graph.relations.len();
        relations.filter(|number| set & 1 << number != 0).map(|number| self.one(number)).collect()
    }

    /// Dynamic programming over all sets of these relations, smaller ones first.
    fn among_all(&self, all: Set) -> Option<Joined> {
        let ones = self.each(all).into_iter().map(|one| (one.of, one));
        let mut best: HashMap<Set, Joined> = ones.collect();
        let mut set: Set = 0;
        while set != all {
            // The next one in the order of numbers: each comes after all of its parts.
            set = set.wrapping_sub(all) & all;
            let mut cheapest: Option<Joined> = None;
            let mut part = set.wrapping_sub(1) & set;
            while part > 0 {
                if let (Some(left), Some(right)) = (best.get(&part), best.get(&(set ^ part)))
                    && let Some(joined) = self.join(left, right)
                    && cheapest.as_ref().is_none_or(|known| joined.cost < known.cost)
                {
                    cheapest = Some(joined);
                }
                part = (part - 1) & set;
            }
            best.extend(cheapest.map(|joined| (set, joined)));
        }
        best.remove(&all)
    }

    /// The two that give the fewest rows first, again and again (Fegaras, 1998); of those that have nothing to
    /// do with each other all pairs, but only when nothing else is left.
    fn greedily(&self, mut sets: Vec<Joined>) -> Option<Joined> {
        while sets.len() > 1 {
            let best = self.fewest(&sets, |left, right| self.join(left, right));
            let best = best.or_else(|| {
                self.fewest(&sets, |left, right| {
                    let are_rows = !self.only_keeps(left) && !self.only_keeps(right);
                    are_rows.then(|| self.matched(left, right, false)).flatten()
                })
            });
            let (left, right, joined) = best?;
            sets.remove(left.max(right));
            sets.remove(left.min(right));
            sets.push(joined);
        }
        sets.pop()
    }

    /// The two of which the fewest rows come when they are joined in a way.
    fn fewest(
        &self,
        sets: &[Joined],
        join: impl Fn(&Joined, &Joined) -> Option<Joined>,
    ) -> Option<(usize, usize, Joined)> {
        let mut fewest: Option<(usize, usize, Joined)> = None;
        for (left, one) in sets.iter().enumerate() {
            for (right, other) in sets.iter().enumerate().filter(|(right, _)| *right != left) {
                if let Some(joined) = join(one, other)
                    && fewest.as_ref().is_none_or(|(_, _, known)| joined.rows < known.rows)
                {
                    fewest = Some((left, right, joined));
                }
            }
        }
        fewest
    }
}

/// What it costs to join so many rows by a hash table of the fewer. Looking up in one that a processor keeps
/// near takes half as long as in a large one.
fn hashed(left: f64, right: f64) -> f64 {
    let (built, looked_up) = (left.min(right), left.max(right));
    let far = (built / NEAR).log2() / (FAR / NEAR).log2();
    BUILT * built + looked_up * (1.0 + far.clamp(0.0, 1.0)) / 2.0
}

/// What is equal between two sets, together: the columns of a key are one.
fn edges(graph: &Graph) -> Vec<Edge> {
    let mut between: BTreeMap<(Set, Set), Vec<Pair>> = BTreeMap::new();
    for equality in &graph.equalities {
        let ((left, own), (right, other)) = (&equality.left, &equality.right);
        let place = |set: &Set, expr| {
            let relation = graph.relations.get(number(*set))?;
            plain_column(expr, relation.plan.schema()).filter(|_| set.is_power_of_two())
        };
        let (own, other) = (place(left, own), place(right, other));
        let (sets, pair) = match left < right {
            true => ((*left, *right), (own, other)),
            false => ((*right, *left), (other, own)),
        };
        between.entry(sets).or_default().push(pair);
    }
    let edge = |((left, right), on): ((Set, Set), Vec<Pair>)| {
        let relation = |set: Set| &graph.relations[number(set)].estimate;
        let (own, other) = (relation(left), relation(right));
        let is_key = |side: &Estimate, columns: Vec<usize>, set: Set| {
            let mut keys = side.unique.iter();
            set.is_power_of_two()
                && keys.any(|key| key.iter().all(|column| columns.contains(column)))
        };
        let is_key = (
            is_key(own, on.iter().filter_map(|pair| pair.0).collect(), left),
            is_key(other, on.iter().filter_map(|pair| pair.1).collect(), right),
        );
        Edge { left, right, part: equal(own, other, &on), is_key }
    };
    between.into_iter().map(edge).collect()
}
