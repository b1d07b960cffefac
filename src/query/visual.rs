//! Visual totals: of the members that are shown, beside those of all.
//!
//! Which members are shown is known once `having`, `top` and paging have been at work: so they are
//! found first ([`visible_members`] is a question of its own), and each measure is asked once more of
//! their facts alone. It is computed anew there, whatever it is; nothing shown is added up.

use super::among;
use super::axes::Axes;
use super::plan::{find_cube, plan_cube_query};
use super::{CubeQuery, Members, PlanContext, Planned, Totals, defect};
use crate::error::{Error, ErrorKind, Result};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ident, lit};

/// The most rows of which visual totals are made.
const MOST_VISIBLE: usize = 100_000;

/// The question whose rows are the members shown; `None` where no visual totals are asked. `across` is
/// the answer of [`pivot_members`](super::pivot_members).
///
/// # Errors
/// As [`plan_cube_query`], and user errors where there is no total to be visual.
pub fn visible_members(
    query: &CubeQuery,
    across: &[Vec<ScalarValue>],
    context: &PlanContext<'_>,
) -> Result<Option<Planned>> {
    if !query.visual {
        return Ok(None);
    }
    check(query)?;
    // Totals stay: they take their places on a page.
    let shown = CubeQuery {
        visual: false,
        formatted: false,
        language: None,
        properties: Vec::new(),
        axes: Vec::new(),
        identify: false,
        compare: Default::default(),
        compare_release: None,
        ..query.clone()
    };
    let members = Members { across: across.to_vec(), ..Members::default() };
    let Planned { plan, routing } = plan_cube_query(&shown, &members, context)?;
    let columns = plan.schema().columns();
    // Members, a flag for each of them, measures.
    let cube = find_cube(context.model, &query.cube)?;
    let rows = Axes::new(&shown, cube, context.model)?.row_names().len();
    let member = columns.iter().skip(rows).take(rows).map(|flag| ident(&flag.name).eq(lit(0_i32)));
    let is_member = member.reduce(Expr::and).unwrap_or_else(|| lit(true));
    let members = columns.iter().take(rows).cloned().map(Expr::Column).collect::<Vec<_>>();
    let plan = LogicalPlanBuilder::from(plan)
        .filter(is_member)
        .and_then(|shown| shown.project(members))
        .and_then(|members| members.limit(0, Some(MOST_VISIBLE + 1)))
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)?;
    Ok(Some(Planned { plan, routing }))
}

fn check(query: &CubeQuery) -> Result<()> {
    if query.totals == Totals::None || query.rows.is_empty() {
        let message = "`visual` is about totals of rows, and the query has none";
        return Err(Error::user(message).hint("add `totals: rollup`, or leave `visual` out"));
    }
    if query.has_calculated() {
        let message = "`visual` is about the members shown, and calculated ones are of them all";
        return Err(Error::unsupported(message).hint("leave one of them out"));
    }
    if query.top.as_ref().is_some_and(|top| top.others) {
        let message = "with `others` all members are shown, and totals are visual by themselves";
        return Err(Error::user(message).hint("leave one of them out"));
    }
    Ok(())
}

/// Whether a fact is of one of the members shown.
pub(super) fn shown(columns: &[String], members: &[Vec<ScalarValue>]) -> Result<Expr> {
    if members.len() > MOST_VISIBLE {
        let message = format!("visual totals are made of {MOST_VISIBLE} rows at most");
        return Err(
            Error::new(ErrorKind::Limit, message).hint("show fewer: `top`, `having` or `limit`")
        );
    }
    among::among(columns.iter().map(ident), members)
}
