//! The axes of a cube query: what its names stand for, and the columns of its answer.

use super::ask::{group_name, total_name};
use super::beside::{self, Beside, Says};
use super::calculated::Calculated;
use super::formatted::formatted;
use super::measure::divide;
use super::ragged::RowLevel;
use super::top::Shape;
use super::wanted::Wanted;
use super::{CubeQuery, defect, layout, names, others};
use crate::error::{Error, Result};
use crate::model::{Captions, Cube, CubeColumn, Model};
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, cast, ident, lit, when};
use std::collections::BTreeSet;
use std::ops::Range;

/// The group columns of a query, and which of them each name of its axes stands for.
pub(super) struct Axes<'c> {
    /// SQL names of the cube columns, by group position.
    pub(super) names: Vec<String>,
    /// What is grouped by; more than the names where others are told apart by a flag.
    pub(super) groups: Vec<Expr>,
    pub(super) rows: Vec<Row>,
    pub(super) columns: Vec<Row>,
    pub(super) calculated: Calculated,
    /// What is said of members beside them.
    beside: Vec<Beside>,
    pub(super) captions: Option<&'c Captions>,
    /// The currency that is chosen.
    pub(super) currency: Option<String>,
    pub(super) cube: &'c Cube,
    /// The flag of others, and the row before which it stands.
    others: Option<(usize, usize)>,
    /// Where more than rows and columns are asked, the column of each axis' places, and its names among
    /// the rows.
    pub(super) positions: Vec<(String, Range<usize>)>,
}

/// A name in `rows` or `columns`.
pub(super) struct Row {
    pub(super) asked: String,
    pub(super) groups: Vec<usize>,
}

impl<'c> Axes<'c> {
    pub(super) fn new(query: &CubeQuery, cube: &'c Cube, model: &Model) -> Result<Self> {
        let (names, groups) = (Vec::new(), Vec::new());
        let mut axes = Self {
            names,
            groups,
            rows: Vec::new(),
            columns: Vec::new(),
            calculated: Calculated::default(),
            beside: Vec::new(),
            captions: beside::captions(query, cube)?,
            currency: None,
            cube,
            others: None,
            positions: Vec::new(),
        };
        for axis in &query.axes {
            let first = axes.positions.last().map_or(0, |(_, names)| names.end);
            axes.positions.push((layout::position_name(axis), first..first + axis.of.len()));
        }
        for asked in &query.rows {
            let groups = axes.add(cube, model, asked)?;
            axes.rows.push(Row { asked: asked.clone(), groups });
        }
        for asked in &query.columns {
            let groups = axes.add(cube, model, asked)?;
            axes.columns.push(Row { asked: asked.clone(), groups });
        }
        axes.groups = axes.names.iter().map(ident).collect();
        axes.add_names(cube);
        axes.add_properties(query, cube, model)?;
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

    /// The names of members in the language asked, each a group beside theirs.
    fn add_names(&mut self, cube: &Cube) {
        let Some(captions) = self.captions else { return };
        for row in 0..self.rows.len() {
            for of in self.rows[row].groups.clone() {
                let named = captions.members.get(&self.names[of]);
                if let Some(column) = named.and_then(|name| cube.column(name)) {
                    self.add_beside(row, column, Says::Name { of });
                }
            }
        }
    }

    /// Properties of the members of rows.
    fn add_properties(&mut self, query: &CubeQuery, cube: &Cube, model: &Model) -> Result<()> {
        for asked in &query.properties {
            let column = names::resolve_one(cube, model, asked)?;
            if self.names.contains(&column.name) {
                return Err(Error::user(format!("`{asked}` is an axis, and a property as well")));
            }
            let row = beside::row_of_property(column, asked, &self.row_columns(), cube, model)?;
            self.add_beside(row, column, Says::Property { name: column.name.clone() });
        }
        Ok(())
    }

    fn add_beside(&mut self, row: usize, column: &CubeColumn, says: Says) {
        let group = self.groups.len();
        self.groups.push(ident(&column.name));
        self.rows[row].groups.push(group);
        self.beside.push(Beside { group, row, column: column.name.clone(), says });
    }

    /// Makes one member of all but the best.
    pub(super) fn split_others(
        &mut self,
        query: &CubeQuery,
        best: &[Vec<ScalarValue>],
    ) -> Result<()> {
        let per = query.top.iter().flat_map(|top| &top.per);
        let per: Vec<&Row> = per.filter_map(|name| self.row(name)).collect();
        let kept: Vec<&Row> = per.into_iter().chain(&self.columns).collect();
        let is_per = |group: usize| kept.iter().any(|row| row.groups.contains(&group));
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

    /// The groups of a row or of what goes across, by its name.
    pub(super) fn dense(&self, name: &str) -> Result<Vec<usize>> {
        let across = self.columns.iter().find(|column| column.asked == name);
        self.row(name).or(across).map(|row| row.groups.clone()).ok_or_else(|| {
            let message = format!("`dense` names `{name}`, which is not in `rows` or `columns`");
            Error::user(message)
        })
    }

    /// The cube columns of the rows.
    pub(super) fn row_names(&self) -> Vec<String> {
        self.members().map(|group| self.names[group].clone()).collect()
    }

    /// The cube columns of what goes across.
    pub(super) fn across_names(&self) -> Vec<String> {
        self.across().into_iter().map(|group| self.names[group].clone()).collect()
    }

    /// What is shown of each row, with the flag of its totals.
    pub(super) fn row_levels(&self) -> Vec<RowLevel> {
        let level = |group: usize| RowLevel {
            name: self.names[group].clone(),
            column: group_name(group),
            total: total_name(group),
            mark: self.calculated.mark(&[group]),
        };
        self.members().map(level).collect()
    }

    /// The cube columns of each row.
    pub(super) fn row_columns(&self) -> Vec<(String, Vec<String>)> {
        let columns = |row: &Row| {
            row.groups.iter().filter_map(|group| self.names.get(*group).cloned()).collect()
        };
        self.rows.iter().map(|row| (row.asked.clone(), columns(row))).collect()
    }

    /// The same, with the columns of what is said beside members.
    pub(super) fn all_row_columns(&self) -> Vec<(String, Vec<String>)> {
        let mut rows = self.row_columns();
        for beside in &self.beside {
            rows[beside.row].1.push(beside.column.clone());
        }
        rows
    }

    /// The groups of rows that are cube columns.
    fn members(&self) -> impl Iterator<Item = usize> {
        let groups = self.rows.iter().flat_map(|row| row.groups.iter().copied());
        groups.filter(|group| *group < self.names.len())
    }

    pub(super) fn shape(
        &self,
        with_totals: bool,
        measures: &[(String, String)],
        wanted: &Wanted,
    ) -> Shape {
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
        let (measures, places, marks) = (measures.to_vec(), Vec::new(), self.row_marks());
        let altogether = wanted.altogether.clone();
        Shape {
            rows,
            levels,
            totals,
            measures,
            altogether,
            hidden,
            of_groups,
            others,
            places,
            marks,
        }
    }

    /// A member as it is shown: by its name in the language asked, where it has one.
    fn member(&self, group: usize) -> Expr {
        let member = ident(group_name(group));
        let named = self.beside.iter().find(|b| b.says == Says::Name { of: group });
        match named {
            Some(named) => coalesce(vec![ident(group_name(named.group)), member]),
            None => member,
        }
    }

    /// What a column is called in the language asked: as the level that was asked, or by itself.
    fn caption(&self, asked: Option<&str>, name: &str) -> Option<&'c String> {
        let names = &self.captions?.names;
        asked.and_then(|asked| names.get(asked)).or_else(|| names.get(name))
    }

    /// The answer's columns under the names people asked by.
    pub(super) fn shown(
        &self,
        query: &CubeQuery,
        with_totals: bool,
        measures: &[(String, String)],
        wanted: &Wanted,
        answer: &DFSchema,
    ) -> Result<Vec<(String, Expr)>> {
        let mut shown: Vec<(String, Expr)> = Vec::new();
        self.show_members(&mut shown)?;
        if with_totals {
            self.show_totals(query.identify, &mut shown);
        }
        for (columns, mark) in self.row_marks() {
            let own = columns.last().and_then(|last| self.name_of(last));
            let is_calculated = ident(mark).gt(lit(0_i32)).is_true();
            let flag = when(is_calculated, lit(1_i32)).otherwise(lit(0_i32)).map_err(defect)?;
            shown.push((format!("{}_is_calculated", own.unwrap_or_default()), flag));
        }
        shown.extend(
            self.positions
                .iter()
                .map(|(name, _)| (name.clone(), cast(ident(name), DataType::Int64))),
        );
        if let Some((flag, _)) = self.others {
            let is_other = coalesce(vec![ident(group_name(flag)), lit(0_i32)]);
            shown.push(("is_other".to_owned(), is_other));
        }
        for (name, column) in measures {
            shown.push((heading(self.caption(None, name), name, &shown), ident(column)));
        }
        if query.formatted {
            let (language, currency) = (query.language.as_deref(), self.currency.as_deref());
            for ((name, column), measure) in measures.iter().zip(query.measures.iter().cycle()) {
                let text = formatted(column, measure, self.cube, (language, currency), answer)?;
                shown.push((format!("{name}_formatted"), text));
            }
        }
        let visible = measures.iter().zip(&wanted.visible);
        shown.extend(visible.map(|((n, _), column)| (format!("{n}_visible"), ident(column))));
        for ((name, column), compared) in measures.iter().zip(&wanted.compared) {
            shown.push((format!("{name}_compared"), ident(compared)));
            let field = answer.field_with_unqualified_name(column).map_err(defect)?;
            if field.data_type().is_numeric() {
                let change = ident(column) - ident(compared);
                let growth = divide(change.clone(), ident(compared))?;
                shown.push((format!("{name}_change"), change));
                shown.push((format!("{name}_growth"), growth));
            }
        }
        refuse_two_of_a_name(&shown)?;
        Ok(shown)
    }

    /// The cube column of a group's column.
    fn name_of(&self, column: &str) -> Option<&str> {
        let place = (0..self.names.len()).find(|group| group_name(*group) == column)?;
        self.names.get(place).map(String::as_str)
    }

    /// The members of rows, and what is said beside them.
    fn show_members(&self, shown: &mut Vec<(String, Expr)>) -> Result<()> {
        for row in &self.rows {
            let members = row.groups.iter().filter(|group| **group < self.names.len());
            let last = members.clone().next_back();
            for group in members {
                let name = &self.names[*group];
                let level = (last == Some(group)).then_some(row.asked.as_str());
                let heading = heading(self.caption(level, name), name, shown);
                let member = match last == Some(group) {
                    true => self.calculated.shown(&[*group], self.member(*group))?,
                    false => self.member(*group),
                };
                shown.push((heading, member));
            }
        }
        for beside in &self.beside {
            if let Says::Property { name } = &beside.says {
                let heading = heading(self.caption(None, name), name, shown);
                shown.push((heading, ident(group_name(beside.group))));
            }
        }
        Ok(())
    }

    /// A flag a row column, and what totals are told apart by at once.
    fn show_totals(&self, identify: bool, shown: &mut Vec<(String, Expr)>) {
        let flag = |group| ident(total_name(group));
        shown.extend(self.members().map(|g| (format!("{}_is_total", self.names[g]), flag(g))));
        if identify {
            let kept = self.members().map(|group| lit(1_i32) - flag(group));
            let level = kept.reduce(|a, b| a + b).unwrap_or_else(|| lit(0_i32));
            let flags: Vec<Expr> = self.members().map(flag).collect();
            let bits = flags.into_iter().rev().enumerate();
            let bits = bits.map(|(bit, flag)| flag * lit(1_i32 << bit.min(30)));
            let id = bits.reduce(|a, b| a + b).unwrap_or_else(|| lit(0_i32));
            shown.extend([("level".to_owned(), level), ("grouping_id".to_owned(), id)]);
        }
    }
}

/// What a column is headed by: its caption, unless another column is headed so.
fn heading(caption: Option<&String>, name: &str, shown: &[(String, Expr)]) -> String {
    let is_free = |caption: &&String| shown.iter().all(|(heading, _)| heading != *caption);
    caption.filter(is_free).map_or_else(|| name.to_owned(), String::clone)
}

/// `buyers` compared has a column `buyers_change`, and so may a measure be called.
fn refuse_two_of_a_name(shown: &[(String, Expr)]) -> Result<()> {
    let mut names = BTreeSet::new();
    match shown.iter().find(|(name, _)| !names.insert(name)) {
        None => Ok(()),
        Some((name, _)) => Err(Error::user(format!("the answer would have two columns `{name}`"))
            .hint("ask one of the measures behind them in a question of its own")),
    }
}
