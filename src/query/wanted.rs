//! The measures that a cube query asks of its cube: those shown, and those that it goes by.

use super::ask::measure_name;
use super::at::Modifier;
use super::context::Change;
use super::measure::{Asked, find};
use super::other_release::then_name;
use super::pivot::{Across, Cells};
use super::rank::is_ranked;
use super::{CubeQuery, OrderBy, names, slice};
use crate::error::{Error, Result};
use crate::model::{Cube, Model};
use datafusion::logical_expr::Expr;
use std::collections::BTreeSet;

/// Measures, each with the name of its column.
pub(super) struct Wanted {
    pub(super) asked: Vec<Asked>,
    /// Those of the query: name and column.
    pub(super) shown: Vec<(String, String)>,
    /// For each of those the column of the slice or release compared with; empty where none is.
    pub(super) compared: Vec<String>,
    /// For each of those the column of its value of the rows shown; empty where that is not asked.
    pub(super) visible: Vec<String>,
    /// In a pivot, the measures that rows go by, each with the column of its value for the row altogether.
    pub(super) altogether: Vec<(String, String)>,
    /// Others that are named by `having`.
    pub(super) hidden: Vec<(String, String)>,
    /// For each key of `order` the column of its groups' value, where it goes by that.
    pub(super) of_groups: Vec<Option<String>>,
}

impl Wanted {
    /// The measures of a query; `rows` are the cube columns of each of its rows, `across` those of what
    /// goes across, `shown` is true of the members that are, for one with visual totals.
    pub(super) fn new(
        query: &CubeQuery,
        cube: &Cube,
        model: &Model,
        rows: &[(String, Vec<String>)],
        across: &[String],
        shown: Option<&Expr>,
    ) -> Result<Self> {
        let mut wanted = Self {
            asked: Vec::new(),
            shown: Vec::new(),
            compared: Vec::new(),
            visible: Vec::new(),
            altogether: Vec::new(),
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
        match across {
            [] => {
                let hidden = query.having.keys().filter(|name| !query.measures.contains(name));
                for name in hidden {
                    find(cube, name)?;
                    let column = wanted.column(Asked::here(name));
                    wanted.hidden.push((name.clone(), column));
                }
            }
            across => wanted.go_by_rows(query, cube, across),
        }
        for order in &query.order {
            let column = match order.of.is_empty() {
                true => None,
                false => Some(wanted.of_group(order, cube, rows, across)?),
            };
            wanted.of_groups.push(column);
        }
        Ok(wanted)
    }

    /// The columns that have one value a row, whatever goes across.
    pub(super) fn of_rows(&self) -> Vec<String> {
        let altogether = self.altogether.iter().map(|(_, column)| column);
        let columns = altogether.chain(self.of_groups.iter().flatten());
        columns.cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Takes the columns of a pivot in the place of those of measures: gives those shown.
    pub(super) fn turned(&mut self, cells: Cells) -> Vec<(String, String)> {
        let names = |cells: Vec<Across>| cells.into_iter().map(|cell| cell.name);
        self.visible = names(cells.visible).collect();
        self.compared = names(cells.compared).collect();
        names(cells.shown).map(|name| (name.clone(), name)).collect()
    }

    /// The column of a measure, which is asked for unless it is already.
    fn column(&mut self, asked: Asked) -> String {
        let known = self.asked.iter().position(|known| *known == asked);
        measure_name(known.unwrap_or_else(|| {
            self.asked.push(asked);
            self.asked.len() - 1
        }))
    }

    /// Of the measures by which rows of a pivot are kept or ordered, that of a row altogether.
    fn go_by_rows(&mut self, query: &CubeQuery, cube: &Cube, across: &[String]) {
        let by = query.order.iter().filter(|order| order.of.is_empty()).map(|order| &order.by);
        let names = query.having.keys().chain(by).chain(query.top.iter().map(|top| &top.by));
        // Other names are those of rows, and of columns across.
        for name in names.filter(|name| cube.measure(name).is_some()) {
            if !self.altogether.iter().any(|(known, _)| known == name) {
                let column = self.column(without(name, across.to_vec()));
                self.altogether.push((name.clone(), column));
            }
        }
    }

    /// The column of a measure for the members of some rows together.
    fn of_group(
        &mut self,
        order: &OrderBy,
        cube: &Cube,
        rows: &[(String, Vec<String>)],
        across: &[String],
    ) -> Result<String> {
        let OrderBy { by: measure, of, .. } = order;
        find(cube, measure)?;
        if let Some(name) = of.iter().find(|name| !rows.iter().any(|(row, _)| row == *name)) {
            return Err(Error::user(format!("`{name}` in `order` is not in `rows`")));
        }
        let finer = rows.iter().filter(|(row, _)| !of.contains(row));
        let finer = finer.flat_map(|(_, columns)| columns.clone());
        Ok(self.column(without(measure, finer.chain(across.iter().cloned()).collect())))
    }
}

/// A measure where the members of some columns make no difference; conditions hold.
fn without(measure: &str, columns: Vec<String>) -> Asked {
    let removed = Change::Modified(Modifier::AllOf(columns));
    let place = vec![removed, Change::Modified(Modifier::Visible)];
    Asked { measure: measure.to_owned(), place }
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
