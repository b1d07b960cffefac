//! The measures that a cube query asks of its cube: those shown, and those that it goes by.

use super::ask::measure_name;
use super::at::Modifier;
use super::context::Change;
use super::measure::{Asked, find};
use super::other_release::then_name;
use super::rank::is_ranked;
use super::{CubeQuery, names, slice};
use crate::error::{Error, Result};
use crate::model::{Cube, Model};
use datafusion::logical_expr::Expr;

/// Measures, each with the name of its column.
pub(super) struct Wanted {
    pub(super) asked: Vec<Asked>,
    /// Those of the query: name and column.
    pub(super) shown: Vec<(String, String)>,
    /// For each of those the column of the slice or release compared with; empty where none is.
    pub(super) compared: Vec<String>,
    /// For each of those the column of its value of the rows shown; empty where that is not asked.
    pub(super) visible: Vec<String>,
    /// Others that are named by `having`.
    pub(super) hidden: Vec<(String, String)>,
    /// For each key of `order` the column of its groups' value, where it goes by that.
    pub(super) of_groups: Vec<Option<String>>,
}

impl Wanted {
    /// The measures of a query; `rows` are the cube columns of each of its rows, `shown` is true of the
    /// members that are, for one with visual totals.
    pub(super) fn new(
        query: &CubeQuery,
        cube: &Cube,
        model: &Model,
        rows: &[(String, Vec<String>)],
        shown: Option<&Expr>,
    ) -> Result<Self> {
        let mut wanted = Self {
            asked: Vec::new(),
            shown: Vec::new(),
            compared: Vec::new(),
            visible: Vec::new(),
            hidden: Vec::new(),
            of_groups: Vec::new(),
        };
        for name in &query.measures {
            let column = wanted.column(Asked::here(name));
            wanted.shown.push((name.clone(), column));
        }
        if !query.compare.is_empty() {
            let elsewhere = elsewhere(query, cube, model)?;
            for name in &query.measures {
                let asked = Asked { measure: name.clone(), place: elsewhere.clone() };
                let column = wanted.column(asked);
                wanted.compared.push(column);
            }
        }
        if query.compare_release.is_some() {
            wanted.compared = wanted.shown.iter().map(|(_, column)| then_name(column)).collect();
        }
        if let Some(shown) = shown {
            let shown = Change::Shown(shown.clone());
            for name in &query.measures {
                // What ranks the rows shown is a total's own nothing.
                let place = if is_ranked(cube, name) { Vec::new() } else { vec![shown.clone()] };
                let column = wanted.column(Asked { measure: name.clone(), place });
                wanted.visible.push(column);
            }
        }
        for name in query.having.keys().filter(|name| !query.measures.contains(name)) {
            find(cube, name)?;
            let column = wanted.column(Asked::here(name));
            wanted.hidden.push((name.clone(), column));
        }
        for order in &query.order {
            let column = match order.of.is_empty() {
                true => None,
                false => Some(wanted.of_group(&order.by, &order.of, cube, rows)?),
            };
            wanted.of_groups.push(column);
        }
        Ok(wanted)
    }

    /// The column of a measure, which is asked for unless it is already.
    fn column(&mut self, asked: Asked) -> String {
        let known = self.asked.iter().position(|known| *known == asked);
        measure_name(known.unwrap_or_else(|| {
            self.asked.push(asked);
            self.asked.len() - 1
        }))
    }

    /// The column of a measure for the members of some rows together.
    fn of_group(
        &mut self,
        measure: &str,
        of: &[String],
        cube: &Cube,
        rows: &[(String, Vec<String>)],
    ) -> Result<String> {
        find(cube, measure)?;
        if let Some(name) = of.iter().find(|name| !rows.iter().any(|(row, _)| row == *name)) {
            return Err(Error::user(format!("`{name}` in `order` is not in `rows`")));
        }
        let finer = rows.iter().filter(|(row, _)| !of.contains(row));
        let finer: Vec<String> = finer.flat_map(|(_, columns)| columns.clone()).collect();
        let removed = Change::Modified(Modifier::AllOf(finer));
        let place = vec![removed, Change::Modified(Modifier::Visible)];
        Ok(self.column(Asked { measure: measure.to_owned(), place }))
    }
}

/// The place that a query compares with.
fn elsewhere(query: &CubeQuery, cube: &Cube, model: &Model) -> Result<Vec<Change>> {
    let mut place = Vec::new();
    for (name, member) in &query.compare {
        let column = names::resolve_one(cube, model, name)?;
        let value = slice::literal(column, member)?;
        place.push(Change::Modified(Modifier::Set(column.name.clone(), value)));
    }
    Ok(place)
}
