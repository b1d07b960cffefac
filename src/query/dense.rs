//! Dense answers: every member of a calendar's level, whether anything happened then or not.
//!
//! The calendar itself is the spine. Each combination of the other row columns that the answer has
//! is shown at each of its members.

use super::ask::{Ask, ROWS, group_name, of_rows, total_name};
use super::measure::Expansion;
use super::star::{Star, day_column};
use super::{PlanContext, defect};
use crate::error::{Error, Result};
use crate::model::{Cube, CubeColumn, Fact};
use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, ident, lit, scalar_subquery,
};
use std::sync::Arc;

impl Ask<'_> {
    /// The answer with every member of the calendar's `groups`.
    pub(super) fn dense(
        &self,
        answer: LogicalPlanBuilder,
        groups: &[usize],
        expansion: &Expansion,
        context: &PlanContext<'_>,
    ) -> Result<LogicalPlanBuilder> {
        let role = self.role_of(groups)?;
        let spine = self.spine(&role, groups, context)?;
        let all = 0..self.groups.len();
        let others: Vec<usize> = all.clone().filter(|group| !groups.contains(group)).collect();
        let is_total = self.grouping_sets.as_ref().and_then(|_| {
            let flags = all.clone().map(|group| ident(total_name(group)).eq(lit(1_i32)));
            flags.reduce(Expr::or)
        });
        let details = match &is_total {
            Some(is_total) => {
                answer.clone().filter(is_total.clone().is_not_true()).map_err(defect)?
            }
            None => answer.clone(),
        };
        let members = match others.is_empty() {
            true => LogicalPlanBuilder::from(spine),
            false => {
                let columns = others.iter().map(|group| ident(group_name(*group)));
                let members = details.clone().project(columns.collect::<Vec<_>>());
                members
                    .and_then(LogicalPlanBuilder::distinct)
                    .and_then(|members| members.cross_join(spine))
                    .map_err(defect)?
            }
        };
        let named = |group: usize| format!("__d{group}");
        let here = all.clone().map(|group| ident(group_name(group)).alias(named(group)));
        let members = members.project(here.collect::<Vec<_>>()).map_err(defect)?;
        let keys: (Vec<String>, Vec<String>) =
            (all.clone().map(named).collect(), all.clone().map(group_name).collect());
        let mut columns: Vec<Expr> =
            all.clone().map(|group| ident(named(group)).alias(group_name(group))).collect();
        if is_total.is_some() {
            columns.extend(all.map(|group| lit(0_i32).alias(total_name(group))));
        }
        columns.extend(self.filled(&answer, expansion));
        let details = details.build().map_err(defect)?;
        let same = NullEquality::NullEqualsNull;
        let dense = members
            .join_detailed(details, JoinType::Left, keys, None, same)
            .and_then(|dense| dense.project(columns))
            .map_err(defect)?;
        match is_total {
            None => Ok(dense),
            Some(is_total) => answer
                .filter(is_total)
                .and_then(LogicalPlanBuilder::build)
                .and_then(|totals| dense.union(totals))
                .map_err(defect),
        }
    }

    /// The role of the calendar that groups are columns of.
    fn role_of(&self, groups: &[usize]) -> Result<String> {
        let columns = groups.iter().flat_map(|group| self.groups[*group].column_refs());
        let mut columns = columns.filter_map(|column| self.cube.column(&column.name));
        columns
            .next()
            .map(|column| column.role.clone())
            .ok_or_else(|| Error::user("`dense` names no column of a calendar"))
    }

    /// The members of the calendar's groups, from the first to the last day of the facts asked.
    fn spine(
        &self,
        role: &str,
        groups: &[usize],
        context: &PlanContext<'_>,
    ) -> Result<LogicalPlan> {
        let mut facts = Vec::new();
        for asked in &self.measures {
            facts_of(self.cube, &asked.measure, context, &mut facts);
        }
        let own = |name: &str| Expr::Column(Column::new(Some(role), name));
        let (mut not_after, mut not_before, mut members) = (None, None, None);
        for fact in facts {
            let catalog = self.catalog.as_deref();
            let (cube, links) = (self.cube, &[]);
            let star = Star { catalog, links, ..Star::new(context, cube, fact) };
            let Some(played) = fact.role(role) else { continue };
            let calendar = star.dimension(&played.dimension)?;
            if calendar.is_versioned() {
                return Err(Error::user(format!(
                    "`dense` goes by the days of a calendar, and `{role}` is none"
                )));
            }
            let key = own(&calendar.key_column());
            let (first, last) = (star.first_key(played)?, star.last_key(played)?);
            let begun = key.clone().gt_eq(scalar_subquery(Arc::new(first)));
            let over = key.lt_eq(scalar_subquery(Arc::new(last)));
            not_before = Some(either(not_before, begun));
            not_after = Some(either(not_after, over));
            if members.is_none() {
                let day = own(day_column(calendar)?);
                members = Some((star.scan(&calendar.table(), role)?, day));
            }
        }
        let (Some((days, day)), Some(begun), Some(over)) = (members, not_before, not_after) else {
            return Err(Error::user(format!("no fact of these measures has the role `{role}`")));
        };
        // A release from before a column came to be does without it.
        let is_there = |column: &CubeColumn| {
            days.schema().has_column_with_unqualified_name(&column.column.name)
        };
        let of_role =
            self.cube.columns.iter().filter(|column| column.role == role && is_there(column));
        let columns: Vec<Expr> =
            of_role.map(|column| own(&column.column.name).alias(&column.name)).collect();
        let mut days = LogicalPlanBuilder::from(days)
            .filter(day.is_not_null().and(begun).and(over))
            .and_then(|days| days.project(columns))
            .and_then(|days| days.alias(ROWS))
            .map_err(defect)?;
        let conditions = self.predicates.iter().flat_map(split_conjunction);
        for condition in conditions.filter(|condition| self.is_about(role, condition)) {
            days = days.filter(of_rows(condition.clone())?).map_err(defect)?;
        }
        let groups =
            groups.iter().map(|group| self.groups[*group].clone().alias(group_name(*group)));
        days.project(groups.collect::<Vec<_>>())
            .and_then(LogicalPlanBuilder::distinct)
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }
}

fn either(known: Option<Expr>, next: Expr) -> Expr {
    match known {
        Some(known) => known.or(next),
        None => next,
    }
}

/// The facts that a measure reads, each once.
fn facts_of<'m>(cube: &Cube, name: &str, context: &PlanContext<'m>, facts: &mut Vec<&'m Fact>) {
    let Some(measure) = cube.measure(name) else { return };
    let fact = measure.kind.fact().and_then(|fact| context.model.fact(fact));
    if let Some(fact) = fact.filter(|fact| !facts.iter().any(|known| known.name == fact.name)) {
        facts.push(fact);
    }
    for name in measure.kind.uses() {
        facts_of(cube, name, context, facts);
    }
}
