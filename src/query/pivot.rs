//! Pivot: members across the top.
//!
//! A plan's columns must be known before it runs, so a pivot is planned in two steps: the members
//! that the answer has across ([`pivot_members`] is a question of its own), then the answer with
//! one column a member and measure.

use super::ask::{Ask, group_name, total_name};
use super::axes::Row;
use super::calculated::{Calculated, Named, StandsFor, across_columns};
use super::measure::{Asked, Expansion};
use super::{CubeQuery, PlanContext, Planned, defect, names, ordered, slice};
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
/// `columns`.
///
/// # Errors
/// As [`plan_cube_query`](super::plan_cube_query).
pub fn pivot_members(query: &CubeQuery, context: &PlanContext<'_>) -> Result<Option<Planned>> {
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
    let calculated = Calculated::new(query, cube, None, &named)?;
    let measures: Vec<Asked> = query.measures.iter().map(|name| Asked::here(name)).collect();
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
    };
    let Planned { plan, routing } = calculated.among(&ask).plan(context)?;
    let told = calculated.told(LogicalPlanBuilder::from(plan), &ask)?;
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

/// One column of a pivoted answer.
pub(super) struct Across {
    /// Its name: the members, then the measure.
    pub(super) name: String,
    expr: Expr,
    counts: bool,
}

/// The columns across: `columns` are those of members, `measures` name the measure columns. Where no row falls into a cell, a count is 0 and any other measure NULL.
pub(super) fn across(
    cube: &Cube,
    members: &[Vec<ScalarValue>],
    columns: &[String],
    captioned: impl Fn(&[ScalarValue]) -> String,
    measures: &[(String, String)],
) -> Result<Vec<Across>> {
    if members.len() > MOST_MEMBERS {
        return Err(Error::new(
            crate::error::ErrorKind::Limit,
            format!("the pivot would have more than {MOST_MEMBERS} members across"),
        )
        .hint("slice or dice it, or put that column into rows"));
    }
    let mut shown = Vec::new();
    for member in members {
        let is_member = columns.iter().zip(member).map(|(column, value)| is(ident(column), value));
        let is_member = is_member.reduce(Expr::and).unwrap_or_else(|| lit(true));
        let caption = captioned(member);
        for (measure, column) in measures {
            let value = when(is_member.clone(), ident(column)).end().map_err(defect)?;
            let name = format!("{caption} {measure}");
            shown.push(Across {
                name: unlike(name, &shown),
                expr: max(value),
                counts: counts(cube, measure),
            });
        }
    }
    Ok(shown)
}

/// Whether a measure counts: nothing to count is 0, not NULL.
pub(super) fn counts(cube: &Cube, measure: &str) -> bool {
    cube.measure(measure).is_some_and(|measure| measure.kind.counts())
}

/// The long answer turned: rows stay, members go across.
pub(super) fn pivot(
    answer: LogicalPlanBuilder,
    rows: &[usize],
    with_totals: bool,
    marks: &[String],
    across: &[Across],
) -> Result<LogicalPlanBuilder> {
    let keys = rows.iter().map(|row| group_name(*row));
    let flags = rows.iter().filter(|_| with_totals).map(|row| total_name(*row));
    let keys: Vec<Expr> = keys.chain(flags).chain(marks.iter().cloned()).map(ident).collect();
    if across.is_empty() {
        return of_nothing(&answer, rows, with_totals, marks);
    }
    let values: Vec<Expr> = across.iter().map(|one| one.expr.clone().alias(&one.name)).collect();
    let cells = across.iter().map(|one| match one.counts {
        true => coalesce(vec![ident(&one.name), lit(0_i64)]).alias(&one.name),
        false => ident(&one.name),
    });
    let columns: Vec<Expr> = keys.iter().cloned().chain(cells).collect();
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
) -> Result<LogicalPlanBuilder> {
    if rows.is_empty() {
        return Ok(LogicalPlanBuilder::empty(false));
    }
    let mut columns = Vec::new();
    for name in rows.iter().map(|row| group_name(*row)) {
        let field = answer.schema().field_with_unqualified_name(&name).map_err(defect)?;
        let nothing = ScalarValue::try_from(field.data_type()).map_err(defect)?;
        columns.push(lit(nothing).alias(name));
    }
    let totals = rows.iter().filter(|_| with_totals);
    columns.extend(totals.map(|row| lit(1_i32).alias(total_name(*row))));
    columns.extend(marks.iter().map(|mark| lit(0_i32).alias(mark)));
    LogicalPlanBuilder::empty(with_totals).project(columns).map_err(defect)
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

/// Refuses members where the query has no columns, and what a pivot cannot have.
pub(super) fn check(query: &CubeQuery, cube: &Cube, members: &Members) -> Result<()> {
    if query.columns.is_empty() {
        return match members.across.is_empty() {
            true => Ok(()),
            false => Err(Error::internal("a pivot without columns").with("cube", &cube.name)),
        };
    }
    let refused = [
        ("having", !query.having.is_empty()),
        ("dense", query.dense.is_some()),
        ("compare", !query.compare.is_empty()),
        ("compare_release", query.compare_release.is_some()),
        ("visual", query.visual),
        ("order of groups", query.order.iter().any(|order| !order.of.is_empty())),
    ];
    match refused.iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((what, _)) => Err(Error::unsupported(format!(
            "`columns` turn rows into columns, and {what} goes by rows"
        ))
        .hint("leave `columns` out, and turn the answer afterwards")),
    }
}
