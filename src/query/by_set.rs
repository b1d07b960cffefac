//! Contexts whose grouping sets are aggregated one by one: their rows differ from set to set.

use super::ask::{Ask, group_name, total_name};
use super::atom::{Atom, Function, atom_name};
use super::{defect, sum};
use crate::error::{Error, Result};
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident, lit};

/// A grouping set, its rows, and the aggregations of its atoms over them.
pub(super) type SetOfRows = (Vec<usize>, LogicalPlanBuilder, Vec<Expr>);

impl Ask<'_> {
    /// Atoms over values that are added up by day first. The rows have `__g<index>` and
    /// `__x<index>_0`; `day` is the column by which they are added up.
    pub(super) fn plan_daily(
        &self,
        rows: LogicalPlanBuilder,
        day: &str,
        atoms: &[(usize, &Atom)],
    ) -> Result<LogicalPlan> {
        let types = self.group_types(&[rows.schema()])?;
        let mut sets = Vec::new();
        for set in self.sets() {
            let groups = set.iter().map(|group| ident(group_name(*group)));
            let keys: Vec<Expr> = groups.chain([ident(day)]).collect();
            let name = |index: usize| format!("__s{index}");
            let sums = atoms
                .iter()
                .map(|(index, _)| sum(ident(format!("__x{index}_0"))).alias(name(*index)));
            let days = rows.clone().aggregate(keys, sums.collect::<Vec<_>>()).map_err(defect)?;
            let values =
                values_of(atoms, |index, atom| Some(atom.aggregate(vec![ident(name(index))])))?;
            sets.push((set, days, values));
        }
        self.union_of_sets(sets, atoms, &types)
    }

    /// The types of the groups, each from the first of the schemas that has it.
    pub(super) fn group_types(&self, schemas: &[&DFSchema]) -> Result<Vec<DataType>> {
        let ty = |group: usize| {
            let name = group_name(group);
            let mut fields =
                schemas.iter().filter_map(|s| s.field_with_unqualified_name(&name).ok());
            let field = fields.next().map(|field| field.data_type().clone());
            field.ok_or_else(|| Error::internal("a group has no type").with("group", group))
        };
        (0..self.groups.len()).map(ty).collect()
    }

    /// The sets aggregated, one below the other: key columns, then `__a<index>`.
    pub(super) fn union_of_sets(
        &self,
        sets: Vec<SetOfRows>,
        atoms: &[(usize, &Atom)],
        groups: &[DataType],
    ) -> Result<LogicalPlan> {
        let mut all: Option<LogicalPlanBuilder> = None;
        for (set, rows, values) in sets {
            let by: Vec<Expr> = set.iter().map(|group| ident(group_name(*group))).collect();
            let mut columns = Vec::new();
            for (group, ty) in groups.iter().enumerate() {
                columns.push(match set.contains(&group) {
                    true => ident(group_name(group)),
                    false => {
                        let nothing = ScalarValue::try_from(ty).map_err(defect)?;
                        lit(nothing).alias(group_name(group))
                    }
                });
            }
            if self.grouping_sets.is_some() {
                let flag = |group: usize| lit(i32::from(!set.contains(&group)));
                columns.extend((0..groups.len()).map(|g| flag(g).alias(total_name(g))));
            }
            for ((index, atom), value) in atoms.iter().zip(&values) {
                let value = ident(value.schema_name().to_string());
                let value = match atom.function {
                    Function::Count => coalesce(vec![value, lit(0_i64)]),
                    _ => value,
                };
                columns.push(value.alias(atom_name(*index)));
            }
            let mut different: Vec<Expr> = Vec::new();
            for value in values {
                if !different.contains(&value) {
                    different.push(value);
                }
            }
            let set = rows
                .aggregate(by, different)
                .and_then(|grouped| grouped.project(columns))
                .and_then(LogicalPlanBuilder::build)
                .map_err(defect)?;
            all = Some(match all {
                Some(all) => all.union(set).map_err(defect)?,
                None => LogicalPlanBuilder::from(set),
            });
        }
        let all = all.ok_or_else(|| Error::internal("a question without a set of groups"))?;
        all.build().map_err(defect)
    }
}

/// The aggregation of each atom.
pub(super) fn values_of(
    atoms: &[(usize, &Atom)],
    value: impl Fn(usize, &Atom) -> Option<Expr>,
) -> Result<Vec<Expr>> {
    let missing = || Error::internal("states were taken that do not add up");
    atoms.iter().map(|(index, atom)| value(*index, atom).ok_or_else(missing)).collect()
}
