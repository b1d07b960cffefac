//! Axes and descendants: the names down the side, and which of them each line keeps.

use super::place::columns;
use starhouse::model::{Cube, Model};
use starhouse::query::{Axis, CubeQuery, Descendants, Levels, Slice, Totals};
use std::collections::BTreeSet;
use std::ops::Range;

/// A query with all its axes down the side.
pub(crate) struct Laid {
    /// The query with the names in `rows`, and members of descendants in `dice`.
    pub(crate) query: CubeQuery,
    /// Which names of `rows` each grouping keeps.
    pub(crate) groupings: BTreeSet<Vec<bool>>,
    /// The axes by name, each with its names among those of `rows`.
    pub(crate) axes: Vec<(String, Range<usize>)>,
}

/// Names that are kept or left out together, or of which the first few are.
struct Unit {
    names: Vec<String>,
    levels: Levels,
}

impl Unit {
    /// Whether it is there in one of its ways, given which of its names are.
    fn is_shown(&self, kept: &[bool]) -> bool {
        let first = kept.iter().take_while(|kept| **kept).count();
        let leading = kept.iter().filter(|kept| **kept).count() == first && first > 0;
        leading && (first == kept.len() || self.levels == Levels::All)
    }
}

pub(crate) fn laid(model: &Model, cube: &Cube, query: &CubeQuery) -> Laid {
    let mut query = query.clone();
    for name in query.descendants.keys() {
        let mut known = query.rows.iter().chain(query.axes.iter().flat_map(|axis| &axis.of));
        if !known.any(|own| own == name) {
            query.rows.push(name.clone());
        }
    }
    let axes = match query.axes.is_empty() {
        true => {
            let (of, totals) = (query.rows.clone(), query.totals.clone());
            vec![Axis { name: String::new(), of, totals }]
        }
        false => query.axes.clone(),
    };
    let mut laid =
        Laid { query: query.clone(), groupings: BTreeSet::from([Vec::new()]), axes: Vec::new() };
    laid.query.rows = Vec::new();
    for axis in &axes {
        let unit = |name: &String| match query.descendants.get(name) {
            Some(wanted) => Unit { names: down(model, cube, name, wanted), levels: wanted.levels },
            None => Unit { names: vec![name.clone()], levels: Levels::Last },
        };
        let units: Vec<Unit> = axis.of.iter().map(unit).collect();
        let own = groupings(axis, &units);
        laid.groupings = laid
            .groupings
            .iter()
            .flat_map(|kept| own.iter().map(|more| [kept.as_slice(), more].concat()))
            .collect();
        let first = laid.query.rows.len();
        laid.query.rows.extend(units.into_iter().flat_map(|unit| unit.names));
        laid.axes.push((axis.name.clone(), first..laid.query.rows.len()));
    }
    if query.axes.is_empty() {
        laid.axes.clear();
    }
    for (name, wanted) in query.descendants {
        if let Some(members) = wanted.of {
            laid.query.dice.insert(name, Slice::Members(members));
        }
    }
    laid
}

/// Every choice of names that one of an axis' totals, or its members, keep.
fn groupings(axis: &Axis, units: &[Unit]) -> BTreeSet<Vec<bool>> {
    let names: usize = units.iter().map(|unit| unit.names.len()).sum();
    let choices = (0..1_usize << names).map(|mask| (0..names).map(move |bit| mask >> bit & 1 == 1));
    let choices = choices.map(Iterator::collect::<Vec<bool>>);
    let is_asked = |kept: &Vec<bool>| {
        let mut rest = kept.as_slice();
        let mut shown = Vec::new();
        for unit in units {
            let (own, more) = rest.split_at(unit.names.len());
            match (unit.is_shown(own), own.contains(&true)) {
                (true, _) => shown.push(true),
                (false, false) => shown.push(false),
                (false, true) => return false,
            }
            rest = more;
        }
        let leading = shown.iter().take_while(|shown| **shown).count();
        let all = leading == shown.len();
        match &axis.totals {
            Totals::None => all,
            Totals::Grand => all || !shown.contains(&true),
            Totals::Rollup => !shown[leading..].contains(&true),
            Totals::Cube => true,
            Totals::Sets(sets) => {
                let is = |set: &Vec<String>| {
                    axis.of.iter().zip(&shown).all(|(name, shown)| set.contains(name) == *shown)
                };
                all || sets.iter().any(is)
            }
        }
    };
    choices.filter(is_asked).collect()
}

/// The levels from a name down.
fn down(model: &Model, cube: &Cube, name: &str, wanted: &Descendants) -> Vec<String> {
    let column = columns(model, cube, name).pop().unwrap();
    let dimension = model.dimension(column.dimension.as_ref().unwrap()).unwrap();
    let found = dimension.hierarchies.iter().find_map(|hierarchy| {
        let levels = &hierarchy.levels;
        let from = levels.iter().position(|level| level.attribute == column.column.name)?;
        let to = levels.iter().position(|level| level.name == wanted.down_to)?;
        Some(levels[from + 1..=to].iter().map(|level| format!("{}.{}", column.role, level.name)))
    });
    [name.to_owned()].into_iter().chain(found.unwrap()).collect()
}
