//! From a cube query to a plan: slice and dice, group, total, pivot, rank, order.

use super::ask::{Ask, group_name, measure_name, total_name};
use super::top::Shape;
use super::{CubeQuery, PivotMembers, PlanContext, Planned, defect, names, pivot};
use super::{roll_up, slice, top};
use crate::error::{Error, Result, did_you_mean};
use crate::model::{Cube, Model};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ident};

/// Plans a cube query. For a query with `columns`, `members` are the answer of
/// [`pivot_members`](super::pivot_members); else they are empty.
///
/// The answer has the row columns by their SQL names, then, where totals were asked, one
/// `<column>_is_total` a row column, then the measures (or the pivot's columns).
///
/// # Errors
/// User errors name what is unknown (with the nearest name) or cannot be asked.
pub fn plan_cube_query(
    query: &CubeQuery,
    members: &PivotMembers,
    context: &PlanContext<'_>,
) -> Result<Planned> {
    let cube = find_cube(context.model, &query.cube)?;
    pivot::check(query, cube, members)?;
    if query.measures.is_empty() {
        return Err(Error::user("a cube query needs at least one measure")
            .hint("`measures: [...]`; see system.measures"));
    }
    let axes = Axes::new(query, cube, context.model)?;
    let row_groups: Vec<Vec<usize>> = axes.rows.iter().map(|row| row.groups.clone()).collect();
    let grouping_sets = roll_up::grouping_sets(query.totals, &row_groups, &axes.columns);
    let with_totals = grouping_sets.is_some();
    let ask = Ask {
        cube,
        catalog: None,
        groups: axes.names.iter().map(ident).collect(),
        grouping_sets,
        predicates: slice::predicates(query, cube, context.model)?,
        measures: query.measures.clone(),
    };
    let Planned { plan, routing } = ask.plan(context)?;
    let mut answer = LogicalPlanBuilder::from(plan);
    let rows: Vec<usize> = row_groups.concat();
    let asked = query.measures.iter().enumerate();
    let mut measures: Vec<(String, String)> =
        asked.map(|(index, name)| (name.clone(), measure_name(index))).collect();
    if !query.columns.is_empty() {
        let across = pivot::across(cube, members, &axes.columns, &measures)?;
        answer = pivot::pivot(answer, &rows, with_totals, &across)?;
        measures = across.into_iter().map(|one| (one.name.clone(), one.name)).collect();
    }
    let shape = axes.shape(with_totals, &measures);
    if let Some(wanted) = &query.top {
        answer = top::top(answer, wanted, &shape)?;
    }
    let order = top::order(query, &shape)?;
    if !order.is_empty() {
        answer = answer.sort(order).map_err(defect)?;
    }
    let plan = answer
        .project(axes.shown(with_totals, &measures))
        .and_then(LogicalPlanBuilder::build)
        .map_err(defect)?;
    Ok(Planned { plan, routing })
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

/// The group columns of a query, and which of them each name of its axes stands for.
struct Axes {
    /// SQL names of the cube columns, by group position.
    names: Vec<String>,
    rows: Vec<Row>,
    columns: Vec<usize>,
}

/// A name in `rows`.
struct Row {
    asked: String,
    groups: Vec<usize>,
}

impl Axes {
    fn new(query: &CubeQuery, cube: &Cube, model: &Model) -> Result<Self> {
        let mut axes = Self { names: Vec::new(), rows: Vec::new(), columns: Vec::new() };
        for asked in &query.rows {
            let groups = axes.add(cube, model, asked)?;
            axes.rows.push(Row { asked: asked.clone(), groups });
        }
        for asked in &query.columns {
            let groups = axes.add(cube, model, asked)?;
            axes.columns.extend(groups);
        }
        Ok(axes)
    }

    fn add(&mut self, cube: &Cube, model: &Model, asked: &str) -> Result<Vec<usize>> {
        let mut groups = Vec::new();
        for column in names::resolve(cube, model, asked)? {
            if self.names.contains(&column.name) {
                return Err(Error::user(format!("`{asked}` stands twice in this query"))
                    .with("column", &column.name));
            }
            groups.push(self.names.len());
            self.names.push(column.name.clone());
        }
        Ok(groups)
    }

    fn shape(&self, with_totals: bool, measures: &[(String, String)]) -> Shape {
        let mut rows = Vec::new();
        let mut totals = Vec::new();
        for row in &self.rows {
            for group in &row.groups {
                let mut known = vec![self.names[*group].clone()];
                // A level shown beside its key is known by its own name.
                if row.groups.last() == Some(group) {
                    known.push(row.asked.clone());
                }
                rows.push((known, group_name(*group)));
                totals.extend(with_totals.then(|| total_name(*group)));
            }
        }
        let of_row = |row: &Row| row.groups.iter().map(|group| group_name(*group)).collect();
        let levels = self.rows.iter().map(of_row).collect();
        Shape { rows, levels, totals, measures: measures.to_vec() }
    }

    /// The answer's columns under the names people asked by.
    fn shown(&self, with_totals: bool, measures: &[(String, String)]) -> Vec<Expr> {
        let groups = || self.rows.iter().flat_map(|row| row.groups.iter().copied());
        let members = groups().map(|group| ident(group_name(group)).alias(&self.names[group]));
        let totals = groups()
            .filter(|_| with_totals)
            .map(|group| ident(total_name(group)).alias(format!("{}_is_total", self.names[group])));
        let values = measures.iter().map(|(name, column)| ident(column).alias(name));
        members.chain(totals).chain(values).collect()
    }
}
