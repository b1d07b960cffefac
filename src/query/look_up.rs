//! Values from another place, looked up for each row of the answer by the groups they keep.

use super::ask::{Ask, group_name, total_name};
use super::atom::{Atom, atom_name};
use super::defect;
use super::frame::{Frame, Key};
use super::measure::Expansion;
use crate::error::{Error, Result};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, NullEquality};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, ident, lit, when};

impl Ask<'_> {
    /// The answer's rows with the values of atoms from another place beside them.
    pub(super) fn look_up(
        &self,
        rows: LogicalPlanBuilder,
        frame: &Frame<'_>,
        found: LogicalPlan,
        atoms: &[(usize, &Atom)],
        expansion: &Expansion,
    ) -> Result<LogicalPlanBuilder> {
        let own: Vec<Expr> = rows.schema().columns().into_iter().map(Expr::Column).collect();
        let with_totals = frame.ask.grouping_sets.is_some();
        let (mut here, mut there) = (Vec::new(), Vec::new());
        let (mut keys, mut found_columns) = (own.clone(), Vec::new());
        for (index, key) in frame.keys.iter().enumerate() {
            let ty = found.schema().field_with_unqualified_name(&group_name(index));
            let ty = ty.map_err(defect)?.data_type().clone();
            let (value, flag) = self.key(key, frame)?;
            let mut pair = |mine: Expr, its: Expr, kind: &str| {
                let names = (format!("__k{kind}{index}"), format!("__f{kind}{index}"));
                keys.push(mine.alias(&names.0));
                found_columns.push(its.alias(&names.1));
                here.push(names.0);
                there.push(names.1);
            };
            pair(cast(value, ty), ident(group_name(index)), "g");
            if with_totals {
                pair(whole(flag), whole(ident(total_name(index))), "t");
            }
        }
        let mut shown = own;
        for (index, atom) in atoms {
            let name = atom_name(*index);
            found_columns.push(cast(ident(&name), expansion.types[*index].clone()).alias(&name));
            shown.push(match atom.function.counts() {
                true => coalesce(vec![ident(&name), lit(0_i64)]).alias(name),
                false => ident(name),
            });
        }
        let found = LogicalPlanBuilder::from(found).project(found_columns).map_err(defect)?;
        let found = found.build().map_err(defect)?;
        let rows = rows.project(keys).map_err(defect)?;
        let joined = match here.is_empty() {
            true => rows.cross_join(found),
            false => {
                let same = NullEquality::NullEqualsNull;
                rows.join_detailed(found, JoinType::Left, (here, there), None, same)
            }
        };
        joined.and_then(|joined| joined.project(shown)).map_err(defect)
    }

    /// A key in a row of the answer: its value, and the flag that is 1 where it is aggregated away.
    fn key(&self, key: &Key, frame: &Frame<'_>) -> Result<(Expr, Expr)> {
        let group = match key {
            Key::Group(group) => *group,
            Key::Value(value) => return Ok((self.over_groups(value)?, lit(0_i32))),
        };
        let (value, flag) = (ident(group_name(group)), ident(total_name(group)));
        let sets = self.sets();
        let pairs = || sets.iter().zip(&frame.kept);
        if pairs().all(|(set, kept)| set.contains(&group) == kept.contains(&group)) {
            return Ok((value, flag));
        }
        // Rows of different sets keep different groups.
        let keeping = pairs().filter(|(_, kept)| kept.contains(&group));
        let keeping = keeping.map(|(set, _)| self.is_of_set(set));
        let keeps = keeping.reduce(Expr::or).unwrap_or_else(|| lit(false));
        let value = when(keeps.clone(), value).end().map_err(defect)?;
        Ok((value, when(keeps, lit(0_i32)).otherwise(lit(1_i32)).map_err(defect)?))
    }

    /// Whether a row of the answer is of a grouping set.
    pub(super) fn is_of_set(&self, set: &[usize]) -> Expr {
        let flags = (0..self.groups.len())
            .map(|index| whole(ident(total_name(index))).eq(lit(i32::from(!set.contains(&index)))));
        flags.reduce(Expr::and).unwrap_or_else(|| lit(true))
    }

    /// An expression over cube columns as one over the groups of a row of the answer.
    fn over_groups(&self, value: &Expr) -> Result<Expr> {
        let group = |name: &str| {
            let place = self
                .groups
                .iter()
                .position(|group| matches!(group, Expr::Column(column) if column.name == name));
            place.map(group_name)
        };
        if let Some(column) = value.column_refs().iter().find(|c| group(&c.name).is_none()) {
            return Err(Error::user(format!(
                "`{}` has no current value: the question does not group by it",
                column.name
            ))
            .hint("SET takes constants, and columns that stand in GROUP BY"));
        }
        let over = value.clone().transform(|part| {
            Ok(match &part {
                Expr::Column(column) => match group(&column.name) {
                    Some(group) => Transformed::yes(ident(group)),
                    None => Transformed::no(part),
                },
                _ => Transformed::no(part),
            })
        });
        over.map(|over| over.data).map_err(defect)
    }
}

/// A flag of a total as all flags are compared.
fn whole(flag: Expr) -> Expr {
    cast(flag, DataType::Int32)
}
