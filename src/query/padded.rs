//! Rows that an answer has though no fact has one there: every member of a calendar's level, every member
//! across beside every row.
//!
//! They are put in before values from other places are looked up, so that they have those, too; of
//! their own they have nothing: a count is 0, any other value NULL.

use super::ask::{Ask, group_name, total_name};
use super::atom::atom_name;
use super::measure::Expansion;
use super::{PlanContext, defect};
use crate::error::Result;
use datafusion::common::{JoinType, NullEquality};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ident, lit};

/// Which rows these are.
#[derive(Debug, Clone, Default)]
pub(super) struct Padding {
    /// Groups of a calendar's level, all members of which are there.
    pub(super) dense: Vec<usize>,
    /// Groups of which every combination that any row has is there beside every one of the others.
    pub(super) across: Vec<usize>,
}

impl Ask<'_> {
    /// The answer with the rows of its padding.
    pub(super) fn padded(
        &self,
        mut answer: LogicalPlanBuilder,
        expansion: &Expansion,
        context: &PlanContext<'_>,
    ) -> Result<LogicalPlanBuilder> {
        if !self.padding.dense.is_empty() {
            answer = self.dense(answer, &self.padding.dense, expansion, context)?;
        }
        if !self.padding.across.is_empty() {
            answer = self.beside_all(answer, expansion)?;
        }
        Ok(answer)
    }

    /// The values of an answer's rows where some are not there.
    pub(super) fn filled(&self, answer: &LogicalPlanBuilder, expansion: &Expansion) -> Vec<Expr> {
        let keys = self.key_columns();
        let columns = answer.schema().columns().into_iter().map(|column| ident(&column.name));
        let counts = |value: &Expr| {
            let mut atoms = expansion.atoms.iter().enumerate();
            atoms.any(|(index, atom)| atom.function.counts() && *value == ident(atom_name(index)))
        };
        let values = columns.filter(|column| !keys.contains(column));
        let filled = values.map(|value| match counts(&value) {
            true => {
                coalesce(vec![value.clone(), lit(0_i64)]).alias(value.schema_name().to_string())
            }
            false => value,
        });
        filled.collect()
    }

    /// Every combination across beside every combination of the other groups.
    fn beside_all(
        &self,
        answer: LogicalPlanBuilder,
        expansion: &Expansion,
    ) -> Result<LogicalPlanBuilder> {
        let named = |key: &String| format!("__p{key}");
        let keys = |is_across: bool| {
            let groups = 0..self.groups.len();
            let own = groups.filter(move |g| self.padding.across.contains(g) == is_across);
            let with_totals = self.grouping_sets.is_some();
            own.flat_map(move |group| {
                [group_name(group)].into_iter().chain(with_totals.then(|| total_name(group)))
            })
        };
        let different = |is_across: bool| {
            let own = keys(is_across).map(|key| ident(&key).alias(named(&key)));
            let own = answer.clone().project(own.collect::<Vec<_>>());
            own.and_then(LogicalPlanBuilder::distinct).map_err(defect)
        };
        let across = different(true)?.build().map_err(defect)?;
        let all = match keys(false).next() {
            Some(_) => different(false)?.cross_join(across).map_err(defect)?,
            None => return Ok(answer),
        };
        let own: Vec<String> = keys(false).chain(keys(true)).collect();
        let mut columns: Vec<Expr> = Vec::new();
        for key in self.key_columns() {
            let name = key.schema_name().to_string();
            columns.push(ident(named(&name)).alias(name));
        }
        columns.extend(self.filled(&answer, expansion));
        let answer = answer.build().map_err(defect)?;
        let there: Vec<String> = own.iter().map(named).collect();
        let same = NullEquality::NullEqualsNull;
        all.join_detailed(answer, JoinType::Left, (there, own), None, same)
            .and_then(|all| all.project(columns))
            .map_err(defect)
    }
}
