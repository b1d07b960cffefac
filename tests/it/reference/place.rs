//! Which rows a cell of an answer sees: filters, members and a shift in time.

use super::value::Value;
use super::{Reference, expression};
use chrono::{Days, Months, NaiveDate};
use starhouse::model::{ColumnType, Conversion, Cube, CubeColumn, Model, SetMembers, View};
use starhouse::query::{CubeQuery, Slice};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A row: values by column.
pub(crate) type Row = BTreeMap<String, Value>;

/// Base rows: dimensions (keys included), facts and bridges by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Data {
    pub(crate) dimensions: BTreeMap<String, Vec<Row>>,
    pub(crate) facts: BTreeMap<String, Vec<Row>>,
    pub(crate) bridges: BTreeMap<String, Vec<Row>>,
}

/// A fact row as a cube shows it.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The fact's own columns.
    pub(crate) own: Row,
    /// The members it points to, by role.
    pub(crate) members: BTreeMap<String, Row>,
    /// The members that links lead to, by role.
    pub(crate) linked: BTreeMap<String, Vec<Row>>,
}

impl Seen {
    /// A cube column's value in this row.
    pub(crate) fn value(&self, column: &CubeColumn) -> Value {
        match column.dimension {
            Some(_) => self.members[&column.role][&column.column.name].clone(),
            None => self.own[&column.column.name].clone(),
        }
    }
}

/// Where a measure is asked.
#[derive(Clone)]
pub(crate) struct Place<'q> {
    pub(crate) filters: &'q [Filter],
    /// The members of this row (and column) of the answer.
    pub(crate) members: Vec<(CubeColumn, Value)>,
    /// The calculated members of this row (and column).
    pub(crate) sets: Vec<Filter>,
    /// A calendar role whose days stand for so many months and days before.
    pub(crate) shift: Shift,
    /// A calendar role of which only days from the one to the other count.
    pub(crate) window: Option<(String, NaiveDate, NaiveDate)>,
    /// A link by whose weights rows are allocated.
    pub(crate) weighted: Option<String>,
    /// How amounts are converted.
    pub(crate) converted: Option<&'q Conversion>,
    /// What else the answer shows.
    pub(crate) beside: Beside<'q>,
}

/// The members of cells.
pub(crate) type Cells = Vec<Vec<(CubeColumn, Value)>>;

/// The cells that a measure, under a shift, has rows for.
type CellsOf<'q> = &'q dyn Fn(&str, &Shift) -> Cells;

/// The rest of an answer, seen from a cell.
#[derive(Clone, Copy, Default)]
pub(crate) struct Beside<'q> {
    /// The members of all cells for which a measure, under a shift, has rows.
    pub(crate) cells: Option<CellsOf<'q>>,
    /// The only members that count, by columns.
    pub(crate) shown: Option<(&'q [CubeColumn], &'q BTreeSet<Vec<Value>>)>,
}

/// A calendar role, and by how many months and days it is moved.
pub(crate) type Shift = Option<(String, u32, u32)>;

/// Which members of a column count.
#[derive(Clone)]
pub(crate) enum Filter {
    AnyOf(CubeColumn, Vec<Value>),
    NoneOf(CubeColumn, Vec<Value>),
    Between(CubeColumn, Option<Value>, Option<Value>),
    /// An SQL condition over the columns of the column's dimension.
    Where(CubeColumn, String),
    /// Any of the first, and none of the others.
    Sets(CubeColumn, Vec<Filter>, Vec<Filter>),
}

impl Filter {
    pub(crate) fn column(&self) -> &CubeColumn {
        match self {
            Self::AnyOf(column, _)
            | Self::NoneOf(column, _)
            | Self::Between(column, ..)
            | Self::Where(column, _)
            | Self::Sets(column, ..) => column,
        }
    }

    fn admits(&self, row: &Seen) -> bool {
        match self.column().dimension {
            Some(_) => self.admits_member(&row.members[&self.column().role]),
            None => self.admits_member(&row.own),
        }
    }

    /// Whether a member of its dimension is let through.
    pub(crate) fn admits_member(&self, member: &Row) -> bool {
        let value = &member[&self.column().column.name];
        match self {
            Self::Where(_, sql) => {
                expression::evaluate(sql, &|name: &str| member[name].clone()).is_true()
            }
            Self::Sets(_, any, none) => {
                any.iter().any(|filter| filter.admits_member(member))
                    && !none.iter().any(|filter| filter.admits_member(member))
            }
            Self::AnyOf(_, members) => members.contains(value),
            Self::NoneOf(_, members) => !members.contains(value),
            Self::Between(_, from, to) => {
                let from = from.as_ref().is_none_or(|from| !value.is_null() && value >= from);
                from && to.as_ref().is_none_or(|to| !value.is_null() && value <= to)
            }
        }
    }
}

impl<'q> Place<'q> {
    /// What is said of members: the filters of the question, and the calculated members of the cell.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Filter> + use<'_, 'q> {
        self.filters.iter().chain(&self.sets)
    }
}

impl Place<'_> {
    /// Whether the place sees a row, shifted already.
    pub(crate) fn sees(&self, row: &Seen) -> bool {
        let is_own = |column: &CubeColumn| !row.linked.contains_key(&column.role);
        let mut filters = self.conditions().filter(|filter| is_own(filter.column()));
        let members = self.members.iter().filter(|(column, _)| is_own(column));
        filters.all(|filter| filter.admits(row))
            && members.into_iter().all(|(column, member)| row.value(column) == *member)
            && row.linked.keys().all(|role| !self.says(role) || !self.meets(row, role).is_empty())
            && self.beside.shown.is_none_or(|(columns, shown)| {
                shown.contains(&columns.iter().map(|column| row.value(column)).collect::<Vec<_>>())
            })
            && self.window.as_ref().is_none_or(|(role, from, until)| {
                matches!(row.members[role]["date"], Value::Date(day) if day >= *from && day <= *until)
            })
    }
}

impl Reference<'_> {
    /// The rows of a fact with their members. Under a shift a row has the day so much later as its
    /// member; a row without such a day (none, after the calendar's end, or after the last
    /// day that any row of the fact is of) is not there.
    pub(crate) fn rows(&self, fact: &str, shift: &Shift) -> Rc<Vec<Seen>> {
        let key = (fact.to_owned(), shift.clone());
        if let Some(known) = self.seen.borrow().get(&key) {
            return Rc::clone(known);
        }
        let rows = self.data.facts[fact].iter();
        let rows = Rc::new(rows.filter_map(|row| self.joined(fact, row, shift)).collect());
        self.seen.borrow_mut().insert(key, Rc::clone(&rows));
        rows
    }

    fn joined(&self, fact: &str, row: &Row, shift: &Shift) -> Option<Seen> {
        let mut members = BTreeMap::new();
        let mut linked = BTreeMap::new();
        for role in &self.model.fact(fact).unwrap().roles {
            let key_column = &role.key_column();
            let key = &row[key_column];
            let by = format!("{}_key", role.dimension);
            let mut member = self.member(&role.dimension, &by, key).unwrap();
            let moved = shift.as_ref().filter(|(shifted, ..)| *shifted == role.role);
            if let Some((_, months, days)) = moved {
                let Value::Date(day) = member["date"] else { return None };
                let later = day + Months::new(*months) + Days::new(u64::from(*days));
                let later = Value::Date(later);
                if later > self.last_day(fact, &role.role) {
                    return None;
                }
                member = self.member(&role.dimension, "date", &later)?;
            }
            for (view, seen) in self.views_of(&role.role) {
                members.insert(view, self.seen(&role.dimension, member, seen.day));
            }
            for (name, link) in self.links_of(&role.role) {
                linked.insert(name, self.led_to(&role.dimension, member, link));
            }
            members.insert(role.role.clone(), member.clone());
        }
        Some(Seen { own: row.clone(), members, linked })
    }

    /// The views that cubes have of a role.
    fn views_of(&self, role: &str) -> Vec<(String, &View)> {
        let offered = self.model.cubes.iter().flat_map(|cube| &cube.dimensions);
        let views = offered.filter_map(|own| Some((own.role.clone(), own.view.as_ref()?)));
        views.filter(|(_, view)| view.of == role).collect()
    }

    /// A member as it is now, or was at the beginning of a day; nothing where it was not there.
    fn seen(&self, dimension: &str, member: &Row, day: Option<NaiveDate>) -> Row {
        let durable = format!("{dimension}_durable_key");
        let mut versions = self.data.dimensions[dimension].iter();
        let version = versions.find(|version| {
            let then = match day {
                None => version["is_current"].is_true(),
                Some(day) => {
                    version["valid_from"] <= Value::Date(day)
                        && version["valid_to"] > Value::Date(day)
                }
            };
            then && version[&durable] == member[&durable]
        });
        let nothing = || member.keys().map(|name| (name.clone(), Value::Null)).collect();
        version.cloned().unwrap_or_else(nothing)
    }

    /// The last day that any row of a fact is of; NULL where none is of a known day.
    pub(crate) fn last_day(&self, fact: &str, role: &str) -> Value {
        let asked = (fact.to_owned(), role.to_owned());
        if let Some(known) = self.last_days.borrow().get(&asked) {
            return known.clone();
        }
        let role = self.model.fact(fact).unwrap().role(role).unwrap();
        let (key, by) = (role.key_column(), format!("{}_key", role.dimension));
        let days = self.data.facts[fact].iter().filter_map(|row| {
            let day = self.member(&role.dimension, &by, &row[&key]).unwrap()["date"].clone();
            (!day.is_null()).then_some(day)
        });
        let last = days.max().unwrap_or(Value::Null);
        self.last_days.borrow_mut().insert(asked, last.clone());
        last
    }

    /// The known days of a calendar role, up to the last one of a fact.
    pub(crate) fn days(&self, fact: &str, role: &str) -> Vec<&Row> {
        let dimension = &self.model.fact(fact).unwrap().role(role).unwrap().dimension;
        let last = self.last_day(fact, role);
        let there = |day: &&Row| !day["date"].is_null() && !last.is_null() && day["date"] <= last;
        self.data.dimensions[dimension].iter().filter(there).collect()
    }

    fn member(&self, dimension: &str, column: &str, value: &Value) -> Option<&Row> {
        self.data.dimensions[dimension].iter().find(|member| member[column] == *value)
    }
}

/// The columns a name stands for: a column by its SQL name or as `role.attribute`; a level
/// (`role.level`) whose members are told apart by a key is that key and the attribute shown.
pub(crate) fn columns(model: &Model, cube: &Cube, name: &str) -> Vec<CubeColumn> {
    if let Some(column) = cube.column(name) {
        return vec![column.clone()];
    }
    if let Some(set) = cube.set(name) {
        return columns(model, cube, &set.column);
    }
    let (role, rest) = name.split_once('.').unwrap();
    if let Some(column) = cube.role_column(role, rest) {
        return vec![column.clone()];
    }
    let played = cube.dimensions.iter().find(|known| known.role == role).unwrap();
    let level = model.dimension(played.dimension.as_ref().unwrap()).unwrap().level(rest).unwrap();
    let names = level.key.iter().chain([&level.attribute]);
    names.map(|attribute| cube.role_column(role, attribute).unwrap().clone()).collect()
}

fn shown(model: &Model, cube: &Cube, name: &str) -> CubeColumn {
    columns(model, cube, name).pop().unwrap()
}

/// A member as JSON writes it.
fn member_of(column: &CubeColumn, member: &serde_json::Value) -> Value {
    match (member, column.column.ty) {
        (serde_json::Value::Null, _) => Value::Null,
        (serde_json::Value::Bool(value), _) => Value::Bool(*value),
        (serde_json::Value::Number(number), _) => Value::int(number.as_i64().unwrap()),
        (serde_json::Value::String(text), _) => member_in_text(column, text),
        (other, _) => panic!("{other} is no member"),
    }
}

/// A member as a text, whatever the column is.
fn member_in_text(column: &CubeColumn, text: &str) -> Value {
    match column.column.ty {
        ColumnType::Text => Value::text(text),
        ColumnType::Date => Value::Date(text.parse().unwrap()),
        _ => Value::int(text.parse::<i64>().unwrap()),
    }
}

/// The filters of a query.
pub(crate) fn filters(model: &Model, cube: &Cube, query: &CubeQuery) -> Vec<Filter> {
    let mut filters = Vec::new();
    for (name, member) in &query.slice {
        let column = shown(model, cube, name);
        let member = member_of(&column, member);
        filters.push(Filter::AnyOf(column, vec![member]));
    }
    for (name, slice) in &query.dice {
        let column = shown(model, cube, name);
        let value = |member: &serde_json::Value| member_of(&column, member);
        filters.push(match slice {
            Slice::Members(members) => {
                Filter::AnyOf(column.clone(), members.iter().map(value).collect())
            }
            Slice::Except(except) => {
                Filter::NoneOf(column.clone(), except.except.iter().map(value).collect())
            }
            Slice::Set(of) => of_set(model, cube, &of.set),
            Slice::Range(range) => {
                let (from, to) = (range.from.as_ref().map(value), range.to.as_ref().map(value));
                Filter::Between(column.clone(), from, to)
            }
        });
    }
    let axes = query.rows.iter().chain(&query.columns);
    for set in axes.filter_map(|name| cube.set(name)) {
        filters.push(of_set(model, cube, &set.name));
    }
    let said: Vec<String> = query
        .rows
        .iter()
        .chain(&query.columns)
        .chain(query.slice.keys())
        .chain(query.dice.keys())
        .chain(query.compare.keys())
        .map(|name| shown(model, cube, name).role)
        .collect();
    for default in &cube.default_members {
        let column = shown(model, cube, &default.column);
        if !said.contains(&column.role) {
            let member = member_in_text(&column, &default.member);
            filters.push(Filter::AnyOf(column, vec![member]));
        }
    }
    filters
}

/// A filter by members of a column.
pub(crate) fn any_of(
    model: &Model,
    cube: &Cube,
    name: &str,
    members: &[serde_json::Value],
) -> Filter {
    let column = shown(model, cube, name);
    let members = members.iter().map(|member| member_of(&column, member)).collect();
    Filter::AnyOf(column, members)
}

/// A filter by members that a model names.
pub(crate) fn of_set(model: &Model, cube: &Cube, name: &str) -> Filter {
    let set = cube.set(name).unwrap();
    let column = shown(model, cube, &set.column);
    let value = |text: &String| member_in_text(&column, text);
    let values = |texts: &Vec<String>| texts.iter().map(value).collect();
    let sets = |names: &Vec<String>| -> Vec<Filter> {
        names.iter().map(|name| of_set(model, cube, name)).collect()
    };
    let own = match &set.members {
        SetMembers::Listed(members) => vec![Filter::AnyOf(column.clone(), values(members))],
        SetMembers::Except(members) => vec![Filter::NoneOf(column.clone(), values(members))],
        SetMembers::Range { from, to } => {
            let (from, to) = (from.as_ref().map(value), to.as_ref().map(value));
            vec![Filter::Between(column.clone(), from, to)]
        }
        SetMembers::Where(sql) => vec![Filter::Where(column.clone(), sql.clone())],
        SetMembers::Sets(names) => sets(names),
    };
    Filter::Sets(column.clone(), own, sets(&set.without))
}
