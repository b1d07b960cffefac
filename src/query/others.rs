//! Others: all members but the best as one more row.
//!
//! What is true of them together is computed for them together, whatever the measure: so the best
//! are found first ([`best_members`] is a question of its own), and then everybody else is one group.

use super::among::among;
use super::plan::plan_cube_query;
use super::{CubeQuery, Members, PlanContext, Planned, Top, Totals, defect};
use crate::error::{Error, ErrorKind, Result};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit, when};

/// The most members beside which others are shown.
const MOST_BEST: usize = 100_000;

/// The question whose rows are the best members; `None` where no others are asked.
///
/// # Errors
/// As [`plan_cube_query`].
pub fn best_members(query: &CubeQuery, context: &PlanContext<'_>) -> Result<Option<Planned>> {
    let Some(top) = query.top.as_ref().filter(|top| top.others) else { return Ok(None) };
    if query.has_calculated() && query.rows.len() > 1 {
        let message = "others stand beside calculated members where there is one row column";
        return Err(Error::unsupported(message).hint("leave one of them out"));
    }
    let best = CubeQuery {
        measures: vec![top.by.clone()],
        columns: Vec::new(),
        axes: Vec::new(),
        totals: Totals::None,
        order: Vec::new(),
        calculated_members: Default::default(),
        computed_members: Vec::new(),
        top: Some(Top { others: false, ..top.clone() }),
        dense: None,
        compare: Default::default(),
        compare_release: None,
        visual: false,
        formatted: false,
        language: None,
        properties: Vec::new(),
        limit: None,
        offset: 0,
        ..query.clone()
    };
    let Planned { plan, routing } = plan_cube_query(&best, &Members::default(), context)?;
    let members = plan.schema().columns().len() - 1;
    let columns = plan.schema().columns().into_iter().take(members).map(Expr::Column);
    let plan = LogicalPlanBuilder::from(plan.clone())
        .project(columns.collect::<Vec<_>>())
        .and_then(|members| members.limit(0, Some(MOST_BEST + 1)))
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)?;
    Ok(Some(Planned { plan, routing }))
}

/// The groups with everybody else as one: the same for columns of `per` and those across, else NULL for others; and
/// the flag that is 1 for them.
pub(super) fn split(
    groups: Vec<Expr>,
    of_per: &[bool],
    best: &[Vec<ScalarValue>],
) -> Result<(Vec<Expr>, Expr)> {
    if best.len() > MOST_BEST {
        let message = format!("others are shown beside {MOST_BEST} members at most");
        return Err(Error::new(ErrorKind::Limit, message).hint("ask for fewer, or slice"));
    }
    let is_best = among(groups.iter().cloned(), best)?;
    let mut split = Vec::new();
    for (group, of_per) in groups.into_iter().zip(of_per) {
        split.push(match of_per {
            true => group,
            false => when(is_best.clone(), group).end().map_err(defect)?,
        });
    }
    let flag = when(is_best, lit(0_i32)).otherwise(lit(1_i32)).map_err(defect)?;
    Ok((split, flag))
}
