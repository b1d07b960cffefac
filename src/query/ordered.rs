//! Members in the order of another column: month names by the month's number, sizes by theirs.
//!
//! Which place a member has is looked up in its dimension once the answer's rows are there. So it makes
//! no rows of its own, whatever versions a member has; where it has several places, the first counts.

use super::axes::Axes;
use super::{PlanContext, defect, star};
use crate::error::Result;
use crate::model::{Cube, CubeColumn, Dimension, Model};
use datafusion::common::{JoinType, NullEquality};
use datafusion::functions_aggregate::expr_fn::min;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, SortExpr, ident};

/// Columns that tell members apart, each with its column in the answer, and the column of their
/// dimension by which they stand in order.
pub(super) struct Placed<'a> {
    columns: Vec<(&'a CubeColumn, String)>,
    dimension: &'a Dimension,
    order_by: &'a str,
}

/// The column of the place of members whose first column in the answer is that one.
fn place_name(column: &str) -> String {
    format!("{column}_place")
}

/// How the members that columns stand for are ordered, where that is by another column; the last of
/// them is what is shown.
pub(super) fn placed<'a>(
    columns: Vec<(&'a CubeColumn, String)>,
    model: &'a Model,
) -> Option<Placed<'a>> {
    let (shown, _) = columns.last()?;
    let dimension = model.dimension(shown.dimension.as_deref()?)?;
    let mut attributes = dimension.attributes.iter();
    let attribute = attributes.find(|own| own.column.name == shown.column.name)?;
    let order_by = attribute.order_by.as_deref()?;
    Some(Placed { columns, dimension, order_by })
}

/// Rows with the places of their members beside them.
pub(super) fn with_places(
    rows: LogicalPlanBuilder,
    placed: &[Placed<'_>],
    context: &PlanContext<'_>,
) -> Result<LogicalPlanBuilder> {
    placed.iter().try_fold(rows, |rows, placed| placed.beside(rows, context))
}

impl Placed<'_> {
    fn beside(
        &self,
        rows: LogicalPlanBuilder,
        context: &PlanContext<'_>,
    ) -> Result<LogicalPlanBuilder> {
        let Some((_, first)) = self.columns.first() else { return Ok(rows) };
        let name = |index: usize| format!("__its{index}");
        let own = self.columns.iter().enumerate();
        let own = own.map(|(index, (column, _))| ident(&column.column.name).alias(name(index)));
        let place = ident(self.order_by).alias("__order");
        let there: Vec<String> = (0..self.columns.len()).map(name).collect();
        let here: Vec<String> = self.columns.iter().map(|(_, column)| column.clone()).collect();
        let told = there.iter().map(ident).collect::<Vec<_>>();
        let least = min(ident("__order"));
        let least_name = ident(least.schema_name().to_string()).alias(place_name(first));
        let shown = told.iter().cloned().chain([least_name]).collect::<Vec<_>>();
        let places = star::scan(context, None, &self.dimension.table())?
            .project(own.chain([place]).collect::<Vec<_>>())
            .and_then(|members| members.aggregate(told, [least]))
            .and_then(|members| members.project(shown))
            .and_then(LogicalPlanBuilder::build)
            .map_err(defect)?;
        let kept = rows.schema().columns().into_iter().map(Expr::Column);
        let kept: Vec<Expr> = kept.chain([ident(place_name(first))]).collect();
        let same = NullEquality::NullEqualsNull;
        rows.join_detailed(places, JoinType::Left, (here, there), None, same)
            .and_then(|rows| rows.project(kept))
            .map_err(defect)
    }

    /// The columns of the answer that go by the place, and its column: what tells members apart first,
    /// and what is shown.
    fn places(&self) -> impl Iterator<Item = (String, String)> {
        let first = self.columns.first();
        let place = first.map(|(_, first)| place_name(first)).unwrap_or_default();
        let ends = first.into_iter().chain(self.columns.last());
        ends.map(move |(_, column)| (column.clone(), place.clone()))
    }
}

/// The columns of an answer that go by a place, each with the column of that.
pub(super) fn places(placed: &[Placed<'_>]) -> Vec<(String, String)> {
    placed.iter().flat_map(Placed::places).collect()
}

/// A column of members in order, by their places first where they have some.
pub(super) fn in_order(
    column: &str,
    ascending: bool,
    places: &[(String, String)],
) -> Vec<SortExpr> {
    let place = places.iter().find(|(of, _)| of == column);
    let place = place.map(|(_, place)| ident(place).sort(ascending, false));
    place.into_iter().chain([ident(column).sort(ascending, false)]).collect()
}

impl Axes<'_> {
    /// The rows whose members stand in the order of another column.
    pub(super) fn placed<'a>(&self, cube: &'a Cube, model: &'a Model) -> Vec<Placed<'a>> {
        let columns = |groups: &[usize]| {
            let named = groups.iter().filter(|group| **group < self.names.len());
            let column = |group: &usize| {
                let column = cube.column(&self.names[*group])?;
                Some((column, super::ask::group_name(*group)))
            };
            named.map(column).collect::<Option<Vec<_>>>()
        };
        let rows = self.rows.iter().filter_map(|row| columns(&row.groups));
        rows.filter_map(|columns| placed(columns, model)).collect()
    }
}
