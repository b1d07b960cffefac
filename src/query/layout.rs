//! Axes beyond rows and columns, and members with all below them: as rows and totals of one list.
//!
//! An answer over many axes has a row a cell: the columns of each axis side by side, and each axis' totals
//! combined with those of all others. `descendants` stand for the levels from some members down to
//! another level, each with its subtotals.

use super::axes::Axes;
use super::plan::find_cube;
use super::top::Shape;
use super::{Axis, CubeQuery, Descendants, Levels, Slice, Totals, defect, names};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::model::{Cube, Level, Model};
use datafusion::functions_window::expr_fn::dense_rank;
use datafusion::logical_expr::{Expr, ExprFunctionExt};
use std::collections::BTreeMap;
use std::ops::Range;

/// The most totals that axes and descendants ask for together.
const MOST_TOTALS: usize = 4_096;

/// The same query in rows, columns and totals alone. What `axes` are stays there for the places of their
/// members, with the names that now stand in `rows`.
///
/// # Errors
/// User errors for names that are unknown or stand for no level, limit for too many totals.
pub fn laid_out(query: &CubeQuery, model: &Model) -> Result<CubeQuery> {
    let mut told = query.clone();
    if query.axes.is_empty() && query.descendants.is_empty() {
        return Ok(told);
    }
    check(query)?;
    let cube = find_cube(model, &query.cube)?;
    let levels = told_levels(&mut told, cube, model)?;
    let mut lists = match query.axes.is_empty() {
        true => vec![(told.rows.clone(), query.totals.clone())],
        false => told.axes.iter().map(|axis| (axis.of.clone(), axis.totals.clone())).collect(),
    };
    told.rows = Vec::new();
    let mut sets: Vec<Vec<String>> = vec![Vec::new()];
    for (list, (names, totals)) in lists.iter_mut().enumerate() {
        let units = names.iter().map(|name| levels.get(name).cloned().unwrap_or_else(|| one(name)));
        let units: Vec<Unit> = units.collect();
        let own = kept(totals, names, &units)?;
        let sizes = sets.len().saturating_mul(own.len());
        if sizes > MOST_TOTALS {
            let message = format!("axes and descendants ask for more than {MOST_TOTALS} totals");
            return Err(Error::new(ErrorKind::Limit, message).hint("ask for fewer totals"));
        }
        let with = |set: &Vec<String>| {
            let all = own.iter().map(|more| [set.as_slice(), more].concat());
            all.collect::<Vec<_>>()
        };
        sets = sets.iter().flat_map(with).collect();
        let all: Vec<String> = units.into_iter().flat_map(|unit| unit.names).collect();
        if let Some(axis) = told.axes.get_mut(list) {
            axis.of.clone_from(&all);
        }
        told.rows.extend(all);
    }
    sets.retain(|set| *set != told.rows);
    told.totals = if sets.is_empty() { Totals::None } else { Totals::Sets(sets) };
    told.descendants = BTreeMap::new();
    Ok(told)
}

/// A name on an axis as the names that it stands for, the coarsest first.
#[derive(Clone)]
struct Unit {
    names: Vec<String>,
    /// Whether each of them has its subtotals.
    all: bool,
}

fn one(name: &str) -> Unit {
    Unit { names: vec![name.to_owned()], all: false }
}

impl Unit {
    /// The parts of it that are kept where it is not aggregated away, the finest first.
    fn kept(&self) -> impl Iterator<Item = &[String]> {
        let least = if self.all { 1 } else { self.names.len() };
        (least..=self.names.len()).rev().map(|kept| &self.names[..kept])
    }
}

fn check(query: &CubeQuery) -> Result<()> {
    if query.axes.is_empty() {
        return Ok(());
    }
    if !query.rows.is_empty() || !query.columns.is_empty() || query.totals != Totals::None {
        let message = "`axes` stand in place of `rows`, `columns` and `totals`";
        return Err(Error::user(message)
            .hint("give each axis its names and totals: {name: side, of: [...], totals: grand}"));
    }
    for (index, axis) in query.axes.iter().enumerate() {
        if axis.of.is_empty() {
            return Err(Error::user(format!("axis `{}` is of nothing", axis.name))
                .hint("`of: [...]` lists columns, levels or sets"));
        }
        if query.axes[..index].iter().any(|other| other.name == axis.name) {
            return Err(Error::user(format!("two axes are called `{}`", axis.name)));
        }
    }
    Ok(())
}

/// What the names of `descendants` stand for, each held to its members.
fn told_levels(
    query: &mut CubeQuery,
    cube: &Cube,
    model: &Model,
) -> Result<BTreeMap<String, Unit>> {
    let mut told = BTreeMap::new();
    for (name, wanted) in std::mem::take(&mut query.descendants) {
        let unit = unit(&name, &wanted, cube, model)?;
        let mut rows = query.rows.iter().chain(query.axes.iter().flat_map(|axis| &axis.of));
        let in_rows = rows.any(|row| *row == name);
        match query.columns.iter().position(|column| *column == name) {
            Some(_) if unit.all && unit.names.len() > 1 => {
                let message = format!("`{name}` is in `columns`, which have no subtotals");
                return Err(Error::unsupported(message)
                    .hint("say `levels: last` for the finest alone, or put it into `rows`"));
            }
            Some(place) => {
                query.columns.splice(place..=place, unit.names.clone());
            }
            None if in_rows => {}
            None if query.axes.is_empty() => query.rows.push(name.clone()),
            None => {
                let message = format!("`descendants` of `{name}` stand on no axis");
                return Err(Error::user(message).hint("add the name to the `of` of an axis"));
            }
        }
        if let Some(members) = wanted.of {
            if query.dice.contains_key(&name) || query.slice.contains_key(&name) {
                let message = format!("`{name}` is held to members twice");
                return Err(Error::user(message).hint("say it in `descendants` alone"));
            }
            query.dice.insert(name.clone(), Slice::Members(members));
        }
        told.insert(name, unit);
    }
    Ok(told)
}

/// The levels from a name down to another.
fn unit(name: &str, wanted: &Descendants, cube: &Cube, model: &Model) -> Result<Unit> {
    let column = names::resolve_one(cube, model, name)?;
    let dimension = column.dimension.as_deref().and_then(|name| model.dimension(name));
    let hierarchies = dimension.into_iter().flat_map(|dimension| &dimension.hierarchies);
    let own = &column.column.name;
    let begins = |level: &Level| level.attribute == *own || level.key.as_ref() == Some(own);
    let down_to = wanted.down_to.strip_prefix(&format!("{}.", column.role));
    let down_to = down_to.unwrap_or(&wanted.down_to);
    let ends = |level: &Level| level.name == down_to || level.attribute == down_to;
    let mut finer: Vec<&str> = Vec::new();
    for hierarchy in hierarchies {
        let Some(from) = hierarchy.levels.iter().position(begins) else { continue };
        if let Some(to) = hierarchy.levels.iter().skip(from).position(ends) {
            let own = hierarchy.levels[from..=from + to].iter().enumerate();
            let names = own.map(|(depth, level)| match depth {
                0 => name.to_owned(),
                _ => format!("{}.{}", column.role, level.name),
            });
            return Ok(Unit { names: names.collect(), all: wanted.levels == Levels::All });
        }
        finer.extend(hierarchy.levels.iter().skip(from).map(|level| level.name.as_str()));
    }
    let error = Error::user(format!("`{}` is no level at or below `{name}`", wanted.down_to));
    Err(match (did_you_mean(down_to, finer.iter().copied()), finer.is_empty()) {
        (Some(near), _) => error.hint(format!("did you mean `{near}`?")),
        (None, false) => error.hint(format!("there are {}", finer.join(", "))),
        (None, true) => error.hint(
            "`descendants` go down the levels of a hierarchy; who is below whom as deep as it goes is \
             asked by a link: `slice: {manager.employee_no: E2}`",
        ),
    })
}

/// The names that each total of a list keeps, all of them first.
fn kept(totals: &Totals, names: &[String], units: &[Unit]) -> Result<Vec<Vec<String>>> {
    let all: Vec<bool> = vec![true; names.len()];
    let leading = |n: usize| (0..names.len()).map(|place| place < n).collect::<Vec<bool>>();
    let mut flags: Vec<Vec<bool>> = match totals {
        Totals::None => vec![all],
        Totals::Grand => vec![all, leading(0)],
        Totals::Rollup => (0..=names.len()).rev().map(leading).collect(),
        Totals::Cube => {
            let bits = u32::try_from(names.len()).unwrap_or(u32::MAX);
            let sets = 1_usize.checked_shl(bits).filter(|sets| *sets <= MOST_TOTALS);
            let sets = sets.ok_or_else(|| {
                let message = format!("`totals: cube` is of {} names", names.len());
                Error::new(ErrorKind::Limit, message).hint("list the totals wanted: {sets: [...]}")
            })?;
            let set = |mask: usize| (0..names.len()).map(|bit| mask >> bit & 1 == 1).collect();
            (0..sets).rev().map(set).collect()
        }
        Totals::Sets(sets) => {
            let mut flags = vec![all];
            for set in sets {
                if let Some(name) = set.iter().find(|name| !names.contains(name)) {
                    let message =
                        format!("totals are asked by `{name}`, which is not on that axis");
                    return Err(Error::user(message));
                }
                flags.push(names.iter().map(|name| set.contains(name)).collect());
            }
            flags
        }
    };
    flags.dedup();
    let mut kept: Vec<Vec<String>> = Vec::new();
    for flags in flags {
        let mut sets: Vec<Vec<String>> = vec![Vec::new()];
        for (unit, _) in units.iter().zip(flags).filter(|(_, keeps)| *keeps) {
            let with = |set: &Vec<String>| {
                let more = unit.kept().map(|own| [set.as_slice(), own].concat());
                more.collect::<Vec<_>>()
            };
            sets = sets.iter().flat_map(with).collect();
        }
        for set in sets {
            if !kept.contains(&set) {
                kept.push(set);
            }
        }
    }
    Ok(kept)
}

/// The place of an axis' members among those shown.
pub(super) fn position_name(axis: &Axis) -> String {
    format!("{}_position", axis.name)
}

impl Axes<'_> {
    /// The places of an answer's rows on their axes.
    pub(super) fn positions(&self, shape: &Shape) -> Result<Vec<Expr>> {
        let column = |name: &usize| {
            let own = self.rows[*name].groups.iter().filter(|group| **group < self.names.len());
            own.count()
        };
        let place = |(name, names): &(String, Range<usize>)| {
            let first: usize = (0..names.start).map(|name| column(&name)).sum();
            let columns: usize = names.clone().map(|name| column(&name)).sum();
            let keys = shape.by_rows(first..first + columns);
            let place = dense_rank().order_by(keys).build().map_err(defect)?;
            Ok(place.alias(name))
        };
        self.positions.iter().map(place).collect()
    }
}
