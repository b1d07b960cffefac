//! Semi-additive measures: of each period what stands at one end of it, summed over all the rest.
//!
//! A balance adds up over customers but not over days: of a quarter it is what is owed on the
//! quarter's last day with balances at all, whoever has one then. That day belongs to the period,
//! not to the row of an answer: by customer the balances of a quarter add up to its total, and an
//! account that was closed before owes nothing. So the last key of each period is found first, over
//! all rows that the question's conditions on time let through, and joined to the rows. Where each
//! account is to have a last day of its own, that is the last key of each period and account.

use super::ask::{Ask, ROWS, group_name, of_rows};
use super::atom::{AtEnd, Atom, Function};
use super::context::is_mixed;
use super::star::Star;
use super::{defect, sum};
use crate::error::{Error, Result};
use crate::model::{CubeColumn, End};
use datafusion::common::{JoinType, NullEquality};
use datafusion::functions_aggregate::expr_fn::{max, min};
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
    /// Rows with, for a semi-additive atom, its values at an end of periods. `all` are the rows
    /// before any condition; an atom's inputs are `__x<index>_0`, its value, `__x<index>_1`, its key,
    /// and then whose key it is.
    pub(super) fn at_end(
        &self,
        rows: LogicalPlanBuilder,
        all: &LogicalPlanBuilder,
        (index, atom): (usize, &Atom),
        at: &AtEnd,
    ) -> Result<(LogicalPlanBuilder, Aggregated)> {
        self.check_periods(&at.role, &atom.measure)?;
        let calendar = self.groups_of(&at.role);
        let (value, key) = (format!("__x{index}_0"), format!("__x{index}_1"));
        let entities: Vec<String> =
            (0..at.per.len()).map(|place| format!("__x{index}_{}", place + 2)).collect();
        let (mut rows, mut values) = (rows, Vec::new());
        let periods = self.periods(&calendar);
        for (number, period) in periods.iter().enumerate() {
            let end = format!("__end{index}_{number}");
            let keys = self.end_keys(all, at, period, (&value, &key, &entities), &end)?;
            let here = period.iter().map(|group| group_name(*group)).chain(entities.clone());
            let here: Vec<String> = here.collect();
            let there: Vec<String> =
                (0..here.len()).map(|place| format!("{end}_{place}")).collect();
            let keys = keys.build().map_err(defect)?;
            rows = match here.is_empty() {
                true => rows.cross_join(keys),
                false => {
                    let same = NullEquality::NullEqualsNull;
                    rows.join_detailed(keys, JoinType::Inner, (here, there), None, same)
                }
            }
            .map_err(defect)?;
            let at_end = when(ident(&key).eq(ident(&end)), ident(&value)).end().map_err(defect)?;
            let name = value_name(index, number);
            let columns = rows.schema().columns().into_iter().map(Expr::Column);
            let columns: Vec<Expr> = columns.chain([at_end.alias(&name)]).collect();
            rows = rows.project(columns).map_err(defect)?;
            values.push(sum(ident(name)));
        }
        Ok((rows, Aggregated { values, periods, calendar }))
    }

    /// Rows of the fact before any condition, in which the ends of periods are looked for. With links
    /// they are a relation of their own: a period's last day is everybody's, whoever is asked for.
    pub(super) fn all_rows(
        &self,
        needed: &[&CubeColumn],
        atoms: &[(usize, &Atom)],
        star: &Star<'_>,
    ) -> Result<Option<LogicalPlanBuilder>> {
        let at_end =
            atoms.iter().filter(|(_, atom)| matches!(atom.function, Function::SumAtEnd(_)));
        let at_end: Vec<(usize, Atom)> =
            at_end.map(|(index, atom)| (*index, atom.whole())).collect();
        if self.links.is_empty() || at_end.is_empty() {
            return Ok(None);
        }
        let own = needed.iter().copied().filter(|own| self.cube.link(&own.role).is_none());
        let own: Vec<&CubeColumn> = own.collect();
        let atoms: Vec<&Atom> = at_end.iter().map(|(_, atom)| atom).collect();
        let mut roles = star.roles(&own, &atoms)?;
        // A day without a later one is nobody's last, as among the rows themselves.
        roles.extend(star.shift.iter().map(|shift| shift.role.clone()));
        let mut columns: Vec<Expr> =
            own.iter().map(|own| star.column(own).alias(&own.name)).collect();
        for (index, atom) in &at_end {
            let inputs = star.inputs(atom)?.into_iter().enumerate();
            columns.extend(inputs.map(|(place, input)| input.alias(format!("__x{index}_{place}"))));
        }
        let pairs: Vec<(usize, &Atom)> =
            at_end.iter().map(|(index, atom)| (*index, atom)).collect();
        let rows = star.rated(star.relation(&roles, &self.held_roles())?, &pairs)?;
        rows.project(columns).map(Some).map_err(defect)
    }

    /// Refuses what makes no period: a condition or group that looks at the calendar and at
    /// something else at once has another last day for every member of the other.
    pub(super) fn check_periods(&self, role: &str, measure: &str) -> Result<()> {
        let conditions = self.predicates.iter().flat_map(split_conjunction);
        let mixed = |expr: &&Expr| is_mixed(expr, |name| self.is_of(role, name));
        match conditions.chain(&self.groups).find(mixed) {
            None => Ok(()),
            Some(expr) => Err(Error::unsupported(format!(
                "`{measure}` has no one last day where {} mixes `{role}` with other columns",
                expr.human_display()
            ))
            .hint("ask for each period in a question of its own, or by separate conditions")),
        }
    }

    /// The groups that are made of the role's columns alone.
    pub(super) fn groups_of(&self, role: &str) -> Vec<usize> {
        let groups = self.groups.iter().enumerate();
        groups.filter(|(_, group)| self.is_about(role, group)).map(|(index, _)| index).collect()
    }

    /// Which of the calendar's groups the grouping sets keep together.
    fn periods(&self, calendar: &[usize]) -> Vec<Vec<usize>> {
        let mut periods: Vec<Vec<usize>> = Vec::new();
        for set in self.sets() {
            let period = calendar.iter().copied().filter(|group| set.contains(group)).collect();
            if !periods.contains(&period) {
                periods.push(period);
            }
        }
        periods
    }

    /// The end key with a value of each period, and of each entity in it, as `name`, beside both.
    fn end_keys(
        &self,
        all: &LogicalPlanBuilder,
        at: &AtEnd,
        period: &[usize],
        (value, key, entities): (&str, &str, &[String]),
        name: &str,
    ) -> Result<LogicalPlanBuilder> {
        let mut rows = all.clone().alias(ROWS).map_err(defect)?;
        let conditions = self.predicates.iter().flat_map(split_conjunction);
        let on_time = conditions.filter(|condition| self.is_about(&at.role, condition));
        for condition in on_time {
            rows = rows.filter(of_rows(condition.clone())?).map_err(defect)?;
        }
        let mut valued = ident(value).is_not_null();
        if at.end == End::First {
            // The unknown day is before all others, and no period begins with it.
            valued = valued.and(ident(key).gt(lit(0_i32)));
        }
        let keyed = when(valued, ident(key)).end().map_err(defect)?;
        let groups = period.iter().map(|group| self.groups[*group].clone());
        let parts = groups.chain(entities.iter().map(ident)).enumerate();
        let parts = parts.map(|(place, part)| part.alias(format!("{name}_{place}")));
        let columns: Vec<Expr> = parts.chain([keyed.alias(name)]).collect();
        let by = (0..columns.len() - 1).map(|place| ident(format!("{name}_{place}")));
        let by: Vec<Expr> = by.collect();
        let end = match at.end {
            End::First => min(ident(name)),
            End::Last => max(ident(name)),
        };
        let found = ident(end.schema_name().to_string()).alias(name);
        let shown: Vec<Expr> = by.iter().cloned().chain([found]).collect();
        rows.project(columns)
            .and_then(|rows| rows.aggregate(by, [end]))
            .and_then(|keys| keys.project(shown))
            .map_err(defect)
    }
}
