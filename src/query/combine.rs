//! The contexts of a question side by side: each was aggregated on its own, at the same groups.

use super::ask::{Ask, group_name, total_name};
use super::atom::{Atom, atom_name};
use super::defect;
use super::measure::Expansion;
use super::rank::mark_name;
use crate::error::{Error, Result};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, ident, lit};

impl Ask<'_> {
    /// Contexts side by side: every combination of groups that any of them has, once. A count of
    /// a context without rows there is 0, any other value NULL.
    pub(super) fn combine(
        &self,
        mut parts: Vec<(Vec<(usize, &Atom)>, LogicalPlan)>,
        expansion: &Expansion,
    ) -> Result<LogicalPlanBuilder> {
        let nothing = match parts.first() {
            Some((_, plan)) => self.total_of_nothing(plan, expansion)?,
            None => None,
        };
        if parts.len() == 1
            && nothing.is_none()
            && let Some((atoms, plan)) = parts.pop()
        {
            return self.typed(plan, &atoms, expansion).map(LogicalPlanBuilder::from);
        }
        let mut union: Option<LogicalPlanBuilder> = None;
        for (atoms, plan) in &parts {
            let side = self.typed(plan.clone(), atoms, expansion)?;
            union = Some(match union {
                Some(union) => union.union(side).map_err(defect)?,
                None => LogicalPlanBuilder::from(side),
            });
        }
        let union = union.ok_or_else(|| Error::user("a question needs at least one measure"))?;
        let union = match nothing {
            Some(nothing) => union.union(nothing).map_err(defect)?,
            None => union,
        };
        let all =
            expansion.atoms.iter().enumerate().filter(|(_, atom)| atom.context.place.is_empty());
        let mut found: Vec<Expr> = all.clone().map(|(i, _)| max(ident(atom_name(i)))).collect();
        let mut columns = self.key_columns();
        for mark in expansion.marks().into_iter().map(mark_name) {
            let marked = max(ident(&mark));
            columns.push(ident(marked.schema_name().to_string()).alias(mark));
            found.push(marked);
        }
        for ((index, atom), value) in all.zip(&found) {
            let value = ident(value.schema_name().to_string());
            let value = match atom.function.counts() {
                true => coalesce(vec![value, lit(0_i64)]),
                false => value,
            };
            columns.push(value.alias(atom_name(index)));
        }
        union
            .aggregate(self.key_columns(), found)
            .and_then(|merged| merged.project(columns))
            .map_err(defect)
    }

    /// The grand total of no rows, where a grand total is asked: it is there always, and grouping
    /// sets give none where there is nothing to group.
    fn total_of_nothing(
        &self,
        like: &LogicalPlan,
        expansion: &Expansion,
    ) -> Result<Option<LogicalPlan>> {
        let asked = self.grouping_sets.iter().flatten().any(Vec::is_empty);
        if !asked || self.groups.is_empty() {
            return Ok(None);
        }
        let typed_null = |ty: &DataType| ScalarValue::try_from(ty).map(lit).map_err(defect);
        let mut columns = Vec::new();
        for name in (0..self.groups.len()).map(group_name) {
            let field = like.schema().field_with_unqualified_name(&name).map_err(defect)?;
            columns.push(typed_null(field.data_type())?.alias(name));
        }
        columns.extend((0..self.groups.len()).map(|index| lit(1_i32).alias(total_name(index))));
        for (index, (atom, ty)) in expansion.atoms.iter().zip(&expansion.types).enumerate() {
            if atom.context.place.is_empty() {
                columns.push(typed_null(ty)?.alias(atom_name(index)));
            }
        }
        let marks = expansion.marks().into_iter();
        columns.extend(marks.map(|mark| lit(ScalarValue::Int32(None)).alias(mark_name(mark))));
        let row = LogicalPlanBuilder::empty(true).project(columns);
        row.and_then(LogicalPlanBuilder::build).map(Some).map_err(defect)
    }

    /// A context's columns with the declared types; atoms of other contexts are NULL.
    fn typed(
        &self,
        plan: LogicalPlan,
        own: &[(usize, &Atom)],
        expansion: &Expansion,
    ) -> Result<LogicalPlan> {
        let mut columns = self.key_columns();
        for (index, (atom, ty)) in expansion.atoms.iter().zip(&expansion.types).enumerate() {
            if !atom.context.place.is_empty() {
                continue;
            }
            let value = match own.iter().any(|(mine, _)| *mine == index) {
                true => ident(atom_name(index)),
                false => lit(ScalarValue::Null),
            };
            columns.push(cast(value, ty.clone()).alias(atom_name(index)));
        }
        for mark in expansion.marks() {
            let is_own = own.iter().any(|(mine, _)| *mine == mark);
            columns.push(lit(ScalarValue::Int32(is_own.then_some(1))).alias(mark_name(mark)));
        }
        LogicalPlanBuilder::from(plan)
            .project(columns)
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }
}
