//! Ranks: the place of a measure's value among those of other rows of the answer.
//!
//! A rank is computed when the answer's rows are there, and before any of them is left out. Rows in
//! which the facts of the measure have nothing take no part, so that a rank does not depend on what
//! else is asked beside it.

use super::ask::{Ask, group_name, total_name};
use super::context::Change;
use super::measure::Expansion;
use super::{PlanContext, defect};
use crate::error::Result;
use crate::model::{Cube, MeasureKind, Ties};
use arrow::datatypes::DataType;
use datafusion::functions_window::expr_fn::{dense_rank, rank as same_rank, row_number};
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlanBuilder, cast, ident, lit, when};

/// A value's place among others.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rank {
    /// The value, over the columns of atoms.
    pub(super) value: Expr,
    /// The role whose members are ranked.
    pub(super) role: String,
    /// The change of place to that within which they are.
    pub(super) within: Change,
    pub(super) ascending: bool,
    pub(super) ties: Ties,
}

/// The name of a rank's column.
pub(super) fn rank_name(index: usize) -> String {
    format!("__r{index}")
}

/// The name of the column that is 1 where the context of an atom has rows, else NULL.
pub(super) fn mark_name(atom: usize) -> String {
    format!("__p{atom}")
}

/// Whether a measure is a rank, or computed from one.
pub(super) fn is_ranked(cube: &Cube, measure: &str) -> bool {
    let kind = cube.measure(measure).map(|measure| &measure.kind);
    kind.is_some_and(|kind| {
        matches!(kind, MeasureKind::Rank { .. })
            || kind.uses().into_iter().any(|used| is_ranked(cube, used))
    })
}

impl Expansion {
    /// Atoms of whose contexts it must be known where they have rows, one a context.
    pub(super) fn marks(&self) -> Vec<usize> {
        let mut marks: Vec<usize> =
            self.ranks.iter().flat_map(|rank| self.marks_of(rank)).collect();
        marks.sort_unstable();
        marks.dedup();
        marks
    }

    /// The same for one rank. A value from another place has the rows of where it is seen from, and
    /// one that is repeated has none of its own.
    fn marks_of(&self, rank: &Rank) -> Vec<usize> {
        let columns = rank.value.column_refs();
        let own = self.atoms.iter().enumerate().filter(|(index, _)| {
            let name = super::atom::atom_name(*index);
            columns.iter().any(|column| column.name == name)
        });
        let own = own.filter(|(_, atom)| !atom.context.place.contains(&Change::Unrelated));
        let first = own.filter_map(|(_, atom)| {
            let here = match atom.context.place.is_empty() {
                true => atom.context.clone(),
                false => atom.context.here(),
            };
            self.atoms.iter().position(|known| known.context == here)
        });
        first.collect()
    }
}

impl Ask<'_> {
    /// The answer's rows with their ranks beside them.
    pub(super) fn ranked(
        &self,
        answer: LogicalPlanBuilder,
        expansion: &Expansion,
        planning: &PlanContext<'_>,
    ) -> Result<LogicalPlanBuilder> {
        let answer = match self.groups.is_empty() && !expansion.ranks.is_empty() {
            // Without groups there is one row and no rank, which is a constant. DataFusion 55 moves a
            // condition on constants below an aggregation without groups, where it leaves its row.
            true => answer.limit(0, Some(1)).map_err(defect)?,
            false => answer,
        };
        expansion.ranks.iter().enumerate().try_fold(answer, |answer, (index, rank)| {
            let kept = self.kept_within(&rank.role, &rank.within, planning)?;
            let takes_part = self.takes_part(rank, &expansion.marks_of(rank), &kept);
            let place = self.place_among(rank, &takes_part, &kept)?;
            let columns = answer.schema().columns();
            let name = rank_name(index);
            let ranked = answer.window(vec![place.alias("__rank")]).map_err(defect)?;
            let place = when(takes_part, cast(ident("__rank"), DataType::Int64));
            let place = place.end().map_err(defect)?.alias(name);
            let shown = columns.into_iter().map(Expr::Column).chain([place]);
            ranked.project(shown.collect::<Vec<_>>()).map_err(defect)
        })
    }

    /// Whether a row is ranked: it shows a member, and the measure has rows and a value there.
    fn takes_part(&self, rank: &Rank, marks: &[usize], kept: &[Vec<usize>]) -> Expr {
        let sets = self.sets();
        // A calculated member is none among others.
        let is_calculated = |group: &usize| {
            self.stands_for.contains_key(group) && self.is_about(&rank.role, &self.groups[*group])
        };
        let shows = sets
            .iter()
            .zip(kept)
            .filter(|(set, kept)| kept.len() < set.len() && !set.iter().any(is_calculated));
        let shows = match self.grouping_sets {
            Some(_) => {
                let shows = shows.map(|(set, _)| self.is_of_set(set)).reduce(Expr::or);
                shows.unwrap_or_else(|| lit(false))
            }
            None => lit(shows.count() > 0),
        };
        let marks = marks.iter().map(|mark| ident(mark_name(*mark)).is_not_null());
        let has_rows = marks.reduce(Expr::or).unwrap_or_else(|| lit(true));
        shows.and(has_rows).and(rank.value.clone().is_not_null())
    }

    /// The window function: rows of a grouping set compete with each other where they agree in all
    /// groups that the larger part keeps.
    fn place_among(&self, rank: &Rank, takes_part: &Expr, kept: &[Vec<usize>]) -> Result<Expr> {
        let sets = self.sets();
        let groups = 0..self.groups.len();
        let mut alike = vec![takes_part.clone()];
        if self.grouping_sets.is_some() {
            alike.extend(groups.clone().map(|group| ident(total_name(group))));
        }
        for group in groups.clone() {
            let value = ident(group_name(group));
            let having = sets.iter().zip(kept).filter(|(set, _)| set.contains(&group));
            let (keep, drop): (Vec<_>, Vec<_>) = having.partition(|(_, k)| k.contains(&group));
            match (keep.is_empty(), drop.is_empty()) {
                (true, _) => {}
                (false, true) => alike.push(value),
                (false, false) => {
                    let keep = keep.into_iter().map(|(set, _)| self.is_of_set(set));
                    let keep = keep.reduce(Expr::or).unwrap_or_else(|| lit(false));
                    alike.push(when(keep, value).end().map_err(defect)?);
                }
            }
        }
        let mut order = vec![rank.value.clone().sort(rank.ascending, false)];
        let function = match rank.ties {
            Ties::Same => same_rank(),
            Ties::Dense => dense_rank(),
            Ties::Order => {
                order.extend(groups.map(|group| ident(group_name(group)).sort(true, false)));
                row_number()
            }
        };
        function.order_by(order).partition_by(alike).build().map_err(defect)
    }
}
