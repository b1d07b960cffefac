//! Named sets: a query that uses them as one that names their members.

use super::plan::find_cube;
use super::{CubeQuery, Except, MemberRange, Slice, Totals, names};
use crate::error::{Error, Result, did_you_mean};
use crate::model::{Cube, Model, NamedSet, SetMembers};
use serde_json::Value;

/// The same query without the names of sets: on an axis a set is its column with its members alone, in
/// a dice it is its members.
///
/// # Errors
/// User errors for sets that the cube does not have, and sets of other columns.
pub fn without_sets(query: &CubeQuery, model: &Model) -> Result<CubeQuery> {
    let cube = find_cube(model, &query.cube)?;
    let mut told = query.clone();
    for (name, slice) in &mut told.dice {
        if let Slice::Set(of) = slice {
            let set = find(cube, &of.set)?;
            let column = names::resolve_one(cube, model, name)?;
            if column.name != set.column {
                let message =
                    format!("set `{}` is of `{}`, and not of `{name}`", set.name, set.column);
                return Err(Error::user(message));
            }
            *slice = members(set);
        }
    }
    let on_axes = query.rows.iter().chain(&query.columns);
    let on_axes: Vec<&NamedSet> = on_axes.filter_map(|name| cube.set(name)).collect();
    for set in on_axes {
        dice(&mut told, set, cube)?;
        let name = |name: &mut String| {
            if *name == set.name {
                name.clone_from(&set.column);
            }
        };
        told.rows.iter_mut().chain(&mut told.columns).chain(&mut told.dense).for_each(name);
        for order in &mut told.order {
            order.of.iter_mut().chain([&mut order.by]).for_each(name);
        }
        told.top.iter_mut().flat_map(|top| &mut top.per).for_each(name);
        if let Totals::Sets(sets) = &mut told.totals {
            sets.iter_mut().flatten().for_each(name);
        }
    }
    Ok(told)
}

/// Holds the column of a set to its members, under whichever of its names is free.
fn dice(query: &mut CubeQuery, set: &NamedSet, cube: &Cube) -> Result<()> {
    let by_role = cube.column(&set.column).map(|own| format!("{}.{}", own.role, own.column.name));
    let names = [Some(set.column.clone()), by_role];
    match names.into_iter().flatten().find(|name| !query.dice.contains_key(name)) {
        Some(name) => {
            query.dice.insert(name, members(set));
            Ok(())
        }
        None => Err(Error::user(format!(
            "`{}` is diced too often beside set `{}`",
            set.column, set.name
        ))
        .hint("say it in one `dice`")),
    }
}

fn find<'c>(cube: &'c Cube, name: &str) -> Result<&'c NamedSet> {
    cube.set(name).ok_or_else(|| {
        let names = || cube.sets.iter().map(|set| set.name.as_str());
        let error = Error::user(format!("cube {} has no set `{name}`", cube.name));
        match (did_you_mean(name, names()), cube.sets.is_empty()) {
            (Some(near), _) => error.hint(format!("did you mean `{near}`?")),
            (None, true) => error.hint("its model declares none: `sets: [...]`"),
            (None, false) => {
                error.hint(format!("it has {}", names().collect::<Vec<_>>().join(", ")))
            }
        }
    })
}

fn members(set: &NamedSet) -> Slice {
    let value = |text: &String| Value::String(text.clone());
    match &set.members {
        SetMembers::Listed(members) => Slice::Members(members.iter().map(value).collect()),
        SetMembers::Except(except) => {
            Slice::Except(Except { except: except.iter().map(value).collect() })
        }
        SetMembers::Range { from, to } => {
            Slice::Range(MemberRange { from: from.as_ref().map(value), to: to.as_ref().map(value) })
        }
    }
}
