//! From a cube query to a plan: slice and dice, group, total, pivot, rank, order.

use super::ask::{Ask, group_name, total_name};
use super::ragged::{RowLevel, without_skipped};
use super::top::Shape;
use super::wanted::Wanted;
use super::{CubeQuery, Members, PlanContext, Planned, defect, names, pivot};
use super::{having, others, roll_up, slice, top};
use crate::error::{Error, Result, did_you_mean};
use crate::model::{Cube, Model};
use datafusion::common::ScalarValue;
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ident, lit};

/// Plans a cube query. `members` are the answers of [`pivot_members`](super::pivot_members), for a
/// query with `columns`, and of [`best_members`](super::best_members), for one with others; else
/// there are none.
///
/// The answer has the row columns by their SQL names, then, where totals were asked, one
/// `<column>_is_total` a row column (and `level` and `grouping_id`), `is_other` where others were
/// asked, then the measures (or the pivot's columns), and what they are compared with.
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
    if query.measures.is_empty() {
        return Err(Error::user("a cube query needs at least one measure")
            .hint("`measures: [...]`; see system.measures"));
    }
    let mut axes = Axes::new(query, cube, context.model)?;
    if query.top.as_ref().is_some_and(|top| top.others) {
        axes.split_others(query, &members.best)?;
    }
    let row_groups: Vec<Vec<usize>> = axes.rows.iter().map(|row| row.groups.clone()).collect();
    let row_names: Vec<&str> = axes.rows.iter().map(|row| row.asked.as_str()).collect();
    let grouping_sets =
        roll_up::grouping_sets(&query.totals, &row_names, &row_groups, &axes.columns)?;
    let with_totals = grouping_sets.is_some();
    let wanted = Wanted::new(query, cube, context.model, &axes.row_columns())?;
    let ask = Ask {
        cube,
        catalog: None,
        groups: axes.groups.clone(),
        grouping_sets,
        predicates: slice::predicates(query, cube, context.model)?,
        measures: wanted.asked.clone(),
        links: Vec::new(),
    };
    let Planned { plan, routing } = ask.plan(context)?;
    let mut answer = LogicalPlanBuilder::from(plan);
    if let Some(name) = &query.dense {
        answer = ask.dense(answer, axes.row_named(name)?, context)?;
    }
    if with_totals {
        answer = without_skipped(answer, &axes.row_levels(), cube, context.model)?;
    }
    let rows: Vec<usize> = row_groups.concat();
    let mut measures = wanted.shown.clone();
    if !query.columns.is_empty() {
        let across = pivot::across(cube, &members.across, &axes.columns, &measures)?;
        answer = pivot::pivot(answer, &rows, with_totals, &across)?;
        measures = across.into_iter().map(|one| (one.name.clone(), one.name)).collect();
    }
    let shape = axes.shape(with_totals, &measures, &wanted);
    answer = having::having(answer, query, &shape)?;
    if query.non_empty {
        let counts = query.measures.iter().map(|name| pivot::counts(cube, name)).cycle();
        let columns = measures.iter().map(|(_, column)| column.clone());
        answer = having::non_empty(answer, columns.zip(counts), &shape)?;
    }
    if let Some(wanted) = query.top.as_ref().filter(|top| !top.others) {
        answer = top::top(answer, wanted, &shape)?;
    }
    let order = top::order(query, &shape)?;
    if !order.is_empty() {
        answer = answer.sort(order).map_err(defect)?;
    }
    let plan = having::page(answer, query)?
        .project(axes.shown(query, with_totals, &measures, &wanted))
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
    /// What is grouped by; more than the names where others are told apart by a flag.
    groups: Vec<Expr>,
    rows: Vec<Row>,
    columns: Vec<usize>,
    /// The flag of others, and the row before which it stands.
    others: Option<(usize, usize)>,
}

/// A name in `rows`.
struct Row {
    asked: String,
    groups: Vec<usize>,
}

impl Axes {
    fn new(query: &CubeQuery, cube: &Cube, model: &Model) -> Result<Self> {
        let (names, groups) = (Vec::new(), Vec::new());
        let mut axes = Self { names, groups, rows: Vec::new(), columns: Vec::new(), others: None };
        for asked in &query.rows {
            let groups = axes.add(cube, model, asked)?;
            axes.rows.push(Row { asked: asked.clone(), groups });
        }
        for asked in &query.columns {
            let groups = axes.add(cube, model, asked)?;
            axes.columns.extend(groups);
        }
        axes.groups = axes.names.iter().map(ident).collect();
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

    /// Makes one member of all but the best.
    fn split_others(&mut self, query: &CubeQuery, best: &[Vec<ScalarValue>]) -> Result<()> {
        let per = query.top.iter().flat_map(|top| &top.per);
        let per: Vec<&Row> = per.filter_map(|name| self.row(name)).collect();
        let is_per = |group: usize| per.iter().any(|row| row.groups.contains(&group));
        let of_per: Vec<bool> = (0..self.groups.len()).map(is_per).collect();
        let first = self.rows.iter().position(|row| row.groups.iter().any(|g| !of_per[*g]));
        let Some(first) = first else {
            return Err(Error::user("`others` needs a row that `top.per` does not name"));
        };
        let (groups, flag) = others::split(std::mem::take(&mut self.groups), &of_per, best)?;
        self.groups = groups;
        self.others = Some((self.groups.len(), first));
        self.rows[first].groups.push(self.groups.len());
        self.groups.push(flag);
        Ok(())
    }

    fn row(&self, name: &str) -> Option<&Row> {
        let bears = |row: &&Row| {
            let column = row.groups.last().and_then(|group| self.names.get(*group));
            row.asked == name || column.is_some_and(|column| column == name)
        };
        self.rows.iter().find(bears)
    }

    /// The groups of a row of that name.
    fn row_named(&self, name: &str) -> Result<&[usize]> {
        self.row(name)
            .map(|row| row.groups.as_slice())
            .ok_or_else(|| Error::user(format!("`dense` names `{name}`, which is not in `rows`")))
    }

    /// What is shown of each row, with the flag of its totals.
    fn row_levels(&self) -> Vec<RowLevel> {
        let level = |group: usize| RowLevel {
            name: self.names[group].clone(),
            column: group_name(group),
            total: total_name(group),
        };
        self.members().map(level).collect()
    }

    /// The cube columns of each row.
    fn row_columns(&self) -> Vec<(String, Vec<String>)> {
        let columns = |row: &Row| {
            row.groups.iter().filter_map(|group| self.names.get(*group).cloned()).collect()
        };
        self.rows.iter().map(|row| (row.asked.clone(), columns(row))).collect()
    }

    /// The groups of rows that are cube columns.
    fn members(&self) -> impl Iterator<Item = usize> {
        let groups = self.rows.iter().flat_map(|row| row.groups.iter().copied());
        groups.filter(|group| *group < self.names.len())
    }

    fn shape(&self, with_totals: bool, measures: &[(String, String)], wanted: &Wanted) -> Shape {
        let mut rows = Vec::new();
        let mut totals = Vec::new();
        let mut others = None;
        for (index, row) in self.rows.iter().enumerate() {
            if let Some((flag, _)) = self.others.filter(|(_, before)| *before == index) {
                others = Some((rows.len(), group_name(flag)));
            }
            let members: Vec<usize> =
                row.groups.iter().copied().filter(|group| *group < self.names.len()).collect();
            for group in &members {
                let mut known = vec![self.names[*group].clone()];
                // A level shown beside its key is known by its own name.
                if members.last() == Some(group) {
                    known.push(row.asked.clone());
                }
                rows.push((known, group_name(*group)));
                totals.extend(with_totals.then(|| total_name(*group)));
            }
        }
        let of_row = |(_, columns): &(String, Vec<String>)| {
            let group = |name: &String| self.names.iter().position(|known| known == name);
            columns.iter().filter_map(group).map(group_name).collect()
        };
        let levels = self.row_columns().iter().map(of_row).collect();
        let (hidden, of_groups) = (wanted.hidden.clone(), wanted.of_groups.clone());
        Shape { rows, levels, totals, measures: measures.to_vec(), hidden, of_groups, others }
    }

    /// The answer's columns under the names people asked by.
    fn shown(
        &self,
        query: &CubeQuery,
        with_totals: bool,
        measures: &[(String, String)],
        wanted: &Wanted,
    ) -> Vec<Expr> {
        let members =
            self.members().map(|group| ident(group_name(group)).alias(&self.names[group]));
        let mut shown: Vec<Expr> = members.collect();
        if with_totals {
            let flag = |group| ident(total_name(group));
            let flags =
                self.members().map(|g| flag(g).alias(format!("{}_is_total", self.names[g])));
            shown.extend(flags);
            if query.identify {
                let kept = self.members().map(|group| lit(1_i32) - flag(group));
                let level = kept.reduce(|a, b| a + b).unwrap_or_else(|| lit(0_i32));
                let flags: Vec<Expr> = self.members().map(flag).collect();
                let bits = flags.into_iter().rev().enumerate();
                let bits = bits.map(|(bit, flag)| flag * lit(1_i32 << bit.min(30)));
                let id = bits.reduce(|a, b| a + b).unwrap_or_else(|| lit(0_i32));
                shown.extend([level.alias("level"), id.alias("grouping_id")]);
            }
        }
        if let Some((flag, _)) = self.others {
            shown.push(coalesce(vec![ident(group_name(flag)), lit(0_i32)]).alias("is_other"));
        }
        shown.extend(measures.iter().map(|(name, column)| ident(column).alias(name)));
        for ((name, column), compared) in measures.iter().zip(&wanted.compared) {
            let change = ident(column) - ident(compared);
            shown.push(ident(compared).alias(format!("{name}_compared")));
            shown.push(change.alias(format!("{name}_change")));
        }
        shown
    }
}
