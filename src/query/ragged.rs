//! Ragged hierarchies: a level that some members skip, so that it is NULL for them.
//!
//! A subtotal by a skipped level is no member: it would stand between a country and its towns under
//! no name, and say again what others say. It is left out; rows and the totals above it stay.

use super::defect;
use crate::error::Result;
use crate::model::{Cube, Dimension, Hierarchy, Level, Model};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ident, lit};

/// A row of a question: the name of its shown column, the column, and the flag of its totals.
pub(super) struct RowLevel {
    pub(super) name: String,
    pub(super) column: String,
    pub(super) total: String,
    /// The mark of its calculated members, if it has any.
    pub(super) mark: Option<String>,
}

/// Without subtotals by levels that are skipped there.
pub(super) fn without_skipped(
    answer: LogicalPlanBuilder,
    rows: &[RowLevel],
    cube: &Cube,
    model: &Model,
) -> Result<LogicalPlanBuilder> {
    let mut placeholders = Vec::new();
    for offered in &cube.dimensions {
        let dimension = offered.dimension.as_deref().and_then(|name| model.dimension(name));
        let hierarchies = dimension.into_iter().flat_map(|dimension| &dimension.hierarchies);
        for hierarchy in hierarchies {
            placeholders.extend(of_hierarchy(hierarchy, &offered.role, rows, cube));
        }
    }
    match placeholders.into_iter().reduce(Expr::or) {
        Some(placeholder) => answer.filter(placeholder.is_not_true()).map_err(defect),
        None => Ok(answer),
    }
}

/// The conditions of placeholders: a level is skipped, all finer ones are aggregated away, and a
/// coarser one is not.
fn of_hierarchy(hierarchy: &Hierarchy, role: &str, rows: &[RowLevel], cube: &Cube) -> Vec<Expr> {
    let row = |level: &Level| {
        let column = cube.role_column(role, &level.attribute)?;
        rows.iter().find(|row| row.name == column.name)
    };
    let shown: Vec<Option<&RowLevel>> = hierarchy.levels.iter().map(row).collect();
    let is = |row: &RowLevel, flag: i32| ident(&row.total).eq(lit(flag));
    let mut conditions = Vec::new();
    for (depth, _) in hierarchy.levels.iter().enumerate().filter(|(_, level)| level.skippable) {
        let Some(own) = shown[depth] else { continue };
        let finer = shown[depth + 1..].iter().flatten().map(|row| is(row, 1)).reduce(Expr::and);
        let coarser = shown[..depth].iter().flatten().map(|row| is(row, 0)).reduce(Expr::or);
        let (Some(finer), Some(coarser)) = (finer, coarser) else { continue };
        let mut skipped = is(own, 0).and(ident(&own.column).is_null());
        if let Some(mark) = &own.mark {
            skipped = skipped.and(ident(mark).eq(lit(0_i32)));
        }
        conditions.push(skipped.and(finer).and(coarser));
    }
    conditions
}

/// The level that stands above another in a hierarchy, if members may skip it.
pub(super) fn skippable_above<'d>(dimension: &'d Dimension, finest: &str) -> Option<&'d Level> {
    dimension.hierarchies.iter().find_map(|hierarchy| {
        let depth = hierarchy
            .levels
            .iter()
            .rposition(|level| level.attribute == finest || level.key.as_deref() == Some(finest))?;
        hierarchy.levels.get(depth.checked_sub(1)?).filter(|level| level.skippable)
    })
}
