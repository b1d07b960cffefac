//! The names a question uses: cube columns, as in SQL or as `role.attribute`, and levels.

use crate::error::{Error, Result, did_you_mean};
use crate::model::{Cube, CubeColumn, Model};

/// The columns a name stands for: one for an attribute; for a level whose members are told apart
/// by a key, that key and then the attribute shown.
///
/// # Errors
/// User errors with the nearest name.
pub(super) fn resolve<'a>(
    cube: &'a Cube,
    model: &Model,
    name: &str,
) -> Result<Vec<&'a CubeColumn>> {
    if let Some(column) = cube.column(name) {
        return Ok(vec![column]);
    }
    if let Some((role, attribute)) = name.split_once('.') {
        // A level may bear the name of its attribute, of which several members have the same.
        if let Some(keyed) = level(cube, model, role, attribute).filter(|of| of.len() > 1) {
            return Ok(keyed);
        }
        if let Some(column) = cube.role_column(role, attribute) {
            return Ok(vec![column]);
        }
        if let Some(columns) = level(cube, model, role, attribute) {
            return Ok(columns);
        }
    }
    Err(unknown(cube, model, name))
}

/// The one column that a name stands for, where a predicate or order needs one.
pub(super) fn resolve_one<'a>(cube: &'a Cube, model: &Model, name: &str) -> Result<&'a CubeColumn> {
    let columns = resolve(cube, model, name)?;
    columns.last().copied().ok_or_else(|| unknown(cube, model, name))
}

fn level<'a>(cube: &'a Cube, model: &Model, role: &str, name: &str) -> Option<Vec<&'a CubeColumn>> {
    let dimension = cube.dimensions.iter().find(|d| d.role == role)?.dimension.as_deref()?;
    let level = model.dimension(dimension)?.level(name)?;
    let shown = cube.role_column(role, &level.attribute)?;
    let key = level.key.as_ref().and_then(|key| cube.role_column(role, key));
    Some(key.into_iter().chain([shown]).collect())
}

fn unknown(cube: &Cube, model: &Model, name: &str) -> Error {
    let error = Error::user(format!("cube {} has no column or level `{name}`", cube.name));
    let mut known: Vec<String> = cube.columns.iter().map(|column| column.name.clone()).collect();
    for column in &cube.columns {
        known.push(format!("{}.{}", column.role, column.column.name));
    }
    for dimension in &cube.dimensions {
        let of = dimension.dimension.as_deref().and_then(|name| model.dimension(name));
        let levels = of.into_iter().flat_map(|d| &d.hierarchies).flat_map(|h| &h.levels);
        known.extend(levels.map(|level| format!("{}.{}", dimension.role, level.name)));
    }
    known.extend(cube.sets.iter().map(|set| set.name.clone()));
    match did_you_mean(name, known.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => {
            let names: Vec<&str> = cube.columns.iter().map(|c| c.name.as_str()).collect();
            error.hint(format!("it has {}", names.join(", ")))
        }
    }
}
