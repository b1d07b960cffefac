//! The same question at another release, beside this one.

use super::ask::{Ask, measure_name};
use super::wanted::Wanted;
use super::{CubeQuery, PlanContext, Planned, defect, pivot};
use crate::error::{Error, Result};
use datafusion::common::ScalarValue;
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident, lit};

/// The name of a measure's column at the other release.
pub(super) fn then_name(column: &str) -> String {
    format!("{column}_then")
}

/// Refuses what has no meaning at two releases.
pub(super) fn check(query: &CubeQuery) -> Result<()> {
    let refused = [
        ("compare", !query.compare.is_empty()),
        ("order of groups", query.order.iter().any(|order| !order.of.is_empty())),
        ("visual", query.visual),
    ];
    match refused.iter().find(|(_, asked)| *asked && query.compare_release.is_some()) {
        None => Ok(()),
        Some((what, _)) => {
            let message = format!("`compare_release` and {what} do not stand in one query");
            Err(Error::unsupported(message).hint("ask them in two queries"))
        }
    }
}

/// An answer with, beside each measure shown, its value at the other release. Rows are those of
/// both; a count of nothing is 0, any other measure NULL.
pub(super) fn beside(
    now: Planned,
    ask: &Ask<'_>,
    catalog: &str,
    wanted: &Wanted,
    context: &PlanContext<'_>,
) -> Result<Planned> {
    let then = Ask { catalog: Some(catalog.to_owned()), ..ask.clone() }.plan(context)?;
    let Planned { plan, mut routing } = now;
    let at = |sentence| format!("{catalog}, {sentence}");
    routing.uses(&then.routing.aggregates);
    routing.sentences.extend(then.routing.sentences.into_iter().map(at));
    let mut of_now = ask.key_columns();
    let mut of_then = ask.key_columns();
    let mut found = Vec::new();
    let mut shown = ask.key_columns();
    let mut add = |name: &str, now: Expr, then: Expr, counts: bool| {
        of_now.push(now.alias(name));
        of_then.push(then.alias(name));
        let value = max(ident(name));
        let known = ident(value.schema_name().to_string());
        let known = if counts { coalesce(vec![known, lit(0_i64)]) } else { known };
        shown.push(known.alias(name));
        found.push(value);
    };
    for (index, asked) in ask.measures.iter().enumerate() {
        let (name, counts) = (measure_name(index), pivot::counts(ask.cube, &asked.measure));
        let nothing = || nothing_like(&plan, &name);
        add(&name, ident(&name), nothing()?, counts);
        if wanted.shown.iter().any(|(_, column)| *column == name) {
            add(&then_name(&name), nothing()?, ident(&name), counts);
        }
    }
    let then = LogicalPlanBuilder::from(then.plan).project(of_then);
    let then = then.and_then(LogicalPlanBuilder::build).map_err(defect)?;
    let plan = LogicalPlanBuilder::from(plan)
        .project(of_now)
        .and_then(|now| now.union(then))
        .and_then(|both| both.aggregate(ask.key_columns(), found))
        .and_then(|both| both.project(shown))
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)?;
    Ok(Planned { plan, routing })
}

/// NULL of the type that a column has.
fn nothing_like(plan: &LogicalPlan, column: &str) -> Result<Expr> {
    let field = plan.schema().field_with_unqualified_name(column).map_err(defect)?;
    ScalarValue::try_from(field.data_type()).map(lit).map_err(defect)
}
