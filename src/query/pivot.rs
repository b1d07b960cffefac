//! Pivot: members across the top.
//!
//! A plan's columns must be known before it runs, so a pivot is planned in two steps: the members
//! that the answer has across ([`pivot_members`] is a question of its own), then the answer with
//! one column a member and measure.

use super::ask::{Ask, group_name, total_name};
use super::axes::Row;
use super::calculated::{Calculated, Named, StandsFor, across_columns};
use super::measure::{Asked, Expansion};
use super::padded::Padding;
use super::wanted::Wanted;
use super::{CubeQuery, PlanContext, Planned, Routing, defect, names, ordered, slice};
use crate::error::{Error, Result};
use crate::model::Cube;
use datafusion::common::ScalarValue;
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, ident, lit, when};

/// The most members a pivot shows across.
const MOST_MEMBERS: usize = 256;

/// Members that must be known before a query is planned; each a value for every column they are of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Members {
    /// Those of `columns`: the answer of [`pivot_members`].
    pub across: Vec<Vec<ScalarValue>>,
    /// Those that are not others: the answer of [`best_members`](super::best_members).
    pub best: Vec<Vec<ScalarValue>>,
    /// Those of the rows shown: the answer of [`visible_members`](super::visible_members).
    pub visible: Vec<Vec<ScalarValue>>,
    /// The catalog of the release that the query compares with.
    pub compared: Option<String>,
}

/// The question whose rows are the members across, in order; `None` where the query has no
/// `columns`. `compared` is the catalog of the release that the query compares with, whose members are
/// among them.
///
/// # Errors
/// As [`plan_cube_query`](super::plan_cube_query).
pub fn pivot_members(
    query: &CubeQuery,
    compared: Option<&str>,
    context: &PlanContext<'_>,
) -> Result<Option<Planned>> {
    if query.columns.is_empty() {
        return Ok(None);
    }
    let cube = super::plan::find_cube(context.model, &query.cube)?;
    let (mut groups, mut placed) = (Vec::new(), Vec::new());
    let (mut named, mut across) = (Vec::new(), Vec::new());
    for name in &query.columns {
        let columns = names::resolve(cube, context.model, name)?;
        let own: Vec<usize> = (groups.len()..groups.len() + columns.len()).collect();
        let names = columns.iter().map(|column| column.name.clone()).collect();
        named.push(Named { groups: own.clone(), columns: names });
        across.push(Row { asked: name.clone(), groups: own });
        let shown = columns.iter().enumerate();
        let shown = shown.map(|(index, column)| (*column, group_name(groups.len() + index)));
        placed.extend(ordered::placed(shown.collect(), context.model));
        groups.extend(columns.into_iter().map(|column| ident(&column.name)));
    }
    let calculated = Calculated::new(query, (cube, context.model), None, &named)?;
    let measures: Vec<Asked> = query.measures.iter().map(|name| Asked::here(name)).collect();
    let dense = across.iter().filter(|named| query.dense.as_ref() == Some(&named.asked));
    let dense = dense.flat_map(|named| named.groups.clone()).collect();
    let expansion = Expansion::new(cube, context.model, &measures)?;
    // What runs up to the end of a row's period may have members that the end of all does not.
    if expansion.atoms.iter().any(|atom| atom.context.running.is_some()) {
        for name in &query.rows {
            let columns = names::resolve(cube, context.model, name)?;
            groups.extend(columns.into_iter().map(|column| ident(&column.name)));
        }
    }
    let ask = Ask {
        cube,
        catalog: None,
        groups,
        grouping_sets: None,
        predicates: slice::predicates(query, cube, context.model)?,
        measures,
        links: Vec::new(),
        stands_for: StandsFor::new(),
        padding: Padding { dense, ..Padding::default() },
    };
    let among = calculated.among(&ask)?;
    let (known, routing) = seen(&among, compared, context)?;
    let told = calculated.told(known, &ask)?;
    let members: Vec<Expr> = across_columns(&across, &calculated).iter().map(ident).collect();
    let places = ordered::places(&placed);
    let order = across.iter().flat_map(|name| {
        let mark = calculated.mark(&name.groups);
        let mark = mark.map(|mark| ident(mark).sort(true, false));
        let own = name.groups.iter();
        let own = own.flat_map(|group| ordered::in_order(&group_name(*group), true, &places));
        mark.into_iter().chain(own.collect::<Vec<_>>())
    });
    let different =
        told.project(members.clone()).and_then(LogicalPlanBuilder::distinct).map_err(defect)?;
    let plan = ordered::with_places(different, &placed, context)?
        .sort(order.collect::<Vec<_>>())
        .and_then(|sorted| sorted.limit(0, Some(MOST_MEMBERS + 1)))
        .and_then(|sorted| sorted.project(members))
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)?;
    Ok(Some(Planned { plan, routing }))
}

/// The members that a question's answer shows, at this release and at the other.
fn seen(
    ask: &Ask<'_>,
    compared: Option<&str>,
    context: &PlanContext<'_>,
) -> Result<(LogicalPlanBuilder, Routing)> {
    let Planned { plan, mut routing } = ask.plan(context)?;
    let members = |plan| LogicalPlanBuilder::from(plan).project(ask.key_columns());
    let now = members(plan).map_err(defect)?;
    let Some(catalog) = compared else { return Ok((now, routing)) };
    let then = Ask { catalog: Some(catalog.to_owned()), ..ask.clone() }.plan(context)?;
    routing.extend(then.routing);
    let then = members(then.plan).and_then(LogicalPlanBuilder::build).map_err(defect)?;
    Ok((now.union(then).map_err(defect)?, routing))
}

/// One column of a pivoted answer.
pub(super) struct Across {
    /// Its name: the members, then the measure.
    pub(super) name: String,
    expr: Expr,
    counts: bool,
}

/// The columns across of an answer, each kind in the same order.
#[derive(Default)]
pub(super) struct Cells {
    /// Those shown.
    pub(super) shown: Vec<Across>,
    /// The same of the rows shown alone, where asked.
    pub(super) visible: Vec<Across>,
    /// The same of what is compared with, where asked.
    pub(super) compared: Vec<Across>,
}

impl Cells {
    fn all(&self) -> impl Iterator<Item = &Across> {
        self.shown.iter().chain(&self.visible).chain(&self.compared)
    }
}

/// The columns across: `columns` are those of members, `wanted` names the measure columns. Where no row
/// falls into a cell, a count is 0 and any other measure NULL.
pub(super) fn across(
    cube: &Cube,
    members: &[Vec<ScalarValue>],
    columns: &[String],
    captioned: impl Fn(&[ScalarValue]) -> String,
    wanted: &Wanted,
) -> Result<Cells> {
    if members.len() > MOST_MEMBERS {
        return Err(Error::new(
            crate::error::ErrorKind::Limit,
            format!("the pivot would have more than {MOST_MEMBERS} members across"),
        )
        .hint("slice or dice it, or put that column into rows"));
    }
    let mut cells = Cells::default();
    for member in members {
        let is_member = columns.iter().zip(member).map(|(column, value)| is(ident(column), value));
        let is_member = is_member.reduce(Expr::and).unwrap_or_else(|| lit(true));
        let caption = captioned(member);
        let cell = |name: String, column: &String, measure: &str| -> Result<Across> {
            let value = when(is_member.clone(), ident(column)).end().map_err(defect)?;
            Ok(Across { name, expr: max(value), counts: counts(cube, measure) })
        };
        for (place, (measure, column)) in wanted.shown.iter().enumerate() {
            let name = unlike(format!("{caption} {measure}"), &cells.shown);
            cells.shown.push(cell(name, column, measure)?);
            let number = cells.shown.len();
            if let Some(column) = wanted.visible.get(place) {
                cells.visible.push(cell(format!("__v{number}"), column, measure)?);
            }
            if let Some(column) = wanted.compared.get(place) {
                cells.compared.push(cell(format!("__o{number}"), column, measure)?);
            }
        }
    }
    Ok(cells)
}

/// Whether a measure counts: nothing to count is 0, not NULL.
pub(super) fn counts(cube: &Cube, measure: &str) -> bool {
    cube.measure(measure).is_some_and(|measure| measure.kind.counts())
}

/// The long answer turned: rows stay, members go across; `kept` are columns that have one value a row.
pub(super) fn pivot(
    answer: LogicalPlanBuilder,
    rows: &[usize],
    with_totals: bool,
    marks: &[String],
    cells: &Cells,
    kept: &[String],
) -> Result<LogicalPlanBuilder> {
    let keys = rows.iter().map(|row| group_name(*row));
    let flags = rows.iter().filter(|_| with_totals).map(|row| total_name(*row));
    let keys: Vec<Expr> = keys.chain(flags).chain(marks.iter().cloned()).map(ident).collect();
    if cells.shown.is_empty() {
        return of_nothing(&answer, rows, with_totals, marks, kept);
    }
    let values = cells.all().map(|one| one.expr.clone().alias(&one.name));
    let values = values.chain(kept.iter().map(|column| max(ident(column)).alias(column)));
    let values: Vec<Expr> = values.collect();
    let shown = cells.all().map(|one| match one.counts {
        true => coalesce(vec![ident(&one.name), lit(0_i64)]).alias(&one.name),
        false => ident(&one.name),
    });
    let columns = keys.iter().cloned().chain(shown).chain(kept.iter().map(ident));
    let columns: Vec<Expr> = columns.collect();
    answer.aggregate(keys, values).and_then(|turned| turned.project(columns)).map_err(defect)
}

/// Rows with a grand total of nothing across beside them, where a grand total is asked: it is there
/// always, also where it has no members of its own, as where time to date ends in a year without rows.
pub(super) fn with_grand_total(
    answer: LogicalPlanBuilder,
    rows: &[usize],
    ask: &Ask<'_>,
    across: &[usize],
    marks: &[String],
) -> Result<LogicalPlanBuilder> {
    let is_grand = |set: &Vec<usize>| set.iter().all(|group| across.contains(group));
    if rows.is_empty() || !ask.grouping_sets.iter().flatten().any(is_grand) {
        return Ok(answer);
    }
    let flags: Vec<String> = rows.iter().map(|row| total_name(*row)).collect();
    let mut columns = Vec::new();
    for field in answer.schema().fields() {
        let value = match (flags.contains(field.name()), marks.contains(field.name())) {
            (true, _) => cast(lit(1_i32), field.data_type().clone()),
            (false, true) => lit(0_i32),
            (false, false) => lit(ScalarValue::try_from(field.data_type()).map_err(defect)?),
        };
        columns.push(value.alias(field.name()));
    }
    let nothing = LogicalPlanBuilder::empty(true).project(columns);
    nothing
        .and_then(LogicalPlanBuilder::build)
        .and_then(|nothing| answer.union(nothing))
        .map_err(defect)
}

/// A pivot without members: nothing but the grand total, which is there always where totals are
/// asked, though it has no values to show.
fn of_nothing(
    answer: &LogicalPlanBuilder,
    rows: &[usize],
    with_totals: bool,
    marks: &[String],
    kept: &[String],
) -> Result<LogicalPlanBuilder> {
    let mut columns = Vec::new();
    for name in rows.iter().map(|row| group_name(*row)).chain(kept.iter().cloned()) {
        let field = answer.schema().field_with_unqualified_name(&name).map_err(defect)?;
        let nothing = ScalarValue::try_from(field.data_type()).map_err(defect)?;
        columns.push(lit(nothing).alias(name));
    }
    let totals = rows.iter().filter(|_| with_totals);
    columns.extend(totals.map(|row| lit(1_i32).alias(total_name(*row))));
    columns.extend(marks.iter().map(|mark| lit(0_i32).alias(mark)));
    match columns.is_empty() {
        true => Ok(LogicalPlanBuilder::empty(false)),
        false => {
            let is_there = with_totals && !rows.is_empty();
            LogicalPlanBuilder::empty(is_there).project(columns).map_err(defect)
        }
    }
}

/// A name that no column across has yet: different members can read the same.
fn unlike(name: String, shown: &[Across]) -> String {
    let taken = |name: &str| shown.iter().any(|other| other.name == name);
    if !taken(&name) {
        return name;
    }
    let numbered = (2..).map(|number| format!("{name} ({number})"));
    numbered.into_iter().find(|name| !taken(name)).unwrap_or(name)
}

/// A member across, as it is captioned.
pub(super) fn caption(value: &ScalarValue) -> String {
    if value.is_null() { "(none)".to_owned() } else { value.to_string() }
}

/// Whether a column has a value, which may be the missing one.
pub(super) fn is(column: Expr, value: &ScalarValue) -> Expr {
    if value.is_null() { column.is_null() } else { column.eq(lit(value.clone())) }
}

/// Refuses members where the query has no columns.
pub(super) fn check(query: &CubeQuery, cube: &Cube, members: &Members) -> Result<()> {
    match query.columns.is_empty() && !members.across.is_empty() {
        false => Ok(()),
        true => Err(Error::internal("a pivot without columns").with("cube", &cube.name)),
    }
}
