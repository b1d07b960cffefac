//! From a cube query to a plan: slice and dice, group, total, pivot, rank, order.

use super::ask::Ask;
use super::axes::Axes;
use super::calculated::StandsFor;
use super::padded::Padding;
use super::ragged::without_skipped;
use super::top::Shape;
use super::wanted::Wanted;
use super::{CubeQuery, Members, PlanContext, Planned, defect, pivot};
use super::{having, ordered, other_release, rank, roll_up, slice, top, visual};
use crate::error::{Error, Result, did_you_mean};
use crate::model::{Cube, Model};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident};

/// Plans a cube query. `members` are the answers of [`pivot_members`](super::pivot_members), for a
/// query with `columns`, of [`best_members`](super::best_members), for one with others, and of
/// [`visible_members`](super::visible_members), for one with visual totals; else there are none.
///
/// The answer has the row columns by their SQL names, then, where totals were asked, one
/// `<column>_is_total` a row column (and `level` and `grouping_id`), `is_other` where others were
/// asked, then the measures (or the pivot's columns), what they are of the rows shown, and what they are
/// compared with.
///
/// # Errors
/// User errors name what is unknown (with the nearest name) or cannot be asked.
pub fn plan_cube_query(
    query: &CubeQuery,
    members: &Members,
    context: &PlanContext<'_>,
) -> Result<Planned> {
    let cube = find_cube(context.model, &query.cube)?;
    pivot::check(query, cube, members)?;
    other_release::check(query)?;
    if query.measures.is_empty() {
        return Err(Error::user("a cube query needs at least one measure")
            .hint("`measures: [...]`; see system.measures"));
    }
    refuse_currency(query, cube)?;
    if !query.compare.is_empty() && !query.computed_members.is_empty() {
        let message = "`compare` and `computed_members` do not stand in one query";
        return Err(Error::unsupported(message).hint("ask them in two queries"));
    }
    let mut axes = Axes::new(query, cube, context.model)?;
    axes.currency = context.currency.map(str::to_owned);
    if query.top.as_ref().is_some_and(|top| top.others) {
        refuse_ranks(query, cube)?;
        axes.split_others(query, &members.best)?;
    }
    axes.calculate(query, context.model)?;
    let row_groups: Vec<Vec<usize>> = axes.rows.iter().map(|row| row.groups.clone()).collect();
    let row_names: Vec<&str> = axes.rows.iter().map(|row| row.asked.as_str()).collect();
    let grouping_sets =
        roll_up::grouping_sets(&query.totals, &row_names, &row_groups, &axes.across())?;
    let with_totals = grouping_sets.is_some();
    let shown = match query.visual {
        true => Some(visual::shown(&axes.row_names(), &members.visible)?),
        false => None,
    };
    let (columns, across) = (axes.all_row_columns(), axes.across_names());
    let mut wanted = Wanted::new(query, cube, context.model, &columns, &across, shown.as_ref())?;
    let plain = Ask {
        cube,
        catalog: None,
        groups: axes.groups.clone(),
        grouping_sets,
        predicates: slice::predicates(query, cube, context.model)?,
        measures: wanted.asked.clone(),
        links: Vec::new(),
        stands_for: StandsFor::new(),
        padding: padding(query, &axes)?,
    };
    let ask = axes.calculated.among(&plain)?;
    let mut planned = ask.plan(context)?;
    planned.routing.sentences.extend(axes.calculated.sentences());
    planned.routing.sentences.extend(slice::told_defaults(query, cube, context.model)?);
    if let Some(catalog) = &members.compared {
        planned = other_release::beside(planned, &ask, catalog, &wanted, context)?;
    }
    let Planned { plan, routing } = planned;
    let mut answer = axes.calculated.told(LogicalPlanBuilder::from(plan), &plain)?;
    if with_totals {
        answer = without_skipped(answer, &axes.row_levels(), cube, context.model)?;
    }
    let rows: Vec<usize> = row_groups.concat();
    let mut measures = wanted.shown.clone();
    if !query.columns.is_empty() {
        let marks: Vec<String> = axes.row_marks().into_iter().map(|(_, mark)| mark).collect();
        answer = pivot::with_grand_total(answer, &rows, &plain, &axes.across(), &marks)?;
        let captioned = |member: &[ScalarValue]| axes.caption_across(member);
        let cells =
            pivot::across(cube, &members.across, &axes.across_columns(), captioned, &wanted)?;
        answer = pivot::pivot(answer, &rows, with_totals, &marks, &cells, &wanted.of_rows())?;
        measures = wanted.turned(cells);
    }
    let placed = axes.placed(cube, context.model);
    answer = ordered::with_places(answer, &placed, context)?;
    let places = ordered::places(&placed);
    let shape = Shape { places, ..axes.shape(with_totals, &measures, &wanted) };
    answer = having::having(answer, query, &shape)?;
    if query.non_empty {
        let counts = query.measures.iter().map(|name| pivot::counts(cube, name)).cycle();
        let columns = measures.iter().map(|(_, column)| column.clone());
        answer = having::non_empty(answer, columns.zip(counts), &shape)?;
    }
    if let Some(wanted) = query.top.as_ref().filter(|top| !top.others) {
        answer = top::top(answer, wanted, &shape)?;
    }
    for position in axes.positions(&shape)? {
        // Each in an order of its own.
        answer = answer.window([position]).map_err(defect)?;
    }
    let shown = axes.shown(query, with_totals, &measures, &wanted, answer.schema())?;
    let plan = in_order(answer, shown, query, &shape)?;
    Ok(Planned { plan, routing })
}

/// The page asked of an answer in order, with the columns shown. What is computed of them is computed
/// before rows are put in order: above that it would be worth several threads, and they keep no order.
fn in_order(
    answer: LogicalPlanBuilder,
    shown: Vec<(String, Expr)>,
    query: &CubeQuery,
    shape: &Shape,
) -> Result<LogicalPlan> {
    let own = answer.schema().columns().into_iter().map(Expr::Column);
    let (names, values): (Vec<String>, Vec<Expr>) = shown.into_iter().unzip();
    let column = |index: usize| format!("__s{index}");
    let values = values.into_iter().enumerate().map(|(index, value)| value.alias(column(index)));
    let mut answer = answer.project(own.chain(values).collect::<Vec<_>>()).map_err(defect)?;
    let order = top::order(query, shape)?;
    if !order.is_empty() {
        answer = answer.sort(order).map_err(defect)?;
    }
    let names = names.into_iter().enumerate();
    let columns = names.map(|(index, name)| ident(column(index)).alias(name)).collect::<Vec<_>>();
    let page = having::page(answer, query)?.project(columns);
    page.and_then(LogicalPlanBuilder::build).map_err(defect)
}

/// Others are no member, and their place among members would be none.
fn refuse_ranks(query: &CubeQuery, cube: &Cube) -> Result<()> {
    match query.measures.iter().find(|name| rank::is_ranked(cube, name)) {
        None => Ok(()),
        Some(name) => {
            Err(Error::unsupported(format!("`{name}` ranks members, and others are none"))
                .hint("leave `others` out, or that measure"))
        }
    }
}

/// A currency chosen for measures of which none has one to choose.
fn refuse_currency(query: &CubeQuery, cube: &Cube) -> Result<()> {
    let asked = query.measures.iter().chain(query.having.keys());
    let asked = asked.chain(query.order.iter().map(|order| &order.by));
    let mut asked = asked.filter(|name| cube.measure(name).is_some());
    match &query.currency {
        Some(currency) if !asked.any(|name| cube.has_currency_to_choose(name)) => {
            Err(Error::user(format!(
                "the query chooses `{currency}`, and none of its measures lets the currency be chosen"
            ))
            .hint("ask a measure that says `convert: {..., choose: true}`, or leave `currency` out"))
        }
        _ => Ok(()),
    }
}

/// The rows that an answer has though no fact does: those of `dense`, and in a pivot that compares the
/// cells of what is compared with alone.
fn padding(query: &CubeQuery, axes: &Axes<'_>) -> Result<Padding> {
    let across = if query.compare.is_empty() { Vec::new() } else { axes.across() };
    let Some(name) = &query.dense else { return Ok(Padding { dense: Vec::new(), across }) };
    // A calculated member is none of a calendar's.
    if query.has_calculated() {
        let message = "`dense` and `calculated_members` do not stand in one query";
        return Err(Error::unsupported(message).hint("ask them in two queries"));
    }
    Ok(Padding { dense: axes.dense(name)?, across })
}

/// The cube of that name, or an error with the nearest.
pub(super) fn find_cube<'a>(model: &'a Model, name: &str) -> Result<&'a Cube> {
    model.cube(name).ok_or_else(|| {
        let names = || model.cubes.iter().map(|cube| cube.name.as_str());
        let error = Error::not_found(format!("there is no cube `{name}`"));
        match did_you_mean(name, names()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("there are {}", names().collect::<Vec<_>>().join(", "))),
        }
    })
}
