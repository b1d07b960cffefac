//! Aggregates (cuboids) as tables: what they keep, and the plan that fills them.
//!
//! An aggregate keeps mergeable states (`state.rs`), never a finished average or distinct count. It
//! is computed from the fact, or from a finer aggregate that was computed before; as a whole, for the
//! months of the fact's partitions that have changed, or of the rows that the fact has got since. So a
//! table may have several states of the same keys: whoever reads it puts them together anyway.

use super::atom::{Atom, atom_name, fact_column};
use super::lattice::{Cuboid, Lattice};
use super::star::{Star, scan};
use super::state;
use super::{PlanContext, defect};
use crate::error::{Error, Result};
use crate::model::{Aggregate, Column, ColumnType, Cube, CubeColumn, Fact, MONTH_PARTITION, Model};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr, cast, ident, lit};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// How aggregates are kept; another number builds them anew.
const FORM: u32 = 3;

/// What an aggregate's rows are computed from.
#[derive(Debug, Clone, Default)]
pub struct Building<'a> {
    /// A finer aggregate of the same cube; the fact where there is none.
    pub parent: Option<&'a str>,
    /// Only these months are computed (as `yyyymm`); all where there are none.
    pub months: Option<&'a BTreeSet<i32>>,
    /// Rows of the table that the release has, beside those that are computed.
    pub kept: Kept<'a>,
}

/// Rows of an aggregate that are taken over from the table that the release has.
#[derive(Debug, Clone, Copy, Default)]
pub enum Kept<'a> {
    /// None.
    #[default]
    Nothing,
    /// All but those of months that are computed.
    Others {
        /// Only of these spans of months, both ends included.
        within: Option<&'a [(i32, i32)]>,
        /// Whether states of the same keys are put together, with those computed as well.
        together: bool,
    },
}

/// The columns of an aggregate's table: the month where it knows it, the keys of roles, the cube
/// columns it keeps, then its states.
///
/// # Errors
/// User errors for unknown columns and measures of which parts cannot be put together.
pub fn aggregate_columns(
    cube: &Cube,
    aggregate: &Aggregate,
    lattice: &Lattice,
) -> Result<Vec<Column>> {
    let cuboid = found(cube, aggregate, lattice)?;
    let mut columns = Vec::new();
    if cuboid.by_month {
        let month = Column::new(MONTH_PARTITION, ColumnType::Int32, false);
        columns.push(month.described("month of the partitioning date, as yyyymm"));
    }
    for (role, key) in aggregate.roles.iter().zip(&cuboid.role_keys) {
        let key = Column::new(key, ColumnType::Int32, false);
        columns.push(key.described(format!("key of the role {role}")));
    }
    for name in &aggregate.columns {
        let kept = cube.column(name).ok_or_else(|| unknown(cube, aggregate, name))?;
        let column = Column::new(name, kept.column.ty, true);
        columns.push(column.described(&kept.column.description));
    }
    for kept in &cuboid.states {
        let ty = ColumnType::from_arrow(&kept.ty).ok_or_else(|| {
            Error::unsupported(format!("measure `{}` has no stored type", kept.atom.measure))
        })?;
        columns.push(Column::new(&kept.column, ty, true));
    }
    Ok(columns)
}

/// The columns by which an aggregate's rows are sorted.
///
/// # Errors
/// Internal where the model does not declare it.
pub fn aggregate_order(
    cube: &Cube,
    aggregate: &Aggregate,
    lattice: &Lattice,
) -> Result<Vec<String>> {
    Ok(found(cube, aggregate, lattice)?.keys())
}

/// What an aggregate's plan says of its columns, in the words of the model.
///
/// # Errors
/// Internal where the model does not declare it.
pub fn with_measures_named(
    text: &str,
    cube: &Cube,
    aggregate: &Aggregate,
    lattice: &Lattice,
) -> Result<String> {
    let states = found(cube, aggregate, lattice)?.states.iter().enumerate().rev();
    Ok(states.fold(text.to_owned(), |text, (index, kept)| {
        let text = text.replace(&input_name(index), &kept.column);
        text.replace(&atom_name(index), &kept.column)
    }))
}

/// The aggregates of the cube from which another can be computed.
///
/// # Errors
/// Internal where the model does not declare it.
pub fn parents<'a>(
    cube: &Cube,
    aggregate: &Aggregate,
    lattice: &'a Lattice,
) -> Result<Vec<&'a Aggregate>> {
    let own = found(cube, aggregate, lattice)?;
    let cuboids = lattice.cuboids(&cube.name).iter();
    let others = cuboids.filter(|other| other.aggregate.name != aggregate.name);
    let covering = others.filter(|other| other.covers(own, cube, lattice));
    Ok(covering.map(|other| &other.aggregate).collect())
}

/// The plan that computes an aggregate, with the columns of [`aggregate_columns`], in the order of
/// [`aggregate_order`].
///
/// # Errors
/// As [`aggregate_columns`]; not found where the release lacks the fact or a dimension.
pub fn aggregate_plan(
    cube: &Cube,
    aggregate: &Aggregate,
    building: &Building<'_>,
    context: &PlanContext<'_>,
) -> Result<LogicalPlan> {
    let cuboid = found(cube, aggregate, context.lattice)?;
    let fact = context.model.fact(&aggregate.fact);
    let fact = fact.ok_or_else(|| unknown(cube, aggregate, &aggregate.fact))?;
    let kept = match building.parent {
        Some(parent) => {
            let parent = context.lattice.cuboid(&cube.name, parent);
            Some(parent.ok_or_else(|| Error::internal("an aggregate's parent is unknown"))?)
        }
        None => None,
    };
    let only = building.months.map(|months| {
        let months = months.iter().map(|month| lit(*month)).collect();
        fact_column(MONTH_PARTITION).in_list(months, false)
    });
    let star = Star { kept, only, ..Star::new(context, cube, fact) };
    let fresh = cuboid.computed(&star)?;
    let columns = aggregate_columns(cube, aggregate, context.lattice)?;
    let mut rows = LogicalPlanBuilder::from(fresh);
    if let Kept::Others { within: spans, together } = building.kept
        && spans.is_none_or(|spans| !spans.is_empty())
    {
        let names = columns.iter().map(|column| ident(&column.name)).collect::<Vec<_>>();
        let mut old = scan(context, None, &cuboid.table)?;
        let is_other = building.months.map(is_other);
        if let Some(stays) = spans.map(within).into_iter().chain(is_other).reduce(Expr::and) {
            old = old.filter(stays).map_err(defect)?;
        }
        let old = old.project(names).and_then(LogicalPlanBuilder::build);
        rows = old.and_then(|old| rows.union(old)).map_err(defect)?;
        if together {
            rows = cuboid.together(rows)?;
        }
    }
    let order: Vec<SortExpr> =
        cuboid.keys().into_iter().map(|name| ident(name).sort(true, false)).collect();
    let rows = if order.is_empty() { Ok(rows) } else { rows.sort(order) };
    rows.and_then(LogicalPlanBuilder::build).map_err(defect)
}

/// The months of spans.
fn within(spans: &[(i32, i32)]) -> Expr {
    let spans = spans.iter();
    let within = spans.map(|(from, to)| ident(MONTH_PARTITION).between(lit(*from), lit(*to)));
    within.reduce(Expr::or).unwrap_or_else(|| lit(false))
}

/// The months that are not computed.
fn is_other(computed: &BTreeSet<i32>) -> Expr {
    let computed = computed.iter().map(|month| lit(*month)).collect();
    ident(MONTH_PARTITION).in_list(computed, true)
}

impl Cuboid {
    /// What tells rows apart, in the order of the table.
    fn keys(&self) -> Vec<String> {
        let month = self.by_month.then(|| MONTH_PARTITION.to_owned());
        let roles = self.role_keys.iter().cloned();
        month.into_iter().chain(roles).chain(self.aggregate.columns.iter().cloned()).collect()
    }

    /// The rows computed from the star, a row a combination of keys.
    fn computed(&self, star: &Star<'_>) -> Result<LogicalPlan> {
        let (cube, model) = (star.cube, star.context.model);
        let mut columns: Vec<&CubeColumn> = Vec::new();
        for name in &self.aggregate.columns {
            let column = cube.column(name).ok_or_else(|| unknown(cube, &self.aggregate, name))?;
            if !star.relates(column) {
                return Err(star.unrelated(&column.role));
            }
            columns.push(column);
        }
        let atoms: Vec<&Atom> = self.states.iter().map(|kept| &kept.atom).collect();
        let mut inputs: Vec<Expr> = Vec::new();
        if self.by_month {
            inputs.push(fact_column(MONTH_PARTITION).alias(MONTH_PARTITION));
        }
        inputs.extend(self.role_keys.iter().map(|key| fact_column(key).alias(key)));
        inputs.extend(columns.iter().map(|column| star.column(column).alias(&column.name)));
        let mut aggregated = Vec::new();
        for (index, kept) in self.states.iter().enumerate() {
            let input = input_name(index);
            let state = match star.kept.and_then(|parent| parent.state(kept)) {
                Some(column) => {
                    inputs.push(fact_column(column).alias(&input));
                    kept.state.kind.of_states(ident(input))
                }
                None => {
                    inputs.push(kept.atom.value(model)?.alias(&input));
                    kept.state.kind.of_rows(ident(input))
                }
            };
            aggregated.push(state.alias(atom_name(index)));
        }
        let roles = match star.kept {
            Some(_) => star.roles(&columns, &[])?,
            None => star.roles(&columns, &atoms)?,
        };
        let rows = star.relation(&roles, &BTreeSet::new())?.project(inputs).map_err(defect)?;
        self.grouped(rows, aggregated)?.build().map_err(defect)
    }

    /// Rows of the table with those of the same keys put together.
    fn together(&self, rows: LogicalPlanBuilder) -> Result<LogicalPlanBuilder> {
        let states = self.states.iter().enumerate();
        let states = states.map(|(index, kept)| {
            kept.state.kind.of_states(ident(&kept.column)).alias(atom_name(index))
        });
        self.grouped(rows, states.collect())
    }

    /// A row a combination of keys, with states in the types of the table.
    fn grouped(
        &self,
        rows: LogicalPlanBuilder,
        aggregated: Vec<Expr>,
    ) -> Result<LogicalPlanBuilder> {
        let keys: Vec<Expr> = self.keys().into_iter().map(ident).collect();
        let states = self.states.iter().enumerate().map(|(index, kept)| {
            cast(ident(atom_name(index)), kept.ty.clone()).alias(&kept.column)
        });
        let stored: Vec<Expr> = keys.iter().cloned().chain(states).collect();
        let grouped = rows.aggregate(keys, aggregated);
        grouped.and_then(|grouped| grouped.project(stored)).map_err(defect)
    }

    /// The column of a state that is another's as well.
    fn state(&self, of: &state::Kept) -> Option<&str> {
        let own = self.states.iter().find(|own| own.state == of.state);
        own.map(|own| own.column.as_str())
    }
}

/// The input that stands for an aggregate's definition among what a release remembers.
pub const AGGREGATE_DEFINITION: &str = "aggregate.definition";

/// The input that says, by its name, why a release does without an aggregate.
pub const AGGREGATE_LEFT_OUT: &str = "aggregate.left_out";

/// The input that names the files of an aggregate that stand beside the others: they have states of
/// keys that others may have as well.
pub const AGGREGATE_BESIDE: &str = "aggregate.beside";

/// A fingerprint of whatever in the model decides what an aggregate's table holds: the keys and
/// columns it keeps, as the cube has them, and what its states are computed from. What only
/// describes, or is about other measures, leaves it as it is.
pub(super) fn fingerprint(
    cube: &Cube,
    aggregate: &Aggregate,
    states: &[state::Kept],
    model: &Model,
) -> Result<String> {
    let fact = model.fact(&aggregate.fact);
    let months = fact.and_then(|fact| fact.partition_by_month_of.as_deref());
    let played = |role: &str| fact.and_then(|fact| fact.role(role)).map(|role| &role.dimension);
    let roles: Vec<_> = aggregate.roles.iter().map(|role| (role, played(role))).collect();
    let columns = aggregate.columns.iter().filter_map(|name| cube.column(name)).map(|column| {
        let role = cube.fact_role(&column.role);
        let view = cube.view(&column.role);
        (&column.name, role, played(role), view, &column.column.name, column.column.ty)
    });
    let columns: Vec<_> = columns.collect();
    let mut text = format!("{FORM} {} {months:?} {roles:?} {columns:?}", aggregate.fact);
    for kept in states {
        let (of, value) = (kept.state.kind, kept.atom.value(model)?);
        text.push_str(&format!(" {} {:?} {of:?} {value}", kept.column, kept.ty));
    }
    Ok(Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The tables that an aggregate is computed from: its fact, and the dimensions whose columns it
/// keeps by value. What is kept by key alone, or counted, does not depend on what the dimension says.
pub fn aggregate_sources(cube: &Cube, aggregate: &Aggregate, model: &Model) -> BTreeSet<String> {
    let Some(fact) = model.fact(&aggregate.fact) else { return BTreeSet::new() };
    let roles = looked_into(cube, aggregate);
    let dimensions = roles.iter().filter_map(|(role, _)| dimension_table(fact, role, model));
    dimensions.chain([fact.table()]).collect()
}

/// The roles of the fact whose columns an aggregate keeps by value, each with the attributes.
pub fn looked_into<'a>(
    cube: &'a Cube,
    aggregate: &Aggregate,
) -> Vec<(&'a str, Vec<&'a CubeColumn>)> {
    let mut roles: Vec<(&str, Vec<&CubeColumn>)> = Vec::new();
    let columns = aggregate.columns.iter().filter_map(|name| cube.column(name));
    for column in columns.filter(|column| column.dimension.is_some()) {
        let role = cube.fact_role(&column.role);
        match roles.iter_mut().find(|(known, _)| *known == role) {
            Some((_, columns)) => columns.push(column),
            None => roles.push((role, vec![column])),
        }
    }
    roles
}

fn dimension_table(fact: &Fact, role: &str, model: &Model) -> Option<String> {
    Some(model.dimension(&fact.role(role)?.dimension)?.table())
}

/// What is aggregated for a state.
fn input_name(index: usize) -> String {
    format!("__x{index}")
}

fn found<'a>(cube: &Cube, aggregate: &Aggregate, lattice: &'a Lattice) -> Result<&'a Cuboid> {
    let cuboid = lattice.cuboid(&cube.name, &aggregate.name);
    cuboid.ok_or_else(|| {
        Error::internal("an aggregate is not in the lattice").with("aggregate", &aggregate.name)
    })
}

fn unknown(cube: &Cube, aggregate: &Aggregate, name: &str) -> Error {
    Error::user(format!("aggregate `{}` names `{name}`, which it cannot keep", aggregate.name))
        .with("cube", &cube.name)
}
