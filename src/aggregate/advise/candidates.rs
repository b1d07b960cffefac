//! Which aggregates could be kept: of what was asked, and of what was asked that is near each other.
//! Pure.

use super::workload::Part;
use crate::model::{Aggregate, Cube, Fact, Model};
use std::collections::{BTreeMap, BTreeSet};

/// So many of what was asked of a fact are made candidates, those asked most.
const MOST_ASKED: usize = 400;

/// So many candidates are put together from others, in each of so many rounds.
const MOST_UNIONS: usize = 128;
const ROUNDS: usize = 2;

/// The longest name that is given.
const LONGEST_NAME: usize = 40;

/// A measure of a fact that an aggregate can keep.
#[derive(Debug, Clone)]
pub(super) struct Keepable {
    pub(super) name: String,
    /// Whether its state grows with the rows put together: only who asks for it keeps it.
    pub(super) is_wide: bool,
}

/// What an aggregate keeps apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    roles: BTreeSet<String>,
    columns: BTreeSet<String>,
    wide: BTreeSet<String>,
}

/// The aggregates of a fact that could be kept for what is asked of it, each with a name of its own.
pub(super) fn candidates(
    cube: &Cube,
    fact: &Fact,
    parts: &[&Part],
    keepable: &[Keepable],
    model: &Model,
) -> Vec<Aggregate> {
    let asked: BTreeSet<&String> = parts.iter().flat_map(|part| &part.demand.measures).collect();
    let plain = keepable.iter().filter(|measure| !measure.is_wide && asked.contains(&measure.name));
    let plain: Vec<&str> = plain.map(|measure| measure.name.as_str()).collect();
    let mut taken: BTreeSet<String> =
        cube.aggregates.iter().map(|aggregate| aggregate.name.clone()).collect();
    let shapes = with_unions(bases(cube, parts, keepable, model), cube);
    let aggregates = shapes.into_iter().filter_map(|shape| {
        let columns = ordered(&shape, cube, fact, model);
        let roles: Vec<String> = shape.roles.iter().cloned().collect();
        let kept = [&roles[..], &columns].concat();
        let wide = shape.wide.iter().map(String::as_str);
        let names: BTreeSet<&str> = plain.iter().copied().chain(wide).collect();
        let measures = cube.measures.iter().filter(|measure| names.contains(measure.name.as_str()));
        let measures = measures.filter(|m| cube.cannot_keep(m, fact, &kept).is_none());
        let measures: Vec<String> = measures.map(|measure| measure.name.clone()).collect();
        if measures.is_empty() {
            return None;
        }
        let finest = finest(&roles, &columns, cube, model);
        let name = free_name(&finest, &mut taken);
        let by = if finest.is_empty() { "all rows together".to_owned() } else { finest.join(", ") };
        let description = format!("Advised: {} by {by}.", measures.join(", "));
        let (fact, is_automatic) = (fact.name.clone(), false);
        Some(Aggregate { name, description, fact, roles, columns, measures, is_automatic })
    });
    let is_new = |new: &Aggregate| cube.aggregates.iter().all(|known| !known.keeps_what(new));
    aggregates.filter(is_new).collect()
}

/// What was asked, the most asked first, with how often.
fn bases(cube: &Cube, parts: &[&Part], keepable: &[Keepable], model: &Model) -> Vec<(Shape, f64)> {
    let mut weights: BTreeMap<Shape, f64> = BTreeMap::new();
    for part in parts.iter().filter(|part| !part.demand.rows_only) {
        let demand = &part.demand;
        let mut columns = BTreeSet::new();
        for column in demand.columns.iter().filter_map(|name| cube.column(name)) {
            let dimension = column.dimension.as_deref().and_then(|name| model.dimension(name));
            columns.extend(cube.with_columns_above(column, dimension));
        }
        let wide = keepable.iter().filter(|m| m.is_wide && demand.measures.contains(&m.name));
        let wide = wide.map(|measure| measure.name.clone()).collect();
        let shape = Shape { roles: demand.roles.clone(), columns, wide };
        *weights.entry(without_covered(shape, cube)).or_default() += part.times;
    }
    most_asked(weights.into_iter().collect())
}

/// Those asked most; of such as are asked alike every so many-th, coarse ones and fine ones.
fn most_asked(mut bases: Vec<(Shape, f64)>) -> Vec<(Shape, f64)> {
    let size = |shape: &Shape| shape.roles.len() + shape.columns.len();
    bases.sort_by(|a, b| {
        let by_size = || size(&a.0).cmp(&size(&b.0));
        b.1.total_cmp(&a.1).then_with(by_size).then_with(|| a.0.cmp(&b.0))
    });
    let Some((_, least)) = bases.get(MOST_ASKED).cloned() else { return bases };
    let more = bases.iter().filter(|(_, weight)| *weight > least).count();
    let alike = bases.iter().filter(|(_, weight)| *weight == least).count();
    let room = MOST_ASKED - more;
    let chosen = (0..more).chain((0..room).map(|place| more + place * alike / room));
    chosen.map(|place| bases[place].clone()).collect()
}

/// What a role kept as a whole answers for need not be kept by value.
fn without_covered(mut shape: Shape, cube: &Cube) -> Shape {
    let Shape { roles, columns, .. } = &mut shape;
    columns.retain(|name| {
        let column = cube.column(name);
        column.is_none_or(|c| c.dimension.is_none() || !roles.contains(cube.fact_role(&c.role)))
    });
    shape
}

/// Shapes, and unions of such as have most in common: one aggregate for several questions.
fn with_unions(bases: Vec<(Shape, f64)>, cube: &Cube) -> Vec<Shape> {
    let mut all = bases;
    let mut from = 0;
    for _ in 0..ROUNDS {
        let until = all.len();
        let mut pairs: Vec<(usize, f64, Shape)> = Vec::new();
        for (place, (one, of_one)) in all.iter().enumerate() {
            for (other, of_other) in all.iter().take(place) {
                // Pairs of what was there a round ago were tried then.
                if place < from {
                    continue;
                }
                let union = without_covered(one.union(other), cube);
                if union == *one || union == *other {
                    continue;
                }
                let apart = one.apart(other);
                pairs.push((apart, of_one + of_other, union));
            }
        }
        pairs.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then_with(|| a.2.cmp(&b.2)));
        for (_, weight, union) in pairs {
            if all.len() >= until + MOST_UNIONS {
                break;
            }
            if all.iter().all(|(known, _)| *known != union) {
                all.push((union, weight));
            }
        }
        from = until;
    }
    all.into_iter().map(|(shape, _)| shape).collect()
}

impl Shape {
    fn union(&self, other: &Self) -> Self {
        let both = |a: &BTreeSet<String>, b: &BTreeSet<String>| a | b;
        Self {
            roles: both(&self.roles, &other.roles),
            columns: both(&self.columns, &other.columns),
            wide: both(&self.wide, &other.wide),
        }
    }

    /// How many things one of them keeps and the other does not.
    fn apart(&self, other: &Self) -> usize {
        let of = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.symmetric_difference(b).count();
        of(&self.roles, &other.roles)
            + of(&self.columns, &other.columns)
            + of(&self.wide, &other.wide)
    }
}

/// Columns in the order by which rows are sorted: the calendar of the fact's partitions first, then
/// as the cube has them, each level after those above it.
fn ordered(shape: &Shape, cube: &Cube, fact: &Fact, model: &Model) -> Vec<String> {
    let columns = cube.columns.iter().filter(|column| shape.columns.contains(&column.name));
    let (first, then): (Vec<_>, Vec<_>) =
        columns.partition(|column| Some(&column.role) == fact.partition_by_month_of.as_ref());
    let mut ordered: Vec<String> = Vec::new();
    for column in first.into_iter().chain(then) {
        let dimension = column.dimension.as_deref().and_then(|name| model.dimension(name));
        for name in cube.with_columns_above(column, dimension) {
            if shape.columns.contains(&name) && !ordered.contains(&name) {
                ordered.push(name);
            }
        }
    }
    ordered
}

/// What an aggregate goes by in few words: its roles, and the columns that stand above no other.
fn finest(roles: &[String], columns: &[String], cube: &Cube, model: &Model) -> Vec<String> {
    let above = |name: &String| -> Vec<String> {
        let Some(column) = cube.column(name) else { return Vec::new() };
        let dimension = column.dimension.as_deref().and_then(|name| model.dimension(name));
        cube.with_columns_above(column, dimension)
    };
    let stands_above = |place: usize, name: &String| {
        columns.iter().enumerate().any(|(other, below)| {
            // A name and the key that tells its members apart stand above each other.
            other != place
                && above(below).contains(name)
                && (other > place || !above(name).contains(below))
        })
    };
    let columns = columns.iter().enumerate().filter(|(place, name)| !stands_above(*place, name));
    roles.iter().cloned().chain(columns.map(|(_, name)| name.clone())).collect()
}

/// A name that says what an aggregate goes by, and that no other has.
fn free_name(finest: &[String], taken: &mut BTreeSet<String>) -> String {
    let mut name = "by".to_owned();
    for (place, part) in finest.iter().enumerate() {
        if name.len() + part.len() >= LONGEST_NAME {
            name.push_str(&format!("_and_{}_more", finest.len() - place));
            break;
        }
        name.push('_');
        name.push_str(part);
    }
    if finest.is_empty() {
        name = "in_total".to_owned();
    }
    let mut free = name.clone();
    let mut number = 2;
    while !taken.insert(free.clone()) {
        free = format!("{name}_{number}");
        number += 1;
    }
    free
}
