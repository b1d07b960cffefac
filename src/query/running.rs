//! Running measures: to date, rolling and cumulative.
//!
//! The days of a window lie before the row's period, and before what a condition on time lets
//! through: such conditions and groups decide where a window ends, not which rows are read. So rows
//! are first added up by day, whatever the day; a table of windows says which days each period looks
//! back upon, from the calendar itself, so that a period without rows has its window too; and both
//! are joined.

use super::ask::{Ask, ROWS, group_name, of_rows};
use super::atom::{Atom, Function};
use super::by_set::values_of;
use super::context::Running;
use super::defect;
use super::star::{Star, day_column};
use super::state::Kind;
use crate::error::{Error, Result};
use crate::model::{CubeColumn, Dimension, Window};
use arrow::datatypes::DataType;
use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::min;
use datafusion::functions_aggregate::min_max::max_udaf;
use datafusion::functions_window::expr_fn::lag;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, WindowFunctionDefinition, cast, ident,
    lit, scalar_subquery,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The day of a row of the fact.
const DAY: &str = "__day";
/// A day of a window.
const SEEN: &str = "__seen";
/// The last day of a period, and of its window.
const LAST: &str = "__last";
/// The first and the last day of a window, by the last day of a period.
const FROM: &str = "__from";
const UNTIL: &str = "__until";

/// The input of an atom, or its state by day.
fn input_name(atom: usize, place: usize) -> String {
    format!("__x{atom}_{place}")
}

/// The state of a day from which an atom is computed: one that an aggregate keeps, or that of plain
/// values.
fn state_of_day(star: &Star<'_>, atom: &Atom) -> Option<Kind> {
    let adds_up = !matches!(atom.function, Function::SumAtEnd(_));
    let of_rows = || atom.state().map(|s| s.kind).filter(|kind| adds_up && kind.is_plain());
    match (star.merged(atom), star.kept) {
        (Some(kept), _) => Some(kept.state.kind),
        (None, Some(_)) => None,
        (None, None) => of_rows(),
    }
}

impl Ask<'_> {
    /// A context whose rows are those of windows: key columns, then `__a<index>` of its atoms.
    pub(super) fn plan_running(
        &self,
        running: &Running,
        atoms: &[(usize, &Atom)],
        star: &Star<'_>,
    ) -> Result<LogicalPlan> {
        let first = atoms.first().map(|(_, atom)| atom.measure.as_str()).unwrap_or_default();
        self.check_periods(&running.role, first)?;
        let calendar = self.groups_of(&running.role);
        let by_day = atoms.iter().all(|(_, atom)| state_of_day(star, atom).is_some());
        let rows = self.rows_of_days(&running.role, atoms, star, by_day)?;
        let periods = self.periods_and_days(&running.role, star)?;
        let mut sets = Vec::new();
        for set in self.sets() {
            let period: Vec<usize> =
                set.iter().copied().filter(|group| calendar.contains(group)).collect();
            let windows = self.windows(&period, &periods, running, star)?;
            let seen = rows
                .clone()
                .join(windows, JoinType::Inner, (vec![DAY], vec![SEEN]), None)
                .map_err(defect)?;
            let values = |index: usize, atom: &Atom| match state_of_day(star, atom) {
                Some(kind) if by_day => {
                    Some(kind.answer(&atom.function, ident(input_name(index, 0))))
                }
                _ => {
                    let inputs = (0..).map(|place| input_name(index, place));
                    let has = |name: &String| rows.schema().has_column_with_unqualified_name(name);
                    let inputs = inputs.take_while(has).map(ident).collect();
                    Some(star.aggregation(atom, inputs))
                }
            };
            sets.push((set, seen, values_of(atoms, values)?));
        }
        let groups = self.group_types(&[rows.schema(), periods.schema()])?;
        self.union_of_sets(sets, atoms, &groups)
    }

    /// The fact's rows with their days, groups other than the calendar's and the atoms' inputs; added
    /// up by them where the atoms' states can be.
    fn rows_of_days(
        &self,
        role: &str,
        atoms: &[(usize, &Atom)],
        star: &Star<'_>,
        by_day: bool,
    ) -> Result<LogicalPlanBuilder> {
        let conditions = self.predicates.iter().flat_map(split_conjunction);
        let conditions: Vec<&Expr> =
            conditions.filter(|condition| !self.is_about(role, condition)).collect();
        let groups = self.groups.iter().enumerate();
        let groups: Vec<(usize, &Expr)> =
            groups.filter(|(_, group)| !self.is_about(role, group)).collect();
        let exprs = groups.iter().map(|(_, group)| *group).chain(conditions.iter().copied());
        let needed = self.columns_of(exprs)?;
        let only: Vec<&Atom> = atoms.iter().map(|(_, atom)| *atom).collect();
        let mut roles = star.roles(&needed, &only)?;
        roles.insert(role.to_owned());
        roles.extend(self.linked_roles());
        let held = self.held_roles().into_iter().filter(|held| held != role);
        let base = star.rated(star.relation(&roles, &held.collect::<BTreeSet<_>>())?, atoms)?;
        let base = star.with_followed(base, atoms)?;
        let calendar = self.calendar(role, star)?;
        let day = Expr::Column(Column::new(Some(role), day_column(calendar)?));
        let mut columns: Vec<Expr> =
            needed.iter().map(|own| star.column(own).alias(&own.name)).collect();
        columns.push(day.alias(DAY));
        let mut inputs = Vec::new();
        for (index, atom) in atoms {
            for (place, input) in star.inputs(atom)?.into_iter().enumerate() {
                columns.push(input.alias(input_name(*index, place)));
                inputs.push(input_name(*index, place));
            }
        }
        let mut rows = base.project(columns).map_err(defect)?;
        if let Some(condition) = conditions.into_iter().cloned().reduce(Expr::and) {
            let condition = of_rows(condition)?;
            rows = rows.alias(ROWS).and_then(|rows| rows.filter(condition)).map_err(defect)?;
        }
        let mut keys: Vec<Expr> = groups
            .iter()
            .map(|(index, group)| (*group).clone().alias(group_name(*index)))
            .collect();
        // Under names without the alias of the rows.
        keys.push(ident(DAY).alias(DAY));
        let inputs = inputs.into_iter().map(|name| ident(&name).alias(name));
        let columns: Vec<Expr> = keys.into_iter().chain(inputs).collect();
        let rows = rows.project(columns).map_err(defect)?;
        if !by_day {
            return Ok(rows);
        }
        let keys: Vec<Expr> =
            groups.iter().map(|(index, _)| ident(group_name(*index))).chain([ident(DAY)]).collect();
        let mut states = Vec::new();
        for (index, atom) in atoms {
            let input = ident(input_name(*index, 0));
            let state = match (star.merged(atom), state_of_day(star, atom)) {
                (Some(kept), _) => kept.state.kind.of_states(input),
                (None, Some(kind)) => kind.of_rows(input),
                (None, None) => return Err(Error::internal("a day's values have no state")),
            };
            states.push(state.alias(format!("__s{index}")));
        }
        let named = atoms
            .iter()
            .map(|(index, _)| ident(format!("__s{index}")).alias(input_name(*index, 0)));
        let columns: Vec<Expr> = keys.iter().cloned().chain(named).collect();
        rows.aggregate(keys, states).and_then(|days| days.project(columns)).map_err(defect)
    }

    /// The calendar's days up to the fact's last one that conditions on time let through, each with
    /// the calendar's groups.
    fn periods_and_days(&self, role: &str, star: &Star<'_>) -> Result<LogicalPlanBuilder> {
        let calendar = self.calendar(role, star)?;
        let fact_role = star.fact.role(role).ok_or_else(|| star.unrelated(role))?;
        let own = |name: &str| Expr::Column(Column::new(Some(role), name));
        let day = own(day_column(calendar)?);
        let last = scalar_subquery(Arc::new(star.last_key(fact_role)?));
        let there = day.clone().is_not_null().and(own(&calendar.key_column()).lt_eq(last));
        let stored = star.stored_columns(calendar)?;
        let is_there = |column: &&CubeColumn| stored.contains(&column.column.name);
        let of_role = self.cube.columns.iter().filter(|column| column.role == role);
        let of_role = of_role.filter(is_there);
        let columns = of_role.map(|column| own(&column.column.name).alias(&column.name));
        let columns: Vec<Expr> = columns.chain([day.alias(DAY)]).collect();
        let mut days = LogicalPlanBuilder::from(star.scan(&calendar.table(), role)?)
            .filter(there)
            .and_then(|days| days.project(columns))
            .and_then(|days| days.alias(ROWS))
            .map_err(defect)?;
        let conditions = self.predicates.iter().flat_map(split_conjunction);
        for condition in conditions.filter(|condition| self.is_about(role, condition)) {
            days = days.filter(of_rows(condition.clone())?).map_err(defect)?;
        }
        let groups = self.groups_of(role);
        let groups =
            groups.iter().map(|group| self.groups[*group].clone().alias(group_name(*group)));
        let columns: Vec<Expr> = groups.chain([ident(DAY).alias(DAY)]).collect();
        days.project(columns).map_err(defect)
    }

    /// The days that each period looks back upon: its groups, and [`SEEN`].
    fn windows(
        &self,
        period: &[usize],
        days: &LogicalPlanBuilder,
        running: &Running,
        star: &Star<'_>,
    ) -> Result<LogicalPlan> {
        let groups: Vec<Expr> = period.iter().map(|group| ident(group_name(*group))).collect();
        // Each period's last day, of which there is one row. An aggregation by the groups would find
        // it too; but DataFusion 55 then takes them for a key of whatever is grouped by them and by
        // others further up, and forgets the others when it sorts.
        let last = WindowFunctionDefinition::AggregateUDF(max_udaf());
        let last = Expr::from(WindowFunction::new(last, vec![ident(DAY)]));
        let last = match groups.is_empty() {
            true => last,
            false => last.partition_by(groups.clone()).build().map_err(defect)?,
        };
        let is_last = ident(DAY).eq(ident(last.schema_name().to_string()));
        let found = ident(DAY).alias(LAST);
        let shown: Vec<Expr> = groups.iter().cloned().chain([found]).collect();
        let ends = days
            .clone()
            .window(vec![last])
            .and_then(|days| days.filter(is_last))
            .and_then(|ends| ends.project(shown))
            .map_err(defect)?;
        let bounds = self.bounds(running, star)?;
        let calendar = self.calendar(&running.role, star)?;
        let day = Expr::Column(Column::new(Some(&running.role), day_column(calendar)?));
        let seen = LogicalPlanBuilder::from(star.scan(&calendar.table(), &running.role)?)
            .project([day.alias(SEEN)])
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)?;
        let within = ident(SEEN).gt_eq(ident(FROM)).and(ident(SEEN).lt_eq(ident(UNTIL)));
        let columns: Vec<Expr> = groups.into_iter().chain([ident(SEEN)]).collect();
        ends.join(bounds, JoinType::Inner, (vec![LAST], vec![DAY]), None)
            .and_then(|windows| windows.join_on(seen, JoinType::Inner, [within]))
            .and_then(|windows| windows.project(columns))
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }

    /// For each day of the calendar the first and the last day of the window that ends with it.
    fn bounds(&self, running: &Running, star: &Star<'_>) -> Result<LogicalPlan> {
        const PERIOD: &str = "__period";
        let calendar = self.calendar(&running.role, star)?;
        let own = |name: &str| Expr::Column(Column::new(Some(&running.role), name));
        let day = own(day_column(calendar)?);
        let days = LogicalPlanBuilder::from(star.scan(&calendar.table(), &running.role)?)
            .filter(day.clone().is_not_null())
            .map_err(defect)?;
        let earliest = lit(ScalarValue::Date32(Some(i32::MIN / 2)));
        let (level, back, current) = match &running.window {
            Window::Cumulative => {
                let columns = [day.clone().alias(DAY), earliest.alias(FROM), day.alias(UNTIL)];
                return days.project(columns).and_then(LogicalPlanBuilder::build).map_err(defect);
            }
            Window::ToDate { period } => (period, 0, true),
            Window::Rolling { periods, period, current: true } => {
                (period, i64::from(*periods) - 1, true)
            }
            Window::Rolling { periods, period, current: false } => {
                (period, i64::from(*periods), false)
            }
        };
        let attribute = calendar.level(level).map_or(level, |level| &level.attribute);
        let days = days
            .project([own(attribute).alias(PERIOD), day.alias(DAY)])
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)?;
        let begin = min(ident(DAY));
        let begins = ident(begin.schema_name().to_string()).alias("__begins");
        let begun = match back {
            0 => ident("__begins"),
            // So many periods back, as the calendar has them, whatever their length.
            _ => lag(ident("__begins"), Some(back), None)
                .order_by(vec![ident("__begins").sort(true, false)])
                .build()
                .map_err(defect)?,
        };
        let begun_name = begun.schema_name().to_string();
        let periods = LogicalPlanBuilder::from(days.clone())
            .aggregate([ident(PERIOD)], [begin])
            .and_then(|periods| periods.project([ident(PERIOD).alias("__of"), begins]))
            .and_then(|periods| match back {
                0 => Ok(periods),
                _ => periods.window(vec![begun]),
            })
            .and_then(|periods| {
                let from = coalesce(vec![ident(begun_name), earliest]).alias(FROM);
                periods.project([ident("__of"), ident("__begins"), from])
            })
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)?;
        let until = match current {
            true => ident(DAY),
            false => {
                let a_day = ScalarValue::new_interval_mdn(0, 1, 0);
                cast(ident("__begins") - lit(a_day), DataType::Date32)
            }
        };
        LogicalPlanBuilder::from(days)
            .join(periods, JoinType::Inner, (vec![PERIOD], vec!["__of"]), None)
            .and_then(|days| days.project([ident(DAY), ident(FROM), until.alias(UNTIL)]))
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }

    fn calendar<'s>(&self, role: &str, star: &'s Star<'_>) -> Result<&'s Dimension> {
        let role = star.fact.role(role).ok_or_else(|| star.unrelated(role))?;
        star.dimension(&role.dimension)
    }
}
