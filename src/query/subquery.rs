//! Questions within the filters of a question to a cube: each is resolved on its own.

use super::sql::{inward, outward, resolve_cubes};
use super::{PlanContext, Planned, Routing};
use crate::error::{Error, Result};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use std::sync::Arc;

/// Whether a filter has a subquery that looks at the row outside it.
pub(super) fn looks_outside(predicate: &Expr) -> bool {
    let found = predicate.exists(|part| {
        let subquery = match part {
            Expr::ScalarSubquery(subquery) => subquery,
            Expr::InSubquery(test) => &test.subquery,
            Expr::Exists(test) => &test.subquery,
            _ => return Ok(false),
        };
        Ok(!subquery.outer_ref_columns.is_empty())
    });
    found.unwrap_or(false)
}

/// A filter of a question whose subqueries are questions of their own, perhaps to a cube.
pub(super) fn resolved(
    predicate: &Expr,
    context: &PlanContext<'_>,
    routing: &mut Routing,
) -> Result<Expr> {
    let resolved = predicate.clone().transform(|part| {
        let mut subquery = match &part {
            Expr::ScalarSubquery(subquery) => subquery.clone(),
            Expr::InSubquery(test) => test.subquery.clone(),
            Expr::Exists(test) => test.subquery.clone(),
            _ => return Ok(Transformed::no(part)),
        };
        if !subquery.outer_ref_columns.is_empty() {
            return Err(outward(
                Error::unsupported(
                    "a subquery that looks at the row outside it cannot filter MEASURE",
                )
                .hint("write it with IN (SELECT ...), or join after aggregating"),
            ));
        }
        let plan = Arc::unwrap_or_clone(subquery.subquery);
        let Planned { plan, routing: reasons } = resolve_cubes(plan, context).map_err(outward)?;
        routing.extend(reasons);
        subquery.subquery = Arc::new(plan);
        Ok(Transformed::yes(match part {
            Expr::ScalarSubquery(_) => Expr::ScalarSubquery(subquery),
            Expr::InSubquery(test) => Expr::InSubquery(InSubquery { subquery, ..test }),
            Expr::Exists(test) => Expr::Exists(Exists { subquery, ..test }),
            other => other,
        }))
    });
    resolved.map(|resolved| resolved.data).map_err(inward)
}
