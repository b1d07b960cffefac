//! Semi-additive measures: of each period what stands at its last key, summed over all the rest.
//!
//! A balance adds up over customers but not over days: of a quarter it is what is owed on the
//! quarter's last day with balances at all, whoever has one then. That day belongs to the period,
//! not to the row of an answer: by customer the balances of a quarter add up to its total, and an
//! account that was closed before owes nothing. So the last key of each period is found first, over
//! all rows that the question's conditions on time let through, and joined to the rows.

use super::ask::{Ask, ROWS, group_name, of_rows};
use super::defect;
use super::measure::{Atom, Function};
use crate::error::{Error, Result};
use datafusion::common::{JoinType, NullEquality};
use datafusion::functions_aggregate::expr_fn::{max, sum};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, ident, lit, when};

/// How an atom is aggregated: once, or, where it is semi-additive and totals remove groups of its
/// calendar, once for each kind of period.
pub(super) struct Aggregated {
    /// The aggregations.
    pub(super) values: Vec<Expr>,
    /// For each the groups of the calendar that its period keeps.
    periods: Vec<Vec<usize>>,
    /// All groups of the calendar.
    calendar: Vec<usize>,
}

impl Aggregated {
    /// Aggregated once.
    pub(super) fn once(value: Expr) -> Self {
        Self { values: vec![value], periods: vec![Vec::new()], calendar: Vec::new() }
    }

    /// The value in a row of the answer; `totals` are the flags of groups that are aggregated away.
    pub(super) fn value(&self, totals: &[Expr]) -> Result<Expr> {
        let values = self.values.iter().map(|value| ident(value.schema_name().to_string()));
        let mut kept = self.periods.iter().zip(values);
        let Some((_, mut value)) = kept.next() else {
            return Err(Error::internal("an atom aggregates nothing"));
        };
        for (period, other) in kept {
            let is_period = self.calendar.iter().filter_map(|group| {
                let flag = ident(totals.get(*group)?.schema_name().to_string());
                Some(
                    cast(flag, arrow::datatypes::DataType::Int32)
                        .eq(lit(i32::from(!period.contains(group)))),
                )
            });
            let is_period = is_period.reduce(Expr::and).unwrap_or_else(|| lit(true));
            value = when(is_period, other).otherwise(value).map_err(defect)?;
        }
        Ok(value)
    }
}

/// The name of an atom's value at the last key of the n-th kind of period.
fn value_name(atom: usize, period: usize) -> String {
    format!("__v{atom}_{period}")
}

impl Ask<'_> {
    /// Rows with, for a semi-additive atom over a role, its values at the last keys of periods.
    /// `all` are the rows before any condition; an atom's inputs are `__x<index>_0`, its value, and
    /// `__x<index>_1`, its key.
    pub(super) fn at_last(
        &self,
        rows: LogicalPlanBuilder,
        all: &LogicalPlanBuilder,
        (index, atom): (usize, &Atom),
        total: bool,
    ) -> Result<(LogicalPlanBuilder, Aggregated)> {
        let Function::SumAtLast(role) = &atom.function else {
            return Err(Error::internal("an additive measure was taken for a semi-additive one"));
        };
        self.check_periods(role, atom, total)?;
        let calendar = self.groups_of(role, total);
        let (value, key) = (format!("__x{index}_0"), format!("__x{index}_1"));
        let (mut rows, mut values) = (rows, Vec::new());
        let periods = self.periods(&calendar, total);
        for (number, period) in periods.iter().enumerate() {
            let last = format!("__last{index}_{number}");
            let keys = self.last_keys(all, role, period, (&value, &key), &last)?;
            let here: Vec<String> = period.iter().map(|group| group_name(*group)).collect();
            let there: Vec<String> = period.iter().map(|group| format!("{last}_{group}")).collect();
            let same = NullEquality::NullEqualsNull;
            rows = match period.is_empty() {
                true => rows.cross_join(keys.build().map_err(defect)?),
                false => {
                    let keys = keys.build().map_err(defect)?;
                    rows.join_detailed(keys, JoinType::Inner, (here, there), None, same)
                }
            }
            .map_err(defect)?;
            let at_last =
                when(ident(&key).eq(ident(&last)), ident(&value)).end().map_err(defect)?;
            let name = value_name(index, number);
            let columns = rows.schema().columns().into_iter().map(Expr::Column);
            let columns: Vec<Expr> = columns.chain([at_last.alias(&name)]).collect();
            rows = rows.project(columns).map_err(defect)?;
            values.push(sum(ident(name)));
        }
        Ok((rows, Aggregated { values, periods, calendar }))
    }

    /// Refuses what makes no period: a condition or group that looks at the calendar and at
    /// something else at once has another last day for every member of the other.
    fn check_periods(&self, role: &str, atom: &Atom, total: bool) -> Result<()> {
        let groups = self.groups.iter().filter(|_| !total);
        let conditions = self.predicates.iter().flat_map(split_conjunction);
        let mixed = |expr: &&Expr| {
            let columns = expr.column_refs();
            let mut of_role = columns.iter().map(|column| self.is_of(role, &column.name));
            of_role.clone().any(|own| own) && !of_role.all(|own| own)
        };
        match conditions.chain(groups).find(mixed) {
            None => Ok(()),
            Some(expr) => Err(Error::unsupported(format!(
                "`{}` has no one last day where {} mixes `{role}` with other columns",
                atom.measure,
                expr.human_display()
            ))
            .hint("ask for each period in a question of its own, or by separate conditions")),
        }
    }

    /// The groups that are made of the role's columns alone.
    fn groups_of(&self, role: &str, total: bool) -> Vec<usize> {
        let groups = self.groups.iter().enumerate().filter(|_| !total);
        groups.filter(|(_, group)| self.is_about(role, group)).map(|(index, _)| index).collect()
    }

    /// Whether an expression looks at columns of the role, and at no others. What a subquery in it
    /// looks at is that question's own: by now it stands alone.
    fn is_about(&self, role: &str, expr: &Expr) -> bool {
        let columns = expr.column_refs();
        !columns.is_empty() && columns.iter().all(|column| self.is_of(role, &column.name))
    }

    fn is_of(&self, role: &str, column: &str) -> bool {
        self.cube.column(column).is_some_and(|column| column.role == role)
    }

    /// Which of the calendar's groups the grouping sets keep together.
    fn periods(&self, calendar: &[usize], total: bool) -> Vec<Vec<usize>> {
        let whole = [(0..self.groups.len()).collect::<Vec<_>>()];
        let sets = self.grouping_sets.as_deref().filter(|_| !total).unwrap_or(&whole);
        let mut periods: Vec<Vec<usize>> = Vec::new();
        for set in sets {
            let period = calendar.iter().copied().filter(|group| set.contains(group)).collect();
            if !periods.contains(&period) {
                periods.push(period);
            }
        }
        periods
    }

    /// The last key with a value of each period, as `name`, beside the period's groups.
    fn last_keys(
        &self,
        all: &LogicalPlanBuilder,
        role: &str,
        period: &[usize],
        (value, key): (&str, &str),
        name: &str,
    ) -> Result<LogicalPlanBuilder> {
        let mut rows = all.clone().alias(ROWS).map_err(defect)?;
        let conditions = self.predicates.iter().flat_map(split_conjunction);
        let on_time = conditions.filter(|condition| self.is_about(role, condition));
        for condition in on_time {
            rows = rows.filter(of_rows(condition.clone())?).map_err(defect)?;
        }
        let group = |group: &usize| self.groups[*group].clone().alias(format!("{name}_{group}"));
        let keyed = when(ident(value).is_not_null(), ident(key)).end().map_err(defect)?;
        let columns: Vec<Expr> = period.iter().map(group).chain([keyed.alias(name)]).collect();
        let by: Vec<Expr> = period.iter().map(|group| ident(format!("{name}_{group}"))).collect();
        let last = max(ident(name));
        let found = ident(last.schema_name().to_string()).alias(name);
        let shown: Vec<Expr> = by.iter().cloned().chain([found]).collect();
        rows.project(columns)
            .and_then(|rows| rows.aggregate(by, [last]))
            .and_then(|keys| keys.project(shown))
            .map_err(defect)
    }
}
