//! The star relation: a fact joined to the dimensions it needs, in their roles.
//!
//! Joins are inner: loading gives every fact row a member of every role (the unknown one where it
//! must), so no row is dropped, and one at most, so none is repeated; for links see `linked.rs`.

use super::atom::{Atom, FACT, fact_column};
use super::context::Shift;
use super::lattice::{Computed, Cuboid};
use super::link_members::KEY;
use super::linked::Linked;
use super::state::Kept;
use super::{PlanContext, defect, earlier};
use crate::error::{Error, Result};
use crate::model::{Cube, CubeColumn, Dimension, Fact, FactRole, MONTH_PARTITION, View};
use chrono::NaiveTime;
use datafusion::common::{Column, JoinType, ScalarValue, TableReference};
use datafusion::functions_aggregate::expr_fn::{max, min};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use std::collections::BTreeSet;

/// What a star relation is made of.
#[derive(Clone)]
pub(super) struct Star<'a> {
    pub(super) context: &'a PlanContext<'a>,
    pub(super) cube: &'a Cube,
    pub(super) fact: &'a Fact,
    /// The catalog of another release, where the cube was named in one.
    pub(super) catalog: Option<&'a str>,
    /// A calendar role whose days stand for earlier ones.
    pub(super) shift: Option<&'a Shift>,
    /// The aggregate whose rows stand for the fact's.
    pub(super) kept: Option<&'a Cuboid>,
    /// A condition on the columns of the fact, or of the aggregate, itself.
    pub(super) only: Option<Expr>,
    /// What is asked of links.
    pub(super) links: &'a [Linked],
}

impl<'a> Star<'a> {
    /// The rows of a fact as they are.
    pub(super) fn new(context: &'a PlanContext<'a>, cube: &'a Cube, fact: &'a Fact) -> Self {
        let (catalog, shift, kept, only) = (None, None, None, None);
        Self { context, cube, fact, catalog, shift, kept, only, links: &[] }
    }
}

impl Star<'_> {
    /// The fact joined to roles, first to those that a question holds to some members: the others
    /// are then looked up for fewer rows. Fact columns are qualified by [`FACT`], a role's by its
    /// name.
    pub(super) fn relation(
        &self,
        roles: &BTreeSet<String>,
        held: &BTreeSet<String>,
    ) -> Result<LogicalPlanBuilder> {
        let table = self.kept.map_or_else(|| self.fact.table(), |kept| kept.table.clone());
        let mut fact = LogicalPlanBuilder::from(self.scan(&table, FACT)?);
        if let Some(only) = &self.only {
            fact = fact.filter(only.clone()).map_err(defect)?;
        }
        let (first, then): (Vec<_>, Vec<_>) = roles.iter().partition(|role| held.contains(*role));
        first.into_iter().chain(then).try_fold(fact, |joined, name| {
            let role = self.fact.role(self.cube.fact_role(name));
            let role = role.ok_or_else(|| self.unrelated(name))?;
            if let Some(link) = self.cube.link(name) {
                let key = Expr::Column(Column::new(Some(name), KEY));
                let on = fact_column(&role.key_column()).eq(key);
                let members = self.linked(name, link)?;
                return joined.join_on(members, JoinType::Inner, [on]).map_err(defect);
            }
            let dimension = self.dimension(&role.dimension)?;
            if let Some(shift) = self.months_later().filter(|shift| shift.role == *name) {
                let month = Expr::Column(Column::new(Some(name), earlier::MONTH));
                let on = fact_column(MONTH_PARTITION).eq(month);
                let months = self.later_months(dimension, shift)?;
                return joined.join_on(months, JoinType::Inner, [on]).map_err(defect);
            }
            let members = match (self.shift, self.cube.view(name)) {
                (Some(shift), _) if shift.role == *name => self.shifted(role, dimension, shift)?,
                (_, Some(view)) => self.seen(name, dimension, view)?,
                _ => self.scan(&dimension.table(), name)?,
            };
            let key = Expr::Column(Column::new(Some(name), dimension.key_column()));
            let on = fact_column(&role.key_column()).eq(key);
            joined.join_on(members, JoinType::Inner, [on]).map_err(defect)
        })
    }

    /// A cube column in the relation.
    pub(super) fn column(&self, column: &CubeColumn) -> Expr {
        match column.dimension {
            _ if self.is_kept(column) => fact_column(&column.name),
            Some(_) => Expr::Column(Column::new(Some(&column.role), &column.column.name)),
            None => fact_column(&column.column.name),
        }
    }

    /// Whether an aggregate's own row has the column's value. Of a calendar whose days stand for
    /// others it has not.
    fn is_kept(&self, column: &CubeColumn) -> bool {
        let is_shifted = self.shift.is_some_and(|shift| shift.role == column.role);
        !is_shifted && self.kept.is_some_and(|kept| kept.holds(&column.name))
    }

    /// The roles to join: those of columns, and those that atoms look into.
    pub(super) fn roles(
        &self,
        columns: &[&CubeColumn],
        atoms: &[&Atom],
    ) -> Result<BTreeSet<String>> {
        let model = self.context.model;
        let looked_up = |column: &&&CubeColumn| column.dimension.is_some() && !self.is_kept(column);
        let mut roles = BTreeSet::new();
        for column in columns.iter().filter(looked_up) {
            self.check_stored(column)?;
            roles.insert(column.role.clone());
        }
        for atom in atoms {
            roles.extend(atom.roles_beside(model)?);
            if self.merged(atom).is_none() {
                roles.extend(atom.counted_roles(model)?);
            }
        }
        Ok(roles)
    }

    /// Refuses a column that the release's table does not have: the model has got it since.
    fn check_stored(&self, column: &CubeColumn) -> Result<()> {
        let role = self.fact.role(self.cube.fact_role(&column.role));
        // What links lead to is asked of them.
        let Some(role) = role.filter(|_| self.cube.link(&column.role).is_none()) else {
            return Ok(());
        };
        let dimension = self.dimension(&role.dimension)?;
        if self.stored_columns(dimension)?.contains(&column.column.name) {
            return Ok(());
        }
        let message = format!(
            "this release has no column `{}` of `{}`: it was loaded before the model had it",
            column.column.name, dimension.name
        );
        Err(Error::user(message)
            .with("cube", &self.cube.name)
            .hint("`starhouse etl run` makes a release that has it; of this one ask without it"))
    }

    /// The state from which an atom is computed, if it is computed from one.
    pub(super) fn merged(&self, atom: &Atom) -> Option<&Kept> {
        match self.kept?.computes(atom)? {
            Computed::Merged(kept) => Some(kept),
            Computed::Counted => None,
        }
    }

    /// What is aggregated for an atom, then what else it looks at.
    pub(super) fn inputs(&self, atom: &Atom) -> Result<Vec<Expr>> {
        let model = self.context.model;
        match self.merged(atom) {
            None => atom.inputs(model),
            Some(kept) => {
                Ok([fact_column(&kept.column)].into_iter().chain(atom.beside(model)?).collect())
            }
        }
    }

    /// The aggregation of an atom over columns that hold its inputs.
    pub(super) fn aggregation(&self, atom: &Atom, mut inputs: Vec<Expr>) -> Expr {
        match self.merged(atom) {
            Some(kept) if atom.context.daily.is_none() && !inputs.is_empty() => {
                kept.state.kind.answer(&atom.function, inputs.swap_remove(0))
            }
            _ => atom.aggregate(inputs),
        }
    }

    /// Whether the fact has what the column needs.
    pub(super) fn relates(&self, column: &CubeColumn) -> bool {
        relates(self.cube, self.fact, column)
    }

    /// The refusal of a question across a dimension that the fact does not have.
    pub(super) fn unrelated(&self, role: &str) -> Error {
        Error::user(format!(
            "fact {} has no dimension in the role `{role}`, so its measures have no value by it",
            self.fact.name
        ))
        .with("cube", &self.cube.name)
        .hint("leave that column or those measures out, or ask them in two questions")
    }

    /// The refusal of a question by a column that the fact does not know.
    pub(super) fn unknown_to_fact(&self, column: &CubeColumn) -> Error {
        let role = self.fact.role(self.cube.fact_role(&column.role));
        let Some(coarse) = role.and_then(|role| role.coarse.as_ref()) else {
            return self.unrelated(&column.role);
        };
        Error::user(format!(
            "fact {} knows `{}` by the {}, so its measures have no value by `{}`",
            self.fact.name, column.role, coarse.level, column.name
        ))
        .with("cube", &self.cube.name)
        .hint(format!(
            "ask by the {} or what it is part of, or declare those measures `unrelated: repeat`",
            coarse.level
        ))
    }

    /// The members of a dimension as of another time than the facts': each version's key with what
    /// the version of that time says, or nothing where the member had none then.
    fn seen(&self, role: &str, dimension: &Dimension, view: &View) -> Result<LogicalPlan> {
        const VERSION: &str = "__version";
        let column = |of: &str, name: &str| Expr::Column(Column::new(Some(of), name));
        let then = match view.day {
            None => column(role, "is_current"),
            Some(day) => {
                let midnight = day.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
                let moment =
                    lit(ScalarValue::TimestampMicrosecond(Some(midnight), Some("UTC".into())));
                let begun = column(role, "valid_from").lt_eq(moment.clone());
                begun.and(column(role, "valid_to").gt(moment))
            }
        };
        let seen = LogicalPlanBuilder::from(self.scan(&dimension.table(), role)?)
            .filter(then)
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)?;
        let key = dimension.key_column();
        let durable = dimension.durable_key_column();
        let shown = self.stored_columns(dimension)?.into_iter().map(|own| {
            let of = if own == key || own == durable { VERSION } else { role };
            column(of, &own).alias(own)
        });
        let same = column(VERSION, &durable).eq(column(role, &durable));
        LogicalPlanBuilder::from(self.scan(&dimension.table(), VERSION)?)
            .join_on(seen, JoinType::Left, [same])
            .and_then(|joined| joined.project(shown.collect::<Vec<_>>()))
            .and_then(|members| members.alias(role))
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }

    /// The last key of a calendar that the fact has, as a question of one row.
    pub(super) fn last_key(&self, role: &FactRole) -> Result<LogicalPlan> {
        // A calendar's keys are its days in order, the unknown one before them.
        LogicalPlanBuilder::from(self.scan(&self.fact.table(), FACT)?)
            .aggregate(Vec::<Expr>::new(), [max(fact_column(&role.key_column()))])
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }

    /// The first key of a known day that the fact has, as a question of one row.
    pub(super) fn first_key(&self, role: &FactRole) -> Result<LogicalPlan> {
        let key = fact_column(&role.key_column());
        LogicalPlanBuilder::from(self.scan(&self.fact.table(), FACT)?)
            .filter(key.clone().gt(lit(0_i32)))
            .and_then(|days| days.aggregate(Vec::<Expr>::new(), [min(key)]))
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }

    pub(super) fn dimension(&self, name: &str) -> Result<&Dimension> {
        let found = self.context.model.dimension(name);
        found.ok_or_else(|| Error::internal("a role names no dimension").with("dimension", name))
    }

    /// The columns of a dimension's table in the release: the model may have got more since.
    pub(super) fn stored_columns(&self, dimension: &Dimension) -> Result<Vec<String>> {
        let table = self.scan(&dimension.table(), FACT)?;
        Ok(table.schema().fields().iter().map(|field| field.name().clone()).collect())
    }

    pub(super) fn scan(&self, table: &str, alias: &str) -> Result<LogicalPlan> {
        scan(self.context, self.catalog, table)?
            .alias(alias)
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)
    }
}

/// Whether a fact has what a column of a cube needs: the role, as finely, or the degenerate column.
pub(super) fn relates(cube: &Cube, fact: &Fact, column: &CubeColumn) -> bool {
    match column.dimension {
        Some(_) => {
            let role = fact.role(cube.fact_role(&column.role));
            // Of a level's members nothing is known but what they are.
            let of_members = cube.view(&column.role).is_some() || cube.link(&column.role).is_some();
            role.is_some_and(|role| {
                role.knows(&column.column.name) && !(of_members && role.is_of_level())
            })
        }
        None => fact.degenerate.iter().any(|own| own.name == column.column.name),
    }
}

/// The column of a calendar that holds its days.
pub(super) fn day_column(calendar: &Dimension) -> Result<&str> {
    let day = calendar.natural_key.first().map(|column| column.name.as_str());
    day.ok_or_else(|| Error::internal("a calendar has no day column"))
}

/// A scan of a stored table of the release.
pub(super) fn scan(
    context: &PlanContext<'_>,
    catalog: Option<&str>,
    table: &str,
) -> Result<LogicalPlanBuilder> {
    let source = context.tables.table(catalog, table).ok_or_else(|| {
        Error::not_found(format!("table {table} is not in this release"))
            .hint("load it first: `starhouse etl run`")
    })?;
    let name = match catalog {
        Some(catalog) => TableReference::full(catalog, "warehouse", table),
        None => TableReference::partial("warehouse", table),
    };
    LogicalPlanBuilder::scan(name, source, None).map_err(defect)
}
